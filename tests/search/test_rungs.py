"""Who goes on from a rung: cases worked out by hand, bands of cost, and about one of so many."""

from random import Random

import pytest

from nas.cost import Cost
from nas.recipe import StoppingSettings
from nas.search import rungs
from nas.search.rungs import Reached, Rung, table
from nas.trial import Trial

TWO = ("accuracy", "gflops")
SETTINGS = StoppingSettings(rungs=(1, 3), reduction=3.0, band=2.0)


def reached(accuracy, gflops, interactions=0):
    """A training at a rung."""
    blank = dict.fromkeys(Cost._fields, 0) | {"receptive_field": (1, 1, 1)}
    return Reached(Cost(**blank | {"conv_macs": round(gflops * 1e9), "interactions": interactions}), accuracy)


def goes_on(settings, objectives, one, others):
    """Whether a training goes on among others."""
    return rungs.goes_on(settings, objectives, one, table(others, objectives))


def those_that_go_on(trainings, settings=SETTINGS, objectives=TWO):
    """Which of trainings, each compared with all others."""
    return [
        number
        for number, one in enumerate(trainings)
        if goes_on(settings, objectives, one, trainings[:number] + trainings[number + 1 :])
    ]


def test_one_of_three_goes_on():
    """At one cost, ranks are places by accuracy: of three, a third has nobody better."""
    assert those_that_go_on([reached(0.5, 4), reached(0.7, 4), reached(0.6, 4)]) == [1]


def test_of_six_the_two_best():
    assert those_that_go_on([reached(accuracy, 4) for accuracy in (0.1, 0.5, 0.3, 0.6, 0.2, 0.4)]) == [1, 3]


def test_ranks_come_before_accuracies():
    """0.62 at 4.0 is dominated by 0.63 at 3.9, so 0.50 at 3.0, which nothing dominates, comes before it.

    Ranks: 0.63 and 0.50 have 0, 0.62 has 1, 0.40, 0.39 and 0.38 follow: two of six go on.
    """
    field = [reached(0.62, 4.0), reached(0.63, 3.9), reached(0.50, 3.0)]
    field += [reached(accuracy, 4.5) for accuracy in (0.40, 0.39, 0.38)]
    assert those_that_go_on(field) == [1, 2]


def test_a_cheap_network_is_not_stopped_for_losing_to_expensive_ones():
    expensive = [reached(0.6 + number / 100, 30) for number in range(20)]
    assert goes_on(SETTINGS, TWO, reached(0.2, 5), expensive)
    cheap = [reached(0.3, 5), reached(0.35, 5), reached(0.4, 5)]
    assert not goes_on(SETTINGS, TWO, reached(0.2, 5), expensive + cheap)
    assert goes_on(SETTINGS, TWO, reached(0.45, 5), expensive + cheap)


@pytest.mark.parametrize(("gflops", "compared"), [(4.9, False), (5.1, True), (19.9, True), (20.1, False)])
def test_a_band_reaches_a_factor_to_either_side(gflops, compared):
    others = [reached(0.9, gflops), reached(0.91, gflops)]
    only = ("accuracy",)  # whose ranks know no cost
    assert goes_on(SETTINGS, only, reached(0.1, 10), others) is not compared


def test_with_few_peers_a_training_goes_on():
    assert goes_on(SETTINGS, TWO, reached(0.1, 4), [])
    assert goes_on(SETTINGS, TWO, reached(0.1, 4), [reached(0.9, 4)])
    assert not goes_on(SETTINGS, TWO, reached(0.1, 4), [reached(0.9, 4), reached(0.8, 4)])


def test_about_one_of_so_many_goes_on():
    """Each of 600 is compared with those before it: the share is 1/reduction, and a little more of the first ones."""
    for reduction in (2.0, 3.0, 5.0):
        settings = StoppingSettings(reduction=reduction)
        rng, before, went_on = Random(0), [], 0
        for _ in range(600):
            one = reached(rng.random(), 4)
            went_on += goes_on(settings, TWO, one, before)
            before.append(one)
        assert went_on / 600 == pytest.approx(1 / reduction, abs=0.05)


def test_equals_in_rank_go_on_or_stop_together():
    """Nobody dominates anybody in the first half; each of the second half is dominated by one of the first."""
    first = [reached(0.5 + n / 100, 4, interactions=100 - n) for n in range(6)]
    second = [reached(0.4 + n / 100, 4, interactions=90 - n) for n in range(6)]
    three = ("accuracy", "gflops", "ginteractions")
    assert those_that_go_on(first, objectives=three) == [0, 1, 2, 3, 4, 5]
    assert those_that_go_on(first + second, objectives=three) == [0, 1, 2, 3, 4, 5]


def test_equals_go_on_together():
    """Nobody is better than another, and a coin would make a search depend on more than its seed."""
    assert those_that_go_on([reached(0.5, 4)] * 5) == [0, 1, 2, 3, 4]
    assert those_that_go_on([reached(0.5, 4)] * 2 + [reached(0.4, 4)] * 4) == [0, 1]


def ended(number, *curve, state="complete"):
    """A trial that ended with this curve, at as many GFLOPs as its number."""
    rows = [{"val_accuracy": accuracy} for accuracy in curve]
    return Trial(number, state, {}, "", f"key {number}", reached(0.5, number).cost, outcome={"curve": rows})


def test_a_rung_has_those_that_ended_and_had_got_there():
    rung = Rung(2, TWO)
    trials = [ended(0, 0.1, 0.2), ended(1, 0.3, state="stopped"), ended(2, 0.4, 0.5, 0.6), ended(3, state="running")]
    assert rung.others(trials, {3}).tolist() == [[0.0, 0.2, 0.0], [2e9, 0.5, 2.0]]
    trials[3] = ended(3, 0.7, 0.8, state="stopped")
    assert rung.others(trials, ()).tolist() == [[0.0, 0.2, 0.0], [2e9, 0.5, 2.0], [3e9, 0.8, 3.0]]


def test_a_trial_that_another_driver_ended_is_not_there_twice():
    """It is still active here."""
    rung = Rung(1, TWO)
    assert len(rung.others([ended(1, 0.1), ended(2, 0.2)], {2: []})) == 1
    assert len(rung.others([ended(1, 0.1), ended(2, 0.2)], {})) == 2
