"""The store: states, what a kill leaves, and what does not belong into it."""

import sqlite3
from random import Random

import optuna
import pytest
import sqlalchemy

from nas import genotype as genotypes
from nas import recipe, space, study
from nas.cost import cost
from nas.errors import NasError
from nas.recipe import Recipe
from nas.search.wrappers import Candidate
from nas.storage import tables, trials
from tests.spaces import TINY


@pytest.fixture
def found(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    return space.load(tmp_path / "tiny.yaml")


@pytest.fixture
def opened(tmp_path, found):
    told = {"space": found.name, "objectives": "accuracy,mparams", "proxy": {"train": {"epochs": 3}}}
    wanted = recipe.validate(Recipe, told)
    return study.create(tmp_path / "study", wanted, wanted, found, {"data": "none"})


def add(opened, found, number=0):
    """A trial that is about to be trained."""
    record = found.draw(Random(number))
    described = found.genotype(record)
    candidate = Candidate(record, {"seen": number}, described, cost(described))
    told = {"genotype": genotypes.to_yaml(described), "memo": candidate.memo, "dropped": {}, "sampler": "uniform"}
    return opened.add(candidate, found, limit=100, **told)


def outcome(*accuracies):
    """What a training gave."""
    curve = [{"epoch": epoch, "val_accuracy": accuracy} for epoch, accuracy in enumerate(accuracies, 1)]
    return {"accuracy": accuracies[-1], "seconds": 1.5, "curve": curve}


def optuna_s(opened):
    """The trials as Optuna reads them."""
    return optuna.load_study(study_name=None, storage=f"sqlite:///{opened.folder / 'study.db'}").trials


def test_every_state_is_kept_and_told_to_optuna(opened, found):
    added = [add(opened, found, number) for number in range(4)]
    assert [trial.state for trial in opened.trials()] == ["running"] * 4
    opened.complete(0, outcome(0.2, 0.4, 0.6))
    opened.fail(2, "diverged: the loss is nan")
    opened.stop(1, outcome(0.3))
    again = study.open_study(opened.folder).trials()
    assert again == opened.trials()
    assert [trial.state for trial in again] == ["complete", "stopped", "failed", "running"]
    assert [trial.accuracy for trial in again] == [0.6, None, None, None]
    assert [trial.curve for trial in again] == [(0.2, 0.4, 0.6), (0.3,), (), ()]
    assert again[2].outcome == {"reason": "diverged: the loss is nan"}
    assert [(t.record, t.key, t.cost, t.memo, t.genotype, t.sampler) for t in again] == [
        (t.record, t.key, t.cost, t.memo, t.genotype, t.sampler) for t in added
    ]
    seen = optuna_s(opened)
    assert [trial.state.name for trial in seen] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert [trial.values for trial in seen] == [[0.6, again[0].cost.params / 1e6], None, None, None]


def test_trials_that_end_out_of_order_are_read_anew(opened, found):
    """As with several workers: a trial ends while an earlier one is in training."""
    for number in range(3):
        add(opened, found, number)
    opened.complete(2, outcome(0.5))
    opened.stop(0, outcome(0.1))
    assert [trial.state for trial in opened.trials()] == ["stopped", "running", "complete"]
    opened.complete(1, outcome(0.7))
    assert opened.trials() == study.open_study(opened.folder).trials()


def test_observations_are_in_the_order_of_trials_whenever_they_ended(opened, found):
    added = [add(opened, found, number) for number in range(4)]
    opened.complete(3, outcome(0.5, 0.6))
    opened.complete(0, outcome(0.2, 0.3))
    opened.stop(2, outcome(0.1))
    seen = opened.observations(opened.trials(), {1: (0.4,)})
    assert [one.record for one in seen] == [trial.record for trial in added]
    assert [one.memo["seen"] for one in seen] == [0, 1, 2, 3]
    assert [one.state for one in seen] == ["complete", "running", "stopped", "complete"]
    assert [one.curve for one in seen] == [(0.2, 0.3), (0.4,), (0.1,), (0.5, 0.6)]
    assert [one.values and one.values[0] for one in seen] == [0.3, None, None, 0.6]


@pytest.mark.parametrize(
    ("end", "told", "state"),
    [("complete", outcome(0.2, 0.4, 0.6), "COMPLETE"), ("stop", outcome(0.3), "PRUNED"), ("fail", "no memory", "FAIL")],
)
def test_a_trial_ends_at_once_or_not_at_all(opened, found, monkeypatch, end, told, state):
    """A kill in the middle of the transaction leaves the trial as it was: in training."""
    before = add(opened, found)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trials, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            getattr(opened, end)(0, told)
    again = study.open_study(opened.folder)
    assert again.trials() == [before] and optuna_s(opened)[0].state.name == "RUNNING"
    getattr(again, end)(0, told)
    assert [trial.state.name for trial in optuna_s(opened)] == [state]
    assert opened.trials() == again.trials() and opened.trials()[0].state == study.STATES[state]


def test_attempts_are_counted_on_record(opened, found):
    assert add(opened, found).attempts == 1
    assert opened.take(0).attempts == 2
    assert study.open_study(opened.folder).trial(0).attempts == 2


def test_a_trial_of_another_program_is_told(opened, found):
    add(opened, found)
    other = optuna.load_study(study_name=None, storage=f"sqlite:///{opened.folder / 'study.db'}")
    other.enqueue_trial({})
    with pytest.raises(NasError, match="trial 1 of this study was not written by nas search; use a study of its own"):
        opened.trials()


def test_a_full_disk_is_no_damage(tmp_path, found, monkeypatch):
    """The advice for a damaged file would be to move it away."""

    def full(*_, **__):
        raise sqlalchemy.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

    monkeypatch.setattr(tables, "start", full)
    wanted = recipe.validate(Recipe, {"space": found.name})
    with pytest.raises(NasError, match="study.db.new: the disk is full .database or disk is full.; free some"):
        study.create(tmp_path / "study", wanted, wanted, found, {"data": "none"})
    assert not study.exists(tmp_path / "study")
