"""Fronts of several studies: a staircase each, over the study's own trials."""

import doctest

import pandas as pd
import pytest

from nas.plots import fronts_compared as module
from nas.plots.fronts_compared import fronts_compared
from tests.study_frame import made_up


def studies():
    rows = [("a", 0, 1.0, 0.3), ("a", 1, 2.0, 0.2), ("a", 2, 3.0, 0.5), ("b", 0, 1.5, 0.4), ("b", 1, 9.0, 0.3)]
    return pd.DataFrame(rows, columns=["study", "number", "gflops", "accuracy"]).assign(state="complete")


def traces(figure, study):
    return [trace for trace in figure.data if trace.meta and trace.meta["study"] == study]


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_each_study_has_a_staircase_of_its_own():
    figure = fronts_compared(studies())
    dominated, stairs, corners = traces(figure, "a")
    assert (list(stairs.x), list(stairs.y)) == ([1, 3, 3], [0.3, 0.5, 0.5]) and stairs.line.shape == "hv"
    assert list(corners.customdata) == [0, 2] and list(dominated.customdata) == [1]
    dominated, other, corners = traces(figure, "b")
    assert (list(other.x), list(other.y)) == ([1.5, 9.0], [0.4, 0.4])
    assert list(corners.customdata) == [0] and list(dominated.customdata) == [1]
    assert stairs.line.color != other.line.color
    assert "study b" in corners.hovertext[0]


def test_each_study_is_counted():
    told = fronts_compared(studies()).layout.title.subtitle.text.replace("<br>", " ")
    assert told.startswith("a: 3 trials (3 complete); b: 2 trials (2 complete).")


def test_any_cost_can_be_the_axis():
    parts = [made_up(40, seed)["trials"].assign(study=f"s{seed}") for seed in range(2)]
    figure = fronts_compared(pd.concat(parts, ignore_index=True), cost="ginteractions")
    assert figure.layout.xaxis.title.text.startswith("Ginteractions") and figure.layout.xaxis.type == "log"


def test_trainings_of_one_network_are_put_together_within_a_study_only():
    figure = fronts_compared(studies().assign(key="same"))
    drawn = [int(n) for trace in figure.data if trace.customdata is not None for n in trace.customdata]
    assert drawn == [0, 0]


def test_what_cannot_be_compared_is_said():
    table = studies()
    one = {"dataset": "motion", "proxy": "width x0.25", "clip": "8x64x64", "seed": 1}
    table.attrs = one | {"each": {"a": one, "b": one | {"proxy": "<b>width x0.5", "seed": 2}}}
    told = fronts_compared(table).layout.title.subtitle.text.replace("<br>", " ")
    assert "not the same proxy: width x0.25 (a), &lt;b&gt;width x0.5 (b)" in told and "data set" not in told
    table.attrs["each"]["b"] = one
    assert "not the same" not in fronts_compared(table).layout.title.subtitle.text


@pytest.mark.parametrize("table", [pd.DataFrame(), made_up(0)["trials"], pd.DataFrame({"study": []})])
def test_nothing_to_compare(table):
    assert fronts_compared(table).layout.annotations[0].text == "no trial yet"


def test_names_are_escaped_and_cut():
    figure = fronts_compared(studies().assign(study="<img src=x>" + "n" * 300))
    json = figure.to_json(engine="json")
    assert "\\u003cimg" not in json
    assert max(len(trace.name or "") for trace in figure.data) < 60
