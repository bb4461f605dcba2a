"""The front sampler: its gain against sampling, its model, its start, and that it finds good networks sooner."""

from itertools import islice
from random import Random

import numpy as np
import pytest

from nas import content, pareto, space
from nas.cost import cost
from nas.recipe import SamplerSettings
from nas.search import front
from nas.search.accuracy_model import FLOOR, PAIRS, finals, predict
from nas.search.gain import Grid
from nas.search.propose import Proposer
from nas.search.sampler import Goal, Observation, make
from nas.search.start import starts
from nas.search.surrogate import Surrogate
from nas.units import Budget
from tests.spaces import TINY

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


def expected_gain(prices, accuracies, new, mean, deviation):
    """The gain of new candidates beside what was bought."""
    grid = Grid(np.concatenate([prices, new]))
    grid.buy(prices, accuracies)
    return grid.gains(new, mean, deviation)


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
    mean, deviation = predict(seen, 0.5 + 0.1 * seen[:, 0] + 0.001 * rng.normal(size=60), np.zeros(60), new, seed=0)
    assert mean == pytest.approx([0.6, 0.4], abs=0.01)
    few, unsure = predict(seen[:4], 0.5 + 0.1 * seen[:4, 0], np.zeros(4), new, seed=0)
    assert (unsure > deviation).all() and few.shape == (2,)


def test_values_with_large_errors_count_for_little():
    """Half of the values lie 0.2 too high: where the model knows their errors, it hardly follows them."""
    rng = np.random.default_rng(0)
    seen, new = rng.normal(size=(60, 3)), np.zeros((1, 3))
    wrong = np.arange(60) % 2 == 1
    values = 0.5 + 0.1 * seen[:, 0] + np.where(wrong, 0.2, 0.0) + 0.001 * rng.normal(size=60)
    blind, _ = predict(seen, values, np.zeros(60), new, seed=0)
    aware, _ = predict(seen, values, np.where(wrong, 0.5, 0.0), new, seed=0)
    assert blind[0] == pytest.approx(0.6, abs=0.03)
    assert 0.49 < aware[0] < 0.56


def seen(curve, final=None, state=None):
    """A trial of which only its accuracies matter."""
    return Observation({}, None, {}, state=state or ("stopped" if final is None else "complete"), curve=curve)


def finals_of(trials, complete):
    return finals(trials, np.array([np.nan if value is None else value for value in complete]))


def test_what_stopped_trials_would_have_reached_is_read_off_a_line():
    """By hand: five trials went on from rung 1 with (0.1, 0.2, 0.3, 0.4, 0.5) and ended 0.2 + x, but for residuals of
    (0.02, -0.02, 0, -0.02, 0.02), whose slope is 0 and whose squares sum to 0.0016: error sqrt(0.0016 / 3) = 0.0231.
    """
    rung, residuals = (0.1, 0.2, 0.3, 0.4, 0.5), (0.02, -0.02, 0.0, -0.02, 0.02)
    ends = [0.2 + x + residual for x, residual in zip(rung, residuals, strict=True)]
    trials = [seen((x, end), end) for x, end in zip(rung, ends, strict=True)]
    trials += [seen((0.15,)), seen((0.6,)), seen((0.3,), state="running")]
    values, errors = finals_of(trials, [*ends, None, None, None])
    assert values[:5] == pytest.approx(ends) and (errors[:5] == 0).all()
    assert values[5:7] == pytest.approx([0.35, 0.8])
    assert errors[5:7] == pytest.approx(np.sqrt(0.0016 / 3))
    assert np.isnan(values[7])  # one in training tells nothing yet


def test_each_rung_has_a_line_of_its_own():
    """Exact lines, end = 3 x after one epoch and end = x + 0.1 after two: the least error is FLOOR."""
    ends = [0.3, 0.36, 0.42, 0.48, 0.54]
    trials = [seen((end / 3, end - 0.1, end), end) for end in ends] + [seen((0.09,)), seen((0.09, 0.19))]
    values, errors = finals_of(trials, [*ends, None, None])
    assert values[5:] == pytest.approx([0.27, 0.29]) and errors[5:] == pytest.approx(FLOOR)


def test_a_line_through_too_few_trials_says_nothing_and_none_falls():
    ends = [0.3, 0.4, 0.5, 0.6, 0.7]
    few = [seen((0.1, end), end) for end in ends[: PAIRS - 1]] + [seen((0.1,))]
    assert np.isnan(finals_of(few, [*ends[: PAIRS - 1], None])[0][-1])
    falling = [seen((1 - end, end), end) for end in ends] + [seen((0.1,)), seen((0.9,))]
    assert finals_of(falling, [*ends, None, None])[0][5:] == pytest.approx([0.5, 0.5])
    alike = [seen((0.1, end), end) for end in ends] + [seen((0.1,))]
    assert finals_of(alike, [*ends, None])[0][5:] == pytest.approx([0.5])


