"""Networks: trainings of one network are their mean and spread; unfinished trials stand apart."""

import doctest
import math

import pytest

from nas.plots import networks
from nas.plots import trials as frame
from tests.study_frame import made_up, trials


def seeds():
    """Trials 0 and 2 are one network, at 40 and 30 %."""
    return frame.tidy(trials().assign(key=["a", "b", "a", "a", "a"]))


def test_the_examples_hold():
    assert not doctest.testmod(networks).failed


def test_trainings_of_one_network_are_their_mean_with_a_spread():
    whole = networks.measured(seeds(), "gflops").set_index("number")
    assert list(whole.index) == [0, 1]
    assert whole.loc[0, "accuracy"] == pytest.approx(0.35) and whole.loc[0, "trainings"] == 2
    assert whole.loc[0, "spread"] == pytest.approx(math.sqrt(2 * 0.05**2))
    assert whole.loc[0, "told"] == "mean of 2 trainings ± 7.1 %: trials 0, 2"
    assert math.isnan(whole.loc[1, "spread"]) and whole.loc[1, "told"] == ""


def test_the_front_is_that_of_the_means():
    table = seeds().assign(
        gflops=[4.0, 3.0, 4.0, 1.0, 1.0], ginteractions=0.1, accuracy=[0.7, 0.6, 0.3, math.nan, math.nan]
    )
    whole = networks.measured(table.assign(on_front=[True, True, False, False, False]), "gflops")
    assert whole.set_index("number")["on_front"].to_dict() == {0: False, 1: True}, "the mean is 50 % at 4 GFLOPs"


def test_trials_without_a_key_are_networks_of_their_own():
    table = frame.tidy(trials())
    assert networks.measured(table, "gflops")["trainings"].tolist() == [1, 1, 1]


def test_unfinished_trials_have_their_last_accuracy():
    table = frame.tidy(made_up(12)["trials"])
    early = networks.unfinished(table, "gflops").set_index("number")
    assert early["state"].to_dict() == {3: "stopped", 10: "stopped", 11: "running"}
    assert early.loc[3, "accuracy"] == table.loc[3, "last_accuracy"]
    assert early.loc[3, "told"] == "stopped early, 2 epochs trained: not compared"
    assert networks.unfinished(frame.tidy(trials()), "gflops").empty, "no curve is known"
