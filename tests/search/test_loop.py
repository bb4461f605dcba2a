"""The loop over a stub of training: exact resuming, failures, and what is on record."""

import json

import pytest

from nas import recipe, space, study
from nas.dashboard.tables import of_study
from nas.engines.here import Here
from nas.errors import NasError
from nas.plots.accuracy_over_cost import accuracy_over_cost
from nas.recipe import Recipe
from nas.search import loop
from nas.search.sampler import Proposal
from nas.search.simulate import Silent
from nas.tally import Diverged
from tests.spaces import TINY


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
    trials = opened.trials()
    return [(t.number, t.state, t.record, t.key, t.cost, t.accuracy, t.curve, t.memo, t.dropped) for t in trials]


EPOCHS = 5
RUNGS = {"proxy": {"train": {"epochs": EPOCHS}}, "stopping": {"rungs": [1, 3], "reduction": 2}}


def epochs(genotype, *, seed, on_epoch, on_step):
    """Several epochs whose accuracies follow from the genotype and the seed alone."""
    final, curve = stub(genotype, seed=seed, on_epoch=on_epoch, on_step=on_step)["accuracy"], []
    for epoch in range(1, EPOCHS + 1):
        wobble = (seed // 1000 * epoch % 97) / 1000
        curve.append({"epoch": epoch, "val_accuracy": final * epoch / EPOCHS + wobble * (EPOCHS - epoch)})
        outcome = {"accuracy": curve[-1]["val_accuracy"], "seconds": 0.1, "val_clips": 100, "curve": list(curve)}
        if on_epoch(outcome) is False:
            break
    return outcome


@pytest.mark.parametrize("sampler", ["uniform", "front", "evolution", "tpe", "nsga2", "nsga3"])
def test_killed_after_any_trial_or_in_the_middle_of_one_ends_as_if_not(tmp_path, found, sampler):
    """Before its first epoch, or after a rung that it passed; with early stopping, so that stops are the same too."""
    settings = {"sampler": {"kind": sampler, "startup": 4, "population": 4}, **RUNGS}
    whole = new(tmp_path / "whole", found, **settings)
    loop.run(whole, found, Here(epochs), Silent(), trials=12)
    assert {trial.state for trial in whole.trials()} == {"complete", "stopped"}

    broken = new(tmp_path / "broken", found, **settings)
    for stop in range(3, 12, 2):

        def dies(genotype, *, on_epoch, stop=stop, **more):
            late = len(broken.trials()) > stop

            def interrupted(so_far):
                goes_on = on_epoch(so_far)
                if late and (len(so_far["curve"]) == 2 or not goes_on):
                    raise KeyboardInterrupt
                return goes_on

            if late and stop % 4 == 1:
                raise KeyboardInterrupt
            return epochs(genotype, on_epoch=interrupted, **more)

        with pytest.raises(KeyboardInterrupt):
            loop.run(study.open_study(tmp_path / "broken"), found, Here(dies), Silent(), trials=12)
        assert broken.trials()[-1].state == "running"
    loop.run(study.open_study(tmp_path / "broken"), found, Here(epochs), Silent(), trials=12)
    assert told(study.open_study(tmp_path / "broken")) == told(whole)


def test_a_stopped_trial_keeps_its_curve_and_is_told_to_optuna_as_pruned(tmp_path, found):
    import optuna

    opened = new(tmp_path / "s", found, sampler={"kind": "uniform"}, objectives="accuracy", **RUNGS)
    loop.run(opened, found, Here(epochs), Silent(), trials=16)
    trials = study.open_study(tmp_path / "s").trials()
    stopped = [trial for trial in trials if trial.state == "stopped"]
    assert {len(trial.curve) for trial in stopped} == {1, 3}
    assert all(len(trial.curve) == EPOCHS for trial in trials if trial.state == "complete")
    for trial in stopped:
        assert trial.accuracy is None and trial.outcome["accuracy"] == trial.curve[-1]
        assert trial.outcome["stopped"] == len(trial.curve)
    seen = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 's' / 'study.db'}").trials
    pruned = [trial.number for trial in seen if trial.state == optuna.trial.TrialState.PRUNED]
    assert pruned == [trial.number for trial in stopped]
    assert all(seen[number].values is None for number in pruned)


