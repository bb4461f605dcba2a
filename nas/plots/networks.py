"""Trials as networks: several trainings of one network are one point with a spread; unfinished ones stand apart.

The spread between seeds is what tells whether two networks differ, and it is usually larger than the error from the
number of validation clips.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from nas.pareto import front
from nas.plots import objectives
from nas.plots import trials as frame

UNFINISHED = ("stopped", "running")
# trials named in a hover text
NAMED = 8


def together(shown: pd.DataFrame) -> pd.DataFrame:
    """Complete trials of a tidy frame, one row a network: trainings that share a `key` are their mean.

    Adds trainings (how many), spread (the standard deviation of their accuracies, NaN for one) and told (a line for
    hover texts). A merged row has the number of its first trial; where there are any, the front is that of the means.

    >>> table = {"number": [1, 2, 3], "accuracy": [0.4, 0.6, 0.5], "key": ["a", "a", "b"], "gflops": [1.0, 1.0, 2.0]}
    >>> together(frame.tidy(pd.DataFrame(table)))[["number", "accuracy", "trainings"]].to_numpy().tolist()
    [[1.0, 0.5, 2.0], [3.0, 0.5, 1.0]]
    """
    facts, shown = dict(shown.attrs), shown.reset_index(drop=True)
    shown.attrs = {}  # pandas copies them at every step
    shown = shown.assign(trainings=1, spread=np.nan, told="")
    shown.attrs = facts
    again = shown["key"].duplicated(keep=False) & (shown["key"] != "")
    if not again.any():
        return shown
    groups = shown[again].groupby("key", sort=False)
    merged = shown[again].drop_duplicates("key").set_index("key")
    means = {name: groups[name].mean() for name in ("accuracy", "seconds", "latency")}
    merged = merged.assign(**means, trainings=groups.size(), spread=groups["accuracy"].std())
    merged = merged.assign(told=[_told(rows) for _, rows in groups])
    whole = pd.concat([shown[~again], merged.reset_index()]).sort_values("number", ignore_index=True)
    whole.attrs = facts
    aims = objectives.aims(whole)
    points = np.column_stack([objectives.values(whole, aim.name) for aim in aims])
    return whole.assign(on_front=front(points.tolist(), aims))


def _told(rows: pd.DataFrame) -> str:
    named = ", ".join(f"{number:.0f}" for number in rows["number"][:NAMED])
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return f"mean of {len(rows)} trainings ± {100 * rows['accuracy'].std():.1f} %: trials {named}{more}"


def unfinished(trials: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Stopped and running trials of a tidy frame with this cost, their accuracy the last one that was measured.

    Adds told, a line for hover texts.
    """
    last = trials.assign(accuracy=objectives.values(trials, "last_accuracy"))
    there = last["state"].isin(UNFINISHED) & np.isfinite(last["accuracy"]) & np.isfinite(last[cost])
    rows = last[there].reset_index(drop=True)
    words = {"stopped": "stopped early", "running": "running"}
    lines = [
        f"{words[state]}{'' if np.isnan(epochs) else f', {epochs:.0f} epochs trained'}: not compared"
        for state, epochs in zip(rows["state"], rows["epochs"], strict=True)
    ]
    rows = rows.assign(told=lines)
    rows.attrs = dict(trials.attrs)
    return rows


def measured(trials: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The networks that a figure can draw over a cost: complete, with an accuracy."""
    return together(frame.measured(trials, cost))


def nothing(trials: pd.DataFrame, cost: str = "accuracy") -> str:
    """Why `measured` has no row.

    >>> table = frame.tidy(pd.DataFrame({"state": ["complete", "failed"], "accuracy": 0.5}))
    >>> nothing(table, "gflops"), nothing(table[1:], "gflops")
    ('no complete trial has an accuracy and GFLOPs', 'the only trial failed')
    """
    if not (trials["state"] == "complete").any():
        return frame.emptiness(trials)
    return f"no complete trial has an accuracy{'' if cost == 'accuracy' else f' and {objectives.label(cost)}'}"