def started(csn, count):
    """The first trials of a search."""
    sampler, history = make(SamplerSettings(kind="front", startup=12), csn, GOAL), []
    for number in range(count):
        record = next(sampler.propose(history, number)).record
        history.append(Observation(record, (0.5, 1.0), {}))
    return history


def test_published_networks_come_first_in_their_bands_of_cost(csn):
    """As long as a band that holds one is among those with the fewest trials, one is proposed; none comes twice."""
    published = {tuple(one.record.items()) for one in starts(csn, ["all"], BUDGET)[0]}
    first = [tuple(one.record.items()) for one in started(csn, 4)]
    assert len(published) > 4 and set(first) <= published and len(set(first)) == 4
    sampler = make(SamplerSettings(kind="front", startup=12), csn, GOAL)
    ranked = [tuple(one.record.items()) for one in islice(sampler.propose([], 0), len(published))]
    assert set(ranked) == published  # all bands are empty


def test_the_start_covers_the_costs(csn):
    """Four bands of cost get as many trials each, where uniform draws crowd in the middle."""
    history = started(csn, 12)
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


def area(points, low, high):
    """Hypervolume of (accuracy, MACs) points over log-MACs, as a share."""
    aims = [pareto.Objective("accuracy", "max"), pareto.Objective("macs", "min")]
    logs = [(accuracy, np.log(max(macs, low) / high)) for accuracy, macs in points]
    return pareto.hypervolume(logs, aims, (0.0, 0.0)) / np.log(high / low)


def observed(found, surrogate, records):
    """Complete trials, of full accuracy after two epochs."""
    history = []
    for record in records:
        accuracy = surrogate.accuracy(record)
        values = (accuracy, cost(found.genotype(record)).macs / 1e9)
        history.append(Observation(record, values, {}, curve=(accuracy / 2, accuracy)))
    return history


def test_several_workers_look_in_different_places(csn):
    """Proposals made while others are in training differ from those, and spread over cost."""
    surrogate, sampler = Surrogate(csn, 3), make(SamplerSettings(kind="front", startup=4), csn, GOAL)
    history = observed(csn, surrogate, [csn.draw(Random(number)) for number in range(20)])
    records = []
    for _ in range(6):
        record = next(sampler.propose(history, 9)).record  # the same seed: the same candidates
        records.append(record)
        history.append(Observation(record, None, {}, state="running"))
    assert len({tuple(record.items()) for record in records}) == 6
    macs = [cost(csn.genotype(record)).macs for record in records]
    assert max(macs) > 2 * min(macs)
    proposed = {tuple(one.record.items()) for one in islice(sampler.propose(history, 9), 500)}
    assert not proposed & {tuple(seen.record.items()) for seen in history}


def noted(monkeypatch):
    """The grids that samplers make from now on, with what they were first told."""
    grids = []

    class Noted(Grid):
        def __init__(self, prices):
            super().__init__(prices)
            grids.append(self)

        def buy(self, *bought):
            self.bought = bought
            super().buy(*bought)

        def gains(self, *asked):
            self.asked = asked
            return super().gains(*asked)

    monkeypatch.setattr(front, "Grid", Noted)
    return grids


def test_a_running_trial_counts_as_if_it_had_ended_as_predicted(csn, monkeypatch):
    """The best candidate, once in training, is bought at its cost and predicted accuracy when gains are reckoned."""
    surrogate, sampler = Surrogate(csn, 3), make(SamplerSettings(kind="front", startup=4), csn, GOAL)
    history, grids = observed(csn, surrogate, [csn.draw(Random(number)) for number in range(20)]), noted(monkeypatch)
    best = next(sampler.propose(history, 9)).record
    history.append(Observation(best, None, {}, state="running", curve=(0.01,)))
    next(sampler.propose(history, 9))
    (prices, _, new, mean, _), (more, accuracies, *_) = ((*grid.bought, *grid.asked) for grid in grids)
    where = np.flatnonzero((new == np.log(cost(csn.genotype(best)).macs / 1e9)).all(1))
    assert len(more) == len(prices) + 1 == 21
    assert any(accuracies[-1] == pytest.approx(mean[index], abs=1e-6) for index in where)
    assert more[-1] == pytest.approx(np.log(cost(csn.genotype(best)).macs / 1e9))


