"""What every sampler needs around it: proposals that build, fit the budget, and were never trained.

Each wrapper filters a stream and counts what it drops. A sampler is never told of a dropped proposal, and no
training is spent on one. (Soft constraints leave most trials over budget, and reporting such trials as pruned
turns NSGA-II into random search.)
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nas.cost import Cost
from nas.errors import NasError
from nas.genotype import Genotype
from nas.network import key
from nas.records import Record
from nas.search.sampler import Proposal
from nas.space import NotInSpace, Space
from nas.units import Budget


@dataclass(frozen=True)
class Candidate:
    """A proposal with its network, exact cost and key."""

    record: Record
    memo: dict[str, Any]
    genotype: Genotype
    cost: Cost

    @cached_property
    def key(self) -> str:
        """The network key, worked out for those that get so far."""
        return key(self.genotype)


@dataclass(frozen=True)
class Screen:
    """A training-free score, and how many candidates it chooses one from."""

    score: Callable[[Genotype], float]
    factor: int


@dataclass
class Dropped:
    """How many proposals were dropped, and why."""

    invalid: int = 0
    over_budget: int = 0
    repeated: int = 0
    unscored: int = 0  # a screen's score was no number

    @property
    def total(self) -> int:
        """All of them."""
        return self.invalid + self.over_budget + self.repeated + self.unscored


class Exhausted(NasError):
    """So many proposals in a row were dropped that the sampler is taken to have nothing new."""


def valid(proposals: Iterator[Proposal], space: Space, dropped: Dropped) -> Iterator[Candidate]:
    """Proposals that describe a network; raises NasError for a record that is none of the space."""
    for proposal in proposals:
        try:
            genotype = space.genotype(proposal.record)
            yield Candidate(proposal.record, proposal.memo, genotype, space.cost(genotype))
        except NotInSpace as error:
            problem = f"the sampler proposed a record that is not in the space: {error.problem}"
            raise NasError(problem, where=error.where or space.name, fix=error.fix) from None
        except NasError:
            dropped.invalid += 1


def within(candidates: Iterator[Candidate], budget: Budget, dropped: Dropped) -> Iterator[Candidate]:
    """Candidates whose exact cost meets the budget."""
    for candidate in candidates:
        if budget.fits(candidate.cost):
            yield candidate
        else:
            dropped.over_budget += 1


def unseen(candidates: Iterator[Candidate], seen: Container[str], dropped: Dropped) -> Iterator[Candidate]:
    """Candidates whose network is not in `seen`: a repeat has its result in the history already."""
    for candidate in candidates:
        if candidate.key not in seen:
            yield candidate
        else:
            dropped.repeated += 1


def screened(candidates: Iterator[Candidate], screen: Screen, dropped: Dropped) -> Iterator[Candidate]:
    """The best by a score of `screen.factor` candidates at a time (of fewer, where there are no more).

    Candidates whose score is no number are dropped; raises the score's NasError where that are all.
    """
    while some := list(_up_to(candidates, screen.factor)):
        scored: list[tuple[float, Candidate]] = []
        for candidate in some:
            try:
                scored.append((screen.score(candidate.genotype), candidate))
            except NasError:
                dropped.unscored += 1
                if candidate is some[-1] and not scored:
                    raise
        yield max(scored, key=lambda pair: pair[0])[1]


def _up_to(candidates: Iterator[Candidate], count: int) -> Iterator[Candidate]:
    """The first `count`; where a sampler runs dry in between, those that it had."""
    for number in range(count):
        try:
            yield next(candidates)
        except StopIteration:
            return
        except Exhausted:
            if number:
                return
            raise


def patient(proposals: Iterator[Proposal], dropped: Dropped, limit: int) -> Iterator[Proposal]:
    """The same proposals; raises Exhausted once `limit` of them were dropped, or a third as many were repeats."""
    for proposal in proposals:
        if dropped.total >= limit or dropped.repeated >= limit / 3:
            raise Exhausted(f"{limit:,} proposals in a row were invalid, over budget or repeated")
        yield proposal