def test_a_trial_in_training_shows_its_curve_so_far(tmp_path, found, monkeypatch):
    opened = new(tmp_path / "s", found, sampler={"kind": "uniform"}, proxy={"train": {"epochs": EPOCHS}})
    rows = [{"epoch": epoch, "val_accuracy": epoch / 10, "train_error": 0.5} for epoch in (1, 2, 3)]

    class Leaves:
        """A training that is left alone after three epochs."""

        def run(self, driver):
            job = driver.next()
            for row in rows:
                driver.epoch(job.number, row)

    loop.run(opened, found, Leaves(), Silent(), trials=1)
    assert study.open_study(tmp_path / "s").trials()[0].rows == [], "written every ten seconds at most"
    monkeypatch.setattr(loop, "NOTED", 0.0)
    loop.run(opened, found, Leaves(), Silent(), trials=1)
    trial = study.open_study(tmp_path / "s").trials()[0]
    assert trial.state == "running" and trial.rows == rows and trial.curve == ()
    tables = of_study(study.open_study(tmp_path / "s"))
    assert tables["curves"]["val_accuracy"].tolist() == [0.1, 0.2, 0.3]
    assert (tables["trials"]["last_accuracy"].tolist(), tables["trials"]["epochs"].tolist()) == ([0.3], [3])
    assert "running" in [trace.name for trace in accuracy_over_cost(tables["trials"]).data]
    loop.run(opened, found, Here(epochs), Silent(), trials=1)
    trial = opened.trials()[0]
    assert trial.state == "complete" and trial.rows == trial.outcome["curve"] and len(trial.rows) == EPOCHS


def test_samplers_hear_of_stopped_trials_at_their_rung_and_of_running_ones(tmp_path, found):
    opened = new(tmp_path / "s", found, sampler={"kind": "uniform"}, **RUNGS)
    loop.run(opened, found, Here(epochs), Silent(), trials=16)
    for trial, seen in zip(opened.trials(), opened.observations(opened.trials(), {}), strict=True):
        assert (seen.state, seen.curve, seen.record) == (trial.state, trial.curve, trial.record)
        assert (seen.values is None) == (trial.state == "stopped")
    first = opened.trials()[0]
    assert opened.observations([first], {})[0].values == (first.accuracy, first.cost.params / 1e6)

    class Asks:
        """Two trainings at once, of which the second begins after two epochs of the first."""

        def run(self, driver):
            one = driver.next()
            driver.epoch(one.number, {"epoch": 1, "val_accuracy": 0.9})
            driver.epoch(one.number, {"epoch": 2, "val_accuracy": 0.95})
            driver.proposer.next = self.proposed
            driver.next()

        def proposed(self, number, history, seen, driver):
            self.history = history

    asks = Asks()
    loop.run(opened, found, asks, Silent(), trials=18)
    assert (asks.history[-1].state, asks.history[-1].curve, asks.history[-1].values) == ("running", (0.9, 0.95), None)


def test_at_a_rung_a_training_is_compared_with_those_at_its_cost_alone(tmp_path, found):
    """Every accuracy is worse than all before it, so a trial goes on only where it meets fewer than a peer."""
    worse = iter(range(1000, 0, -1))

    def falling(genotype, *, seed, on_epoch, on_step):
        curve = []
        for epoch in range(1, EPOCHS + 1):
            curve.append({"epoch": epoch, "val_accuracy": next(worse) / 1000})
            outcome = {"accuracy": curve[-1]["val_accuracy"], "seconds": 0.1, "curve": list(curve)}
            if on_epoch(outcome) is False:
                break
        return outcome

    settings = {"stopping": {"rungs": [1], "reduction": 2, "band": 1.3}, "proxy": {"train": {"epochs": EPOCHS}}}
    opened = new(tmp_path / "s", found, sampler={"kind": "uniform"}, objectives="accuracy", budget="", **settings)
    loop.run(opened, found, Here(falling), Silent(), trials=20)
    trials = opened.trials()
    for number, trial in enumerate(trials):
        ratios = [other.cost.macs / trial.cost.macs for other in trials[:number]]
        assert (trial.state == "complete") == (not any(1 / 1.3 < ratio < 1.3 for ratio in ratios)), number
    assert len({trial.state for trial in trials}) == 2


