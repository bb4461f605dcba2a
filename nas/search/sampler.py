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


def make(settings: SamplerSettings, space: Space, directions: tuple[str, ...]) -> Sampler:
    """The sampler a recipe asks for; `directions` is max or min per objective."""
    if settings.kind == "uniform":
        return Uniform(space)
    from nas.search.optuna_samplers import Nsga2, Tpe

    if settings.kind == "tpe":
        return Tpe(space, directions, startup=settings.startup)
    return Nsga2(space, directions, population=settings.population)
