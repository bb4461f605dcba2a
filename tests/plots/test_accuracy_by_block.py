"""Curves of block types: the best at each cost, or means; group counts; everything behind."""

import doctest

import pandas as pd
import pytest

from nas.plots import accuracy_by_block as module
from nas.plots.accuracy_by_block import CURVES, accuracy_by_block
from tests.study_frame import made_up


def study():
    """Two types: 'grouped' at three costs, the middle one beaten, and 'ir' at one cost twice."""
    rows = [
        ("grouped", 1.0, 0.30, 16),
        ("grouped", 2.0, 0.25, 8),
        ("grouped", 3.0, 0.50, 4),
        ("ir", 2.0, 0.40, None),
        ("ir", 2.0, 0.44, None),
    ]
    table = pd.DataFrame(rows, columns=["decision.block", "gflops", "accuracy", "decision.groups"])
    table["decision.groups"] = table["decision.groups"].convert_dtypes()
    return table.assign(number=range(5), state="complete")


def curve(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_a_curve_joins_the_best_of_its_type_with_their_group_counts():
    figure = accuracy_by_block(study())
    grouped, ir = curve(figure, "grouped"), curve(figure, "ir")
    assert (list(grouped.x), list(grouped.y), list(grouped.text)) == ([1, 3], [0.3, 0.5], ["g16", "g4"])
    assert list(grouped.customdata) == [0, 2]
    assert (list(ir.x), list(ir.y), list(ir.text)) == ([2], [0.44], [""])
    assert grouped.line.color != ir.line.color
    behind = sorted(int(n) for trace in figure.data if trace.mode == "markers" for n in trace.customdata)
    assert behind == [0, 1, 2, 3, 4]


def test_means_stand_at_each_cost_with_their_standard_error():
    ir = curve(accuracy_by_block(study(), joined="mean"), "ir")
    assert (list(ir.x), list(ir.y)) == ([2], [pytest.approx(0.42)])
    assert list(ir.error_y.array) == [pytest.approx(0.02)]
    assert ir.customdata is None, "a mean is no trial"


def test_many_costs_are_put_together_in_steps():
    trace = curve(accuracy_by_block(made_up(400)["trials"], joined="mean"), "ip")
    assert 5 < len(trace.x) <= module.STEPS and list(trace.x) == sorted(trace.x)


def test_group_counts_can_have_curves_of_their_own():
    names = {trace.name for trace in accuracy_by_block(study(), curves="groups").data if trace.mode != "markers"}
    assert names == {"grouped, g16", "grouped, g8", "grouped, g4", "ir"}


def test_only_as_many_curves_as_can_be_told_apart():
    table = pd.concat([study()] * 8, ignore_index=True).assign(number=range(40))
    table["decision.groups"] = range(40)
    figure = accuracy_by_block(table, curves="groups")
    assert sum(trace.mode != "markers" for trace in figure.data) == CURVES
    assert "28 networks of others are not drawn" in figure.layout.title.subtitle.text.replace("<br>", " ")
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data if trace.mode != "markers"}) == CURVES


def test_any_cost_can_be_the_axis():
    layout = accuracy_by_block(made_up(60)["trials"], cost="mparams").layout
    assert layout.xaxis.title.text.startswith("Mparams<br>(10⁶ trainable") and layout.xaxis.type == "log"


def test_empty_states_and_escaping():
    assert accuracy_by_block(made_up(0)["trials"]).layout.annotations[0].text == "no trial yet"
    json = accuracy_by_block(study().assign(**{"decision.block": "<img src=x>"})).to_json(engine="json")
    assert "\\u003cimg" not in json and "<img" not in json
