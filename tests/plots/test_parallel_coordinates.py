"""Lines across axes: values, places of answers, which axes there are."""

import doctest

import numpy as np
import pandas as pd
import pytest

from nas.plots import parallel_coordinates as module
from nas.plots.parallel_coordinates import PLACES, parallel_coordinates
from tests.study_frame import made_up, trials


def axes(figure):
    return {one.label: one for one in figure.data[0].dimensions}


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_lines_run_through_answers_and_objectives():
    figure = parallel_coordinates(trials())
    assert list(figure.data[0].customdata) == [0, 1, 2]
    drawn = axes(figure)
    assert list(drawn) == ["block", "GFLOPs", "Ginteractions", "accuracy"]
    assert list(drawn["block"].ticktext) == ["ip", "ir"]
    assert np.round(drawn["block"]["values"]).tolist() == [2, 1, 2]
    assert drawn["accuracy"]["values"] == pytest.approx([0.4, 0.6, 0.3]) and drawn["accuracy"].tickformat == "~%"
    assert figure.data[0].line.color == pytest.approx([0.4, 0.6, 0.3])
    assert drawn["GFLOPs"]["values"] == pytest.approx([0.5, 4, 2]), "less than a decade"
    assert drawn["Ginteractions"]["values"] == pytest.approx(np.log10([0.02, 0.4, 0.1])), "more than a decade"
    ticks = dict(zip(drawn["Ginteractions"].ticktext, drawn["Ginteractions"].tickvals, strict=True))
    assert ticks["0.1"] == -1 and [min(ticks.values()), max(ticks.values())] == pytest.approx(np.log10([0.02, 0.4]))


def test_a_decision_that_does_not_count_has_a_place_at_the_foot():
    groups = axes(parallel_coordinates(made_up(60)["trials"]))["grouped.groups"]
    assert list(groups.ticktext)[0] == "–" and groups.tickvals[0] == 0
    assert list(groups.ticktext)[1:] == sorted(groups.ticktext[1:], key=int)


def test_the_most_important_decisions_come_first_and_the_rest_is_counted():
    figure = parallel_coordinates(made_up(200)["trials"], axes=5)
    assert list(axes(figure)) == ["stages.1.depth", "block", "GFLOPs", "Ginteractions", "accuracy"]
    assert "Left out: 3 other decisions." in figure.layout.title.subtitle.text.replace("<br>", " ")


def test_decisions_and_costs_can_be_chosen():
    figure = parallel_coordinates(made_up(30)["trials"], chosen=("deflation.end", "nothing"), costs=("mparams",))
    assert list(axes(figure)) == ["deflation.end", "GFLOPs", "Ginteractions", "Mparams", "accuracy"]


def test_many_numbers_stand_on_a_scale_and_many_words_are_others():
    table = pd.concat([trials()[:3]] * 20, ignore_index=True)
    table["decision.rate"], table["decision.word"] = np.arange(60) / 10, [f"w{i:02d}" for i in range(60)]
    drawn = axes(parallel_coordinates(table))
    assert drawn["rate"]["values"] == pytest.approx(np.arange(60) / 10)
    assert len(drawn["word"].ticktext) == PLACES and drawn["word"].ticktext[-1] == "others"


def test_a_number_that_is_missing_stands_below_the_others():
    table = pd.concat([trials()[:3]] * 20, ignore_index=True)
    table["decision.rate"] = [None, *range(59)]
    rate = axes(parallel_coordinates(table))["rate"]
    assert rate["values"][0] < 0 and rate.ticktext[0] == "–" and rate.range[0] < rate["values"][0]


def test_empty_states_and_escaping():
    assert parallel_coordinates(made_up(0)["trials"]).layout.annotations[0].text == "no trial yet"
    table = (
        trials()
        .rename(columns={"decision.block": "decision.<b>"})
        .assign(**{"decision.x": ["<img>", "b", "c", "d", "e"]})
    )
    json = parallel_coordinates(table).to_json(engine="json")
    assert "\\u003cb\\u003e" not in json and "\\u003cimg" not in json


def test_the_order_is_told_only_where_it_is_one_of_importance():
    def told(count):
        return parallel_coordinates(made_up(count)["trials"]).layout.title.subtitle.text.replace("<br>", " ")

    assert "most important" in told(60) and "most important" not in told(8)
