"""The front sampler: costs are known exactly before training, so only accuracy needs a model.

Candidates that meet the budget (drawn, and mutated from the present front; all of a small space) get a predicted
accuracy with its uncertainty, and those come first whose expected gain of hypervolume at their exact costs is largest.
Trials that are running count as if they had ended as predicted, so that several workers look in different places.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from random import Random
from typing import NamedTuple

import numpy as np

from nas import pareto
from nas.cost import Cost
from nas.errors import NasError
from nas.genotype import Genotype
from nas.pareto import Objective
from nas.records import Record
from nas.search import start
from nas.search.accuracy_model import Features, finals, predict
from nas.search.gain import expected_gain
from nas.search.sampler import Goal, Observation, Proposal
from nas.space import Space
from nas.units import OBJECTIVES, UNITS, Budget

DRAWN, MUTATED = 300, 900  # candidates of a proposal
SPREAD = 200  # candidates of the space-filling start
SMALL = 1_000  # records up to which all of a space are candidates
KEPT = 20_000  # candidates whose cost and features are remembered beside those of the trials


class Candidate(NamedTuple):
    """A record with what decides its gain."""

    record: Record
    genotype: Genotype
    cost: Cost


class Front:
    """Proposes by expected hypervolume gain at exact costs."""

    def __init__(self, space: Space, goal: Goal, *, startup: int):
        self.space, self.goal, self.startup = space, goal, startup
        self.features = Features(space)
        self.seen: dict[tuple, Candidate | None] = {}
        self.rows: dict[tuple, np.ndarray] = {}

    def propose(self, history: Sequence[Observation], seed: int) -> Iterator[Proposal]:
        """Candidates by expected gain; the first `startup` trials fill bands of equal cost evenly."""
        self._make_room(history)
        rng, known = Random(seed), [seen for seen in history if seen.state != "failed" and self._of(seen.record)]
        learnt = [seen for seen in known if seen.values is not None]
        enough = len(known) >= self.startup and len(learnt) > 1
        ranked = self._by_gain(known, rng) if enough else self._spread(known, rng)
        yield from map(Proposal, ranked)
        while True:
            yield Proposal(self.space.complete({}, rng))

    def _spread(self, known: list[Observation], rng: Random) -> list[Record]:
        """Candidates in the bands of cost with the fewest trials first; in a band, published networks first."""
        pool = self._drawn(rng, SPREAD)
        if not pool:
            return []
        edges = np.quantile([one.cost.macs for one in pool], np.linspace(0, 1, self.startup + 1)[1:-1])
        filled = [int(np.searchsorted(edges, self._of(seen.record).cost.macs)) for seen in known]
        told = {tuple(seen.record.items()) for seen in known}
        ranked = []
        for published, candidates in ((True, self._published), (False, pool)):
            for one in candidates:
                band = int(np.searchsorted(edges, one.cost.macs))
                if tuple(one.record.items()) not in told:
                    ranked.append((filled.count(band), not published, rng.random(), one.record))
        return [record for *_, record in sorted(ranked, key=lambda entry: entry[:3])]

    @cached_property
    def _published(self) -> list[Candidate]:
        return [self._of(record) for record in _published(self.space, self.goal.budget)]

    def _by_gain(self, known: list[Observation], rng: Random) -> list[Record]:
        candidates = [self._of(seen.record) for seen in known]
        place = self.goal.objectives.index("accuracy")
        complete = np.array([math.nan if seen.values is None else seen.values[place] for seen in known])
        values, errors = finals(known, complete)
        told = ~np.isnan(values)
        trained = {tuple(seen.record.items()) for seen in known}
        pool = [one for one in self._pool(known, rng) if tuple(one.record.items()) not in trained]
        if not pool:
            return []
        running = [one for one, seen in zip(candidates, known, strict=True) if seen.state == "running"]
        rows = self._rows([one for one, is_told in zip(candidates, told, strict=True) if is_told])
        done = [one for one, seen in zip(candidates, known, strict=True) if seen.values is not None]
        bought = [*done, *running]
        new = self._rows([*bought, *pool])
        mean, deviation = predict(rows, values[told], errors[told], new, rng.randrange(1 << 30))
        count = len(bought)
        accuracies = np.concatenate([complete[~np.isnan(complete)], mean[len(done) : count]])
        gains = expected_gain(self._prices(bought), accuracies, self._prices(pool), mean[count:], deviation[count:])
        return [pool[index].record for index in np.argsort(-gains, kind="stable")]

    def _pool(self, known: list[Observation], rng: Random) -> list[Candidate]:
        if self.space.count <= SMALL:
            return self._all
        return self._drawn(rng, DRAWN) + self._mutated(rng, self._best(known))

    @cached_property
    def _all(self) -> list[Candidate]:
        found = [self._of(record) for record in self.space.automaton.all()]
        return [one for one in found if one and self.goal.budget.fits(one.cost)]

    def _drawn(self, rng: Random, count: int) -> list[Candidate]:
        """Candidates within the budget: half uniform over records, half over each decision, which gives small
        families their share.
        """
        draws = (self.space.draw(rng) if turn % 2 else self.space.complete({}, rng) for turn in range(2 * count))
        return self._fitting(draws, count)

    def _mutated(self, rng: Random, parents: list[Record]) -> list[Candidate]:
        """Different children of `parents` within the budget."""
        return self._fitting((self.space.mutate(rng.choice(parents), rng) for _ in range(MUTATED)), MUTATED)

    def _fitting(self, records: Iterator[Record], count: int) -> list[Candidate]:
        found: dict[tuple, Candidate] = {}
        for record in records:
            one = self._of(record)
            if one and self.goal.budget.fits(one.cost):
                found[tuple(record.items())] = one
            if len(found) == count:
                break
        return list(found.values())

    def _of(self, record: Record) -> Candidate | None:
        """The candidate of a record, or None where it describes no network."""
        key = tuple(record.items())
        if key not in self.seen:
            try:
                genotype = self.space.genotype(record)
                self.seen[key] = Candidate(record, genotype, self.space.cost(genotype))
            except NasError:
                self.seen[key] = None
        return self.seen[key]

    def _make_room(self, history: Sequence[Observation]) -> None:
        """Forget candidates that were not trained, once there are too many: the trials are needed at every proposal."""
        if len(self.seen) >= KEPT + len(history):
            trained = {tuple(seen.record.items()) for seen in history}
            self.seen = {key: one for key, one in self.seen.items() if key in trained}
            self.rows = {key: row for key, row in self.rows.items() if key in trained}

    def _rows(self, candidates: list[Candidate]) -> np.ndarray:
        rows = []
        for one in candidates:
            key = tuple(one.record.items())
            if key not in self.rows:
                self.rows[key] = self.features.of(*one)
            rows.append(self.rows[key])
        return np.array(rows)

    def _best(self, known: list[Observation]) -> list[Record]:
        learnt = [seen for seen in known if seen.values is not None]
        aims = [Objective(name, OBJECTIVES[name]) for name in self.goal.objectives]
        kept = pareto.front([seen.values for seen in learnt], aims)
        return [seen.record for seen, keep in zip(learnt, kept, strict=True) if keep]

    def _prices(self, candidates: list[Candidate]) -> np.ndarray:
        """Logarithms of the cost objectives, the smaller the better: (n, number of costs)."""
        names = [name for name in self.goal.objectives if name != "accuracy"]
        signs = [1 if OBJECTIVES[name] == "min" else -1 for name in names]
        rows = [
            [sign * math.log(max(UNITS[name].of(one.cost), 1e-9)) for name, sign in zip(names, signs, strict=True)]
            for one in candidates
        ]
        return np.array(rows).reshape(len(candidates), len(names))


@lru_cache(maxsize=8)
def _published(space: Space, budget: Budget) -> list[Record]:
    """The records of the published networks that the space holds and the budget admits."""
    known, _ = start.starts(space, [start.ALL], budget)
    return [one.record for one in known]
