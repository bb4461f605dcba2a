"""The curves of the front, of the best trial, of all, and of trials by number."""

import doctest

import numpy as np
import pandas as pd
import pytest

from nas.plots import registry, style
from nas.plots import trial_curves as module
from nas.plots.trial_curves import NAMED, trial_curves
from nas.schema import SchemaError
from tests.study_frame import made_up


def drawn(figure):
    numbers = (trace.customdata for trace in figure.data if trace.customdata is not None)
    return {int(number) for trace in numbers for number in trace}


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


@pytest.mark.parametrize("count", [12, 60])
def test_which_trials_are_drawn(count):
    tables = made_up(count)
    curves, trials = tables["curves"], tables["trials"]
    assert drawn(trial_curves(curves)) == set(trials.loc[trials["on_front"], "number"])
    assert drawn(trial_curves(curves, trials="best")) == {trials["accuracy"].idxmax()}
    assert drawn(trial_curves(curves, trials="all")) == set(trials.loc[trials["epochs"] > 0, "number"])
    assert drawn(trial_curves(curves, trials=(1, 3, 999))) == {1, 3}


def test_a_few_trials_are_a_trace_each_with_their_own_values():
    curves = made_up(30)["curves"]
    figure = trial_curves(curves, trials=(2, 4))
    assert [trace.name for trace in figure.data] == ["trial 2", "trial 4"]
    rows = curves[curves["trial"] == 4]
    assert list(figure.data[1].x) == rows["epoch"].tolist() and np.allclose(figure.data[1].y, rows["val_accuracy"])
    assert set(figure.data[1].customdata) == {4} and "complete" in figure.data[1].hovertemplate


def test_few_look_different_and_many_are_grouped_by_state():
    curves = made_up(60)["curves"]
    several = trial_curves(curves, trials=tuple(n for n in range(13) if n % 19 != 5)[:NAMED])
    assert len({(trace.line.color, trace.line.dash) for trace in several.data}) == len(several.data) == NAMED
    every = trial_curves(curves, trials="all")
    names = [trace.name.split(" (")[0] for trace in every.data]
    assert names == ["complete", "stopped", "running", "on the front"] and every.data[-1].line.color == style.ACCENT


def test_options_of_a_dashboard():
    tables = made_up(12)
    assert drawn(registry.drawn("trial_curves", tables, {"trials": [1, 2]})) == {1, 2}
    for wrong in ("frontier", [], [-1], [1.5], [True]):
        with pytest.raises(SchemaError):
            registry.drawn("trial_curves", tables, {"trials": wrong})


@pytest.mark.parametrize(
    ("table", "trials", "says"),
    [
        (pd.DataFrame(), "front", "no epoch finished yet"),
        (made_up(12)["curves"].assign(on_front=False), "front", "no trial of the front has a curve"),
        (made_up(12)["curves"].assign(state="running"), "best", "no complete trial has a curve"),
        (made_up(12)["curves"], (99,), "none of these trials has a curve"),
    ],
)
def test_nothing_to_draw_is_said(table, trials, says):
    assert trial_curves(table, trials=trials).layout.annotations[0].text == says


def test_texts_are_escaped():
    table = made_up(12)["curves"].assign(state="<script>")
    table.attrs |= {"dataset": "<u>", "metric": "<s>"}
    written = trial_curves(table, trials=(0, 1)).to_json(engine="json").replace("\\u003c", "<")
    assert not any(text in written for text in ("<script>", "<u>", "<s>"))
