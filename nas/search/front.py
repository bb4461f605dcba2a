"""The front sampler: costs are known exactly before training, so only accuracy needs a model.

Candidates that meet the budget (drawn, and mutated from the present front) get a predicted accuracy with its
uncertainty from their decisions and log-costs; those come first whose expected gain of hypervolume, at their exact
costs, is largest. The hypervolume is taken over logarithms of costs on a grid of cells: a cell knows the best accuracy
that trials reach within its costs, and a candidate gains wherever it is affordable.

The model is the mean of a Bayesian linear model and a Gaussian process, which fail on different problems;
`tests/benchmarks/bench_samplers.py` compares it with the other samplers.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from random import Random

import numpy as np
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import BayesianRidge

from nas import pareto
from nas.cost import Cost, cost
from nas.errors import NasError
from nas.pareto import Objective
from nas.records import Record
from nas.search.sampler import Goal, Observation, Proposal
from nas.space import Space
from nas.units import OBJECTIVES, UNITS

DRAWN, MUTATED = 300, 900  # candidates of a proposal
SPREAD = 200  # candidates of the space-filling start
FITTED, LEARNT = 120, 400  # trials that the process's length and noise are fitted to, and that it learns from
LEVELS = {0: 1, 1: 128, 2: 40, 3: 14}  # cells along each cost, by the number of costs
COSTS = ("macs", "params", "interactions", "activations", "depth")  # what the model sees beside decisions


class Front:
    """Proposes by expected hypervolume gain at exact costs."""

    def __init__(self, space: Space, goal: Goal, *, startup: int):
        self.space, self.goal, self.startup = space, goal, startup
        self.features = Features(space)

    def propose(self, history: Sequence[Observation], seed: int) -> Iterator[Proposal]:
        """Candidates by expected gain; the first `startup` trials fill bands of equal cost evenly."""
        rng, known = Random(seed), [seen for seen in history if seen.values is not None]
        ranked = self._spread(known, rng) if len(known) < self.startup else self._by_gain(known, rng)
        yield from map(Proposal, ranked)
        while True:
            yield Proposal(self.space.complete({}, rng))

    def _spread(self, known: list[Observation], rng: Random) -> list[Record]:
        """Drawn candidates, those in the bands of cost with the fewest trials first."""
        pool = self._pool(rng, SPREAD, ())
        if not pool:
            return []
        edges = np.quantile([counted.macs for _, counted in pool], np.linspace(0, 1, self.startup + 1)[1:-1])

        def band(counted: Cost) -> int:
            return int(np.searchsorted(edges, counted.macs))

        filled = [band(cost(self.space.genotype(seen.record))) for seen in known]
        return [record for record, _ in sorted(pool, key=lambda one: (filled.count(band(one[1])), rng.random()))]

    def _by_gain(self, known: list[Observation], rng: Random) -> list[Record]:
        costs = [cost(self.space.genotype(seen.record)) for seen in known]
        accuracies = np.array([seen.values[self.goal.objectives.index("accuracy")] for seen in known])
        trained = {tuple(seen.record.items()) for seen in known}
        pool = self._pool(rng, DRAWN, ()) + self._pool(rng, MUTATED, self._best(known))
        pool = [(record, counted) for record, counted in pool if tuple(record.items()) not in trained]
        if not pool:
            return []
        seen, new = (
            np.array([self.features.of(record, counted) for record, counted in pairs])
            for pairs in ([(one.record, c) for one, c in zip(known, costs, strict=True)], pool)
        )
        mean, deviation = predict(seen, accuracies, new, rng.randrange(1 << 30))
        gains = expected_gain(self._prices(costs), accuracies, self._prices([c for _, c in pool]), mean, deviation)
        return [pool[index][0] for index in np.argsort(-gains, kind="stable")]

    def _pool(self, rng: Random, count: int, parents: Sequence[Record]) -> list[tuple[Record, Cost]]:
        """So many candidates within the budget: children of `parents` or, without any, draws.

        Half of the draws are uniform over records, half over each decision, which gives small families their share.
        """
        found = []
        for turn in range(4 * count):
            if parents:
                record = self.space.mutate(rng.choice(parents), rng)
            else:
                record = self.space.draw(rng) if turn % 2 else self.space.complete({}, rng)
            try:
                counted = cost(self.space.genotype(record))
            except NasError:
                continue
            if self.goal.budget.fits(counted):
                found.append((record, counted))
            if len(found) == count:
                break
        return found

    def _best(self, known: list[Observation]) -> list[Record]:
        aims = [Objective(name, OBJECTIVES[name]) for name in self.goal.objectives]
        kept = pareto.front([seen.values for seen in known], aims)
        return [seen.record for seen, keep in zip(known, kept, strict=True) if keep]

    def _prices(self, costs: list[Cost]) -> np.ndarray:
        """Logarithms of the cost objectives, the smaller the better: (n, number of costs)."""
        names = [name for name in self.goal.objectives if name != "accuracy"]
        signs = [1 if OBJECTIVES[name] == "min" else -1 for name in names]
        rows = [[s * math.log(max(UNITS[n].of(c), 1e-9)) for n, s in zip(names, signs, strict=True)] for c in costs]
        return np.array(rows).reshape(len(costs), len(names))


class Features:
    """Records and costs as numbers: labels as indicators, numbers by their place, which decisions are active."""

    def __init__(self, space: Space):
        self.space = space
        self.columns: dict[tuple, int] = {}
        for name, hole in space.decisions.items():
            for label in hole.labels:
                self.columns[name, type(label), label] = len(self.columns)
        self.places = {name: len(self.columns) + i for i, name in enumerate(space.decisions)}
        self.count = len(self.columns) + len(self.places) + len(COSTS)

    def of(self, record: Record, counted: Cost) -> np.ndarray:
        """One row."""
        row = np.zeros(self.count)
        for name, label in record.items():
            row[self.columns[name, type(label), label]] = 1.0
            hole = self.space.decisions[name]
            last = max(len(hole.labels) - 1, 1)
            row[self.places[name]] = 1.0 + hole.index[type(label), label] / last if hole.ordered else 1.0
        row[-len(COSTS) :] = [math.log(max(getattr(counted, name), 1)) for name in COSTS]
        return row


def predict(seen: np.ndarray, values: np.ndarray, new: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the values of `new` rows, from `seen` rows with their `values`."""
    centre, scale = seen.mean(0), seen.std(0)
    told = scale > 1e-9
    if not told.any():
        return np.full(len(new), values.mean()), np.full(len(new), values.std() + 1e-3)
    x, z = ((rows[:, told] - centre[told]) / scale[told] for rows in (seen, new))
    z = np.clip(z, -5, 5)  # labels that were hardly seen are far away in standard deviations
    middle, spread = values.mean(), values.std() + 1e-6
    y = (values - middle) / spread
    linear = BayesianRidge().fit(x, y).predict(z, return_std=True)
    process = _process(x, y, seed).predict(z, return_std=True)
    mean = (linear[0] + process[0]) / 2
    variance = (linear[1] ** 2 + process[1] ** 2) / 2 + (linear[0] - process[0]) ** 2 / 4
    return mean * spread + middle, np.sqrt(variance) * spread


