"""Curves of many trials as few traces: all of a group are one line that is broken between trials.

A trace a trial would be thousands of traces, and more curves than MOST are no longer told apart: of those, as many are
drawn, evenly by number. (Lines that are broken so often are slow in WebGL: a page of 10,000 took 26 s in headless
Chromium, 3 s as SVG; so there is none here.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.plots import style

MOST = 400  # trials of a group that are drawn
FEW = 60  # trials whose epochs are marked one by one
COLUMNS = ("trial", "epoch", "train_error", "val_accuracy")


class Line(NamedTuple):
    """Epochs, accuracies and numbers of trials, by trial; NaN between two trials."""

    x: np.ndarray
    y: np.ndarray
    trial: np.ndarray


def tidy(curves: pd.DataFrame) -> pd.DataFrame:
    """The rows with a trial, an epoch and an accuracy, by trial and epoch, with every column there.

    >>> tidy(pd.DataFrame({"trial": [1, 0], "epoch": [1, 1], "val_accuracy": [0.5, None]}))["trial"].tolist()
    [1.0]
    """
    table = pd.DataFrame(index=curves.index)
    for column in COLUMNS:
        table[column] = pd.to_numeric(curves[column], errors="coerce").astype(float) if column in curves else np.nan
    table["state"] = curves["state"].astype(str) if "state" in curves else ""
    table["on_front"] = curves["on_front"].eq(True) if "on_front" in curves else False
    table = table[np.isfinite(table[["trial", "epoch", "val_accuracy"]]).all(axis=1)]
    table = table.sort_values(["trial", "epoch"], kind="stable", ignore_index=True)
    table.attrs = dict(curves.attrs)
    return table


def line(curves: pd.DataFrame) -> Line:
    """Tidy curves as one line that is broken between trials.

    >>> table = pd.DataFrame({"trial": [0, 0, 4], "epoch": [1, 2, 1], "val_accuracy": [0.25, 0.5, 0.75]})
    >>> line(table).y.tolist(), line(table).trial.tolist()
    ([0.25, 0.5, nan, 0.75], [0, 0, 0, 4])
    """
    trial = curves["trial"].to_numpy(dtype=np.int64)
    breaks = np.flatnonzero(np.diff(trial)) + 1
    before = trial[breaks - 1]
    return Line(
        np.insert(curves["epoch"].to_numpy(dtype=np.float32), breaks, np.nan),
        np.insert(curves["val_accuracy"].to_numpy(dtype=np.float32), breaks, np.nan),
        np.insert(trial, breaks, before).astype(np.int32),
    )


def ends(curves: pd.DataFrame) -> pd.DataFrame:
    """The last row of each trial of tidy curves."""
    return curves.groupby("trial", sort=True).tail(1)


def thinned(curves: pd.DataFrame) -> pd.DataFrame:
    """Tidy curves of MOST trials at most, evenly by number, the first and the last among them.

    >>> table = pd.DataFrame({"trial": range(9999)})
    >>> thinned(table)["trial"].iloc[[0, 1, -1]].tolist(), len(thinned(table))
    ([0, 25, 9998], 400)
    """
    trials = curves["trial"].unique()
    if len(trials) <= MOST:
        return curves
    return curves[curves["trial"].isin(trials[np.linspace(0, len(trials) - 1, MOST).round().astype(int)])]


def trace(curves: pd.DataFrame, name: str, colour: str, **more: object) -> go.Scatter:
    """A group of trials as one trace, thinned; `name` tells in the legend.

    Hover texts tell trial, epoch and accuracy, and a point's customdata is its trial.
    """
    x, y, trial = line(thinned(curves))
    return go.Scatter(
        x=x,
        y=y,
        customdata=trial,
        mode="lines+markers" if curves["trial"].nunique() <= FEW else "lines",
        line={"color": colour, "width": 1.5},
        marker={"size": 4, "color": colour},
        name=name,
        hovertemplate="<b>trial %{customdata}</b><br>epoch %{x}: %{y:.1%}<extra></extra>",
        showlegend=True,
        **more,
    )


def named(kind: str, curves: pd.DataFrame) -> str:
    """What the legend says of a group: how many trials there are, and how many of them are drawn.

    >>> named("stopped", pd.DataFrame({"trial": range(9999)})), named("failed", pd.DataFrame({"trial": [3, 3]}))
    ('stopped (9,999, 400 drawn)', 'failed (1)')
    """
    size = curves["trial"].nunique()
    return f"{kind} ({size:,}{f', {MOST} drawn' if size > MOST else ''})"


def opacity(curves: pd.DataFrame) -> float:
    """Fainter where there are many."""
    return float(np.clip(6 / np.sqrt(max(curves["trial"].nunique(), 1)), 0.35, 0.9))


def axes(figure: go.Figure, curves: pd.DataFrame, metric: str) -> None:
    """Epochs across, from 0 to the proxy's length where it is known; accuracy up, around all that is drawn."""
    whole = curves.attrs.get("epochs")
    last = max(float(curves["epoch"].max()) if len(curves) else 1.0, float(whole) if _is_number(whole) else 1.0)
    low, high = curves["val_accuracy"].min(), curves["val_accuracy"].max()
    figure.update_layout(
        xaxis=style.axis("epochs trained", range=[0.6, last + 0.4], **({"dtick": 1} if last <= 12 else {})),
        yaxis=style.accuracy_axis(f"{metric}, validation", low, high),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and np.isfinite(value)
