"""The front sampler: costs are known exactly before training, so only accuracy needs a model.

Candidates that meet the budget (drawn, and mutated from the present front; all of a small space) get a predicted
accuracy with its uncertainty, and those come first whose expected gain of hypervolume at their exact costs is largest.
Trials that are running count as if they had ended as predicted, so that several workers look in different places.

Where many are running, one look serves several proposals: those for 200 workers are made without the results of 200
trials, so they can do without those of 25 more, and take a twentieth of the time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import compress, islice
from random import Random
from typing import NamedTuple

import numpy as np

from nas import pareto
from nas.cost import Cost
from nas.errors import NasError
from nas.pareto import Objective
from nas.records import Record
from nas.search import start
from nas.search.accuracy_model import Features, finals, predict
from nas.search.gain import Grid
from nas.search.outlook import Outlook
from nas.search.sampler import Goal, Observation, Proposal
from nas.space import Space
from nas.units import OBJECTIVES, UNITS, Budget

DRAWN, MUTATED = 300, 900  # candidates of a proposal
SPREAD = 200  # candidates of the space-filling start
SMALL = 1_000  # records up to which all of a space are candidates
KEPT = 5_000  # candidates that are remembered beside the trials
SERVED = 8  # running trials for each proposal that a look serves


class Candidate(NamedTuple):
    """A record with what decides its gain."""

    record: Record
    macs: int
    prices: tuple[float, ...]  # logarithms of the cost objectives, the smaller the better
    features: np.ndarray


class Front:
    """Proposes by expected hypervolume gain at exact costs."""

    def __init__(self, space: Space, goal: Goal, *, startup: int):
        self.space, self.goal, self.startup = space, goal, startup
        self.features = Features(space)
        self.seen: dict[tuple, Candidate | None] = {}
        self.outlook: Outlook | None = None
        self.looked, self.told = 0, 0  # lengths of the histories that the outlook was made of, and has heard of

    def propose(self, history: Sequence[Observation], seed: int) -> Iterator[Proposal]:
        """Candidates by expected gain; the first `startup` trials fill bands of equal cost evenly.

        The same history and seed give the same stream while at most `SERVED` trials are running.
        """
        rng = Random(seed)
        yield from map(Proposal, self._again(history) if self._serves(history) else self._ranked(history, rng))
        while True:
            yield Proposal(self.space.complete({}, rng))

    def _serves(self, history: Sequence[Observation]) -> bool:
        """Whether the last look is good enough for what was begun since."""
        if self.outlook is None or len(history) <= self.told:
            return False
        needed = SERVED * (len(history) - self.looked) + 1
        running = (seen for seen in reversed(history) if seen.state == "running")  # thousands are not looked at in vain
        return sum(1 for _ in islice(running, needed)) == needed

    def _again(self, history: Sequence[Observation]) -> Iterator[Record]:
        for seen in history[self.told :]:
            self.outlook.begin(seen.record)
        self.told = len(history)
        return self.outlook.ranked()

    def _ranked(self, history: Sequence[Observation], rng: Random) -> Iterator[Record]:
        self._make_room(history)
        known = [seen for seen in history if seen.state != "failed" and self._of(seen.record)]
        learnt = sum(seen.values is not None for seen in known)
        if len(known) < self.startup or learnt < 2:
            return iter(self._spread(known, rng))
        self.outlook = self._look(known, rng)
        self.looked = self.told = len(history)
        return self.outlook.ranked() if self.outlook else iter(())

    def _spread(self, known: list[Observation], rng: Random) -> list[Record]:
        """Candidates in the bands of cost with the fewest trials first; in a band, published networks first."""
        pool = self._drawn(rng, SPREAD)
        if not pool:
            return []
        edges = np.quantile([one.macs for one in pool], np.linspace(0, 1, self.startup + 1)[1:-1])
        filled = [int(np.searchsorted(edges, self._of(seen.record).macs)) for seen in known]
        told = {tuple(seen.record.items()) for seen in known}
        ranked = []
        for published, candidates in ((True, self._published), (False, pool)):
            for one in candidates:
                band = int(np.searchsorted(edges, one.macs))
                if tuple(one.record.items()) not in told:
                    ranked.append((filled.count(band), not published, rng.random(), one.record))
        return [record for *_, record in sorted(ranked, key=lambda entry: entry[:3])]

    @cached_property
    def _published(self) -> list[Candidate]:
        return [self._of(record) for record in _published(self.space, self.goal.budget)]

    def _look(self, known: list[Observation], rng: Random) -> Outlook | None:
        """What is expected of candidates after the trials that are `known`; None where there is no candidate."""
        candidates = [self._of(seen.record) for seen in known]
        place = self.goal.objectives.index("accuracy")
        complete = np.array([math.nan if seen.values is None else seen.values[place] for seen in known])
        values, errors = finals(known, complete)
        told, done = ~np.isnan(values), ~np.isnan(complete)
        trained = {tuple(seen.record.items()) for seen in known}
        pool = [one for one in self._pool(known, rng) if tuple(one.record.items()) not in trained]
        if not pool:
            return None
        running = [one for one, seen in zip(candidates, known, strict=True) if seen.state == "running"]
        rows, new = (np.array([one.features for one in some]) for some in (_those(candidates, told), running + pool))
        mean, deviation = predict(rows, values[told], errors[told], new, rng.randrange(1 << 30))
        bought, prices = _prices(_those(candidates, done) + running), _prices(pool)
        grid, count = Grid(np.concatenate([bought, prices])), len(running)
        grid.buy(bought, np.concatenate([complete[done], mean[:count]]))
        return Outlook([one.record for one in pool], prices, mean[count:], deviation[count:], grid)

    def _pool(self, known: list[Observation], rng: Random) -> list[Candidate]:
        if self.space.count <= SMALL:
            return self._all
        return self._drawn(rng, DRAWN) + self._mutated(rng, self._best(known))

    @cached_property
    def _all(self) -> list[Candidate]:
        return [one for one in map(self._of, self.space.automaton.all()) if one]

    def _drawn(self, rng: Random, count: int) -> list[Candidate]:
        """Candidates: half uniform over records, half over each decision, which gives small families their share."""
        draws = (self.space.draw(rng) if turn % 2 else self.space.complete({}, rng) for turn in range(2 * count))
        return self._fitting(draws, count)

    def _mutated(self, rng: Random, parents: list[Record]) -> list[Candidate]:
        """Different children of `parents`."""
        return self._fitting((self.space.mutate(rng.choice(parents), rng) for _ in range(MUTATED)), MUTATED)

    def _fitting(self, records: Iterator[Record], count: int) -> list[Candidate]:
        found: dict[tuple, Candidate] = {}
        for record in records:
            if one := self._of(record):
                found[tuple(record.items())] = one
            if len(found) == count:
                break
        return list(found.values())

    def _of(self, record: Record) -> Candidate | None:
        """The candidate of a record, or None where it describes no network within the budget."""
        key = tuple(record.items())
        if key not in self.seen:
            self.seen[key] = self._candidate(record)
        return self.seen[key]

    def _candidate(self, record: Record) -> Candidate | None:
        try:
            genotype = self.space.genotype(record)
            cost = self.space.cost(genotype)
        except NasError:
            return None
        if not self.goal.budget.fits(cost):
            return None
        return Candidate(record, cost.macs, self._log_costs(cost), self.features.of(record, genotype, cost))

    def _make_room(self, history: Sequence[Observation]) -> None:
        """Forget candidates that were not trained, once there are too many: the trials are needed at every look."""
        if len(self.seen) >= KEPT + len(history):
            trained = {tuple(seen.record.items()) for seen in history}
            self.seen = {key: one for key, one in self.seen.items() if key in trained}

    def _best(self, known: list[Observation]) -> list[Record]:
        learnt = [seen for seen in known if seen.values is not None]
        aims = [Objective(name, OBJECTIVES[name]) for name in self.goal.objectives]
        return [seen.record for seen in _those(learnt, pareto.front([seen.values for seen in learnt], aims))]

    def _log_costs(self, cost: Cost) -> tuple[float, ...]:
        names = [name for name in self.goal.objectives if name != "accuracy"]
        signs = [1 if OBJECTIVES[name] == "min" else -1 for name in names]
        return tuple(sign * math.log(max(UNITS[name].of(cost), 1e-9)) for name, sign in zip(names, signs, strict=True))


def _those(rows: Sequence, chosen: Sequence[bool]) -> list:
    return list(compress(rows, chosen))


def _prices(candidates: Sequence[Candidate]) -> np.ndarray:
    """(n, number of costs), where accuracy is the only objective (n, 0)."""
    return np.array([one.prices for one in candidates], dtype=float)


@lru_cache(maxsize=8)
def _published(space: Space, budget: Budget) -> list[Record]:
    """The records of the published networks that the space holds and the budget admits."""
    known, _ = start.starts(space, [start.ALL], budget)
    return [one.record for one in known]
