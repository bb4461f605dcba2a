"""The front in space: which axes, what is drawn where."""

import doctest
import math

import pytest

from nas.plots import front_3d as module
from nas.plots.front_3d import front_3d
from tests.study_frame import made_up, trials


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_complete_trials_stand_at_their_objectives():
    figure = front_3d(trials())
    dominated, front = (trace for trace in figure.data if trace.customdata is not None)
    assert list(front.customdata) == [0, 1] and list(dominated.customdata) == [2]
    assert (list(front.x), list(front.y), list(front.z)) == tuple(
        pytest.approx(values) for values in ([0.5, 4.0], [0.02, 0.4], [0.4, 0.6])
    )
    assert front.marker.size > dominated.marker.size and front.marker.opacity == 1
    scene = figure.layout.scene
    assert scene.xaxis.title.text.startswith("GFLOPs<br>") and scene.zaxis.title.text.startswith("accuracy")
    assert (scene.xaxis.type, scene.yaxis.type, scene.zaxis.tickformat) == (None, "log", "~%")
    assert list(scene.yaxis.range) == pytest.approx([math.log10(0.02) - 0.05, math.log10(0.4) + 0.05])


def test_axes_can_be_chosen_and_an_unknown_one_is_named():
    figure = front_3d(made_up(30)["trials"], x="mparams", z="depth")
    titles = [figure.layout.scene[f"{axis}axis"].title.text.split("<br>")[0] for axis in "xyz"]
    assert titles == ["Mparams", "accuracy", "depth"]


@pytest.mark.parametrize(
    "stated", [["accuracy"], [], ["gflops", "accuracy"], ["accuracy", "gflops", "mparams", "depth"]]
)
def test_any_number_of_objectives_has_three_axes(stated):
    table = made_up(30)["trials"]
    table.attrs["objectives"] = stated
    figure = front_3d(table)
    titles = [figure.layout.scene[f"{axis}axis"].title.text.split("<br>")[0] for axis in "xyz"]
    assert len(set(titles)) == 3 and titles[2] == "accuracy"


def test_many_trials_are_told_in_short():
    figure = front_3d(made_up(3000)["trials"])
    assert all(trace.hovertext is None for trace in figure.data)
    assert any("%{z:.3~g} accuracy" in (trace.hovertemplate or "") for trace in figure.data)


def test_empty_states_and_escaping():
    assert front_3d(made_up(0)["trials"]).layout.annotations[0].text == "no trial yet"
    assert (
        front_3d(trials().assign(ginteractions=math.nan, mparams=math.nan))
        .layout.annotations[0]
        .text.startswith("no trial has")
    )
    table = trials()
    table.attrs["clip"] = "<img src=x>"
    assert "\\u003cimg" not in front_3d(table.assign(summary="<img>")).to_json(engine="json")
