"""What every sampler must do; a new one's test inherits `SamplerCase` and makes it."""

from dataclasses import replace
from itertools import islice

from nas import pareto, space
from nas.cost import cost
from nas.search.propose import Proposer
from nas.search.sampler import Goal, Observation
from nas.units import Budget
from tests.spaces import SMALL, TINY

GOAL = Goal(("accuracy", "gflops"))
AIMS = [pareto.Objective("accuracy", "max"), pareto.Objective("gflops", "min")]


def observed(found, proposals):
    """Finished trials with a made-up accuracy that rises with the number of interactions."""
    history = []
    for proposal in proposals:
        counted = cost(found.genotype(proposal.record))
        history.append(Observation(proposal.record, (counted.interactions / 1e5, counted.macs / 1e6), proposal.memo))
    return history


def as_it_ended(seen, number):
    """A finished trial, or the same one stopped or failed."""
    if number % 10 == 9:
        return replace(seen, values=None, state="failed")
    if number % 3 == 2:
        return replace(seen, values=None, state="stopped", curve=(0.5 * seen.values[0],))
    return replace(seen, curve=(0.5 * seen.values[0], seen.values[0]))


class SamplerCase:
    def make(self, found):
        raise NotImplementedError

    def first(self, found, count, history=(), seed=0):
        return list(islice(self.make(found).propose(history, seed), count))

    def test_proposes_records_of_the_space(self):
        for text in (TINY, SMALL["nested"], SMALL["some copies"], SMALL["root"]):
            found = space.parse(text)
            for proposal in self.first(found, 30):
                found.genotype(proposal.record)

    def test_same_history_and_seed_same_proposals(self):
        found = space.parse(TINY)
        for history in ((), observed(found, self.first(found, 25))):
            one, two = ([p.record for p in self.first(found, 5, history, 3)] for _ in range(2))
            assert one == two
        assert [p.record for p in self.first(found, 5, (), 4)] != [p.record for p in self.first(found, 5, (), 3)]

    def test_takes_trials_that_are_not_complete(self):
        """Failed, stopped at a rung, still in training: among others, and as the only ones."""
        found = space.parse(TINY)
        whole = observed(found, self.first(found, 20))
        for numbers in (range(3, 20, 4), range(20)):
            for state, curve in (("failed", ()), ("stopped", (0.3, 0.4)), ("running", ()), ("running", (0.3,))):
                history = list(whole)
                for number in numbers:
                    seen = whole[number]
                    history[number] = Observation(seen.record, None, seen.memo, state=state, curve=curve)
                for proposal in self.first(found, 3, history):
                    found.genotype(proposal.record)

    def test_goes_on_with_a_history_of_all_states(self):
        """As several workers with rungs make it: every third stopped, every tenth failed, the last two running."""
        found, history = space.parse(TINY), []
        for number in range(20):
            proposal = self.first(found, 1, history, seed=number)[0]
            ended = observed(found, [proposal])[0]
            history.append(replace(ended, values=None, state="running"))
            if number >= 2:
                before = observed(found, [history[number - 2]])[0]
                history[number - 2] = as_it_ended(before, number - 2)
        assert sum(seen.state == "complete" for seen in history) > 8

    def test_memos_are_plain_data(self):
        import json

        found = space.parse(TINY)
        for proposal in self.first(found, 3, observed(found, self.first(found, 20))):
            assert json.loads(json.dumps(proposal.memo)) == proposal.memo

    def test_finds_every_network_once_and_then_says_so(self):
        found = space.parse(TINY)
        limits = Budget.parse("0.9mflops")
        proposer = Proposer(found, limits, self.make(found), seed=0)
        history, seen = [], set()
        while (proposed := proposer.next(len(seen), history, seen)) is not None:
            candidate = proposed.candidate
            assert candidate.key not in seen
            assert limits.fits(candidate.cost)
            seen.add(candidate.key)
            history.append(Observation(candidate.record, (candidate.cost.interactions / 1e5, 1.0), candidate.memo))
        assert seen == within(found, limits)

    def test_learns_where_good_trials_are(self):
        """Later proposals are nearer to the front than networks on average; a sampler that does not learn says so."""
        found, late = space.parse(TINY), []
        for seed in (6, 7):
            history = observed(found, self.first(found, 12, seed=seed))
            proposer = self.make(found)
            for number in range(12, 40):
                history += observed(found, [next(proposer.propose(history, 100 * seed + number))])
            late += history[-14:]
        whole = [observation.values for observation in observed(found, map(Record, found.automaton.all()))]
        rank = dict(zip(whole, pareto.ranks(whole, AIMS), strict=True))
        mean = sum(rank[seen.values] for seen in late) / len(late)
        assert not self.learns or mean < 0.9 * sum(rank.values()) / len(rank)

    learns = True


class Record:
    """A proposal without a memo."""

    def __init__(self, record):
        self.record, self.memo = record, {}


def within(found, limits):
    """The keys of all networks of a small space that meet a budget."""
    from nas.network import key

    genotypes = [found.genotype(record) for record in found.automaton.all()]
    return {key(one) for one in genotypes if limits.fits(cost(one))}
