"""Pairs of objectives: all views of one trace, so that a selection holds in all."""

import doctest

import pytest

from nas.plots import front_pairs as module
from nas.plots.front_pairs import front_pairs
from tests.study_frame import made_up, trials


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_every_pair_is_a_view_of_the_same_points():
    figure = front_pairs(trials())
    dominated, front = figure.data
    assert [trace.type for trace in figure.data] == ["splom"] * 2
    assert list(front.customdata) == [0, 1] and list(dominated.customdata) == [2]
    values = {one.label: list(one["values"]) for one in front.dimensions}
    assert list(values) == ["GFLOPs", "Ginteractions", "accuracy"], "accuracy is the height of the lowest views"
    assert values["accuracy"] == pytest.approx([0.4, 0.6]) and values["GFLOPs"] == pytest.approx([0.5, 4.0])
    assert figure.layout.dragmode == "select"


def test_axes_have_units_and_are_logarithmic_where_costs_span_decades():
    layout = front_pairs(trials()).layout
    assert layout.xaxis.title.text == "GFLOPs<br>(10⁹ multiply-accumulates)"
    assert (layout.xaxis.type, layout.yaxis2.type, layout.yaxis3.tickformat) == (None, "log", "~%")
    assert "Costs of one 8x224x224 clip" in layout.title.subtitle.text.replace("<br>", " ")


@pytest.mark.parametrize(
    ("stated", "drawn"),
    [(["accuracy"], 3), (["accuracy", "gflops"], 3), ([], 3), (["accuracy", "gflops", "mparams", "depth"], 4)],
)
def test_any_number_of_objectives(stated, drawn):
    table = made_up(30)["trials"]
    table.attrs["objectives"] = stated
    assert len(front_pairs(table).data[0].dimensions) == drawn


def test_columns_can_be_chosen():
    figure = front_pairs(made_up(30)["trials"], columns=("depth", "accuracy", "speed"))
    assert [one.label for one in figure.data[0].dimensions] == ["depth", "accuracy"]


def test_many_trials_are_told_in_short():
    assert all(
        trace.text is None and "%{customdata}" in trace.hovertemplate
        for trace in front_pairs(made_up(3000)["trials"]).data
    )


def test_empty_states_and_escaping():
    assert front_pairs(made_up(0)["trials"]).layout.annotations[0].text == "no trial yet"
    alone = front_pairs(trials().drop(columns=["gflops", "ginteractions", "mparams"]))
    assert alone.layout.annotations[0].text == "fewer than two objectives have<br>values"
    table = trials().assign(summary="<img src=x>")
    table.attrs |= {"clip": "<img>", "metric": "<img>"}
    assert "\\u003cimg" not in front_pairs(table).to_json(engine="json")
