"""What is expected of candidates, and what becomes of that as they are begun one after the other."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np

from nas.records import Record
from nas.search.gain import Grid


class Outlook:
    """Candidates with their expected gains: (m) records, (m, costs) prices, (m) means and deviations of accuracies.

    `grid` has bought what trials reach by now.
    """

    def __init__(self, records: list[Record], prices: np.ndarray, mean: np.ndarray, deviation: np.ndarray, grid: Grid):
        self.records, self.prices, self.mean, self.deviation, self.grid = records, prices, mean, deviation, grid
        self.gains = grid.gains(prices, mean, deviation)
        self.stale = False  # candidates were begun since the gains were worked out
        self.place = {tuple(record.items()): index for index, record in enumerate(records)}

    def begin(self, record: Record) -> None:
        """A candidate is in training: from now on it counts as if it had ended as predicted."""
        index = self.place.pop(tuple(record.items()), None)
        if index is not None:
            self.grid.buy(self.prices[[index]], self.mean[[index]])
            self.stale = True

    def ranked(self) -> Iterator[Record]:
        """Candidates that were not begun, by expected gain.

        What was begun can only lower a gain, so an old one is a bound, and few need to be worked out again to know the
        largest ("Accelerated greedy algorithms for maximizing submodular set functions", 1978).
        """
        heap = [(-self.gains[index], index) for index in self.place.values()]
        heapq.heapify(heap)
        while heap:
            _, index = heapq.heappop(heap)
            if self.stale:
                self.gains[index] = self._gain(index)
                if heap and (-self.gains[index], index) > heap[0]:
                    heapq.heappush(heap, (-self.gains[index], index))
                    continue
            yield self.records[index]

    def _gain(self, index: int) -> float:
        row = slice(index, index + 1)
        return float(self.grid.gains(self.prices[row], self.mean[row], self.deviation[row])[0])
