"""What every sampler must do; a new one's test inherits `SamplerCase` and makes it."""

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

    def test_failed_trials_do_no_harm(self):
        found = space.parse(TINY)
        history = observed(found, self.first(found, 20))
        history[3] = Observation(history[3].record, None, history[3].memo)
        assert len(self.first(found, 3, history)) == 3

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
