"""What the front sampler believes about accuracy: from decisions, costs and training-free scores, with uncertainty.

The model is the mean of a Bayesian linear model and a Gaussian process, which fail on different problems
(`tests/benchmarks/bench_samplers.py`). Trials that were stopped at a rung are learnt from as what they are: their final
accuracy is guessed from the trials that went on from that rung, and the guess's error is part of the model.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import cache

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import BayesianRidge
from threadpoolctl import ThreadpoolController

from nas import scores
from nas.cost import Cost
from nas.errors import NasError
from nas.genotype import Genotype
from nas.records import Record
from nas.search.sampler import Observation
from nas.space import Space

FITTED, LEARNT = 120, 400  # trials that the process's length and noise are fitted to, and that it learns from
COSTS = ("macs", "params", "interactions", "activations", "depth")  # what the model sees beside decisions
SCORES = ("entropy", "field")  # training-free scores that take no time
PAIRS = 5  # trials that went on from a rung, before those that did not say anything
LEAST = 1e-4  # the least variance of a prediction, of standardised accuracies
FLOOR = 0.01  # the least error of a guessed final accuracy


class Features:
    """Genotypes as numbers: labels as indicators, numbers by their place, active decisions, log-costs, scores."""

    def __init__(self, space: Space):
        self.space = space
        self.columns: dict[tuple, int] = {}
        for name, hole in space.decisions.items():
            for label in hole.labels:
                self.columns[name, type(label), label] = len(self.columns)
        self.places = {name: len(self.columns) + i for i, name in enumerate(space.decisions)}
        self.count = len(self.columns) + len(self.places) + len(COSTS) + len(SCORES)

    def of(self, record: Record, genotype: Genotype, counted: Cost) -> np.ndarray:
        """One row."""
        row = np.zeros(self.count)
        for name, label in record.items():
            row[self.columns[name, type(label), label]] = 1.0
            hole = self.space.decisions[name]
            last = max(len(hole.labels) - 1, 1)
            row[self.places[name]] = 1.0 + hole.index[type(label), label] / last if hole.ordered else 1.0
        told = [math.log(max(getattr(counted, name), 1)) for name in COSTS]
        row[-len(told) - len(SCORES) :] = told + [_score(name, genotype) for name in SCORES]
        return row


def _score(name: str, genotype: Genotype) -> float:
    """A score, or 0 where it cannot tell (a block that is a torch module)."""
    try:
        return scores.evaluate(name, genotype)
    except NasError:
        return 0.0


def finals(trials: Sequence[Observation], complete: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Final accuracies of trials and their errors: (n), (n); NaN where nothing can be said of a stopped one yet.

    `complete` (n) has those that are known, NaN elsewhere. A stopped trial's is read off a line through the rung's and
    the final accuracies of the trials that went on; the error is that of the line. A known limit: those that went on
    were better at the rung, so the line is extended, and its error does not grow with the distance.
    """
    found, errors = complete.copy(), np.zeros(len(trials))
    went_on = [index for index, value in enumerate(complete) if not np.isnan(value)]
    for rung in {len(trial.curve) for trial in trials if trial.state == "stopped"}:
        passed = [index for index in went_on if len(trials[index].curve) >= rung]
        if len(passed) < PAIRS:
            continue
        x, y = np.array([trials[index].curve[rung - 1] for index in passed]), complete[passed]
        slope = max(0.0, float(np.cov(x, y)[0, 1] / max(x.var(ddof=1), 1e-9)))
        error = max(FLOOR, float(np.sqrt(((y - y.mean() - slope * (x - x.mean())) ** 2).sum() / (len(x) - 2))))
        for index, trial in enumerate(trials):
            if trial.state == "stopped" and len(trial.curve) == rung:
                found[index] = y.mean() + slope * (trial.curve[-1] - x.mean())
                errors[index] = error
    return found, errors


def predict(
    seen: np.ndarray, values: np.ndarray, errors: np.ndarray, new: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of what `new` rows are truly worth, from `seen` rows, `values` and known `errors`.

    The noise of a single training is no part of the deviation: a network is worth what it has on average.
    """
    centre, scale = seen.mean(0), seen.std(0)
    told = scale > 1e-9
    if not told.any():
        return np.full(len(new), values.mean()), np.full(len(new), values.std() + 1e-3)
    x, z = ((rows[:, told] - centre[told]) / scale[told] for rows in (seen, new))
    z = np.clip(z, -5, 5)  # labels that were hardly seen are far away in standard deviations
    middle, spread = values.mean(), values.std() + 1e-6
    y, noise = (values - middle) / spread, (errors / spread) ** 2
    with _threads().limit(limits=1):  # small matrices: more threads only wait for each other
        linear, process = _line(x, y, noise, z), _process(x, y, noise, z, seed)
    mean = (linear[0] + process[0]) / 2
    variance = (linear[1] ** 2 + process[1] ** 2) / 2 + (linear[0] - process[0]) ** 2 / 4
    return mean * spread + middle, np.sqrt(variance) * spread


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def _line(x: np.ndarray, y: np.ndarray, noise: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(invalid="ignore"):  # rounding can leave a variance just below zero
        model = BayesianRidge().fit(x, y, sample_weight=0.1 / (0.1 + noise))
        mean, deviation = model.predict(z, return_std=True)
    own = np.nan_to_num(deviation, nan=0.0) ** 2 - 1 / model.alpha_
    return mean, np.sqrt(np.maximum(own, LEAST))


def _process(
    x: np.ndarray, y: np.ndarray, noise: np.ndarray, z: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    kernel = ConstantKernel(1.0) * RBF(math.sqrt(x.shape[1])) + WhiteKernel(0.1)
    order, alpha = np.random.default_rng(seed).permutation(len(y)), noise + 1e-10
    some, most = order[:FITTED], order[:LEARNT]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = GaussianProcessRegressor(kernel, alpha=alpha[some], random_state=0).fit(x[some], y[some])
        learnt = GaussianProcessRegressor(fitted.kernel_, alpha=alpha[most], optimizer=None)
        mean, deviation = learnt.fit(x[most], y[most]).predict(z, return_std=True)
    return mean, np.sqrt(np.maximum(deviation**2 - fitted.kernel_.k2.noise_level, LEAST))
