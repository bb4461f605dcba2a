"""A bar a reason, the most frequent first, with the newest trials in the hover text."""

import doctest

import pandas as pd
import pytest

from nas.plots import failure_reasons as module
from nas.plots.failure_reasons import MOST, NEWEST, UNKNOWN, failure_reasons
from tests.study_frame import made_up, trials


def failed(reasons):
    return pd.DataFrame({"number": range(len(reasons)), "state": "failed", "reason": reasons})


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_bars_count_the_failures_of_each_reason():
    table = made_up(200)["trials"]
    figure = failure_reasons(table)
    counts = table.loc[table["state"] == "failed", "reason"].value_counts()
    assert sorted(figure.data[0].x) == sorted(counts) and sum(figure.data[0].x) == (table["state"] == "failed").sum()
    assert set(figure.data[1].text) == set(counts.index)
    newest = table[table["state"] == "failed"].groupby("reason")["number"].max()
    assert list(figure.data[0].customdata) == [newest[reason] for reason in figure.data[1].text]
    assert "11 of 200 trials failed (6%)" in figure.layout.title.subtitle.text


def test_reasons_that_differ_in_numbers_are_one_told_by_the_newest():
    figure = failure_reasons(failed(["cuda:0 is full", "diverged", "cuda:13  is\nfull", None, ""]))
    assert list(figure.data[0].x) == [2, 2, 1] and list(figure.data[1].text) == ["cuda:13 is full", UNKNOWN, "diverged"]


def test_the_newest_trials_are_in_the_hover_text():
    told = failure_reasons(failed(["full"] * 20)).data[0].hovertext[0]
    newest = ", ".join(str(number) for number in range(19, 19 - NEWEST, -1))
    assert told == f"full<br><b>trials {newest} and {20 - NEWEST} older</b>"


def test_more_reasons_than_bars():
    names = [f"reason {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    figure = failure_reasons(failed([*names, names[-1]]))
    assert len(figure.data[0].x) == MOST and sum(figure.data[0].x) == 27 and figure.data[0].x[0] == 2
    assert figure.data[1].text[-1] == f"{26 - MOST + 1} other reasons"


def test_long_reasons_are_cut_and_escaped():
    figure = failure_reasons(failed(["<script>alert</script> " + "word " * 200, "x" * 3000]))
    assert all(len(text.split("<br>")) == 2 and text.endswith("…") for text in figure.data[1].text)
    assert "<script>" not in figure.to_json(engine="json").replace("\\u003c", "<")
    assert all(len(told) < 1200 for told in figure.data[0].hovertext)


def test_bars_do_not_overlap_and_are_within_the_figure():
    figure = failure_reasons(failed([f"reason {letter} {'long ' * 30}" for letter in "abcdefgh"]))
    centres, (bottom, top) = figure.data[0].y, figure.layout.yaxis.range
    assert all(below - above > 22 for above, below in zip(centres, centres[1:], strict=False))
    assert top == 0 and centres[-1] + 11 < bottom


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pd.DataFrame(), "no trial yet"),
        (trials(3), "no trial failed"),
        (made_up(5)["trials"].assign(state="running"), "no trial failed"),
    ],
)
def test_a_study_without_failures(table, says):
    assert failure_reasons(table).layout.annotations[0].text == says
