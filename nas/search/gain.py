"""Expected gain of hypervolume at exact costs.

The hypervolume is taken over logarithms of costs on a grid of cells: a cell knows the best accuracy that trials reach
within its costs, and a candidate gains wherever it is affordable.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

LEVELS = {1: 128, 2: 40, 3: 14}  # cells along each cost, by the number of costs


class Grid:
    """Cells between the lowest and the highest of the costs that it is made for: (n, costs), better low.

    >>> grid = Grid(np.array([[1.0], [0.0]]))
    >>> grid.buy(np.array([[1.0]]), np.array([0.5]))
    >>> dear, cheap = grid.gains(np.array([[1.0], [0.0]]), np.full(2, 0.5), np.full(2, 0.1))
    >>> bool(cheap > dear)  # the same accuracy at a lower price
    True
    """

    def __init__(self, prices: np.ndarray):
        prices = _some(prices)
        ends = zip(prices.min(0), prices.max(0), strict=True)
        count = LEVELS.get(prices.shape[1], 8)
        self.axes = [np.linspace(low, high, count) + 1e-12 for low, high in ends]  # a price on an edge is affordable
        self.best = np.zeros([len(axis) for axis in self.axes])

    def buy(self, prices: np.ndarray, accuracies: np.ndarray) -> None:
        """Have what trials reach: (n, costs), (n)."""
        reached = np.zeros_like(self.best)
        np.maximum.at(reached, self._corners(prices), accuracies)
        for axis in range(reached.ndim):
            reached = np.maximum.accumulate(reached, axis)
        self.best = np.maximum(self.best, reached)

    def gains(self, prices: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """The hypervolume that each row is expected to add, in accuracy times the share of cells: (m).

        `mean` and `deviation` (m) are of the rows' accuracies.
        """
        levels, level_of = np.unique(self.best, return_inverse=True)
        level_of = level_of.reshape(self.best.shape)
        served = np.zeros((len(prices), len(levels)))  # how many cells of each level a row can serve
        for index, corner in enumerate(zip(*self._corners(prices), strict=True)):
            cells = level_of[tuple(slice(start, None) for start in corner)]
            served[index] = np.bincount(cells.ravel(), minlength=len(levels))
        over = (mean[:, None] - levels) / deviation[:, None]
        density = np.exp(-(over**2) / 2) / math.sqrt(2 * math.pi)
        improvement = deviation[:, None] * (over * ndtr(over) + density)
        return (served * improvement).sum(1) / self.best.size

    def _corners(self, prices: np.ndarray) -> tuple[np.ndarray, ...]:
        """Along each cost, the first cell within which a row is affordable."""
        return tuple(np.searchsorted(axis, prices) for axis, prices in zip(self.axes, _some(prices).T, strict=True))


def _some(prices: np.ndarray) -> np.ndarray:
    """Where there are no costs, one that is the same for all."""
    return prices if prices.shape[1] else np.zeros((len(prices), 1))
