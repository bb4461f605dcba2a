"""The loop over a stub of training: exact resuming, failures, and what is on record."""

import json

import pytest

from nas import recipe, space, study
from nas.errors import NasError
from nas.recipe import Recipe
from nas.search import loop
from nas.train import Diverged
from tests.spaces import TINY


class Silent:
    def started(self, trial, trials): ...
    def step(self, done, total): ...
    def epoch(self, row): ...
    def ended(self, trial, trials): ...


def stub(genotype, *, seed, on_epoch, on_step):
    """Accuracy from the genotype and the seed alone, as training gives it."""
    accuracy = 0.5 + (seed % 1000) / 4000 + genotype.stages[1].depth / 20
    return {
        "accuracy": accuracy,
        "seconds": 0.1,
        "val_clips": 100,
        "curve": [{"epoch": 1, "val_accuracy": accuracy}],
    }


@pytest.fixture
def found(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return space.load(path)


def new(folder, found, **settings):
    wanted = recipe.validate(
        Recipe, {"space": found.name, "budget": "2mflops", "objectives": "accuracy,mparams", **settings}
    )
    return study.create(folder, wanted, wanted, found, {"data": "none"})


def told(opened):
    return [(t.number, t.state, t.record, t.key, t.cost, t.accuracy, t.memo, t.dropped) for t in opened.trials()]


@pytest.mark.parametrize("sampler", ["uniform", "front", "evolution", "tpe", "nsga2", "nsga3"])
def test_killed_after_any_trial_or_in_the_middle_of_one_ends_as_if_not(tmp_path, found, sampler):
    settings = {"sampler": {"kind": sampler, "startup": 4, "population": 4}}
    whole = new(tmp_path / "whole", found, **settings)
    loop.run(whole, found, stub, Silent(), trials=12)

    class Killed(Exception):
        pass

    broken = new(tmp_path / "broken", found, **settings)
    for stop in range(3, 12, 2):
        calls = []

        def dies(genotype, calls=calls, stop=stop, **more):
            calls.append(genotype)
            if len(broken.trials()) > stop:
                raise KeyboardInterrupt
            return stub(genotype, **more)

        with pytest.raises(KeyboardInterrupt):
            loop.run(study.open_study(tmp_path / "broken"), found, dies, Silent(), trials=12)
        assert broken.trials()[-1].state == "running"
    loop.run(study.open_study(tmp_path / "broken"), found, stub, Silent(), trials=12)
    assert told(study.open_study(tmp_path / "broken")) == told(whole)


def test_an_outcome_written_just_before_a_kill_is_kept(tmp_path, found):
    opened = new(tmp_path / "s", found)
    loop.run(opened, found, stub, Silent(), trials=2)
    calls = []

    def killed_between(number):
        raise KeyboardInterrupt

    opened._tell = killed_between
    with pytest.raises(KeyboardInterrupt):
        loop.run(opened, found, stub, Silent(), trials=3)

    def counts(genotype, **more):
        calls.append(genotype)
        return stub(genotype, **more)

    again = study.open_study(tmp_path / "s")
    loop.run(again, found, counts, Silent(), trials=3)
    assert calls == []
    assert [trial.state for trial in again.trials()] == ["complete"] * 3


def test_every_trained_trial_fits_the_budget_and_is_trained_once(tmp_path, found):
    opened = new(tmp_path / "s", found, sampler={"kind": "tpe"})
    why = loop.run(opened, found, stub, Silent(), trials=500)
    trials = opened.trials()
    assert why.startswith("no untrained network")
    assert len({trial.key for trial in trials}) == len(trials)
    assert all(opened.recipe.limits.fits(trial.cost) for trial in trials)
    assert sum(trial.dropped["over_budget"] + trial.dropped["repeated"] for trial in trials) > 0


def test_failures_are_on_record_and_the_search_goes_on(tmp_path, found):
    opened, reasons = (
        new(tmp_path / "s", found),
        iter([Diverged("the loss is nan", where="epoch 2"), RuntimeError("odd\nshape")]),
    )

    def sometimes(genotype, **more):
        if error := next(reasons, None):
            raise error
        return stub(genotype, **more)

    loop.run(opened, found, sometimes, Silent(), trials=4)
    trials = opened.trials()
    assert [trial.state for trial in trials] == ["failed", "failed", "complete", "complete"]
    assert trials[0].outcome["reason"] == "epoch 2: the loss is nan"
    assert trials[1].outcome["reason"].startswith("RuntimeError: odd")
    assert trials[0].accuracy is None


def test_failing_alike_again_and_again_stops_the_search(tmp_path, found):
    def fails(genotype, **more):
        raise Diverged("the loss is nan")

    opened = new(tmp_path / "s", found)
    with pytest.raises(NasError, match="5 trials in a row failed.*the loss is nan"):
        loop.run(opened, found, fails, Silent(), trials=20)
    assert len(opened.trials()) == 5
    loop.run(opened, found, stub, Silent(), trials=7)
    assert [trial.state for trial in opened.trials()][5:] == ["complete"] * 2


def test_a_trial_that_kills_the_program_is_given_up(tmp_path, found):
    opened = new(tmp_path / "s", found)

    class Death(BaseException):
        """The process is gone: nothing after it runs."""

    def dies(genotype, **more):
        raise Death

    for _ in range(loop.MAX_ATTEMPTS):
        with pytest.raises(Death):
            loop.run(study.open_study(tmp_path / "s"), found, dies, Silent(), trials=2)
    loop.run(study.open_study(tmp_path / "s"), found, stub, Silent(), trials=2)
    first, second = opened.trials()
    assert (first.state, second.state) == ("failed", "complete")
    assert "died" in first.outcome["reason"]


def test_interrupts_are_not_the_trial_s_fault(tmp_path, found):
    opened = new(tmp_path / "s", found)

    def interrupted(genotype, **more):
        raise KeyboardInterrupt

    for _ in range(loop.MAX_ATTEMPTS + 2):
        with pytest.raises(KeyboardInterrupt):
            loop.run(study.open_study(tmp_path / "s"), found, interrupted, Silent(), trials=1)
    loop.run(study.open_study(tmp_path / "s"), found, stub, Silent(), trials=1)
    assert opened.trials()[0].state == "complete"


def test_a_failed_network_is_not_trained_again(tmp_path, found):
    opened, seen = new(tmp_path / "s", found, budget="", sampler={"kind": "uniform"}), []

    def alternates(genotype, **more):
        seen.append(genotype)
        if len(seen) % 2:
            raise Diverged("the loss is nan")
        return stub(genotype, **more)

    loop.run(opened, found, alternates, Silent(), trials=500)
    assert len({trial.key for trial in opened.trials()}) == len(opened.trials()) == len(seen) > 20


def test_optuna_reads_the_study(tmp_path, found):
    import optuna

    opened = new(tmp_path / "s", found)
    loop.run(opened, found, stub, Silent(), trials=5)
    seen = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 's' / 'study.db'}")
    assert [d.name for d in seen.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert [trial.values[0] for trial in seen.trials] == [trial.accuracy for trial in opened.trials()]
    assert set(seen.trials[0].params) == set(opened.trials()[0].record)
    assert json.dumps(seen.trials[0].user_attrs)


def test_a_finished_search_trains_nothing_more(tmp_path, found):
    opened = new(tmp_path / "s", found)
    loop.run(opened, found, stub, Silent(), trials=3)
    before = told(opened)

    def never(genotype, **more):
        raise AssertionError("trained again")

    assert loop.run(opened, found, never, Silent(), trials=3) == "all 3 trials are done"
    assert told(opened) == before
