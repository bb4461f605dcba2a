"""Regularised evolution on records: the young win tournaments, and have children by mutation and crossover.

Aging is what regularises: a parent is one of the last `population` trials, however good an older one was, so a lucky
accuracy does not live on for ever. With several objectives a tournament is won by the lower non-dominated rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from nas import pareto
from nas.pareto import Objective
from nas.records import Record
from nas.search.sampler import Goal, Observation, Proposal
from nas.space import Space
from nas.units import OBJECTIVES

ENTRANTS = 4  # of a tournament
CROSSED = 0.3  # share of children with two parents (mutated too)


class Evolution:
    """Tournaments among the last trials."""

    def __init__(self, space: Space, goal: Goal, *, population: int):
        self.space, self.goal, self.population = space, goal, population

    def propose(self, history: Sequence[Observation], seed: int) -> Iterator[Proposal]:
        """Children of tournament winners; uniform draws until the first population is complete."""
        rng, known = Random(seed), [seen for seen in history if seen.state in ("complete", "stopped")]
        if len(known) < self.population:
            while True:
                yield Proposal(self.space.draw(rng))
        alive = known[-self.population :]
        ranks = self._ranks(alive)
        while True:
            child = self._winner(alive, ranks, rng)
            if rng.random() < CROSSED:
                child = self.space.cross(child, self._winner(alive, ranks, rng), rng)
            yield Proposal(self.space.mutate(child, rng))

    def _ranks(self, alive: list[Observation]) -> list[int]:
        """Non-dominated ranks; trials that were stopped come after all others."""
        aims = [Objective(name, OBJECTIVES[name]) for name in self.goal.objectives]
        nothing = (None,) * len(aims)
        ranks = pareto.ranks([nothing if seen.values is None else seen.values for seen in alive], aims)
        return [len(alive) if rank is None else rank for rank in ranks]

    def _winner(self, alive: list[Observation], ranks: list[int], rng: Random) -> Record:
        entrants = rng.sample(range(len(alive)), min(ENTRANTS, len(alive)))
        return alive[min(entrants, key=lambda index: ranks[index])].record
