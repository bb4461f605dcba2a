"""Effects at equal cost: hand-made differences are found, cost alone makes none."""

import doctest

import numpy as np
import pandas as pd
import pytest

from nas.plots import decision_effects as module
from nas.plots.decision_effects import decision_effects
from tests.study_frame import made_up


def table(count=400):
    """`good` yes adds 5 points at any cost; `size` big only costs (accuracy follows cost by 10 points a decade)."""
    random = np.random.default_rng(0)
    good, size = random.choice(["yes", "no"], count), random.choice(["big", "small"], count)
    gflops = random.uniform(1, 10, count) * np.where(size == "big", 1.6, 1.0)
    accuracy = 0.4 + 0.1 * np.log10(gflops) + 0.05 * (good == "yes") + random.normal(0, 0.01, count)
    frame = pd.DataFrame({"number": range(count), "state": "complete", "gflops": gflops, "accuracy": accuracy})
    return frame.assign(**{"decision.good": good, "decision.size": size, "decision.coin": random.choice([1, 2], count)})


def drawn(figure):
    """(decision, answer) -> effect in points, its interval, whether it is more than chance."""
    rows = {}
    for trace in figure.data:
        for text, x, plus, minus in zip(
            trace.hovertext or [], trace.x, trace.error_x.array, trace.error_x.arrayminus, strict=False
        ):
            decision, answer = text.split("<br>")[0].split(": ")
            rows[decision, answer] = (x, x - minus, x + plus, trace.name == "the decision matters (p ≤ 0.05)")
    return rows


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_the_effect_is_what_was_put_in():
    found = drawn(decision_effects(table()))
    effect, low, high, sure = found["good", "yes"]
    assert effect == pytest.approx(5, abs=0.4) and low < effect < high and sure
    assert low < 5 < high and high - low < 1
    assert found["good", "no"][0] == pytest.approx(-effect)


def test_cost_alone_is_no_effect():
    found = drawn(decision_effects(table()))
    for answer in (("size", "big"), ("coin", "1")):
        effect, low, high, sure = found[answer]
        assert abs(effect) < 0.5 and low < 0 < high and not sure


def test_the_decision_that_moves_most_is_on_top_and_others_are_counted():
    figure = decision_effects(table(), decisions_shown=1)
    assert [note.text for note in figure.layout.annotations] == ["<b>good</b>"]
    assert list(figure.layout.yaxis.ticktext) == ["no", "yes"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1], "rows from the top down"
    assert "Not drawn: 2 decisions that move less." in figure.layout.title.subtitle.text.replace("<br>", " ")


def test_answers_stand_in_their_order():
    trials = made_up(400)["trials"]
    ticks = list(decision_effects(trials).layout.yaxis.ticktext)
    depths = [tick for tick in ticks if tick in "123456"]
    assert [tick for tick in ("1", "2", "3", "4", "5", "6") if tick in depths] == ["1", "2", "3", "4", "5", "6"]
    assert [ticks.index(answer) for answer in ("25", "50", "75", "100")] == sorted(
        map(ticks.index, ("25", "50", "75", "100"))
    )


def test_the_axis_counts_percentage_points():
    figure = decision_effects(table())
    assert "percentage points" in figure.layout.xaxis.title.text and figure.layout.xaxis.tickformat == "+~g"
    assert max(abs(x) for trace in figure.data for x in trace.x) > 2
    assert decision_effects(pd.DataFrame()).layout.xaxis.range == (-10, 10), "nothing to show: no range of its own"


def test_many_networks_are_drawn_from_with_a_fixed_seed():
    trials = made_up(3000)["trials"]
    once, again = decision_effects(trials), decision_effects(trials)
    assert "1,000 of 2,436 networks, drawn at random" in once.layout.title.subtitle.text.replace("<br>", " ")
    assert drawn(once) == drawn(again)


def test_too_little_to_tell():
    assert decision_effects(made_up(0)["trials"]).layout.annotations[0].text == "no trial yet"
    few = decision_effects(made_up(5)["trials"]).layout.annotations[-1].text
    assert few == "too few networks of equal cost<br>differ in a decision to tell an<br>effect"


def test_texts_are_escaped():
    frame = table().rename(columns={"decision.good": "decision.<b>good"})
    frame["decision.size"] = frame["decision.size"].map({"big": "<img src=x>", "small": "ok"})
    json = decision_effects(frame).to_json(engine="json").replace("\\u003c", "<").replace("\\u003e", ">")
    assert "<img" not in json and "<b>good" not in json.replace("<b>&lt;b&gt;good", "")
