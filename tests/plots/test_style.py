"""Numbers, percentages and axes as every figure writes them, and the examples in the figures' docstrings."""

import doctest
import importlib
import math

import pytest

from nas.plots import style

MODULES = (
    "style",
    "trials",
    "references",
    "accuracy_over_cost",
    "accuracy_over_interactions",
    "learning_curves",
)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_hold(module):
    assert not doctest.testmod(importlib.import_module(f"nas.plots.{module}")).failed


def test_numbers_keep_three_digits():
    assert [style.number(v) for v in (0, 9.999, 0.00052, 5e9, None)] == ["0", "10.0", "0.00052", "5e+09", "-"]


def test_unknown_noise_is_not_written():
    assert style.percent(0.5, math.nan) == "50.0 %"


@pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0], [0.0, 2.0], [1e-4, 1e4], [1.0, 1.2]])
def test_a_colour_axis_is_finite_for_any_values(values):
    axis = style.colour_axis(values, "title")
    assert axis["cmax"] > axis["cmin"] or not axis["showscale"]
    assert all(axis["cmin"] <= tick <= axis["cmax"] for tick in axis["colorbar"]["tickvals"])


@pytest.mark.parametrize("values", [[], [3.0], [1.0, 20.0], [1e-4, 1e4]])
def test_a_log_axis_has_few_ticks_within_its_range(values):
    axis = style.log_axis("title", values)
    assert len(axis["tickvals"]) <= 12
    assert all(axis["range"][0] <= math.log10(tick) <= axis["range"][1] for tick in axis["tickvals"])
