"""Measured milliseconds as they are told."""

from __future__ import annotations

from typing import NamedTuple

# a figure is doubtful whose interquartile range is more than this share of the median, and so many milliseconds
RESTLESS, NOTHING = 0.2, 0.05


class Times(NamedTuple):
    """Milliseconds of one call: the median of some samples and their interquartile range; how many were disturbed."""

    median: float
    iqr: float
    samples: int
    disturbed: int = 0

    @property
    def doubtful(self) -> bool:
        """Whether other programs used the device so much that the figure may be too high.

        >>> Times(10.0, 0.1, 10).doubtful, Times(10.0, 0.1, 10, disturbed=6).doubtful, Times(10.0, 2.5, 10).doubtful
        (False, True, True)
        """
        return self.iqr > max(RESTLESS * self.median, NOTHING) or 2 * self.disturbed > self.samples


class Whole(NamedTuple):
    """A measured network: milliseconds of a batch, bytes held beside the weights and the clip, bytes of the weights."""

    times: Times
    activations: int
    weights: int
