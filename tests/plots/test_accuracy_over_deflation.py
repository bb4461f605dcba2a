"""Deflation curves: how spaces write positions, means and intervals, shared ends."""

import doctest
from random import Random

import numpy as np
import pandas as pd
import pytest

from nas import content, space
from nas.genotype import to_yaml
from nas.plots import accuracy_over_deflation as module
from nas.plots.accuracy_over_deflation import accuracy_over_deflation, positions
from tests.study_frame import made_up


def study():
    """Shares of 25 % at both ends, twice at the top, and an end that both share."""
    rows = [("top", "25%", 0.4, 2.0), ("top", "25%", 0.5, 4.0), ("bottom", "25%", 0.3, 1.0), ("none", None, 0.6, 8.0)]
    table = pd.DataFrame(rows, columns=["decision.deflation", "decision.kept", "accuracy", "gflops"])
    return table.assign(number=range(4), state="complete")


def curve(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_curves_are_means_solid_for_the_top_and_dotted_for_the_bottom():
    figure = accuracy_over_deflation(study())
    top, bottom = curve(figure, "top-heavy"), curve(figure, "bottom-heavy")
    assert (top.line.dash, bottom.line.dash) == ("solid", "dot")
    assert (list(top.x), list(top.y)) == ([0.25, 1.0], pytest.approx([0.45, 0.6]))
    assert (list(bottom.x), list(bottom.y)) == ([0.25, 1.0], pytest.approx([0.3, 0.6]))
    deviation, student = np.std([0.4, 0.5], ddof=1), 12.706  # t of one degree of freedom
    assert top.error_y.array[0] == pytest.approx(student * deviation / np.sqrt(2), rel=1e-4)
    assert np.isnan(top.error_y.array[1]), "one network has no interval"
    assert sorted(int(n) for trace in figure.data if trace.mode == "markers" for n in trace.customdata) == [0, 1, 2, 3]
    assert figure.layout.xaxis.tickformat == ".0%"


def test_over_gflops_a_position_stands_at_its_mean_cost():
    top = curve(accuracy_over_deflation(study(), over="gflops"), "top-heavy")
    assert (list(top.x), list(top.y)) == ([3.0, 8.0], pytest.approx([0.45, 0.6]))


def test_numbers_of_layers_and_their_last_one():
    table = pd.DataFrame({"decision.deflation.keep": [0, 4, 11], "decision.deflation.end": ["top", "bottom", "top"]})
    assert positions(table)["end"].tolist() == ["both", "bottom", "top"]
    assert positions(table, layers=11)["end"].tolist() == ["both", "bottom", "both"]
    assert positions(table)["kept"].tolist() == [0, 4, 11] and set(positions(table)["unit"]) == {"layers"}


@pytest.mark.parametrize("name", ["csn", "s3d", "sevnet", "tiny", "video"])
def test_every_space_of_the_project_is_understood(name):
    drawn, random = space.load(content.find(name, "space")), Random(0)
    for _ in range(60):
        record = drawn.draw(random)
        genotype = drawn.genotype(record)
        row = {f"decision.{key}": value for key, value in record.items()} | {"genotype": to_yaml(genotype)}
        kept, unit, end = positions(pd.DataFrame([row])).iloc[0]
        deflation = genotype.deflation
        if not any("deflation" in key for key in record):
            assert unit == "", "a family without such a decision"
        elif unit == "share":
            assert kept == (1.0 if deflation.keep == "all" else int(deflation.keep[:-1]) / 100)
            assert end == (deflation.end if kept < 1 else "both")
        else:
            assert (kept, end) == (deflation.keep, deflation.end if deflation.keep else "both")


def test_block_types_have_curves_of_their_own():
    names = {trace.name for trace in accuracy_over_deflation(made_up(200)["trials"], by="block").data if trace.name}
    assert len(names) == 2 * module.TYPES and all(name.endswith("-heavy") for name in names)


def test_shares_and_numbers_have_no_common_axis():
    table = pd.concat([study(), study()[:1].assign(number=4, **{"decision.kept": 3})])
    figure = accuracy_over_deflation(table)
    assert "Not drawn: 1 whose position" in figure.layout.title.subtitle.text.replace("<br>", " ")


def test_empty_states():
    assert accuracy_over_deflation(made_up(0)["trials"]).layout.annotations[0].text == "no trial yet"
    without = made_up(20)["trials"].filter(regex="^(?!decision.deflation)")
    assert "no decision of this space" in accuracy_over_deflation(without).layout.annotations[0].text
