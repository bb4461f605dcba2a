"""Accuracy over cost: what is drawn where, and that a study's texts stay texts."""

import itertools
import math

import pandas as pd
import pytest

from nas.errors import NasError
from nas.plots import references as published
from nas.plots.accuracy_over_cost import accuracy_over_cost
from tests.study_frame import made_up, references, trials


def named(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def drawn(figure):
    """The numbers of the trials that stand in the figure."""
    return sorted(int(n) for trace in figure.data if trace.customdata is not None for n in trace.customdata)


def test_complete_trials_are_drawn_and_the_rest_counted():
    figure = accuracy_over_cost(trials())
    assert drawn(figure) == [0, 1, 2]
    assert "5 trials (3 complete, 1 failed, 1 running)" in figure.layout.title.subtitle.text.replace("<br>", " ")


def test_the_front_is_a_staircase_with_bars_of_one_standard_error():
    figure = accuracy_over_cost(trials())
    stairs = named(figure, "best at this cost or less")
    assert (list(stairs.x), list(stairs.y)) == ([0.5, 4.0, 4.0], [0.4, 0.6, 0.6])
    assert stairs.line.shape == "hv"
    front = next(t for t in figure.data if t.customdata is not None and list(t.customdata) == [0, 1])
    assert list(front.error_y.array) == pytest.approx([math.sqrt(p * (1 - p) / 600) for p in (0.4, 0.6)])
    dominated = next(t for t in figure.data if t.customdata is not None and list(t.customdata) == [2])
    assert dominated.marker.opacity < front.marker.opacity == 1


def test_titles_carry_units_clip_and_data_set():
    layout = accuracy_over_cost(trials(), references()).layout
    assert layout.xaxis.title.text == "GFLOPs<br>(10⁹ multiply-accumulates, one 8x224x224 clip)"
    assert layout.yaxis.title.text == "top-1 accuracy on motion, proxy"
    assert layout.coloraxis.colorbar.title.text == "Ginteractions (10⁹ channel interactions)"
    for fact in ("motion", "width x0.25, 8 epochs", "at most 35 GFLOPs", "seed 3", "600 validation clips"):
        assert fact in layout.title.subtitle.text.replace("<br>", " ")


def test_the_axis_is_logarithmic_beyond_a_decade():
    assert accuracy_over_cost(trials()).layout.xaxis.type != "log", "0.5 to 4"
    layout = accuracy_over_cost(trials(), references()).layout
    assert layout.xaxis.type == "log", "0.5 to 11.9"
    assert list(layout.xaxis.tickvals) == [0.5, 1, 2, 5, 10]
    low, high = (10**end for end in layout.xaxis.range)
    assert low < 0.5 and high > 11.9


def test_networks_of_another_data_set_have_an_axis_of_their_own():
    figure = accuracy_over_cost(trials(), references())
    other, same = (named(figure, f"published on {data}, 8x224x224 clips") for data in ("Kinetics-400", "motion"))
    assert (other.yaxis, same.yaxis) == ("y2", None)
    assert figure.layout.yaxis2.title.text == "published top-1<br>on Kinetics-400"
    assert figure.layout.yaxis2.side == "right"
    assert figure.layout.yaxis.domain[1] < figure.layout.yaxis2.domain[0], "the two do not overlap"
    assert list(same.x) == [3.0]
    assert not any(22.5 in list(trace.x) for trace in figure.data if trace.x is not None), (
        "a network without an accuracy is not drawn"
    )


def test_published_networks_may_be_left_out():
    alone, beside = (accuracy_over_cost(trials(), references(), published=how) for how in (False, True))
    assert drawn(alone) == drawn(beside) and len(alone.data) < len(beside.data)
    assert alone == accuracy_over_cost(trials()) and alone.layout.xaxis.type != "log"


def test_networks_measured_with_other_clips_have_another_symbol():
    kinetics = references()[:2]
    many = pd.concat([kinetics, kinetics, kinetics], ignore_index=True)
    many["clip"] = ["8x224x224"] * 3 + ["32x256x256"] * 2 + [None]
    figure = accuracy_over_cost(trials(), many)
    clips = {"8x224x224 clips": 3, "32x256x256 clips": 2, "other clips": 1}
    traces = [named(figure, f"published on Kinetics-400, {name}") for name in clips]
    assert [len(trace.x) for trace in traces] == list(clips.values())
    assert len({trace.marker.symbol for trace in traces}) == 3


def test_a_printed_cost_says_so_and_is_never_on_the_front():
    peers = references().assign(printed=[False, True, True, False])
    figure = accuracy_over_cost(trials(), peers)
    other, same = (named(figure, f"published on {data}, cost as printed") for data in ("Kinetics-400", "motion"))
    assert other.marker.symbol == same.marker.symbol == published.PRINTED
    assert (list(other.x), list(same.x)) == ([11.9], [3.0])
    for trace in (other, same):
        assert "cost as printed, for one view" in trace.hovertext[0] and "study's clip" not in trace.hovertext[0]
    counted = named(figure, "published on Kinetics-400, 8x224x224 clips").hovertext[0]
    assert "study's clip" in counted and "as printed" not in counted
    assert list(named(figure, "best at this cost or less").x) == [0.5, 4.0, 4.0]


def test_all_accuracies_stand_inside_their_axes():
    figure = accuracy_over_cost(trials(), references())
    assert figure.layout.yaxis.range[0] < 0.3 and figure.layout.yaxis.range[1] > 0.6
    assert figure.layout.yaxis2.range[0] < 0.703 and figure.layout.yaxis2.range[1] > 0.708


def test_a_hover_text_tells_the_whole_trial():
    figure = accuracy_over_cost(trials())
    told = next(t for t in figure.data if t.customdata is not None and list(t.customdata) == [0, 1]).hovertext[1]
    for part in ("<b>trial 1</b>, on the front", "ip 1-1-1-1 w16", "accuracy 60.0 ± 2.0 %", "4.00 GFLOPs"):
        assert part in told
    for part in ("0.400 Ginteractions", "2.00 Mparams", "one 8x224x224 clip", "block: ip"):
        assert part in told


def test_texts_of_a_study_are_escaped():
    frame = trials().assign(summary="<script>alert(1)</script>")
    frame["decision.<i>x"] = "<img src=x>"
    frame.attrs |= {"dataset": "<script>", "clip": "<b>8"}
    peers = references().assign(name="<script>x", dataset="<u>", source="<a href='javascript:x'>")
    json = accuracy_over_cost(frame, peers).to_json(engine="json")
    plain = json.replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u002f", "/")
    for text in ("<script>", "<img", "<u>", "<i>x", "<a ", "<b>8"):
        assert text not in plain


@pytest.mark.parametrize("count", [0, 1])
def test_few_trials(count):
    figure = accuracy_over_cost(trials(count), references())
    assert drawn(figure) == list(range(count))
    assert [note.text for note in figure.layout.annotations] == ["no trial yet"][count:]


def test_all_failed_says_so():
    frame = trials().assign(state="failed", accuracy=math.nan, on_front=False)
    assert accuracy_over_cost(frame).layout.annotations[0].text == "all 5 trials failed"
    assert accuracy_over_cost(frame[:1]).layout.annotations[0].text == "the only trial failed"
    assert "no complete trial yet" in accuracy_over_cost(trials()[3:]).layout.annotations[0].text


def test_any_cost_can_be_the_axis_and_an_unknown_one_is_named():
    figure = accuracy_over_cost(trials(), cost="mparams")
    assert figure.layout.xaxis.title.text == "Mparams<br>(10⁶ trainable parameters)"
    assert accuracy_over_cost(pd.DataFrame(), cost="activations").layout.annotations
    with pytest.raises(NasError, match="did you mean 'gflops'"):
        accuracy_over_cost(trials(), cost="gflop")


def test_labels_of_published_networks_never_overlap():
    many = pd.concat([references()] * 6).assign(accuracy=[0.6 + i % 7 * 0.01 for i in range(24)])
    many["gflops"] = [1 + i * 0.7 for i in range(24)]
    place = published._Place(many["gflops"], (0.55, 0.7), 130.0)
    labels, positions = published._labels(many, place)
    boxes = [
        published._box(centre, published.POSITIONS[position], published.LETTER * len(label))
        for centre, label, position in zip(place.centres(many), labels, positions, strict=True)
        if label
    ]
    assert len(boxes) > 2
    assert not any(published._overlap(a, b) for a, b in itertools.combinations(boxes, 2))


def test_stopped_and_running_trials_are_small_hollow_marks_at_their_last_accuracy():
    table = made_up(12)["trials"]
    figure = accuracy_over_cost(table)
    stopped, running = named(figure, "stopped early, not compared"), named(figure, "running")
    assert (list(stopped.customdata), list(running.customdata)) == ([3, 10], [11])
    assert (
        list(stopped.y) == table["last_accuracy"][[3, 10]].tolist()
        and list(stopped.x) == table["gflops"][[3, 10]].tolist()
    )
    assert stopped.marker.symbol.endswith("-open") and running.marker.symbol.endswith("-open")
    assert stopped.marker.symbol != running.marker.symbol
    assert "stopped early, 2 epochs trained: not compared" in stopped.hovertext[0]
    stairs = named(figure, "best at this cost or less")
    assert max(stairs.y) == table["accuracy"].max(), "the front is of complete trials"


def test_seeds_of_one_network_are_their_mean_with_the_spread_between_them():
    figure = accuracy_over_cost(trials().assign(key=["a", "b", "a", "c", "d"], gflops=[2.0, 4.0, 2.0, 3.0, 1.0]))
    assert drawn(figure) == [0, 1]
    front = next(t for t in figure.data if t.customdata is not None and 0 in list(t.customdata))
    assert front.y[0] == pytest.approx(0.35) and front.error_y.array[0] == pytest.approx(math.sqrt(0.005))
    assert "mean of 2 trainings ± 7.1 %: trials 0, 2" in front.hovertext[0]
    told = figure.layout.title.subtitle.text.replace("<br>", " ")
    assert "Where a network had several seeds: the mean, and bars of the standard deviation between them." in told


def test_dominated_networks_with_several_seeds_have_bars_too():
    table = pd.concat([trials(), trials()[2:3].assign(number=9, accuracy=0.2)]).assign(
        ginteractions=0.02, key=["a", "b", "c", "", "", "c"]
    )
    dominated = next(
        t for t in accuracy_over_cost(table).data if t.customdata is not None and list(t.customdata) == [2]
    )
    assert dominated.error_y.visible and list(dominated.error_y.array) == [pytest.approx(math.sqrt(0.005))]


def test_many_trials_are_drawn_without_a_text_each():
    figure = accuracy_over_cost(made_up(3000)["trials"], references())
    marks = [trace for trace in figure.data if trace.customdata is not None]
    assert {trace.type for trace in marks} == {"scattergl"} and all(trace.hovertext is None for trace in marks)
    assert len(figure.to_json(engine="json")) < 400_000


def test_costs_of_a_dashboard_are_those_that_are_known():
    from nas.plots import registry, style
    from nas.schema import SchemaError, validate

    options = registry.find("accuracy_over_cost").options
    assert all(validate(options, {"cost": cost}) for cost in style.UNITS)
    with pytest.raises(SchemaError):
        validate(options, {"cost": "gflop"})
