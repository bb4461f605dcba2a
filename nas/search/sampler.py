"""What a sampler is: from the history and a seed to an endless stream of proposed records.

A sampler has no state of its own: the same history and seed give the same stream, so a study that was killed
goes on exactly as if it had not been. It never sees torch, budgets or duplicates; wrappers see to those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from nas.recipe import SamplerSettings
from nas.records import Record
from nas.space import Space
from nas.units import OBJECTIVES, Budget


@dataclass(frozen=True)
class Proposal:
    """A record, and what the sampler wants to find beside it in the history (plain data)."""

    record: Record
    memo: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """A finished trial as a sampler sees it: objective values in the recipe's order, None if it failed."""

    record: Record
    values: tuple[float, ...] | None
    memo: dict[str, Any]


@dataclass(frozen=True)
class Goal:
    """What a search is for: its objectives, in the recipe's order, and the limits that every network meets."""

    objectives: tuple[str, ...]
    budget: Budget = Budget()

    @property
    def directions(self) -> tuple[str, ...]:
        """max or min per objective."""
        return tuple(OBJECTIVES[name] for name in self.objectives)


class Sampler(Protocol):
    """Proposes records, best first, without end."""

    def propose(self, history: Sequence[Observation], seed: int) -> Iterator[Proposal]:
        """Proposals for the next trial, given all finished ones."""


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
    """The sampler a recipe asks for."""
    if settings.kind == "uniform":
        return Uniform(space)
    if settings.kind == "front":
        from nas.search.front import Front

        return Front(space, goal, startup=settings.startup)
    if settings.kind == "evolution":
        from nas.search.evolution import Evolution

        return Evolution(space, goal, population=settings.population)
    from nas.search import optuna_samplers

    if settings.kind == "tpe":
        return optuna_samplers.Tpe(space, goal.directions, startup=settings.startup)
    if settings.kind == "gp":
        return optuna_samplers.Gp(space, goal.directions, startup=settings.startup)
    kinds = {"nsga2": optuna_samplers.Nsga2, "nsga3": optuna_samplers.Nsga3}
    return kinds[settings.kind](space, goal.directions, population=settings.population)
