"""Spaces compared by their distributions of error at equal complexity.

The method is that of "On Network Design Spaces for Visual Recognition" (2019). A space is better when
networks drawn from it have lower errors, not when one of them does. Larger networks have lower errors, so networks
are weighted until the distribution of complexity is the same for all spaces.

Tables have one row a network: space (a label), error (1 - accuracy), gflops (its complexity) and a column
'decision.<name>' for each decision (missing where it is not active). `weights` adds bin and weight, which the other
functions read. They tell what was drawn: networks by a sampler that learns are no sample of a space.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from nas import bootstrap
from nas.errors import NasError

BINS, LEAST = 20, 5  # bins to begin with, and how many networks of each space one must hold
DECISION = "decision."
TIED = 1e-9  # a label whose variance is this share of it is told apart by complexity alone


def weights(frame: pd.DataFrame, *, bins: int = BINS, least: int = LEAST) -> pd.DataFrame:
    """The frame with `bin` and `weight`: each space's weights sum to 1 and put the same mass into each bin.

    Bins divide the logarithm of GFLOPs evenly over the range that all spaces share; one with fewer than `least`
    networks of a space is merged with the bin above it (at the end, below). The common mass of a bin is proportional to
    the harmonic mean of the spaces' numbers of networks in it, which makes mean differences least noisy; the paper's
    mass, the same for all bins, lets a few networks at the ends of the range decide. Networks outside of the range
    have weight 0 and no bin (-1); those without an error are left out (`attrs["unmeasured"]` counts them).

    What is left of a difference in complexity is inside bins; `balance` shows it. Raises NasError where the spaces
    share no range with `least` networks of each.

    >>> frame = pd.DataFrame({"space": ["a", "a", "a", "b", "b"], "gflops": [1.0, 1.0, 4.0, 1.0, 4.0], "error": 0.5})
    >>> weights(frame, bins=2, least=1)["weight"].round(3).tolist()
    [0.286, 0.286, 0.429, 0.571, 0.429]
    """
    measured = np.isfinite(frame["error"].astype(float))
    frame = frame[measured].reset_index(drop=True)
    logs, space = np.log(frame["gflops"].to_numpy(float)), frame["space"].to_numpy()
    ends = [(logs[space == name].min(), logs[space == name].max()) for name in pd.unique(space)]
    low, high = max((end[0] for end in ends), default=0.0), min((end[1] for end in ends), default=-1.0)
    inside = (logs >= low) & (logs <= high)
    edges = _edges(logs[inside], space[inside], np.linspace(low, high, bins + 1), len(ends), least)
    if len(edges) < 2:
        problem = f"the spaces share no range of GFLOPs with {least} networks of each"
        raise NasError(problem, fix="draw more networks, or give all spaces one budget")
    bin_of = np.where(inside, np.searchsorted(edges[1:-1], logs, side="right"), -1)
    sizes = pd.crosstab(space[inside], bin_of[inside])
    mass = 1 / (1 / sizes).sum()
    mass, size = (mass / mass.sum()).to_numpy(), frame.assign(bin=bin_of).groupby(["space", "bin"])["error"]
    weight = np.where(inside, mass[bin_of] / size.transform("size"), 0.0)
    table = frame.assign(bin=bin_of, weight=weight)
    facts = {"gflops": [float(np.exp(low)), float(np.exp(high))], "bins": len(mass)}
    table.attrs = dict(frame.attrs) | facts | {"unmeasured": int((~measured).sum())}
    return table


def balance(weighted: pd.DataFrame) -> pd.DataFrame:
    """One row a space: networks, those outside of the shared range, and what the weights made of the others.

    effective is (sum w)^2 / sum w^2: so many equally weighted networks tell as much. gflops is the weighted geometric
    mean: where it differs between spaces, the bins were too wide. error is the weighted mean error.
    """
    rows = []
    for name, part in weighted.groupby("space", sort=False):
        w = part["weight"].to_numpy()
        found = {"space": name, "networks": len(part), "outside": int((part["bin"] < 0).sum())}
        found |= {"effective": float(w.sum() ** 2 / (w**2).sum())}
        found |= {"gflops": float(np.exp(w @ np.log(part["gflops"].to_numpy(float))))}
        rows.append(found | {"error": float(w @ part["error"].to_numpy(float))})
    return pd.DataFrame(rows)


def edf(weighted: pd.DataFrame, *, seed: int = 0, repeats: int = 1000) -> pd.DataFrame:
    """Columns space, error, share, low, high: the weighted share of a space's networks with at most this error.

    The band holds 95 % of resamples at each error (not of whole curves); networks are resampled within bins.

    >>> frame = pd.DataFrame({"space": "a", "gflops": 1.0, "error": [0.2, 0.5, 0.5, 0.6]})
    >>> edf(weights(frame))[["error", "share"]].to_numpy().tolist()
    [[0.2, 0.25], [0.5, 0.75], [0.6, 1.0]]
    """
    parts = []
    for name, part in _inside(weighted).groupby("space", sort=False):
        ordered = part.sort_values("error", kind="stable")
        error, weight = ordered["error"].to_numpy(float), ordered["weight"].to_numpy()
        last = _last(error)
        drawn = bootstrap.counts(_rows(ordered["bin"]), len(part), repeats=repeats, seed=seed)
        shares = np.cumsum(drawn * weight, axis=1, dtype=float)[:, last]
        low, high = np.quantile(shares, [0.025, 0.975], axis=0).round(6)
        share = np.cumsum(weight)[last].round(6)
        parts.append(pd.DataFrame({"space": name, "error": error[last], "share": share, "low": low, "high": high}))
    table = pd.concat(parts, ignore_index=True)
    table.attrs = dict(weighted.attrs)
    return table


def differences(
    weighted: pd.DataFrame, pairs: Sequence[tuple[str, str]] | None = None, *, seed: int = 0, repeats: int = 2000
) -> pd.DataFrame:
    """One row a pair of spaces (all pairs unless told): are their errors, at equal complexity, from one distribution?

    ks is the largest vertical distance between the two EDFs (Kolmogorov and Smirnov's). p is its share among
    permutations of the space labels within bins, so that no permutation trades complexity; p_holm corrects for
    looking at several pairs. difference is the mean error of `space` less that of `other`, with its 95 % interval.

    Within a bin the cheaper space would still look worse, so each error is first moved to the mean complexity of its
    bin, along the one slope that errors have over log GFLOPs within the bins of each space; `edf` shows errors as
    they are. With 150 networks of each of two equally good spaces, 1.7 standard deviations of log GFLOPs apart, 5.7 %
    of 300 such tests had p <= 0.05 and 93 % of the intervals held 0.
    """
    pairs = list(combinations(pd.unique(weighted["space"]), 2)) if pairs is None else pairs
    table = pd.DataFrame([_pair(_inside(weighted), *pair, seed, repeats) for pair in pairs])
    table = table.assign(p_holm=bootstrap.holm(table["p"].tolist() if len(table) else []))
    table.attrs = dict(weighted.attrs)
    return table


def decisions(weighted: pd.DataFrame, *, seed: int = 0, repeats: int = 1000, permutations: int = 5000) -> pd.DataFrame:
    """One row a label of each decision in each space: how far the label moves the error at equal complexity.

    shift is the mean error with the label less that of the space's other networks, where the decision is active, with
    its 95 % interval. Within a bin the cheaper label would still look worse, so errors are first freed of the mean
    of their bin and of one slope in log GFLOPs. spread is the shift from a decision's best to its worst label; p is
    its share among permutations of the errors within bins, by_chance their mean (many labels spread far by chance),
    and p_holm corrects for looking at all decisions of the space. Decisions come by falling spread, labels by
    rising shift. Networks in bins where all have one label tell nothing and are left out, then labels of fewer than
    5 networks, then decisions with fewer than two labels; n counts what is left.

    A budget makes decisions depend on each other (wide networks are shallow ones): what moves with a label, not only
    what it causes, is counted. The interval holds the slope and the bins' means fixed.
    """
    parts = [
        _of_space(part.reset_index(drop=True), seed, repeats, permutations)
        for _, part in _inside(weighted).groupby("space", sort=False)
    ]
    columns = ["space", "decision", "label", "n", "shift", "low", "high", "spread", "by_chance", "p", "p_holm"]
    parts = [part for part in parts if len(part)]
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    table.attrs = dict(weighted.attrs)
    return table


def decisive(table: pd.DataFrame, level: float = 0.05) -> dict[str, str]:
    """For each space of `decisions` the decision with the largest spread among those that chance does not explain."""
    sure = table[table["p_holm"] < level].sort_values("spread", ascending=False, kind="stable")
    return sure.drop_duplicates("space").set_index("space")["decision"].to_dict()


def _edges(logs: np.ndarray, space: np.ndarray, edges: np.ndarray, spaces: int, least: int) -> np.ndarray:
    """Edges that leave at least `least` networks of each of the spaces in each bin; fewer than 2 when none do."""
    if not len(logs) or edges[0] == edges[-1]:
        enough = len(logs) and min(np.unique(space, return_counts=True)[1]) >= min(least, len(logs))
        return edges[[0, -1]] if enough and len(np.unique(space)) == spaces else edges[:0]
    kept = [edges[0]]
    for upper in edges[1:]:
        among = space[(logs >= kept[-1]) & ((logs < upper) | (upper == edges[-1]))]
        sizes = np.unique(among, return_counts=True)[1]
        if len(sizes) == spaces and sizes.min() >= least:
            kept.append(upper)
    return np.array([*kept[:-1], edges[-1]]) if len(kept) > 1 else edges[:0]


def _inside(weighted: pd.DataFrame) -> pd.DataFrame:
    return weighted[weighted["bin"] >= 0]


def _rows(labels: Sequence) -> list[np.ndarray]:
    """Row numbers by label."""
    values = np.asarray(labels)
    return [np.flatnonzero(values == label) for label in np.unique(values)]


def _last(ordered: np.ndarray) -> np.ndarray:
    """The last row of each run of equal values."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))


def _pair(inside: pd.DataFrame, space: str, other: str, seed: int, repeats: int) -> dict:
    both = inside[inside["space"].isin((space, other))]
    both = both.assign(error=_level(both)).sort_values("error", kind="stable")
    error, bins = both["error"].to_numpy(float), _rows(both["bin"])
    signed = both["weight"].to_numpy() * np.where(both["space"] == space, 1.0, -1.0)
    last, size = _last(error), len(both)

    def distance(sides: np.ndarray) -> np.ndarray:
        return np.abs(np.cumsum(sides, axis=-1)[..., last]).max(axis=-1)

    ks = float(distance(signed))
    null = distance(signed[bootstrap.shuffles(bins, size, repeats=repeats, seed=seed)])
    strata = _rows(both["bin"].to_numpy() * 2 + (signed > 0))
    drawn = bootstrap.counts(strata, size, repeats=repeats, seed=seed)
    low, high = bootstrap.interval(drawn @ (signed * error))
    sizes = {"n": int((signed > 0).sum()), "n_other": int((signed < 0).sum())}
    found = {"space": space, "other": other, **sizes, "difference": float(signed @ error), "low": low, "high": high}
    return found | {"ks": ks, "p": bootstrap.p_value(ks, null)}


def _level(both: pd.DataFrame) -> pd.Series:
    """Errors moved to the mean log GFLOPs of their bins."""
    table = pd.DataFrame({"x": np.log(both["gflops"].astype(float)), "y": both["error"].astype(float)})
    within = table - table.groupby([both["space"], both["bin"]]).transform("mean")
    squares = float((within["x"] ** 2).sum())
    slope = float((within["x"] * within["y"]).sum()) / squares if squares > TIED else 0.0
    return table["y"] - slope * (table["x"] - table["x"].groupby(both["bin"]).transform("mean"))


def _of_space(part: pd.DataFrame, seed: int, repeats: int, permutations: int) -> pd.DataFrame:
    """The labels of one space's decisions."""
    found = []
    for column in (name for name in part if str(name).startswith(DECISION)):
        known = _comparable(part[part[column].notna()].astype({column: str}), column)
        if known[column].nunique() > 1:
            rows = _labels(known, column, seed, repeats, permutations)
            found.append(rows.assign(decision=column.removeprefix(DECISION), space=part["space"].iloc[0]))
    if not found:
        return pd.DataFrame()
    corrected = bootstrap.holm([rows["p"].iloc[0] for rows in found])
    found = [rows.assign(p_holm=p) for rows, p in zip(found, corrected, strict=True)]
    return pd.concat(sorted(found, key=lambda rows: -rows["spread"].iloc[0]), ignore_index=True)


def _comparable(known: pd.DataFrame, column: str) -> pd.DataFrame:
    """The networks in bins where several labels meet, of labels that at least 5 of these have."""
    meeting = known[known.groupby("bin")[column].transform("nunique") > 1]
    often = meeting[column].map(meeting[column].value_counts()) >= LEAST
    return meeting[often].reset_index(drop=True)


def _labels(known: pd.DataFrame, column: str, seed: int, repeats: int, permutations: int) -> pd.DataFrame:
    """The shifts of one decision's labels: a regression on labels, bins and log GFLOPs (analysis of covariance)."""
    names, size, bins = np.unique(known[column]), len(known), _rows(known["bin"])
    has = (known[column].to_numpy()[:, None] == names).astype(float)
    share = has.sum(axis=0)
    freed, error = _freed(known, has), _freed(known, known["error"].to_numpy(float)[:, None])[:, 0]
    freed[:, (freed**2).sum(axis=0) < TIED * share] = 0.0
    levels = np.linalg.pinv(freed.T @ freed, rcond=TIED) @ freed.T  # errors -> the mean error of each label
    others = np.eye(len(names)) - (1 - np.eye(len(names))) * share / (size - share)[:, None]
    null = np.ptp(error[bootstrap.shuffles(bins, size, repeats=permutations, seed=seed)] @ levels.T, axis=1)
    spread = float(np.ptp(levels @ error))
    draws = _refitted(freed, error, bootstrap.counts(bins, size, repeats=repeats, seed=seed)) @ others.T
    low, high = np.array([bootstrap.interval(draw) for draw in draws.T]).T
    shift = others @ levels @ error
    rows = pd.DataFrame({"label": names, "n": share.astype(int), "shift": shift, "low": low, "high": high})
    chance = {"spread": spread, "by_chance": float(null.mean()), "p": bootstrap.p_value(spread, null)}
    return rows.sort_values("shift", kind="stable").assign(**chance)


def _freed(known: pd.DataFrame, columns: np.ndarray) -> np.ndarray:
    """What bins and one slope in log GFLOPs leave of the columns."""
    bins = known["bin"].to_numpy()
    trend = np.column_stack([bins[:, None] == np.unique(bins), np.log(known["gflops"].to_numpy(float))]).astype(float)
    return columns - trend @ np.linalg.lstsq(trend, columns, rcond=None)[0]


def _refitted(freed: np.ndarray, error: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The labels' levels in each resample, as (repeats, labels)."""
    labels = freed.shape[1]
    squares = (drawn @ (freed[:, :, None] * freed[:, None, :]).reshape(len(freed), -1)).reshape(-1, labels, labels)
    return (np.linalg.pinv(squares, rcond=TIED) @ (drawn @ (freed * error[:, None]))[:, :, None])[:, :, 0]
