"""What a sampler is: from the history and a seed to an endless stream of proposed records.

The same history and seed give the same stream, so a study of one worker that was killed goes on exactly as if it had
not been; what a sampler keeps can spare it work, and decides nothing while few trials are running. It never sees torch,
budgets or duplicates; wrappers see to those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from nas.recipe import SamplerSettings
from nas.records import Record
from nas.search import registry
from nas.space import Space
from nas.trial import Trial
from nas.units import OBJECTIVES, Budget


@dataclass(frozen=True)
class Proposal:
    """A record, and what the sampler wants to find beside it in the history (plain data)."""

    record: Record
    memo: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """A trial as a sampler sees it.

    `values` are those of the recipe's objectives, in its order, and None unless the trial is complete; `curve` is the
    validation accuracy after each epoch so far. A stopped trial is no complete one: its last accuracy is that of a
    training which would have gone on.
    """

    record: Record
    values: tuple[float, ...] | None
    memo: dict[str, Any]
    state: str = "complete"  # complete, stopped, failed or running
    curve: tuple[float, ...] = ()


def observation(trial: Trial, objectives: tuple[str, ...], curves: Mapping[int, Sequence[float]]) -> Observation:
    """A trial as a sampler sees it; `curves` has the accuracies so far of those in training."""
    values = tuple(trial.value(name) for name in objectives) if trial.state == "complete" else None
    curve = tuple(curves.get(trial.number, trial.curve))
    return Observation(trial.record, values, trial.memo, state=trial.state, curve=curve)


@dataclass(frozen=True)
class Goal:
    """What a search is for: its objectives, in the recipe's order, the limits that every network meets, and the epochs
    of a complete training.
    """

    objectives: tuple[str, ...]
    budget: Budget = Budget()
    epochs: int = 1

    @property
    def directions(self) -> tuple[str, ...]:
        """max or min per objective."""
        return tuple(OBJECTIVES[name] for name in self.objectives)


class Sampler(Protocol):
    """Proposes records, best first, without end."""

    def propose(self, history: Sequence[Observation], seed: int) -> Iterator[Proposal]:
        """Proposals for the next trial, given all that ended and those that are running."""


class Uniform:
    """Every record of the space with the same probability."""

    def __init__(self, space: Space):
        self.space = space

    def propose(self, history: Sequence[Observation], seed: int) -> Iterator[Proposal]:
        """Independent draws; the history does not matter."""
        rng = Random(seed)
        while True:
            yield Proposal(self.space.draw(rng))


def make(settings: SamplerSettings, space: Space, goal: Goal) -> Sampler:
    """The sampler a recipe asks for; raises NasError where nobody knows it."""
    registry.require(settings.kind)
    if settings.kind in registry.SAMPLERS:
        return registry.SAMPLERS[settings.kind](space, goal, settings)
    if settings.kind == "uniform":
        return Uniform(space)
    if settings.kind == "front":
        from nas.search.front import Front

        return Front(space, goal, startup=settings.startup)
    if settings.kind == "evolution":
        from nas.search.evolution import Evolution

        return Evolution(space, goal, population=settings.population)
    from nas.search import optuna_samplers

    return optuna_samplers.make(settings, space, goal.directions)
