"""Resampling: how far a figure would move had other networks been drawn, and how often chance alone does as well.

Draws are counts, not indices: how often each row counts in a resample. A statistic of weighted rows then takes all
resamples in a few matrix products (1,000 resamples of 300 rows: milliseconds), without a loop over them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SHARE = 0.95  # of the draws that an interval holds


def counts(groups: Sequence[np.ndarray], size: int, *, repeats: int, seed: int = 0) -> np.ndarray:
    """How often each of `size` rows counts in each resample, as (repeats, size); each group keeps its sum.

    `groups` are arrays of row numbers; a row in none of them never counts. Of a group of m rows, m - 1 are drawn with
    replacement and count m / (m - 1) times each: drawing m makes the spread of a mean too small by sqrt(1 - 1/m), 11 %
    at 5 rows ("Resampling Inference With Complex Survey Data", 1988). The row of a group of one always counts once.

    >>> drawn = counts([np.array([0, 1]), np.array([2, 3, 4])], 6, repeats=100)
    >>> drawn.shape, set(drawn[:, :2].sum(axis=1).tolist()), set(drawn[:, 2].tolist()) == {0.0, 1.5, 3.0}
    ((100, 6), {2.0}, True)
    """
    rng = np.random.default_rng(seed)
    drawn = np.zeros((repeats, size), dtype=np.float32)
    for rows in groups:
        members, taken = len(rows), max(1, len(rows) - 1)
        picks = rng.integers(members, size=(repeats, taken)) + members * np.arange(repeats)[:, None]
        tally = np.bincount(picks.ravel(), minlength=repeats * members)
        drawn[:, rows] = tally.reshape(repeats, members) * (members / taken)
    return drawn


def shuffles(groups: Sequence[np.ndarray], size: int, *, repeats: int, seed: int = 0) -> np.ndarray:
    """Row numbers as (repeats, size), in each repeat put in another order within each group.

    >>> shuffled = shuffles([np.array([0, 2]), np.array([1, 3, 4])], 5, repeats=50)
    >>> sorted(set(shuffled[:, 0].tolist())), sorted(set(shuffled[:, 1].tolist()))
    ([0, 2], [1, 3, 4])
    """
    rng = np.random.default_rng(seed)
    shuffled = np.tile(np.arange(size), (repeats, 1))
    for rows in groups:
        shuffled[:, rows] = rows[rng.random((repeats, len(rows))).argsort(axis=1)]
    return shuffled


def interval(draws: np.ndarray, share: float = SHARE) -> tuple[float, float]:
    """The percentile interval of a statistic's draws; those without a value are left out.

    NaN where more than 1 - share of the draws have none: what is left would be an interval of other networks.

    >>> interval(np.arange(101.0), 0.5), interval(np.array([np.nan]))
    ((25.0, 75.0), (nan, nan))
    """
    known = draws[np.isfinite(draws)]
    if not len(known) or len(known) < share * len(draws):
        return (float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def p_value(observed: float, null: np.ndarray) -> float:
    """The share of draws under chance at least as large as what was observed, which counts as one of them.

    It is never 0: its smallest value is 1 / (draws + 1) ("Permutation P-values Should Never Be Zero", 2010).

    >>> p_value(2.0, np.array([0.0, 1.0, 2.0]))
    0.5
    """
    return float((1 + (null >= observed - 1e-12).sum()) / (1 + len(null)))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for looking at all of them, by Holm's step-down method; NaN stays NaN and does not count.

    Rejecting where the result is below 0.05 keeps the chance of any false alarm below 5 %, however the tests depend
    on each other ("A Simple Sequentially Rejective Multiple Test Procedure", 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=float)
    known = np.flatnonzero(np.isfinite(given))
    order = known[given[known].argsort(kind="stable")]
    corrected = np.full(len(given), np.nan)
    steps = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * steps))
    return corrected.tolist()
