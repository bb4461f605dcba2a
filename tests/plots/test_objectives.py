"""Objectives of a table: those stated and known, then usual ones; names and units of all."""

import doctest

import pytest

from nas.plots import objectives
from nas.units import OBJECTIVES
from tests.study_frame import made_up


def test_the_examples_hold():
    assert not doctest.testmod(objectives).failed


def test_unknown_and_unmeasured_objectives_are_passed_over():
    table = made_up(12)["trials"]
    table.attrs["objectives"] = ["speed", "accuracy", "latency", "gflops", "accuracy", 3]
    assert [aim.name for aim in objectives.aims(table)] == ["accuracy", "gflops"]
    table.attrs["objectives"] = None
    assert [aim.name for aim in objectives.aims(table, fewest=2)] == ["accuracy", "gflops", "ginteractions"]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_has_a_name_and_a_unit(name):
    assert objectives.label(name) and objectives.unit(name, made_up(2)["trials"])


def test_units_are_escaped():
    table = made_up(2)["trials"]
    table.attrs |= {"clip": "<b>", "metric": "<i>"}
    assert "<" not in objectives.unit("gflops", table) + objectives.unit("accuracy", table)
