"""The front sampler: its gain against sampling, its model, its start, and that it finds good networks sooner."""

from itertools import islice
from random import Random

import numpy as np
import pytest

from nas import content, space
from nas.cost import cost
from nas.recipe import SamplerSettings
from nas.search.front import expected_gain, predict
from nas.search.propose import Proposer
from nas.search.sampler import Goal, Observation, make
from nas.units import Budget
from tests.spaces import TINY
from tests.surrogate import Surrogate, area

BUDGET = Budget.parse("35gflops")
GOAL = Goal(("accuracy", "gflops"), BUDGET)


@pytest.fixture(scope="module")
def csn():
    return space.load(content.find("csn", "space"))


def area_over_cells(prices, accuracies, low, high):
    """The mean over evenly spaced costs of the best accuracy that they buy."""
    cells = np.linspace(low, high, 20_001)
    return np.mean(
        [max([0.0, *(a for p, a in zip(prices, accuracies, strict=True) if p <= cell)]) for cell in cells[::50]]
    )


def test_the_gain_is_that_of_many_sampled_accuracies():
    prices, accuracies = np.array([[0.0], [0.4], [1.0]]), np.array([0.3, 0.55, 0.6])
    new, mean, deviation = np.array([[0.2], [0.7]]), np.array([0.5, 0.62]), np.array([0.1, 0.05])
    gains = expected_gain(prices, accuracies, new, mean, deviation)
    rng, before = np.random.default_rng(0), area_over_cells(prices[:, 0], accuracies, 0, 1)
    for index in range(2):
        sampled = [
            area_over_cells([*prices[:, 0], new[index, 0]], [*accuracies, accuracy], 0, 1) - before
            for accuracy in rng.normal(mean[index], deviation[index], 300)
        ]
        assert gains[index] == pytest.approx(np.mean(sampled), rel=0.15)


def test_with_two_costs_a_candidate_gains_where_it_meets_both():
    prices, accuracies = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0.5, 0.5])
    new = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]])
    both, neither, some = expected_gain(prices, accuracies, new, np.full(3, 0.5), np.full(3, 1e-6))
    assert both > some > neither == pytest.approx(0, abs=1e-3)


def test_without_costs_it_is_the_expected_improvement():
    gains = expected_gain(
        np.zeros((2, 0)), np.array([0.4, 0.5]), np.zeros((2, 0)), np.array([0.5, 0.7]), np.full(2, 1e-6)
    )
    assert gains == pytest.approx([0.0, 0.2], abs=1e-5)


def test_the_model_learns_a_line_and_knows_what_it_does_not_know():
    rng = np.random.default_rng(0)
    seen, new = rng.normal(size=(60, 3)), np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    mean, deviation = predict(seen, 0.5 + 0.1 * seen[:, 0] + 0.001 * rng.normal(size=60), new, seed=0)
    assert mean == pytest.approx([0.6, 0.4], abs=0.01)
    few, _ = predict(seen[:4], 0.5 + 0.1 * seen[:4, 0], new, seed=0)
    assert (predict(seen[:4], 0.5 + 0.1 * seen[:4, 0], new, seed=0)[1] > deviation).all() and few.shape == (2,)


def test_the_start_covers_the_costs(csn):
    """Four bands of cost get as many trials each, where uniform draws crowd in the middle."""
    sampler, history = make(SamplerSettings(kind="front", startup=12), csn, GOAL), []
    for number in range(12):
        record = next(sampler.propose(history, number)).record
        history.append(Observation(record, (0.5, 1.0), {}))
    drawn = sorted(cost(csn.genotype(csn.draw(Random(n)))).macs for n in range(400))
    edges = [drawn[i] for i in (100, 200, 300)]
    bands = [int(np.searchsorted(edges, cost(csn.genotype(seen.record)).macs)) for seen in history]
    assert all(bands.count(band) >= 2 for band in range(4)), bands


def test_all_that_it_ranks_meets_the_budget(csn):
    surrogate, budget = Surrogate(csn, 1), Budget.parse("4..9gflops")
    sampler = make(SamplerSettings(kind="front", startup=4), csn, Goal(("accuracy", "gflops"), budget))
    history = []
    for number in range(6):
        proposals = list(islice(sampler.propose(history, number), 100))
        assert all(budget.fits(cost(csn.genotype(one.record))) for one in proposals)
        record = proposals[0].record
        history.append(Observation(record, (surrogate.accuracy(record), cost(csn.genotype(record)).macs / 1e9), {}))


def test_it_reaches_in_a_third_of_the_trials_what_uniform_draws_reach(csn):
    low, high, needed = 1e9, 35e9, {}
    for kind, trials in (("uniform", 75), ("front", 25)):
        surrogate, rng = Surrogate(csn, 2), np.random.default_rng(0)
        proposer = Proposer(csn, BUDGET, make(SamplerSettings(kind=kind, startup=10), csn, GOAL), seed=3)
        history, seen, points = [], set(), []
        for number in range(trials):
            candidate = proposer.next(number, history, seen).candidate
            seen.add(candidate.key)
            accuracy = surrogate.accuracy(candidate.record)
            points.append((accuracy, candidate.cost.macs))
            values = (accuracy + 0.01 * rng.normal(), candidate.cost.macs / 1e9)
            history.append(Observation(candidate.record, values, {}))
        needed[kind] = area(points, low, high)
    assert needed["front"] > needed["uniform"]


def test_a_budget_that_nothing_meets_ends_in_plain_draws():
    found = space.parse(TINY)
    sampler = make(
        SamplerSettings(kind="front"),
        found,
        Goal(("accuracy", "gflops"), Budget.parse("1e-6gflops".replace("1e-6", "0.000001"))),
    )
    assert len(list(islice(sampler.propose([], 0), 5))) == 5