def _process(x: np.ndarray, y: np.ndarray, seed: int) -> GaussianProcessRegressor:
    kernel = ConstantKernel(1.0) * RBF(math.sqrt(x.shape[1])) + WhiteKernel(0.1)
    order = np.random.default_rng(seed).permutation(len(y))
    some, most = order[:FITTED], order[:LEARNT]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = GaussianProcessRegressor(kernel, random_state=0).fit(x[some], y[some])
        return GaussianProcessRegressor(fitted.kernel_, optimizer=None).fit(x[most], y[most])


def expected_gain(
    prices: np.ndarray, accuracies: np.ndarray, new: np.ndarray, mean: np.ndarray, deviation: np.ndarray
) -> np.ndarray:
    """The hypervolume that each new row is expected to add, in accuracy times the share of cells: (number of rows).

    `prices` (n, costs) and `new` (m, costs) are better low; `mean` and `deviation` (m) are of the new accuracies.

    >>> half, tenth = np.full(2, 0.5), np.full(2, 0.1)
    >>> gains = expected_gain(np.array([[1.0]]), np.array([0.5]), np.array([[1.0], [0.0]]), half, tenth)
    >>> bool(gains[1] > gains[0])  # the same accuracy at a lower price
    True
    """
    costs = new.shape[1]
    everything = np.concatenate([prices, new])
    ends = zip(everything.min(0), everything.max(0), strict=True)
    axes = [np.linspace(low, high, LEVELS.get(costs, 8)) for low, high in ends]
    cells = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1) if axes else np.zeros((1, 0))
    cells = cells + 1e-12  # a price on an edge is affordable there
    best = np.zeros(len(cells))
    for price, accuracy in zip(prices, accuracies, strict=True):
        affordable = (price <= cells).all(1)
        best[affordable] = np.maximum(best[affordable], accuracy)
    levels, level_of = np.unique(best, return_inverse=True)
    served = np.zeros((len(new), len(levels)))  # how many cells of each level a row can serve
    for index, price in enumerate(new):
        served[index] = np.bincount(level_of[(price <= cells).all(1)], minlength=len(levels))
    over = (mean[:, None] - levels) / deviation[:, None]
    improvement = deviation[:, None] * (over * norm.cdf(over) + norm.pdf(over))
    return (served * improvement).sum(1) / len(cells)
