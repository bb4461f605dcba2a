"""How fast samplers come to the front: hypervolume against trials and epochs, over repeated simulated searches.

`runs` has one row a trial: sampler (a label), repeat, number, epochs (that it was trained), state, truth (the
network's true accuracy) and a column for each cost objective. All hypervolumes are shares of one and the same: that
of `truth`, all networks with their true accuracies, or, where that is None, of all trials of all runs together.
Accuracy counts linearly and costs by their logarithm. The reference point is fixed once, for all samplers, 10 % of
the range beyond the worst of the networks. Only complete trials count, the epochs of all of them do.

Intervals are 95 % percentile bootstraps over repeats; repeats of two samplers are resampled together, in order, since
they may share their seeds. With 20 repeats such an interval is about 9 % narrower than Student's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nas import units
from nas.errors import NasError, nearest
from nas.pareto import Objective, hypervolume, reference_point

LEVELS = (0.90, 0.95, 0.99)
DRAWS = 2000  # resamplings of the repeats
GRID = 200  # points along the axis of epochs
TAIL = 0.025  # share of the draws on either side of an interval
NOISE = 1e-9  # the mean of equal shares is equal to them only up to this


@dataclass(frozen=True)
class Estimate:
    """A mean over repeats with its 95 % interval.

    With `bound`, some repeats ended before the level: the mean is at least `mean`, and there is no interval (NaN).
    `high` is infinite where the level itself is so uncertain that too many draws of it are never reached.
    """

    mean: float
    low: float
    high: float
    bound: bool = False


@dataclass(frozen=True)
class Speedup:
    """What `sampler` needs to have the hypervolume that `other`, the best of the others, has after `at` trials.

    `trials` and `epochs` are means over the repeats of `sampler`, `reached` of which have the level at all; the ratios
    are to `at` and to `other_epochs`. A mean over repeats is drawn out by its slowest, so `curve_trials` and
    `curve_epochs` say where the mean curve has the level; there, two equal samplers have the ratio 1.
    """

    sampler: str
    other: str
    at: int
    level: float
    other_epochs: float
    reached: int
    repeats: int
    trials: Estimate
    epochs: Estimate
    trials_ratio: Estimate
    epochs_ratio: Estimate
    curve_trials: Estimate
    curve_epochs: Estimate
    curve_trials_ratio: Estimate
    curve_epochs_ratio: Estimate


@dataclass(frozen=True)
class Stopping:
    """What stopping trials early saves: epochs to the hypervolume `level`, which the mean curves of both have.

    `ratio` is the epochs with stopping to those without; `final` is (with - without) / without of the shares that
    the runs end with, so -0.01 is a loss of 1 %.
    """

    stopped: str
    unstopped: str
    level: float
    stopped_epochs: Estimate
    unstopped_epochs: Estimate
    ratio: Estimate
    final: Estimate


def trajectories(runs: pd.DataFrame, objectives: Sequence[str], truth: pd.DataFrame | None = None) -> pd.DataFrame:
    """The share of the hypervolume after each trial: columns sampler, repeat, trials, epochs (both so far), share.

    `objectives` are names as in `nas.units.OBJECTIVES`, accuracy among them; `attrs["whole"]` of the result says
    whether a share is of the "true" or of the "pooled" hypervolume. Raises NasError for a cost of zero, which has no
    logarithm, and for runs that hold more than the truth.

    >>> one = {"sampler": "front", "repeat": 0, "epochs": 2, "state": "complete", "gflops": 4.0}
    >>> runs = pd.DataFrame([one | {"number": 0, "truth": 0.2}, one | {"number": 1, "truth": 0.4}])
    >>> trajectories(runs, ("accuracy", "gflops")).round(3).to_numpy().tolist()
    [['front', 0, 1, 2, 0.091], ['front', 0, 2, 4, 1.0]]
    """
    names = units.objectives(list(objectives))
    networks = losses(runs[runs["state"] == "complete"] if truth is None else truth, names)
    aims = [Objective(name, "min") for name in names]
    reference = reference_point(networks, aims)
    whole = hypervolume(np.unique(networks, axis=0), aims, reference)
    parts = []
    for _, run in runs.groupby(["sampler", "repeat"], sort=False):
        ordered = run.sort_values("number")
        so_far = {"trials": np.arange(1, len(run) + 1), "epochs": ordered["epochs"].cumsum()}
        share = np.array(_volumes(ordered, names, reference)) / whole
        parts.append(ordered[["sampler", "repeat"]].assign(**so_far, share=share))
    found = pd.concat(parts, ignore_index=True)
    if found["share"].max() > 1 + NOISE:
        raise NasError("the runs hold networks that the table of true accuracies lacks", fix="pass no truth, or all")
    found.attrs["whole"] = "pooled" if truth is None else "true"
    return found


def losses(networks: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Networks as points (n, d) of which less is better: accuracy linear, costs by their natural logarithm.

    >>> losses(pd.DataFrame({"truth": [0.5], "gflops": [1.0]}), ("accuracy", "gflops")).tolist()
    [[-0.5, 0.0]]
    """
    columns = []
    for name in names:
        values = networks["truth" if name == "accuracy" else name].to_numpy(dtype=float)
        if name != "accuracy":
            if (values <= 0).any():
                raise NasError(f"objective {name} is 0 for some networks: no logarithm", fix="compare without it")
            values = np.log(values)
        columns.append(-values if units.OBJECTIVES[name] == "max" else values)
    return np.column_stack(columns)


