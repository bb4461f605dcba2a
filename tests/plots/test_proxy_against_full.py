"""Retrained trials joined with the study, and drawn as `nas.plots.proxy_fidelity` draws them."""

import doctest

import numpy as np
import pandas as pd
import pytest

from nas.fidelity import fidelity
from nas.plots import proxy_against_full as module
from nas.plots.proxy_against_full import pairs, proxy_against_full
from nas.plots.trials import tidy
from tests.study_frame import made_up, trials


def points(figure):
    return {
        int(number): (x, y)
        for trace in figure.data
        if trace.customdata is not None
        for number, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    }


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_every_retrained_trial_is_drawn_with_both_accuracies():
    tables = made_up(60)
    drawn, told = points(proxy_against_full(tables["retrained"], tables["trials"])), tables["retrained"]
    expected = {row["trial"]: (row["proxy"], row["retrained"]) for row in told.to_dict("records")}
    assert drawn == {trial: pytest.approx(pair) for trial, pair in expected.items()}


def test_the_figures_are_those_of_the_audit():
    tables = made_up(60)
    table = tables["trials"]
    table.attrs["objectives"] = ["accuracy", "gflops"]
    tables["retrained"]["retrained"] = [0.7, 0.5, 0.6, 0.65, 0.4]
    joined = tables["retrained"].merge(table, left_on="trial", right_on="number")
    found = fidelity(joined.assign(full=joined["retrained"]), repeats=100)
    said = proxy_against_full(tables["retrained"], table).layout.title.subtitle.text.replace("<br>", " ")
    assert f"Kendall's tau {found.tau[0]:.2f}" in said.replace("&#x27;", "'")
    assert f"Front regret {found.regret:.1%}" in said


def test_trials_that_are_unknown_or_lack_an_accuracy_are_left_out():
    table = tidy(trials())
    retrained = pd.DataFrame({"trial": [0, 1, 2, 77, None], "proxy": [0.4, None, 0.3, 0.1, 0.2]})
    joined = pairs(retrained.assign(retrained=[0.6, 0.7, np.nan, 0.2, 0.3]), table)
    assert joined["trial"].tolist() == [0, 1] and joined["proxy"].tolist() == [0.4, 0.6]


def test_a_trial_retrained_twice_is_one_point_of_its_last_training():
    retrained = pd.DataFrame({"trial": [0, 0], "proxy": 0.4, "retrained": [0.5, 0.8]})
    assert points(proxy_against_full(retrained, trials())) == {0: (0.4, 0.8)}


def test_a_cost_of_zero_does_not_stop_the_figure():
    table = trials().assign(ginteractions=0.0)
    table.attrs["objectives"] = ["accuracy", "gflops", "ginteractions"]
    retrained = pd.DataFrame({"trial": [0, 1], "proxy": [0.4, 0.6], "retrained": [0.5, 0.8]})
    assert len(points(proxy_against_full(retrained, table))) == 2


@pytest.mark.parametrize("retrained", [pd.DataFrame(), pd.DataFrame({"trial": [], "proxy": [], "retrained": []})])
@pytest.mark.parametrize("table", [pd.DataFrame(), trials()])
def test_none_was_trained_in_full(retrained, table):
    assert proxy_against_full(retrained, table).layout.annotations[0].text == "no network trained in full yet"


def test_texts_are_escaped():
    tables = made_up(30)
    tables["trials"].attrs |= {"dataset": "<script>", "clip": "<u>", "metric": "<s>"}
    figure = proxy_against_full(tables["retrained"], tables["trials"])
    written = figure.to_json(engine="json").replace("\\u003c", "<")
    assert not any(text in written for text in ("<script>", "<u>", "<s>"))