@pytest.mark.parametrize("pages", [0, 30])  # hardly room for the next trial; room for it, but not for its outcome
def test_a_full_disk_is_one_line_and_the_study_goes_on(tmp_path, found, pages):
    """SQLite's own answer in the middle of a search: only so many more pages than the file has."""
    from sqlalchemy import event

    def large(genotype, **more):
        return epochs(genotype, **more) | {"notes": "much to tell " * 50_000}

    settings = {"sampler": {"kind": "uniform"}, **RUNGS}
    whole = new(tmp_path / "whole", found, **settings)
    loop.run(whole, found, Here(epochs), Silent(), trials=6)
    broken = new(tmp_path / "broken", found, **settings)
    loop.run(broken, found, Here(epochs), Silent(), trials=3)
    for _ in range(loop.MAX_DEATHS + 1):  # however often: it is not the trial's fault
        full = study.open_study(tmp_path / "broken")
        full.storage.engine.dispose()

        @event.listens_for(full.storage.engine, "connect")
        def limit(connection, _):
            there = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {there + pages}")

        line = r"study\.db: the disk is full \(database or disk is full\); free some space there; what ended is kept"
        with pytest.raises(NasError, match=line):
            loop.run(full, found, Here(large), Silent(), trials=6)
        full.storage.engine.dispose()
    left = [(trial.state, trial.attempts) for trial in study.open_study(tmp_path / "broken").trials()[3:]]
    assert left == [("running", 0)] or (pages, left) == (0, [])
    loop.run(study.open_study(tmp_path / "broken"), found, Here(epochs), Silent(), trials=6)
    assert told(study.open_study(tmp_path / "broken")) == told(whole)


def test_a_sampler_that_leaves_the_space_ends_the_search_with_a_line(tmp_path, found):
    class Leaves:
        def propose(self, history, seed):
            yield Proposal({"stages.0.depth": 7})

    opened = new(tmp_path / "s", found)
    loop.run(opened, found, Here(stub), Silent(), trials=2)
    search = loop.Search(opened, found, Silent(), 4)
    search.proposer.sampler = Leaves()
    with pytest.raises(NasError, match="the sampler proposed a record that is not in the space: .* use one of 1 2"):
        Here(stub).run(search)
    assert [trial.state for trial in study.open_study(tmp_path / "s").trials()] == ["complete"] * 2


def test_an_error_of_the_store_is_no_failure_of_the_trial(tmp_path, found):
    """The trial stays in training, and its start is not counted."""
    opened = new(tmp_path / "s", found, sampler={"kind": "uniform"}, **RUNGS)

    class Breaks(Silent):
        def epoch(self, number, row):
            raise RuntimeError("the terminal is gone")

    with pytest.raises(RuntimeError, match="the terminal is gone"):
        loop.run(opened, found, Here(epochs), Breaks(), trials=2)
    assert [(trial.state, trial.attempts) for trial in opened.trials()] == [("running", 0)]


def test_every_trained_trial_fits_the_budget_and_is_trained_once(tmp_path, found):
    opened = new(tmp_path / "s", found, sampler={"kind": "tpe"})
    why = loop.run(opened, found, Here(stub), Silent(), trials=500)
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

    loop.run(opened, found, Here(sometimes), Silent(), trials=4)
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
        loop.run(opened, found, Here(fails), Silent(), trials=20)
    assert len(opened.trials()) == 5
    loop.run(opened, found, Here(stub), Silent(), trials=7)
    assert [trial.state for trial in opened.trials()][5:] == ["complete"] * 2


