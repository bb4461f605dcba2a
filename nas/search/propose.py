"""The next network to train: a sampler behind its wrappers, and what happens when it has nothing new."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Set
from dataclasses import astuple, dataclass
from random import Random

from nas.cost import Cost
from nas.errors import NasError
from nas.records import Record
from nas.search.sampler import Observation, Proposal, Sampler, Uniform
from nas.search.wrappers import Candidate, Dropped, Exhausted, Screen, patient, screened, unseen, valid, within
from nas.seeds import seed_for
from nas.space import Space
from nas.units import Budget, Limit

SAMPLER_PATIENCE = 150  # dropped proposals for a candidate before a sampler gives way to uniform draws
UNIFORM_PATIENCE = 20_000
ENUMERABLE = 200_000  # records up to which a space is searched through to the end


@dataclass(frozen=True)
class Proposed:
    """The next candidate, what was dropped on the way, and which sampler it came from."""

    candidate: Candidate
    dropped: Dropped
    sampler: str


class Proposer:
    """Asks samplers for networks that build, fit the budget and were never trained."""

    def __init__(
        self,
        space: Space,
        budget: Budget,
        sampler: Sampler,
        *,
        seed: int,
        starts: Sequence[Record] = (),
        screen: Screen | None = None,
    ):
        self.space, self.budget, self.sampler, self.seed = space, budget, sampler, seed
        self.starts = starts  # proposed before anything else
        self.screen = screen

    def next(self, number: int, history: Sequence[Observation], seen: Set[str], *, driver: str = "") -> Proposed | None:
        """The candidate of trial `number`, or None when no unseen network is left.

        With few trials running it depends on the arguments alone, so a resumed study of one worker proposes what an
        uninterrupted one would have; drivers that search side by side give their names, lest all propose the same.
        """
        seed = seed_for(self.seed, "proposal", number, *([driver] if driver else []))
        dropped = Dropped()
        if known := next(self._filtered(map(Proposal, self.starts), seen, Dropped()), None):
            return Proposed(known, dropped, "start")
        uniform_patience = min(UNIFORM_PATIENCE, 2 * self.space.count)
        own_patience = SAMPLER_PATIENCE * (self.screen.factor if self.screen else 1)  # as much for each candidate
        for sampler, patience in ((self.sampler, own_patience), (Uniform(self.space), uniform_patience)):
            attempt = Dropped()
            stream = patient(sampler.propose(history, seed), attempt, patience)
            try:
                candidate = next(self._screened(self._filtered(stream, seen, attempt), attempt))
                return Proposed(candidate, _sum(dropped, attempt), _name(sampler))
            except Exhausted:
                dropped = _sum(dropped, attempt)
        if self.space.count > ENUMERABLE:
            return None
        records = list(self.space.automaton.all())
        Random(seed).shuffle(records)
        rest = self._filtered((Proposal(record) for record in records), seen, dropped)
        return next((Proposed(candidate, dropped, "enumeration") for candidate in rest), None)

    def _screened(self, candidates: Iterator[Candidate], dropped: Dropped) -> Iterator[Candidate]:
        return screened(candidates, self.screen, dropped) if self.screen else candidates

    def _filtered(self, proposals: Iterator[Proposal], seen: Set[str], dropped: Dropped) -> Iterator[Candidate]:
        return unseen(within(valid(proposals, self.space, dropped), self.budget, dropped), seen, dropped)


def require_feasible(space: Space, budget: Budget) -> None:
    """Raise NasError, with the reachable range, when nothing in the space meets the budget.

    Exact for spaces of up to 200,000 records; larger ones are drawn from 20,000 times.
    """
    if space.count <= ENUMERABLE:
        records, told, reach = space.automaton.all(), f"none of its {space.count:,} records", "reachable are"
    else:
        rng = Random(0)
        records = (space.draw(rng) for _ in range(UNIFORM_PATIENCE))
        told, reach = f"none of {UNIFORM_PATIENCE:,} draws", "drawn were"
    costs = []
    for candidate in valid(map(Proposal, records), space, Dropped()):
        if budget.fits(candidate.cost):
            return
        costs.append(candidate.cost)
    if not costs:
        raise NasError("no record of the space describes a network", where=space.name, fix="see nas check")
    ranges = ", ".join(filter(None, (_reachable(limit, costs) for limit in budget.limits)))
    raise NasError(
        f"found nothing that meets the budget {budget}: {told} does", where=space.name, fix=f"{reach} {ranges}"
    )


def _reachable(limit: Limit, costs: Sequence[Cost]) -> str:
    """From where to where the costs go; milliseconds are known only of networks that meet the other limits."""
    values = [value for value in map(limit.unit.of, costs) if not math.isnan(value)]
    return f"{min(values):.3g}..{max(values):.3g}{limit.unit.name}" if values else ""


def _sum(a: Dropped, b: Dropped) -> Dropped:
    return Dropped(*(one + other for one, other in zip(astuple(a), astuple(b), strict=True)))


def _name(sampler: Sampler) -> str:
    return type(sampler).__name__.lower()
