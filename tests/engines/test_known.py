"""Trainings played back from what is known of them."""

from types import SimpleNamespace

import pytest

from nas.engines.known import Known
from nas.errors import NasError
from tests.engines.conformance import Told, accuracies


class Trials:
    """Trials that know nothing but their number."""

    def trial(self, number):
        return SimpleNamespace(number=number)


def curve(trial, seed):
    """The same trainings as those of the conformance case, two seconds an epoch."""
    return [
        {"epoch": epoch, "val_accuracy": accuracy, "seconds": 2.0} for epoch, accuracy in enumerate(accuracies(seed), 1)
    ]


def test_plays_every_job_as_it_was():
    driver = Told([1, 2, 3])
    Known(Trials(), curve, facts={"device": "a table"}).run(driver)
    assert driver.epochs == {0: accuracies(1), 1: accuracies(2), 2: accuracies(3)}
    outcome = driver.outcomes[2]
    assert outcome["accuracy"] == accuracies(3)[-1] and outcome["curve"] == curve(None, 3)
    assert (outcome["seed"], outcome["seconds"], outcome["device"]) == (3, 6.0, "a table")


def test_a_stopped_one_is_known_as_far_as_it_was_trained():
    driver = Told([1, 2], stops={0: 2})
    Known(Trials(), curve).run(driver)
    stopped, whole = driver.outcomes[0], driver.outcomes[1]
    assert (stopped["accuracy"], stopped["seconds"], len(stopped["curve"])) == (accuracies(1)[1], 4.0, 2)
    assert len(whole["curve"]) == 3


def test_the_curve_is_asked_for_the_trial_under_its_seed():
    asked = []

    def asking(trial, seed):
        asked.append((trial.number, seed))
        return curve(trial, seed)

    Known(Trials(), asking).run(Told([7, 9]))
    assert asked == [(0, 7), (1, 9)]


def test_a_network_that_is_not_known_ends_the_run():
    """It is a mistake in the table, not a failure of the network."""

    def known(trial, seed):
        if seed == 1:
            return curve(trial, seed)
        raise NasError(f"nothing is known of trial {trial.number}")

    driver = Told([1, 2])
    with pytest.raises(NasError, match="nothing is known of trial 1"):
        Known(Trials(), known).run(driver)
    assert list(driver.outcomes) == [0] and not driver.reasons


def test_a_training_that_failed_fails_again():
    driver = Told([1, 2, 3])
    Known(Trials(), lambda trial, seed: [] if seed == 2 else curve(trial, seed)).run(driver)
    assert sorted(driver.outcomes) == [0, 2] and driver.reasons == {1: "this training failed when it was done"}
