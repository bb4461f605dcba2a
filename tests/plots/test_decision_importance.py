"""Bars of importance: an objective a colour, the most important decisions on top, what is left out is said."""

import doctest

import pytest

from nas.plots import decision_importance as module
from nas.plots.decision_importance import decision_importance
from nas.plots.importance import importance
from nas.plots.objectives import aims
from tests.study_frame import made_up


def told(figure):
    return figure.layout.title.subtitle.text.replace("<br>", " ")


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_bars_are_the_shares_of_importance():
    trials = made_up(200)["trials"]
    figure = decision_importance(trials)
    complete = trials[trials["state"] == "complete"]
    truth = importance(complete, aims(complete))
    assert {trace.name for trace in figure.data} == {"accuracy (high)", "GFLOPs (low)", "Ginteractions (high)"}
    names = list(figure.layout.yaxis.ticktext)
    assert names[-1] == "stages.1.depth", "the most important one is on top"
    for trace in figure.data:
        column = {"a": "accuracy", "F": "gflops", "i": "ginteractions"}[
            trace.name[0] if trace.name[0] == "a" else trace.name[1]
        ]
        drawn = {f"decision.{name}": value for name, value in zip(names, trace.x, strict=True)}
        assert drawn == pytest.approx(truth[column].to_dict())


def test_what_is_left_out_is_said():
    trials = made_up(200)["trials"].assign(**{"decision.same": "x"})
    figure = decision_importance(trials, decisions_shown=2)
    assert len(figure.layout.yaxis.ticktext) == 2
    assert "1 decision that counts only in some trials" in told(figure)
    assert "Left out: 1 with a single answer." in told(figure) and "Not drawn: 3 of less importance." in told(figure)


def test_many_trials_are_drawn_from():
    assert "1,500 of the 2,436 complete trials, drawn at random" in told(decision_importance(made_up(3000)["trials"]))


@pytest.mark.parametrize(
    ("table", "note"),
    [
        (made_up(0)["trials"], "no trial yet"),
        (made_up(8)["trials"], "importance needs 10 complete trials,<br>there are 5"),
        (
            made_up(40)["trials"].filter(regex="^(?!decision)"),
            "no decision has two answers among<br>the complete trials",
        ),
    ],
)
def test_too_little_to_tell(table, note):
    assert decision_importance(table).layout.annotations[0].text == note


def test_names_are_escaped_and_cut():
    trials = made_up(60)["trials"].rename(columns={"decision.block": "decision.<b>" + "x" * 300})
    json = decision_importance(trials).to_json(engine="json").replace("\\u003c", "<")
    assert "<b>x" not in json and "x" * 100 not in json
