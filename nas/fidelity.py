"""What a search loses by trusting a cheap proxy: some networks of the search, trained in full as well.

`pairs` has one row a network: trial, proxy and full (accuracies as fractions) and a column for each cost objective.
A proxy may misorder networks without harm where the front does not change, so beside the rank correlation stands
the *front regret*: what the front that the proxy picks is worth once its networks are trained in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nas import bootstrap, pareto
from nas.correlation import FEW, correlate
from nas.errors import NasError
from nas.pareto import Objective
from nas.units import OBJECTIVES

PERMUTED = 200  # times the proxy is robbed of its information, for the regret by chance
Estimate = tuple[float, float, float]  # a figure and its 95 % interval


@dataclass(frozen=True)
class Fidelity:
    """How well the proxy stands in for full training; NaN where there are too few networks to tell."""

    networks: int
    tau: Estimate
    rho: Estimate
    regret: float  # share of the hypervolume that the proxy's picks lack
    chance: float  # the mean regret of a proxy that knows the costs alone
    lost: float  # accuracy lost at the worst cost level
    lost_at: float  # that level, in GFLOPs
    picked: tuple[int, ...]  # trials on the proxy's front
    front: tuple[int, ...]  # trials on the front of full accuracies
    missed: tuple[int, ...]  # those of them that the proxy did not pick


def fidelity(
    pairs: pd.DataFrame,
    objectives: Sequence[str] = ("accuracy", "gflops"),
    *,
    seed: int = 0,
    repeats: int = 1000,
) -> Fidelity:
    """Compare the order and the front of the proxy with those of full training.

    Networks picked for their place on the front lie closer together in accuracy than those of the whole search, so the
    correlation here is lower than it would be over all trials.

    >>> pairs = pd.DataFrame({"trial": [3, 5, 8], "gflops": [1.0, 2.0, 4.0]})
    >>> pairs = pairs.assign(proxy=[0.3, 0.5, 0.4], full=[0.5, 0.6, 0.7])
    >>> found = fidelity(pairs)
    >>> found.picked, found.missed, round(found.lost, 3), found.lost_at
    ((3, 5), (8,), 0.1, 4.0)
    """
    pairs = pairs[np.isfinite(pairs["proxy"].astype(float)) & np.isfinite(pairs["full"].astype(float))]
    order = _agreement(pairs, seed, repeats)
    if pairs.empty:
        return Fidelity(0, *order, np.nan, np.nan, np.nan, np.nan, (), (), ())
    points, aims = _points(pairs, objectives)
    picked, best = (_front(points, pairs[which], aims) for which in ("proxy", "full"))
    lost, at = _loss(pairs, picked)
    trials = pairs["trial"].to_numpy()
    return Fidelity(
        len(pairs),
        *order,
        regret=_regret(points, aims, picked),
        chance=_by_chance(points, pairs["proxy"], aims, seed),
        lost=lost,
        lost_at=at,
        picked=tuple(trials[picked].tolist()),
        front=tuple(trials[best].tolist()),
        missed=tuple(trials[best & ~picked].tolist()),
    )


def spread(trials: pd.DataFrame, k: int, *, objectives: Sequence[str] | None = None, cost: str = "gflops") -> list[int]:
    """The numbers of `k` complete trials to train in full, spread over the cost range of the front, by rising cost.

    Half of them (or the whole front, where it is smaller) are of the front: both ends, and those nearest to even steps
    of log cost between. The others are from behind it, since only they can show that the proxy was wrong to pass them
    over: of the next ranks, each exhausted before the one behind it, the trial farthest in log cost from those chosen.
    Ties go to the lower number. All trials where there are not more than `k`. Raises NasError for k < 2.

    >>> trials = pd.DataFrame({"number": range(5), "state": "complete", "gflops": [1.0, 2.0, 4.0, 8.0, 3.0]})
    >>> trials["accuracy"] = [0.1, 0.2, 0.3, 0.4, 0.1]
    >>> spread(trials, 3), spread(trials, 5)
    ([0, 4, 3], [0, 1, 4, 2, 3])
    """
    if k < 2:
        raise NasError(f"{k} networks show no order", fix="train at least 2 in full; 8 or more tell something")
    trials = trials[trials["state"] == "complete"].sort_values([cost, "number"], ignore_index=True)
    aims = _aims(objectives or trials.attrs.get("objectives") or ("accuracy", "gflops"))
    ranks = pareto.ranks(trials[[aim.name for aim in aims]].astype(float).to_numpy().tolist(), aims)
    kept = [row for row, rank in enumerate(ranks) if rank is not None]
    logs, numbers = np.log(trials[cost].to_numpy(float)), trials["number"].to_numpy()
    front = [row for row in kept if ranks[row] == 0]
    half = max(2, (k + 1) // 2)
    chosen = _filled(_even(front, logs, half) if len(front) > half else front, kept, ranks, logs, numbers, k)
    return [int(numbers[row]) for row in sorted(chosen)]


def _even(rows: list[int], logs: np.ndarray, k: int) -> list[int]:
    """Both ends of `rows` (by rising cost), and those nearest to even steps between."""
    chosen, free = [rows[0], rows[-1]], rows[1:-1]
    for target in np.linspace(logs[rows[0]], logs[rows[-1]], k)[1:-1]:
        nearest = min(free, key=lambda row: abs(logs[row] - target))
        chosen.append(nearest)
        free.remove(nearest)
    return chosen


def _filled(
    chosen: list[int], rows: list[int], ranks: list, logs: np.ndarray, numbers: np.ndarray, k: int
) -> list[int]:
    """The `chosen`, and the trials in their largest gaps: of the ranks behind the front first, then of the front."""
    chosen = list(chosen)
    while len(chosen) < min(k, len(rows)):
        free = [row for row in rows if row not in chosen]
        best = min(free, key=lambda row: ranks[row] or np.inf)
        near = [row for row in free if ranks[row] == ranks[best]]
        gaps = {row: float(np.abs(logs[row] - logs[chosen]).min()) for row in near}
        chosen.append(max(near, key=lambda row: (round(gaps[row], 12), -numbers[row])))
    return chosen


def _aims(objectives: Sequence[str]) -> list[Objective]:
    return [Objective(name, OBJECTIVES[name]) for name in objectives]


def _agreement(pairs: pd.DataFrame, seed: int, repeats: int) -> tuple[Estimate, Estimate]:
    size = len(pairs)
    if size < FEW:
        return (np.nan,) * 3, (np.nan,) * 3
    whole = [np.arange(size)]
    drawn = np.concatenate([np.ones((1, size)), bootstrap.counts(whole, size, repeats=repeats, seed=seed)])
    found = correlate(pairs["proxy"].to_numpy(float), pairs["full"].to_numpy(float), whole, drawn)
    return tuple((float(found[name][0]), *bootstrap.interval(found[name][1:])) for name in ("tau", "rho"))


def _points(pairs: pd.DataFrame, objectives: Sequence[str]) -> tuple[pd.DataFrame, list[Objective]]:
    """Full accuracies (linear) and costs (logarithms), in the order of the objectives."""
    aims = _aims(objectives)
    costs = pairs[[aim.name for aim in aims if aim.name != "accuracy"]].astype(float)
    if not (costs > 0).all(axis=None):
        zero = costs.columns[~(costs > 0).all()][0]
        raise NasError(f"a network has no {zero}, and ratios of it decide", fix=f"leave {zero} out of the objectives")
    points = np.log(costs).assign(accuracy=pairs["full"].astype(float))
    return points[[aim.name for aim in aims]], aims


def _front(points: pd.DataFrame, accuracy: Sequence[float], aims: list[Objective]) -> np.ndarray:
    """Which networks are on the front when these are their accuracies."""
    told = points.assign(accuracy=np.asarray(accuracy, dtype=float))
    return np.array(pareto.front(told.to_numpy().tolist(), aims))


def _regret(points: pd.DataFrame, aims: list[Objective], picked: np.ndarray) -> float:
    """1 less the ratio of hypervolumes: the picked networks to all, at their full accuracies.

    One reference: the worst of all networks in each objective and 10 % of the range beyond (`pareto.reference_point`).
    """
    every = points.to_numpy()
    reference = pareto.reference_point(every.tolist(), aims)
    whole, part = (pareto.hypervolume(some.tolist(), aims, reference) for some in (every, every[picked]))
    return max(0.0, 1 - part / whole)


def _by_chance(points: pd.DataFrame, proxy: pd.Series, aims: list[Objective], seed: int) -> float:
    """The mean regret when the proxy's accuracies are dealt out anew; the costs are known exactly all the same."""
    rng, values = np.random.default_rng(seed), proxy.to_numpy(float)
    dealt = (_front(points, rng.permutation(values), aims) for _ in range(PERMUTED))
    return float(np.mean([_regret(points, aims, picked) for picked in dealt]))


def _loss(pairs: pd.DataFrame, picked: np.ndarray, cost: str = "gflops") -> tuple[float, float]:
    """The largest accuracy that the picks lack at any cost level, and the level.

    The cheapest network is always picked, so each level has a pick that it affords; NaN where a cost is unknown.
    """
    costs, full = pairs[cost].to_numpy(float), pairs["full"].to_numpy(float)
    if np.isnan(costs).any():
        return np.nan, np.nan
    affordable = costs[None, :] <= costs[:, None]
    best = np.where(affordable, full, -np.inf).max(axis=1)
    ours = np.where(affordable & picked, full, -np.inf).max(axis=1)
    lost = best - ours
    worst = np.lexsort((costs, -lost))[0]
    return float(lost[worst]), float(costs[worst])
