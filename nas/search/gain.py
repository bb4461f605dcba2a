"""Expected gain of hypervolume at exact costs.

The hypervolume is taken over logarithms of costs on a grid of cells: a cell knows the best accuracy that trials reach
within its costs, and a candidate gains wherever it is affordable.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

LEVELS = {0: 1, 1: 128, 2: 40, 3: 14}  # cells along each cost, by the number of costs


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