def test_stopped_trials_inform_the_model(csn, monkeypatch):
    """They are told to it with the error of their line, they buy nothing, and none is proposed again."""
    surrogate, sampler = Surrogate(csn, 3), make(SamplerSettings(kind="front", startup=4), csn, GOAL)
    history, calls = observed(csn, surrogate, [csn.draw(Random(number)) for number in range(12)]), []
    for number in range(20, 26):
        record = csn.draw(Random(number))
        curve = (surrogate.accuracy(record) / 2,)
        history.append(Observation(record, None, {}, state="stopped", curve=curve))

    def told(rows, values, errors, *more):
        calls.append((values, errors))
        return predict(rows, values, errors, *more)

    monkeypatch.setattr(front, "predict", told)
    grids = noted(monkeypatch)
    proposed = {tuple(one.record.items()) for one in islice(sampler.propose(history, 9), 500)}
    (values, errors), expected = calls[0], [surrogate.accuracy(seen.record) for seen in history]
    assert values == pytest.approx(expected)  # the line is exact here
    assert (errors[:12] == 0).all() and errors[12:] == pytest.approx(FLOOR)
    assert [len(grid.bought[0]) for grid in grids] == [12]
    assert not proposed & {tuple(seen.record.items()) for seen in history}


def test_a_budget_that_nothing_meets_ends_in_plain_draws():
    found = space.parse(TINY)
    sampler = make(
        SamplerSettings(kind="front"),
        found,
        Goal(("accuracy", "gflops"), Budget.parse("1e-6gflops".replace("1e-6", "0.000001"))),
    )
    assert len(list(islice(sampler.propose([], 0), 5))) == 5


def begun(csn, sampler, count, looks):
    """A history of complete and running trials, and `count` more, each the first proposal after those before."""
    surrogate = Surrogate(csn, 3)
    history = observed(csn, surrogate, [csn.draw(Random(number)) for number in range(30)])
    history += [Observation(csn.draw(Random(number)), None, {}, state="running") for number in range(100, 140)]
    for number in range(count):
        looks.append(sampler.outlook)
        history.append(Observation(next(sampler.propose(history, number)).record, None, {}, state="running"))
    return history


def test_for_many_workers_one_look_serves_several_proposals(csn):
    """One for each eight trials that are running, 40 and more here; each differs from those before."""
    sampler, looks = make(SamplerSettings(kind="front", startup=4), csn, GOAL), []
    history = begun(csn, sampler, 15, looks)
    assert [looks.count(look) for look in dict.fromkeys(looks[1:])] == [
        6,
        7,
        1,
    ]  # 8 k < 40 + k for k up to 5; 8 k < 46 + k up to 6
    assert len({tuple(seen.record.items()) for seen in history}) == len(history)


def test_what_was_begun_since_a_look_counts_as_predicted(csn):
    """The order is that of gains worked out anew for all, after a few were begun."""
    sampler = make(SamplerSettings(kind="front", startup=4), csn, GOAL)
    history = begun(csn, sampler, 4, [])
    first = next(sampler.propose(history, 9)).record
    outlook = sampler.outlook
    gains = outlook.grid.gains(outlook.prices, outlook.mean, outlook.deviation)
    left = {index for index, record in enumerate(outlook.records) if record not in [seen.record for seen in history]}
    assert outlook.records[max(left, key=lambda index: gains[index])] == first
    ranked = [outlook.place[tuple(record.items())] for record in islice(outlook.ranked(), 50)]
    assert [gains[index] for index in ranked] == sorted((gains[index] for index in left), reverse=True)[:50]


def test_what_others_begin_or_fails_is_no_candidate_of_a_look(csn):
    sampler = make(SamplerSettings(kind="front", startup=4), csn, GOAL)
    history = begun(csn, sampler, 2, [])
    outlook, elsewhere = sampler.outlook, csn.draw(Random(999))
    history += [Observation(elsewhere, None, {}, state="running"), Observation(elsewhere, None, {}, state="failed")]
    assert next(sampler.propose(history, 9)).record not in [seen.record for seen in history]
    assert sampler.outlook is outlook


def test_a_shorter_history_is_another_one(csn):
    sampler = make(SamplerSettings(kind="front", startup=4), csn, GOAL)
    history = begun(csn, sampler, 3, [])
    again = make(SamplerSettings(kind="front", startup=4), csn, GOAL)
    assert next(sampler.propose(history[:-1], 5)) == next(again.propose(history[:-1], 5))
