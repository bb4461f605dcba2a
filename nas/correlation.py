"""How well scores, rungs and plain costs foretell the final accuracy: rank correlations with bootstrap intervals.

Larger networks are more accurate, and most scores are larger for larger networks. So every correlation stands beside
that of depth and params, and is taken a second time among networks of about equal cost, where size foretells little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from nas import bootstrap

Kind = Literal["score", "baseline", "rung"]
# what a score must do better than to be worth its name
YARDSTICKS = ("depth", "params")
BANDS, LEAST = 5, 8  # at most so many equal-cost bands, each of at least so many trials
FEW = 3  # fewer values have no rank correlation worth writing down


def audit(
    frame: pd.DataFrame,
    predictors: Mapping[str, Kind],
    *,
    bands: int = BANDS,
    yardsticks: Sequence[str] = YARDSTICKS,
    seed: int = 0,
    repeats: int = 1000,
) -> pd.DataFrame:
    """One row a predictor, by falling tau within bands: how its order of the trials agrees with their accuracy.

    `frame` has a row for each trial (those without an accuracy are left out) with `accuracy` and `gflops` and a column
    for each predictor. Columns of the result: predictor, kind, n (trials with a value; the others are left out for
    this predictor alone), tau (Kendall's tau-b) and rho (Spearman's), each with `_low` and `_high`, the same with
    `_within`, the verdicts, and `note` ('constant', 'fewer than 3 values' where there is no correlation).

    `_within` is the mean over equal-cost bands (groups of equal count by GFLOPs) weighted by their numbers of pairs.
    Bands are not points: what gflops itself reaches within them is what cost still explains there. With fewer
    than 16 trials there are no bands and no values. Intervals (95 %) are percentiles over resampled trials, resampled
    within bands for `_within`; they say nothing of the spread between training seeds.

    Every predictor is taken as is: all scores claim that more is better, and a score that ranks backwards has a
    negative tau, which no verdict turns around. `verdict` and `verdict_within` are given for scores: 'no better
    than depth' (or params, or both) unless the interval of tau's difference, over the same resamples of the trials
    that have both, is above 0; a yardstick that is constant counts as tau 0, and so does chance, the last yardstick.
    `margin`, `margin_low` and `margin_high` are that difference to the yardstick that is hardest to beat.

    Rungs see only the trials that were trained to the end. Where the weak were stopped, this hides the rungs'
    easiest decisions and makes them look worse than they are.
    """
    frame = frame[np.isfinite(_numbers(frame, "accuracy"))]
    groups = equal_cost(frame["gflops"].to_numpy(float), bands)
    rulers = {name: _numbers(frame, name) for name in yardsticks if name in frame}
    audited = _Audit(_numbers(frame, "accuracy"), groups, rulers, seed, repeats)
    rows = [audited.row(name, kind, _numbers(frame, name)) for name, kind in predictors.items()]
    columns = ["predictor", "kind", "n", "note"] if not rows else None
    table = pd.DataFrame(rows, columns=columns)
    if rows:
        table = table.sort_values(["tau_within", "tau"], ascending=False, kind="stable", ignore_index=True)
    costs = frame["gflops"].to_numpy(float)
    table.attrs = dict(frame.attrs) | {
        "trials": len(frame),
        "bands": [[float(costs[rows].min()), float(costs[rows].max())] for rows in groups],
        "yardsticks": list(rulers),
        "repeats": repeats,
    }
    return table


def equal_cost(costs: np.ndarray, bands: int = BANDS, least: int = LEAST) -> list[np.ndarray]:
    """Rows in groups of equal count by rising cost: at most `bands`, each of at least `least` rows, none below two.

    >>> [rows.tolist() for rows in equal_cost(np.array([5.0, 1.0, 4.0, 2.0]), least=2)]
    [[1, 3], [2, 0]]
    """
    number = min(bands, len(costs) // least)
    return np.array_split(np.argsort(costs, kind="stable"), number) if number > 1 else []


def correlate(x: np.ndarray, y: np.ndarray, groups: Sequence[np.ndarray], counts: np.ndarray) -> dict[str, np.ndarray]:
    """Kendall's tau-b and Spearman's rho of x and y for each row of `counts` (how often each value is in a resample).

    With several groups, the mean of the groups' correlations, weighted by their numbers of pairs; a group
    without one (constant, or fewer than three values) is left out.

    Both come from the sign matrices S_x = sign(x_i - x_j) and the counts w: tau-b is w'(S_x S_y)w over
    sqrt(w'|S_x|w w'|S_y|w), and S_x w are twice the centred mid-ranks, whose weighted correlation is rho.

    >>> rows, once = [np.arange(4)], np.ones((1, 4))
    >>> correlate(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4]), rows, once)["tau"].round(3).tolist()
    [0.667]
    """
    sums = {"tau": np.zeros((2, len(counts))), "rho": np.zeros((2, len(counts)))}
    for rows in groups:
        if len(rows) < FEW:
            continue
        found = _group(x[rows], y[rows], counts[:, rows])
        for name, values in found.items():
            known, pairs = np.isfinite(values), len(rows) * (len(rows) - 1) / 2
            sums[name] += pairs * np.stack([np.where(known, values, 0.0), known])
    return {name: _ratio(total, weight) for name, (total, weight) in sums.items()}


def _group(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    a, b = (np.sign(values[:, None] - values[None, :]).astype(counts.dtype) for values in (x, y))

    def pairs(matrix: np.ndarray) -> np.ndarray:
        return ((counts @ matrix) * counts).sum(axis=1, dtype=float)

    ranks_a, ranks_b = counts @ a, counts @ b

    def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return (counts * left * right).sum(axis=1, dtype=float)

    return {
        "tau": _ratio(pairs(a * b), np.sqrt(pairs(np.abs(a)) * pairs(np.abs(b)))),
        "rho": _ratio(product(ranks_a, ranks_b), np.sqrt(product(ranks_a, ranks_a) * product(ranks_b, ranks_b))),
    }


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)


class _Audit:
    """What all predictors of one audit share: accuracies, bands, yardsticks and resamples."""

    def __init__(self, accuracy, groups, rulers: dict[str, np.ndarray], seed: int, repeats: int):
        self.accuracy, self.groups, self.rulers = accuracy, groups, rulers
        self.seed, self.repeats = seed, repeats
        self.drawn: dict[bytes, np.ndarray] = {}
        self.known: dict[bytes, dict[str, np.ndarray]] = {}

    def row(self, name: str, kind: str, values: np.ndarray) -> dict[str, Any]:
        """One predictor's row of the table."""
        known = np.isfinite(values)
        found = {"predictor": name, "kind": kind, "n": int(known.sum()), "note": _note(values[known])}
        for suffix in ("", "_within"):
            groups = self._groups(suffix, known)
            correlations = self._correlate(values, groups)
            for figure, draws in correlations.items():
                low, high = bootstrap.interval(draws[1:])
                found |= {f"{figure}{suffix}": float(draws[0])}
                found |= {f"{figure}{suffix}_low": low, f"{figure}{suffix}_high": high}
            judged = kind == "score" and np.isfinite(correlations["tau"][0])
            margin, verdict = self._judge(values, suffix) if judged else ((np.nan,) * 3, "")
            found |= dict(zip((f"margin{suffix}{end}" for end in ("", "_low", "_high")), margin, strict=True))
            found |= {f"verdict{suffix}": verdict}
        return found

    def _judge(self, values: np.ndarray, suffix: str) -> tuple[tuple[float, float, float], str]:
        """The difference of tau to the yardstick that is hardest to beat, and the verdict over all of them."""
        chance = np.zeros(len(values))
        margins = {name: self._margin(values, ruler, suffix) for name, ruler in self.rulers.items()}
        margins["chance"] = self._margin(values, chance, suffix)
        unbeaten = [name for name, (_, low, _) in margins.items() if not low > 0]
        named = [name for name in unbeaten if name != "chance"] or unbeaten
        best = [name for name in margins if name != "chance"] or ["chance"]
        hardest = min(margins.values(), key=lambda margin: margin[1])
        return hardest, f"no better than {' or '.join(named)}" if named else f"better than {' and '.join(best)}"

    def _margin(self, values: np.ndarray, ruler: np.ndarray, suffix: str) -> tuple[float, float, float]:
        """tau of `values` less tau of `ruler` over the trials that have both, with its interval."""
        groups = self._groups(suffix, np.isfinite(values) & np.isfinite(ruler))
        ours, theirs = (self._correlate(x, groups)["tau"] for x in (values, ruler))
        difference = ours - np.nan_to_num(theirs)
        return float(difference[0]), *bootstrap.interval(difference[1:])

    def _groups(self, suffix: str, known: np.ndarray) -> list[np.ndarray]:
        whole = self.groups if suffix else [np.arange(len(known))]
        return [rows[known[rows]] for rows in whole if known[rows].any()]

    def _correlate(self, values: np.ndarray, groups: list[np.ndarray]) -> dict[str, np.ndarray]:
        """The correlations over all these trials, then over each resample of them.

        Equal groups have equal resamples, so that differences between predictors are paired.
        """
        key = b"/".join(rows.tobytes() for rows in groups)
        if key not in self.drawn:
            size = len(self.accuracy)
            drawn = bootstrap.counts(groups, size, repeats=self.repeats, seed=self.seed)
            self.drawn[key] = np.concatenate([np.ones((1, size), dtype=drawn.dtype), drawn])
        whole = key + b"|" + values.tobytes()
        if whole not in self.known:
            self.known[whole] = correlate(values, self.accuracy, groups, self.drawn[key])
        return self.known[whole]


def _numbers(frame: pd.DataFrame, column: str) -> np.ndarray:
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(float, na_value=np.nan)


def _note(values: np.ndarray) -> str:
    if len(values) < FEW:
        return f"fewer than {FEW} values"
    return "constant" if values.min() == values.max() else ""
