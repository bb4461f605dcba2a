"""Optuna's TPE and NSGA-II as samplers without state: an in-memory study is rebuilt from the history each time.

Measured on Optuna 5: NSGA-II crosses over only the decisions that all trials share, so it is asked every
decision and the inactive answers go into the memo; TPE needs `multivariate` and `group` and only the active
ones. Labels are asked as categories, ordered numbers by their index.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import TrialState

from nas.recipe import SamplerSettings
from nas.records import Record
from nas.search.sampler import Observation, Proposal
from nas.space import Space
from nas.template import Hole, Label

optuna.logging.set_verbosity(optuna.logging.WARNING)


TOLD = {"complete": TrialState.COMPLETE, "stopped": TrialState.PRUNED}


class Tpe:
    """Multivariate tree-structured Parzen estimator over the active decisions."""

    def __init__(self, space: Space, directions: tuple[str, ...], *, startup: int):
        self.space, self.directions, self.startup = space, directions, startup

    def propose(self, history: Sequence[Observation], seed: int) -> Iterator[Proposal]:
        """Candidates where good trials are dense and bad ones are not; uniform for the first `startup` trials."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=self.startup, multivariate=True, group=True
            )
        study = _study(sampler, self.directions)
        for seen in history:
            _tell_past(study, self.space, seen.record, seen)
        while True:
            trial = study.ask()
            _, record = self.space.fill(lambda hole, trial=trial: _ask(trial, hole))
            yield Proposal(record)
            study.tell(trial, state=TrialState.FAIL)  # dropped: no observation


class Nsga2:
    """NSGA-II over all decisions, active or not."""

    kind = optuna.samplers.NSGAIISampler

    def __init__(self, space: Space, directions: tuple[str, ...], *, population: int):
        self.space, self.directions, self.population = space, directions, population

    def propose(self, history: Sequence[Observation], seed: int) -> Iterator[Proposal]:
        """Children of the elite of the last full generation; random for the first generation."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = self.kind(seed=seed, population_size=self.population)
        study = _study(sampler, self.directions)
        for seen in history:
            _tell_past(study, self.space, _all_answers(self.space, seen), seen)
        everything = {name: distribution(hole) for name, hole in self.space.decisions.items()}
        while True:
            trial = study.ask(fixed_distributions=everything)
            answers = _answers(self.space, trial)
            _, record = self.space.fill(lambda hole, answers=answers: answers[hole.name])
            attributes = study.get_trials(deepcopy=False)[-1].system_attrs
            yield Proposal(record, {"answers": answers, "attributes": dict(attributes)})
            study.tell(trial, state=TrialState.FAIL)


class Nsga3(Nsga2):
    """NSGA-III over all decisions: NSGA-II with reference directions, for three objectives and more."""

    kind = optuna.samplers.NSGAIIISampler


class Gp:
    """Optuna's Gaussian process over all decisions; behind its one proposal stand that proposal's mutations.

    Asking it again without telling it a result would take seconds and give the same.
    """

    def __init__(self, space: Space, directions: tuple[str, ...], *, startup: int):
        self.space, self.directions, self.startup = space, directions, startup

    def propose(self, history: Sequence[Observation], seed: int) -> Iterator[Proposal]:
        """The record of the largest acquisition, then its neighbours; random for the first `startup` trials."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=self.startup, deterministic_objective=False)
        study = _study(sampler, self.directions)
        for seen in history:
            _tell_past(study, self.space, _all_answers(self.space, seen), seen)
        everything = {name: distribution(hole) for name, hole in self.space.decisions.items()}
        answers = _answers(self.space, study.ask(fixed_distributions=everything))
        _, record = self.space.fill(lambda hole: answers[hole.name])
        rng = Random(seed)
        while True:
            yield Proposal(record)
            record = self.space.mutate(record, rng)


def make(settings: SamplerSettings, space: Space, directions: tuple[str, ...]) -> Tpe | Gp | Nsga2:
    """The sampler of Optuna that a recipe asks for."""
    if settings.kind in ("tpe", "gp"):
        return {"tpe": Tpe, "gp": Gp}[settings.kind](space, directions, startup=settings.startup)
    return {"nsga2": Nsga2, "nsga3": Nsga3}[settings.kind](space, directions, population=settings.population)


def _answers(space: Space, trial: optuna.Trial) -> Record:
    """All that a trial was asked, by label."""
    return {name: _label(space.decisions[name], value) for name, value in trial.params.items()}


def _all_answers(space: Space, seen: Observation) -> Record:
    """What a finished trial was asked; for one that another sampler proposed, its record and first labels."""
    first = {name: hole.labels[0] for name, hole in space.decisions.items()}
    return {**first, **seen.record, **seen.memo.get("answers", {})}


def distribution(hole: Hole) -> BaseDistribution:
    """How Optuna sees a decision."""
    return IntDistribution(0, len(hole.labels) - 1) if hole.ordered else CategoricalDistribution(hole.labels)


def parameter(hole: Hole, label: Label) -> Any:
    """A label as Optuna's parameter value."""
    return hole.index[(type(label), label)] if hole.ordered else label


def _study(sampler: optuna.samplers.BaseSampler, directions: tuple[str, ...]) -> optuna.Study:
    named = ["maximize" if direction == "max" else "minimize" for direction in directions]
    return optuna.create_study(sampler=sampler, directions=named)


def _tell_past(study: optuna.Study, space: Space, answers: Record, seen: Observation) -> None:
    """Add a trial that ended, a stopped one as pruned and without values; failed ones teach Optuna nothing."""
    if seen.state not in TOLD or not answers:
        return
    asked = {name: space.decisions[name] for name in answers}
    study.add_trial(
        optuna.trial.create_trial(
            state=TOLD[seen.state],
            values=None if seen.values is None else list(seen.values),
            params={name: parameter(hole, answers[name]) for name, hole in asked.items()},
            distributions={name: distribution(hole) for name, hole in asked.items()},
            system_attrs=seen.memo.get("attributes", {}),
        )
    )


def _ask(trial: optuna.Trial, hole: Hole) -> Label:
    if hole.ordered:
        return hole.labels[trial.suggest_int(hole.name, 0, len(hole.labels) - 1)]
    return trial.suggest_categorical(hole.name, hole.labels)


def _label(hole: Hole, value: Any) -> Label:
    return hole.labels[value] if hole.ordered else value
