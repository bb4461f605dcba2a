"""What the head of a page says of a study: pairs of words, from the facts of its table of trials."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from nas.console import count
from nas.plots import trials as frame

PAIRS = 3  # a rank correlation of fewer says nothing

# attrs of the trials' frame, and what the page calls them
FACTS = {
    "space": "space",
    "budget": "budget",
    "objectives": "objectives",
    "dataset": "data set",
    "val_clips": "validation clips",
    "metric": "accuracy is",
    "proxy": "proxy",
    "clip": "costs counted for",
    "latency": "latency measured on",
    "sampler": "sampler",
    "seed": "seed",
    "engine": "accuracies from",
    "stopped": "stopped early",
    "dropped": "draws not trained",
    "skipped_videos": "videos skipped",
    "versions": "versions",
}


def facts(trials: pd.DataFrame) -> list[tuple[str, str]]:
    """The facts that are known, in words.

    >>> table = pd.DataFrame()
    >>> table.attrs = {"budget": "at most 35 GFLOPs", "objectives": ["accuracy", "gflops"], "seed": None}
    >>> facts(table)
    [('budget', 'at most 35 GFLOPs'), ('objectives', 'accuracy, gflops')]
    """
    known = dict(trials.attrs) | {"clip": frame.clip(trials) if trials.attrs.get("clip") else None}
    known["skipped_videos"] = known.get("skipped_videos") or None
    return [(told, text) for key, told in FACTS.items() if (text := _plain(known.get(key)))]


def fidelity(retrained: pd.DataFrame) -> str:
    """How well the proxy orders networks as full training does: Kendall's tau and Spearman's rho, in words.

    `retrained` has a row a full training: trial, proxy and retrained (accuracies as fractions).

    >>> fidelity(pd.DataFrame({"trial": [1, 2, 3], "proxy": [0.1, 0.2, 0.3], "retrained": [0.5, 0.6, 0.7]}))
    "orders 3 networks trained in full with Kendall's tau 1.00 (p = 0.33) and Spearman's rho 1.00"
    >>> fidelity(pd.DataFrame({"trial": [1], "proxy": [0.1], "retrained": [0.5]}))
    'unknown how well it foretells full training: 1 network trained in full, 3 would tell (nas retrain)'
    """
    pairs = retrained[["trial", "proxy", "retrained"]].astype(float)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if len(pairs) < PAIRS:
        unknown = "unknown how well it foretells full training"
        return f"{unknown}: {count(len(pairs), 'network')} trained in full, {PAIRS} would tell (nas retrain)"
    if pairs["proxy"].nunique() == 1 or pairs["retrained"].nunique() == 1:
        return f"{len(pairs)} networks trained in full have equal accuracies: there is no order to compare"
    from scipy.stats import kendalltau, spearmanr

    tau, rho = kendalltau(pairs["proxy"], pairs["retrained"]), spearmanr(pairs["proxy"], pairs["retrained"])
    found = f"Kendall's tau {tau.statistic:.2f} (p = {tau.pvalue:.2f}) and Spearman's rho {rho.statistic:.2f}"
    return f"orders {len(pairs)} networks trained in full with {found}"


def _plain(value: object) -> str:
    """A fact in words; '' where it is unknown.

    >>> _plain(["accuracy", "gflops"]), _plain({"over_budget": 4, "repeated": 0}), _plain({"torch": "2.13"})
    ('accuracy, gflops', '4 over budget', 'torch 2.13')
    """
    if isinstance(value, Mapping):
        counts = {key: count for key, count in value.items() if isinstance(count, int)}
        counted = [f"{count} {str(key).replace('_', ' ')}" for key, count in counts.items() if count]
        return ", ".join(counted if counts else [f"{key} {told}" for key, told in value.items()])
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None or value == "" else str(value)