def _volumes(run: pd.DataFrame, names: Sequence[str], reference: Sequence[float]) -> list[float]:
    """The hypervolume after each trial; computed anew only where a trial is not dominated by an earlier one."""
    counted = (run["state"] == "complete").to_numpy()
    points, aims = iter(losses(run[counted], names)), [Objective(name, "min") for name in names]
    best, volume, volumes = np.empty((0, len(names))), 0.0, []
    for counts in counted:
        point = next(points) if counts else None
        if point is not None and not (best <= point).all(axis=1).any():
            best = np.vstack([best[~(point <= best).all(axis=1)], point])
            volume = hypervolume(best, aims, reference)
        volumes.append(volume)
    return volumes


def summary(found: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Mean share and its interval over repeats, of trajectories: columns sampler, along, x, mean, low, high, repeats.

    `along` is "trials" or "epochs"; the epochs are on one grid for all samplers. A sampler's rows end where its
    shortest repeat ends and, along epochs, begin where each repeat has a trial, so that each mean is of all repeats.
    """
    longest, rows = found["epochs"].max(), []
    grids = {"trials": np.arange(1, found["trials"].max() + 1), "epochs": longest * np.arange(1, GRID + 1) / GRID}
    for sampler in found["sampler"].unique():
        runs = _repeats(found, sampler)
        weights = _weights(len(runs), seed)
        for along, grid in grids.items():
            first, last = max(run[along].iloc[0] for run in runs), min(run[along].iloc[-1] for run in runs)
            x = np.unique([*grid[(grid >= first) & (grid <= last)], last])
            mean, low, high = _interval(weights @ _on(runs, along, x))
            part = pd.DataFrame({"x": x, "mean": mean, "low": low, "high": high, "repeats": len(runs)})
            rows.append(part.assign(sampler=sampler, along=along))
    told = pd.concat(rows, ignore_index=True)[["sampler", "along", "x", "mean", "low", "high", "repeats"]]
    told.attrs = dict(found.attrs)
    return told


def needed(found: pd.DataFrame, levels: Sequence[float] = LEVELS, *, seed: int = 0) -> pd.DataFrame:
    """Trials and epochs to each level, of trajectories: a row for each level and sampler.

    Columns: level, sampler, repeats, reached (how many repeats have the level at all), and trials and epochs with
    their `_low` and `_high`. Where not all repeats reached it, trials and epochs are lower bounds of the mean (those
    that did not are counted with all they ran) and the interval is NaN.
    """
    rows = []
    for level in levels:
        for sampler in found["sampler"].unique():
            runs = _repeats(found, sampler)
            row = {"level": level, "sampler": sampler, "repeats": len(runs)}
            for along in ("trials", "epochs"):
                times = _times(runs, along, np.array([level]))
                estimate = _estimate(_mean(times, _weights(len(runs), seed)), _bound(times[0], runs, along))
                row["reached"] = int(np.isfinite(times[0]).sum())
                row |= {along: estimate.mean, f"{along}_low": estimate.low, f"{along}_high": estimate.high}
            rows.append(row)
    return pd.DataFrame(rows)


def speedup(found: pd.DataFrame, sampler: str = "front", *, at: int = 150, seed: int = 0) -> Speedup:
    """What `sampler` needs to have what the best other has after `at` trials: see `Speedup`.

    The best other has the largest mean share at `at`; labels that begin with `sampler` and a comma are its variants
    and no others. The draws resample the level too, not which other is best. NasError for an unknown sampler, without
    another, and where no run is as long as `at`.
    """
    mine, rivals = _repeats(found, sampler), _rivals(found, sampler, at)
    other = max(rivals, key=lambda name: _on(rivals[name], "trials", [at]).mean())
    weights, others = _weights(len(mine), seed), _weights(len(rivals[other]), seed)
    levels = (others @ _on(rivals[other], "trials", [at]))[:, 0]
    spent = others @ np.array([run["epochs"].iloc[min(at, len(run)) - 1] for run in rivals[other]], dtype=float)
    estimates = {}
    for along, base in (("trials", np.full(len(levels), float(at))), ("epochs", spent)):
        times = _times(mine, along, levels)
        reached = int(np.isfinite(times[0]).sum())
        means = _mean(times, weights), _bound(times[0], mine, along)
        curve = _crossing(mine, along, levels, weights), max(run[along].iloc[-1] for run in mine)
        for name, (values, bound) in ((along, means), (f"curve_{along}", curve)):
            estimates[name] = _estimate(values, bound)
            estimates[f"{name}_ratio"] = _estimate(values / base, bound / base[0])
    return Speedup(sampler, other, at, float(levels[0]), float(spent[0]), reached, len(mine), **estimates)


def stopping(
    found: pd.DataFrame, stopped: str = "front", unstopped: str = "front, no stopping", *, seed: int = 0
) -> Stopping:
    """What stopping saves and costs, of trajectories that hold both: see `Stopping`.

    The level is the lower of the two mean shares at the end of the runs, so that both mean curves have it.
    """
    runs = {name: _repeats(found, name) for name in (stopped, unstopped)}
    weights = {name: _weights(len(repeats), seed) for name, repeats in runs.items()}
    final = {name: weights[name] @ np.array([run["share"].iloc[-1] for run in runs[name]]) for name in runs}
    levels = np.minimum(final[stopped], final[unstopped])
    epochs = {name: _crossing(runs[name], "epochs", levels, weights[name]) for name in runs}
    spent = [_estimate(values) for values in epochs.values()]
    ratio, change = epochs[stopped] / epochs[unstopped], final[stopped] / final[unstopped] - 1
    return Stopping(stopped, unstopped, float(levels[0]), *spent, _estimate(ratio), _estimate(change))


def _repeats(found: pd.DataFrame, sampler: str) -> list[pd.DataFrame]:
    """A sampler's trajectories, one a repeat."""
    known = found["sampler"].unique()
    if sampler not in known:
        raise NasError(f"no run has the sampler '{sampler}'", fix=nearest(sampler, known))
    return [run for _, run in found[found["sampler"] == sampler].groupby("repeat")]


def _rivals(found: pd.DataFrame, sampler: str, at: int) -> dict[str, list[pd.DataFrame]]:
    names = [name for name in found["sampler"].unique() if name != sampler and not name.startswith(f"{sampler},")]
    if not names:
        raise NasError(f"there is no other sampler than {sampler} to compare with", fix="name several in --samplers")
    if at > (longest := found[found["sampler"].isin(names)]["trials"].max()):
        raise NasError(f"no run of another sampler has {at} trials", fix=f"compare at {longest} or fewer")
    return {name: _repeats(found, name) for name in names}


def _weights(repeats: int, seed: int) -> np.ndarray:
    """Weights of the repeats in their mean, then in the mean of each draw: (1 + draws, repeats)."""
    drawn = np.random.default_rng(seed).multinomial(repeats, np.full(repeats, 1 / repeats), size=DRAWS)
    return np.vstack([np.ones(repeats), drawn]) / repeats


def _on(runs: list[pd.DataFrame], along: str, x: Sequence[float]) -> np.ndarray:
    """Each repeat's share at each x, (repeats, x): zero before its first trial, held after its last."""
    steps = [np.searchsorted(run[along].to_numpy(), x, side="right") for run in runs]
    return np.array([np.append(0.0, run["share"])[step] for run, step in zip(runs, steps, strict=True)])


def _times(runs: list[pd.DataFrame], along: str, levels: np.ndarray) -> np.ndarray:
    """Where each repeat first has each level, (levels, repeats); infinite where it never does."""
    found = [np.append(run[along], np.inf)[np.searchsorted(run["share"], levels - NOISE)] for run in runs]
    return np.array(found).T


def _mean(times: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means over the repeats; a repeat that a draw leaves out does not make it infinite."""
    return np.where(weights > 0, weights * np.where(weights > 0, times, 0.0), 0.0).sum(axis=1)


def _bound(times: np.ndarray, runs: list[pd.DataFrame], along: str) -> float:
    """The mean, or a lower bound of it: who did not reach the level needs more than all that it ran."""
    return float(np.minimum(times, [run[along].iloc[-1] for run in runs]).mean())


def _crossing(runs: list[pd.DataFrame], along: str, levels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Where the mean curve of each draw first has that draw's level; infinite where it never does.

    A repeat that ended keeps its last share, so along epochs, where repeats end apart, the last part is too low.
    """
    x = np.unique(np.concatenate([run[along] for run in runs]))
    above = weights @ _on(runs, along, x) >= levels[:, None] - NOISE
    return np.where(above.any(axis=1), x[above.argmax(axis=1)], np.inf)


def _interval(values: np.ndarray) -> np.ndarray:
    """The first row, then the interval of the others; an observed quantile, since some draws are infinite."""
    return np.vstack([values[:1], np.quantile(values[1:], [TAIL, 1 - TAIL], axis=0, method="inverted_cdf")])


def _estimate(values: np.ndarray, bound: float = np.inf) -> Estimate:
    """From the mean, followed by the draws of it; `bound` takes the place of an infinite mean."""
    if not np.isfinite(values[0]):
        return Estimate(float(bound), np.nan, np.nan, bound=True)
    return Estimate(*(float(value) for value in _interval(values[:, None])[:, 0]))