def test_a_trial_whose_program_died_is_trained_again_however_often_and_apart(tmp_path, found):
    """Whatever killed the program: in a process of its own, the network would be found out."""
    opened, apart = new(tmp_path / "s", found), []

    class Death(BaseException):
        """The process is gone: nothing after it runs."""

    def dies(genotype, **more):
        raise Death

    class Apart(Here):
        def run(self, driver):
            apart.append(driver.jobs[0].attempt)
            super().run(driver)

    for _ in range(2 * loop.MAX_DEATHS):
        with pytest.raises(Death):
            loop.run(study.open_study(tmp_path / "s"), found, Here(dies), Silent(), trials=2)
    loop.run(study.open_study(tmp_path / "s"), found, Here(dies, Apart(stub)), Silent(), trials=1)
    assert apart == [2 * loop.MAX_DEATHS + 1]
    loop.run(study.open_study(tmp_path / "s"), found, Here(stub, Apart(dies)), Silent(), trials=2)
    assert [trial.state for trial in opened.trials()] == ["complete"] * 2


def test_interrupts_are_not_the_trial_s_fault(tmp_path, found):
    opened = new(tmp_path / "s", found)

    def interrupted(genotype, **more):
        raise KeyboardInterrupt

    for _ in range(loop.MAX_DEATHS + 2):
        with pytest.raises(KeyboardInterrupt):
            loop.run(study.open_study(tmp_path / "s"), found, Here(interrupted), Silent(), trials=1)
    loop.run(study.open_study(tmp_path / "s"), found, Here(stub), Silent(), trials=1)
    assert opened.trials()[0].state == "complete"


def test_a_failed_network_is_not_trained_again(tmp_path, found):
    opened, seen = new(tmp_path / "s", found, budget="", sampler={"kind": "uniform"}), []

    def alternates(genotype, **more):
        seen.append(genotype)
        if len(seen) % 2:
            raise Diverged("the loss is nan")
        return stub(genotype, **more)

    loop.run(opened, found, Here(alternates), Silent(), trials=500)
    assert len({trial.key for trial in opened.trials()}) == len(opened.trials()) == len(seen) > 20


def test_optuna_reads_the_study(tmp_path, found):
    import optuna

    opened = new(tmp_path / "s", found)
    loop.run(opened, found, Here(stub), Silent(), trials=5)
    seen = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 's' / 'study.db'}")
    assert [d.name for d in seen.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert [trial.values[0] for trial in seen.trials] == [trial.accuracy for trial in opened.trials()]
    assert set(seen.trials[0].params) == set(opened.trials()[0].record)
    assert json.dumps(seen.trials[0].user_attrs)


def test_a_finished_search_trains_nothing_more(tmp_path, found):
    opened = new(tmp_path / "s", found)
    loop.run(opened, found, Here(stub), Silent(), trials=3)
    before = told(opened)

    def never(genotype, **more):
        raise AssertionError("trained again")

    assert loop.run(opened, found, Here(never), Silent(), trials=3) == "all 3 trials are done"
    assert told(opened) == before


def test_a_trial_whose_worker_died_is_trained_again_and_given_up_after_three(tmp_path, found):
    """The front is that of a search in which nothing happened; the attempts are on record."""

    class Deadly:
        """Trains, but loses the worker of trial 1 once and that of trial 2 every time."""

        def run(self, driver):
            while (job := driver.next()) is not None:
                jobs.append(job)
                if job.number == 2 or (job.number == 1 and job.attempt == 1):
                    driver.epoch(job.number, {"epoch": 1, "val_accuracy": 0.1})
                    driver.died(job.number, "its worker was killed by SIGKILL")
                else:
                    curve = [{"epoch": 1, "val_accuracy": 0.5}]
                    driver.ended(job.number, {"accuracy": 0.5, "seconds": 0.1, "curve": curve})

    jobs = []
    opened = new(tmp_path / "s", found, sampler={"kind": "uniform"})
    loop.run(opened, found, Deadly(), Silent(), trials=4)
    assert [job.number for job in jobs] == [0, 1, 1, 2, 2, 2, 3]
    trials = opened.trials()
    assert [(trial.state, trial.attempts) for trial in trials] == [
        ("complete", 1), ("complete", 2), ("failed", 3), ("complete", 1)
    ]  # fmt: skip
    assert trials[2].outcome["reason"] == "its worker was killed by SIGKILL, as 2 workers before"
