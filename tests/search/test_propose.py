"""Proposals behind their wrappers: counts of what is dropped, and budgets that nothing meets."""

from itertools import cycle

import pytest

from nas import space
from nas.errors import NasError
from nas.search.propose import SAMPLER_PATIENCE, Proposer, require_feasible
from nas.search.sampler import Proposal, Uniform
from nas.units import Budget
from tests.spaces import TINY

GROUPS = """
stem: {width: 8}
stages:
  - {depth: 1, width: !choice [8, 12], block: {kind: simple, conv: {kind: grouped, groups: !choice [1, 8]}}}
"""


class Stubborn:
    """Proposes one record for ever."""

    def __init__(self, record):
        self.record = record

    def propose(self, history, seed):
        return (Proposal(record) for record in cycle([self.record]))


def test_every_drop_is_counted_by_reason():
    found = space.parse(GROUPS)
    proposer = Proposer(found, Budget(), Uniform(found), seed=0)
    seen, dropped = set(), []
    while (proposed := proposer.next(len(seen), [], seen)) is not None:
        seen.add(proposed.candidate.key)
        dropped.append(proposed.dropped)
    assert len(seen) == 3  # 8 groups do not divide 12 channels
    assert dropped[0].repeated == 0 < dropped[-1].repeated


def test_a_sampler_with_nothing_new_gives_way_to_uniform_draws():
    found = space.parse(TINY)
    record = next(iter(found.automaton.all()))
    proposer = Proposer(found, Budget(), Stubborn(record), seed=0)
    first = proposer.next(0, [], set())
    second = proposer.next(1, [], {first.candidate.key})
    assert (first.sampler, second.sampler) == ("stubborn", "uniform")
    assert second.dropped.repeated >= SAMPLER_PATIENCE / 3


def test_the_same_number_gives_the_same_candidate():
    found = space.parse(TINY)
    proposer = Proposer(found, Budget(), Uniform(found), seed=0)
    assert proposer.next(4, [], set()).candidate == proposer.next(4, [], set()).candidate
    assert proposer.next(4, [], set()).candidate != proposer.next(5, [], set()).candidate


def test_a_budget_that_nothing_meets_tells_what_is_reachable():
    found = space.parse(TINY, name="tiny.yaml")
    require_feasible(found, Budget.parse("1gflops"))
    with pytest.raises(
        NasError,
        match=r"tiny.yaml: found nothing that meets the budget 1kparams: none of its 72 records.*\.\.\d+.*kparams",
    ):
        require_feasible(found, Budget.parse("1kparams"))
