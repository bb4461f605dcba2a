"""Wrappers around samplers: what is not in the space is a mistake, and a screen keeps the best by a score."""

from itertools import cycle, islice

import pytest

from nas import recipe, scores, space
from nas.errors import NasError
from nas.recipe import Recipe
from nas.search import loop
from nas.search.propose import Proposer
from nas.search.sampler import Proposal, Uniform
from nas.search.wrappers import Dropped, Exhausted, Screen, screened, valid
from nas.units import Budget
from tests.spaces import TINY


@pytest.fixture(scope="module")
def tiny():
    return space.parse(TINY, name="tiny.yaml")


class Always:
    """A sampler of one record."""

    def __init__(self, record):
        self.record = record

    def propose(self, history, seed):
        return cycle([Proposal(self.record)])


def candidates(found, count=None):
    """Networks of the space, in the order of its records."""
    return valid((Proposal(record) for record in islice(found.automaton.all(), count)), found, Dropped())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stages.0.depth": 9}, "'stages.0.depth' = 9 is not an option; use one of 1 2"),
        ({"stages.0.depth": "1"}, "'stages.0.depth' = '1' is not an option; use one of 1 2"),
        ({"stages.0.depht": 1}, "the record answers 'stages.0.depht', which nothing asks; did you mean"),
        ({"stages.0.depth": None}, "'stages.0.depth' = None is not an option; use one of 1 2"),
    ],
)
def test_a_sampler_that_leaves_the_space_is_told(tiny, change, words):
    record = {**next(iter(tiny.automaton.all())), **change}
    proposer = Proposer(tiny, Budget(), Always(record), seed=0)
    with pytest.raises(NasError) as raised:
        proposer.next(0, [], set())
    told = str(raised.value)
    assert told.startswith("tiny.yaml: the sampler proposed a record that is not in the space: "), told
    assert words in told and "\n" not in told


def test_a_record_that_leaves_a_decision_open_is_told_with_its_line(tiny):
    proposer = Proposer(tiny, Budget(), Always({}), seed=0)
    told = r"^tiny.yaml:7: the sampler proposed a record that is not in the space: .* does not answer 'stages.0.depth'"
    with pytest.raises(NasError, match=told):
        proposer.next(0, [], set())


def test_a_screen_keeps_the_best_of_so_many(tiny):
    """Of 72 networks in groups of 8, the deepest of each."""

    def depth(genotype):
        return sum(stage.depth for stage in genotype.stages)

    everything = [depth(one.genotype) for one in candidates(tiny)]
    kept = [depth(one.genotype) for one in screened(candidates(tiny), Screen(depth, 8), Dropped())]
    assert kept == [max(everything[first : first + 8]) for first in range(0, 72, 8)]


def test_a_screen_takes_what_is_left(tiny):
    kept = list(screened(candidates(tiny, 10), Screen(lambda genotype: 0.0, 8), Dropped()))
    assert [one.record for one in kept] == [one.record for one in (list(candidates(tiny, 10))[n] for n in (0, 8))]

    def runs_dry(count):
        yield from candidates(tiny, count)
        raise Exhausted("nothing new")

    assert len(list(screened(runs_dry(5), Screen(lambda genotype: 0.0, 8), Dropped()))) == 1
    with pytest.raises(Exhausted):
        next(screened(runs_dry(0), Screen(lambda genotype: 0.0, 8), Dropped()))


def test_a_proposer_asks_the_screen_for_what_it_trains_and_for_nothing_else(tiny):
    asked = []

    def score(genotype):
        asked.append(genotype)
        return float(genotype.stages[1].depth)

    proposer = Proposer(tiny, Budget(), Uniform(tiny), seed=0, screen=Screen(score, 6))
    seen = set()
    for number in range(5):
        proposed = proposer.next(number, [], seen)
        assert len(asked) == 6
        assert proposed.candidate.genotype.stages[1].depth == max(one.stages[1].depth for one in asked)
        seen.add(proposed.candidate.key)
        asked.clear()


def test_a_screen_has_all_its_candidates_where_few_fit_the_budget(tiny):
    """One record in 50 fits, and a sampler's patience is 150 dropped proposals: too few for 16 candidates."""
    cheapest = min(candidates(tiny), key=lambda one: one.cost.params)
    dearest = max(candidates(tiny), key=lambda one: one.cost.params)
    asked = []

    class Mostly:
        def propose(self, history, seed):
            while True:
                yield from [Proposal(dearest.record)] * 49
                yield Proposal(cheapest.record)

    screen = Screen(lambda genotype: float(len(asked.append(genotype) or asked)), 16)
    budget = Budget.parse(f"{cheapest.cost.params / 1e6:.9f}mparams")
    proposed = Proposer(tiny, budget, Mostly(), seed=0, screen=screen).next(0, [], set())
    assert len(asked) == 16 and proposed.sampler == "mostly" and proposed.dropped.over_budget == 16 * 49


def test_a_screened_search_still_finds_every_network(tiny):
    proposer, seen = Proposer(tiny, Budget(), Uniform(tiny), seed=0, screen=Screen(lambda genotype: 0.0, 8)), set()
    while (proposed := proposer.next(len(seen), [], seen)) is not None:
        assert proposed.candidate.key not in seen
        seen.add(proposed.candidate.key)
    assert seen == {one.key for one in candidates(tiny)}


def test_the_recipe_s_screen(tiny):
    def wanted(screen):
        return recipe.validate(Recipe, {"space": "tiny.yaml", "sampler": {"kind": "uniform", "screen": screen}})

    assert loop.screen_of(wanted("")) is None
    screen, network = loop.screen_of(wanted("entropy:8")), next(candidates(tiny)).genotype
    assert (screen.factor, screen.score(network)) == (8, scores.evaluate("entropy", network))
    with pytest.raises(NasError, match="the score 'entrop' is unknown; did you mean 'entropy'"):
        loop.screen_of(wanted("entrop:8"))
    with pytest.raises(NasError, match="'entropy' is no screen; write score:factor"):
        wanted("entropy")


def test_what_a_screen_cannot_score_is_dropped_and_counted(tiny):
    calls, dropped = [], Dropped()

    def sometimes(genotype):
        calls.append(genotype)
        if len(calls) % 2:
            raise NasError("the score 'rare' is nan")
        return float(len(calls))

    kept = next(screened(candidates(tiny), Screen(sometimes, 4), dropped))
    assert kept.genotype == calls[3] and dropped.unscored == 2

    def never(genotype):
        raise NasError("the score 'rare' is nan")

    with pytest.raises(NasError, match="the score 'rare' is nan"):
        next(screened(candidates(tiny), Screen(never, 4), Dropped()))
