"""Pareto mathematics over measured trials: the front, its ranks, its hypervolume and its knee.

Everything works on `points`, an (n, d) table with one row a trial and one column an objective; a row with a
missing value (None, NaN, an infinity) is never on the front and counts for nothing. The algorithms are
moocore's, in C, imported on first use so that reading a study does not pay for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nas.errors import NasError

# measured on a linear scale from 0 to 1; every other objective is a cost, whose ratios are what matters
FRACTIONS = frozenset({"accuracy"})
# a cost whose largest value is more than this many times its smallest is compared by its logarithm
DECADE = 10.0


@dataclass(frozen=True)
class Objective:
    """A column that the search makes as large ("max") or as small ("min") as it can.

    >>> [Objective("accuracy", "max"), Objective("gflops", "min")][1].direction
    'min'
    """

    name: str
    direction: Literal["max", "min"]

    def __post_init__(self) -> None:
        if self.direction not in ("max", "min"):
            raise ValueError(f"objective {self.name}: direction {self.direction!r} is neither 'max' nor 'min'")


def front(points: Sequence[Sequence[float | None]], objectives: Sequence[Objective]) -> list[bool]:
    """Which rows no other row dominates: at least as good in every objective and better in one.

    Exact duplicates stand or fall together: all copies of a front point are on the front.

    >>> aims = [Objective("accuracy", "max"), Objective("gflops", "min")]
    >>> front([(0.7, 9.0), (0.6, 4.0), (0.6, 5.0), (None, 1.0)], aims)
    [True, True, False, False]
    """
    from moocore import is_nondominated

    losses = _losses(points, objectives)
    measured = np.isfinite(losses).all(axis=1)
    measured[measured] = is_nondominated(losses[measured], keep_weakly=True)
    return measured.tolist()


def ranks(points: Sequence[Sequence[float | None]], objectives: Sequence[Objective]) -> list[int | None]:
    """The front each row is on: 0 is the front, 1 the front once rank 0 is taken away, and so on.

    Rows with a missing value have no rank: None.

    >>> aims = [Objective("accuracy", "max"), Objective("gflops", "min")]
    >>> ranks([(0.7, 9.0), (0.6, 4.0), (0.6, 5.0), (None, 1.0)], aims)
    [0, 0, 1, None]
    """
    from moocore import pareto_rank

    losses = _losses(points, objectives)
    measured = np.isfinite(losses).all(axis=1)
    found: list[int | None] = [None] * len(losses)
    for row, rank in zip(np.flatnonzero(measured), pareto_rank(losses[measured]), strict=True):
        found[row] = int(rank)
    return found


def hypervolume(
    points: Sequence[Sequence[float | None]], objectives: Sequence[Objective], reference: Sequence[float]
) -> float:
    """The volume between the front and a `reference` point that is worse than all of interest.

    Its unit is the product of the objectives' units. Rows that are not better than the reference in every
    objective add nothing. Hypervolumes compare only at the same reference: fix it once for a study.

    >>> hypervolume([(0.75, 9.0)], [Objective("accuracy", "max"), Objective("gflops", "min")], (0.25, 10.0))
    0.5
    """
    from moocore import hypervolume as volume

    losses = _losses(points, objectives)
    worst = _losses([reference], objectives)[0]
    if not np.isfinite(worst).all():
        raise ValueError(f"the reference point {tuple(reference)} has a missing value")
    return float(volume(losses[np.isfinite(losses).all(axis=1)], ref=worst))


def reference_point(
    points: Sequence[Sequence[float | None]], objectives: Sequence[Objective], *, margin: float = 0.1
) -> tuple[float, ...]:
    """A reference for `hypervolume`: each objective's worst measured value, and `margin` of its range beyond.

    The margin lets the extreme points of the front count too (10 % is the usual choice: "How to specify
    a reference point in hypervolume calculation for fair performance comparison", 2018).
    Where all values are equal, the margin is taken of the value. NasError when no row has all its values.

    >>> aims = [Objective("accuracy", "max"), Objective("gflops", "min")]
    >>> reference_point([(0.75, 4.0), (0.25, 14.0)], aims)
    (0.2, 15.0)
    """
    losses = _measured(points, objectives)
    low, high = losses.min(axis=0), losses.max(axis=0)
    size = np.where(high > low, high - low, np.maximum(np.abs(high), 1e-9))
    return tuple(float(value) for value in _signs(objectives) * (high + margin * size))


def knee(points: Sequence[Sequence[float | None]], objectives: Sequence[Objective]) -> int:
    """The row of the front from which every step along it costs much of one objective for little of another.

    It is the front point farthest, towards the ideal, from the hyperplane through the extremes ("On
    characterizing the 'knee' of the Pareto curve based on normal-boundary intersection", 1999). Each objective
    is scaled over the front, 0 its best value and 1 its worst; costs that span more than a decade are scaled
    by their logarithm. For two objectives the extremes are then (0, 1) and (1, 0), and the distance of x from
    their chord is (1 - x_1 - x_2) / sqrt(2). For d objectives we take the hyperplane of equal intercepts,
    sum(x) = const, since the one through the actual extremes may be degenerate. So the knee has the smallest
    sum(x); a tie goes to the better first objective, then to the earlier row.
    NasError when no row has all its values.

    >>> aims = [Objective("accuracy", "max"), Objective("gflops", "min")]
    >>> knee([(0.40, 2.0), (0.60, 3.0), (0.62, 9.0), (0.10, 9.0)], aims)
    1
    """
    _measured(points, objectives)
    rows = np.flatnonzero(front(points, objectives))
    losses = _losses(points, objectives)[rows]
    for column, objective in enumerate(objectives):
        losses[:, column] = _scaled(losses[:, column], objective)
    # rounded, so that floating-point noise decides no tie
    order = np.lexsort((rows, losses[:, 0], losses.sum(axis=1).round(12)))
    return int(rows[order[0]])


def _scaled(losses: np.ndarray, objective: Objective) -> np.ndarray:
    """One objective of the front from 0 (best) to 1 (worst); all zero when its values are equal."""
    values = np.abs(losses)
    one_sign = (losses > 0).all() or (losses < 0).all()
    if objective.name not in FRACTIONS and one_sign and values.max() > DECADE * values.min():
        losses = np.sign(losses) * np.log(values)
    low, high = losses.min(), losses.max()
    return (losses - low) / (high - low) if high > low else np.zeros_like(losses)


def _signs(objectives: Sequence[Objective]) -> np.ndarray:
    return np.array([-1.0 if objective.direction == "max" else 1.0 for objective in objectives])


def _losses(points: Sequence[Sequence[float | None]], objectives: Sequence[Objective]) -> np.ndarray:
    """`points` as (n, d) floats of which less is better; None becomes NaN."""
    for point in points:
        if len(point) != len(objectives):
            raise ValueError(f"{len(point)} values a point for {len(objectives)} objectives")
    table = points if isinstance(points, np.ndarray) else np.array([list(point) for point in points], dtype=float)
    return table.reshape(-1, len(objectives)) * _signs(objectives)


def _measured(points: Sequence[Sequence[float | None]], objectives: Sequence[Objective]) -> np.ndarray:
    losses = _losses(points, objectives)
    losses = losses[np.isfinite(losses).all(axis=1)]
    if not len(losses):
        names = " ".join(objective.name for objective in objectives)
        raise NasError(f"no trial has a value of each objective ({names})", fix="complete a trial first")
    return losses
