"""The search itself: what is trained next, what goes on at a rung, what is written down.

Everything that decides a trial follows from the study's seed and its trials, so a search that was killed and started
again ends where an uninterrupted one would (with one worker).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Set
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from time import monotonic, perf_counter
from typing import Any, Protocol

import numpy as np

from nas import genotype as genotypes
from nas import scores
from nas.engines.engine import Engine, Job
from nas.errors import NasError
from nas.recipe import Recipe
from nas.search import rungs
from nas.search import sampler as samplers
from nas.search.propose import Proposed, Proposer
from nas.search.wrappers import Screen
from nas.seeds import seed_for
from nas.space import Space
from nas.summary import summary
from nas.trial import Trial
from nas.versions import versions

MAX_DEATHS = 3  # workers that a trial may lose in one run before it counts as failed
NOTED = 10.0  # seconds between two records of the curve of a trial in training
MAX_FAILURES = 5  # failed trials in a row before the search stops


class Reporter(Protocol):
    """Whoever shows the search: the terminal, a log, nobody."""

    def started(self, trial: Trial, trials: list[Trial]) -> None: ...
    def step(self, number: int, done: int, total: int) -> None: ...
    def epoch(self, number: int, row: dict) -> None: ...
    def died(self, number: int, reason: str) -> None: ...
    def note(self, text: str) -> None: ...
    def ended(self, trial: Trial, trials: list[Trial]) -> None: ...


class Store(Protocol):
    """Where trials are kept: a `study.Study`, or memory in a simulation; several drivers may share it."""

    recipe: Recipe
    attributes: dict[str, Any]

    @property
    def driver(self) -> str:
        """The name of this driver where others search beside it; empty while it is alone."""

    @property
    def keys(self) -> Set[str]:
        """The networks of the trials that were last read."""

    def trials(self) -> list[Trial]: ...
    def observations(self, trials, curves) -> list[samplers.Observation]: ...

    def add(self, candidate, space: Space, *, limit: int, **attributes: Any) -> Trial | None:
        """A trial that this driver trains; None where the network or the `limit`-th trial came from another one."""

    def orphans(self, active: Collection[int]) -> list[Trial]:
        """Running trials that nobody trains any more; this driver trains the `active` ones."""

    def take(self, number: int) -> Trial | None:
        """An orphan, which this driver trains from now on, an attempt more; None where another one was first."""

    def release(self, number: int) -> None:
        """Leave a trial to whoever comes, as if this attempt had not been."""

    def note(self, number: int, rows: list[dict[str, Any]]) -> None: ...
    def complete(self, number: int, outcome: dict[str, Any]) -> None: ...
    def stop(self, number: int, outcome: dict[str, Any]) -> None: ...
    def fail(self, number: int, reason: str, told: dict[str, Any] | None = None) -> None: ...
    def driven(self) -> AbstractContextManager[None]: ...


def run(study: Store, space: Space, engine: Engine, reporter: Reporter, *, trials: int) -> str:
    """Search until `trials` trials have ended; returns why it stopped, in words.

    Raises NasError when trials fail one after the other. A KeyboardInterrupt passes through: trials in training stay
    marked as running and are trained again by the next call.
    """
    with study.driven():
        search = Search(study, space, reporter, trials)
        try:
            engine.run(search)
        except (KeyboardInterrupt, Exception):
            search.put_back()
            raise
        return search.why


class Search:
    """The driver of a study: hands out trainings to an engine, and writes down what becomes of them."""

    def __init__(self, study: Store, space: Space, reporter: Reporter, trials: int):
        recipe = study.recipe
        self.study, self.space, self.reporter, self.wanted = study, space, reporter, trials
        self.stopping, self.objectives = recipe.stopping, recipe.objectives
        goal = samplers.Goal(recipe.objectives, recipe.limits, recipe.proxy.train.epochs)
        sampler = samplers.make(recipe.sampler, space, goal)
        starts = [start["record"] for start in study.attributes.get("starts", [])]
        self.proposer = Proposer(
            space, recipe.limits, sampler, seed=recipe.seed, starts=starts, screen=screen_of(recipe)
        )
        self.active: dict[int, list[dict[str, Any]]] = {}  # curves so far of the trials that this driver trains
        self.noted: dict[int, float] = {}  # when these were last put on record
        self.began: dict[int, float] = {}  # when their trainings started
        self.stopped: set[int] = set()
        self.deaths: Counter[int] = Counter()  # workers that each trial lost in this run
        self.missed: set[int] = set()  # trials some worker of which did not begin, which is told once
        self.rungs = {epochs: rungs.Rung(epochs, recipe.objectives) for epochs in recipe.stopping.rungs}
        self.failures = 0  # in a row, in this run
        self.why = ""

    def next(self) -> Job | None:
        """A trial that was interrupted, else a new one, until the study has as many as were asked for."""
        for trial in self.study.orphans(self.active):
            if job := self._again(trial):
                return job
        while True:
            known = self.study.trials()
            if len(known) >= self.wanted:
                self.why = self._done(known)
                return None
            started = perf_counter()
            proposed = self._proposed(known)
            if proposed is None:
                self.why = f"no untrained network that fits the budget was found any more: {len(known)} are trained"
                return None
            if trial := _add(self.study, self.space, proposed, perf_counter() - started, limit=self.wanted):
                return self._begun(trial)

    def step(self, number: int, done: int, total: int) -> None:
        """Steps of a trial, for whoever looks."""
        self.reporter.step(number, done, total)

    def epoch(self, number: int, row: dict) -> bool:
        """Take down an epoch; at a rung, whether the trial goes on."""
        self.active[number].append(row)
        if monotonic() - self.noted[number] >= NOTED:
            self.study.note(number, self.active[number])
            self.noted[number] = monotonic()
        self.reporter.epoch(number, row)
        if row["epoch"] in self.stopping.rungs and not self._goes_on(number, row["epoch"]):
            self.stopped.add(number)
        return number not in self.stopped

    def ended(self, number: int, outcome: dict[str, Any]) -> None:
        """Write a result."""
        write = self.study.stop if number in self.stopped else self.study.complete
        write(number, outcome)
        self.failures = 0
        self._over(number)

    def failed(self, number: int, reason: str) -> None:
        """Write a failure; raises NasError after too many in a row."""
        trial = self.study.trials()[number]
        seconds = round(monotonic() - self.began[number], 3)
        told = {"seed": self._seed(trial), "seconds": seconds, "versions": versions()}
        self.study.fail(number, reason, told)
        self.failures += 1
        self._over(number)
        if self.failures == MAX_FAILURES:
            raise NasError(
                f"{self.failures} trials in a row failed; the last one: {reason}",
                fix="mend the cause and run the search again",
            )

    def died(self, number: int, reason: str, *, begun: bool = True) -> None:
        """The worker of a trial is gone: the trial is trained again, or fails after so many.

        Only workers count, not drivers: whatever killed those, it was not the trial (see `Here` for one that may have).
        """
        if not begun:
            self.active.pop(number)
            self.study.release(number)
            if number not in self.missed:
                self.missed.add(number)
                self.reporter.died(number, reason)
            return
        self.deaths[number] += 1
        if self.deaths[number] == MAX_DEATHS:
            self.failed(number, f"{reason}, as {MAX_DEATHS - 1} workers before")
            return
        self.active.pop(number)
        self.reporter.died(number, reason)

    def note(self, text: str) -> None:
        """A line for whoever looks."""
        self.reporter.note(text)

    def put_back(self) -> None:
        """An orderly end is not the fault of the trials in training: it does not count as one of their attempts."""
        for number in self.active:
            self.study.release(number)

    def _proposed(self, known: list[Trial]) -> Proposed | None:
        curves = {number: _accuracies(rows) for number, rows in self.active.items()}
        history = self.study.observations(known, curves)
        return self.proposer.next(len(known), history, self.study.keys, driver=self.study.driver)

    def _done(self, known: list[Trial]) -> str:
        failed = sum(trial.state == "failed" for trial in known)
        elsewhere = sum(trial.state == "running" and trial.number not in self.active for trial in known)
        more = f", {elsewhere} in training elsewhere (should that end, the same command takes over)"
        told = [f", {failed} of them failed" if failed else "", more if elsewhere else ""]
        return f"all {self.wanted} trials are {'begun' if elsewhere else 'done'}{''.join(told)}"

    def _again(self, trial: Trial) -> Job | None:
        taken = self.study.take(trial.number)
        return self._begun(taken) if taken else None

    def _begun(self, trial: Trial) -> Job:
        self.active[trial.number] = []
        self.stopped.discard(trial.number)
        self.reporter.started(trial, self.study.trials())
        self.began[trial.number] = self.noted[trial.number] = monotonic()
        return Job(trial.number, trial.genotype, self._seed(trial), trial.attempts)

    def _seed(self, trial: Trial) -> int:
        return seed_for(self.study.recipe.seed, "training", trial.key)

    def _over(self, number: int) -> None:
        self.active.pop(number)
        trials = self.study.trials()
        if trials[number].state == "running":
            self.reporter.died(number, "another driver has it by now")
        else:
            self.reporter.ended(trials[number], trials)

    def _goes_on(self, number: int, rung: int) -> bool:
        """Compare a trial with all others that have reached the rung."""
        trials = self.study.trials()
        training = {
            other: rungs.Reached(trials[other].cost, rows[rung - 1]["val_accuracy"])
            for other, rows in self.active.items()
            if len(rows) >= rung
        }
        one = training.pop(number)
        ended = self.rungs[rung].others(trials, self.active)
        others = np.concatenate([ended, rungs.table(list(training.values()), self.objectives)])
        return rungs.goes_on(self.stopping, self.objectives, one, others)


def _accuracies(rows: list[dict[str, Any]]) -> tuple[float, ...]:
    return tuple(row["val_accuracy"] for row in rows)


def screen_of(recipe: Recipe) -> Screen | None:
    """The recipe's screen; raises NasError for a score that is unknown."""
    if not recipe.sampler.screen:
        return None
    name, _, factor = recipe.sampler.screen.partition(":")
    scores.find(name)
    return Screen(partial(scores.in_study, name, proxy=recipe.proxy), int(factor))


def _add(study: Store, space: Space, proposed: Proposed, seconds: float, *, limit: int) -> Trial | None:
    candidate, dropped = proposed.candidate, proposed.dropped
    return study.add(
        candidate,
        space,
        limit=limit,
        genotype=genotypes.to_yaml(candidate.genotype),
        memo=candidate.memo,
        sampler=proposed.sampler,
        summary=summary(candidate.genotype),
        dropped=asdict(dropped),
        proposal_seconds=round(seconds, 4),
    )
