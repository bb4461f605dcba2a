"""A study as tables: stopped trials are told as stopped, and what they saved."""

import math

from nas import fronts
from tests.searched import searched


def test_stopped_trials_are_told_with_what_they_saved(tmp_path):
    opened = searched(tmp_path, stopping={"rungs": [2, 4]})
    trials = opened.trials()
    stopped = [trial for trial in trials if trial.state == "stopped"]
    assert stopped and {len(trial.curve) for trial in stopped} <= {2, 4}
    assert all(trial.accuracy is None and trial.outcome["stopped"] == len(trial.curve) for trial in stopped)
    epochs = sum(len(trial.curve) for trial in trials)
    told = fronts.stops(trials, 8)
    assert f"{sum(len(trial.curve) == 2 for trial in stopped)} after 2 epochs" in told
    assert told.endswith(f"{epochs} epochs trained in place of 160, {1 - epochs / 160:.0%} saved")


def test_a_stopped_trial_is_never_on_the_front_and_has_no_accuracy(tmp_path):
    opened = searched(tmp_path, stopping={"rungs": [2, 4]})
    table = fronts.frame(opened)
    rows = table[table["state"] == "stopped"]
    assert len(rows) and not rows["on_front"].any()
    assert all(math.isnan(value) for value in rows["accuracy"]) and rows["last_accuracy"].notna().all()
    assert table.attrs["stopped"] == fronts.stops(opened.trials(), 8)


def test_without_rungs_there_is_nothing_to_tell(tmp_path):
    opened = searched(tmp_path)
    assert fronts.frame(opened).attrs["stopped"] == ""
    assert {trial.state for trial in opened.trials()} == {"complete"}
