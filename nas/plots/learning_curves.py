"""Training and validation error over epochs, of one retraining or of several trials (CSN paper, Figure 5).

A run's two curves share a colour: dotted is training, solid is validation, and the gap between them is
what the network did not generalise.
"""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from nas.data_settings import METRICS
from nas.plots import style

FEW = 12  # epochs that are marked one by one


def learning_curves(curves: pd.DataFrame, *, title: str = "Training and validation error") -> go.Figure:
    """Draw error over epochs from rows of `nas.train.Result.curve`; a column `run` tells several apart.

    Takes the columns epoch, train_error and val_accuracy (fractions; NaN in epochs without validation).
    `curves.attrs` may say `dataset`, `clip` and `metric`: what a validation accuracy is that is not top-1.

    >>> rows = [{"epoch": 1, "train_error": 0.8, "val_accuracy": 0.3}]
    >>> [trace.name for trace in learning_curves(pd.DataFrame(rows)).data]
    ['training', 'validation']
    """
    error = "top-1 error (share of clips)"
    if (metric := curves.attrs.get("metric", METRICS["top1"])) != METRICS["top1"]:
        error = f"training: top-1 error; validation: 1 - {metric}"
    facts = [f"{key} {curves.attrs[key]}" for key in ("dataset", "clip") if curves.attrs.get(key)]
    figure = go.Figure(layout=style.layout(title, escape("; ".join(facts).replace("dataset", "data set", 1))))
    figure.update_layout(
        xaxis=style.axis("epoch (passes over the training videos)", rangemode="tozero"),
        yaxis=style.axis(escape(error), tickformat=".0%", rangemode="tozero"),
    )
    if curves.empty:
        style.note(figure, "no epoch finished yet")
        return figure
    if curves["epoch"].max() <= FEW:
        figure.update_xaxes(dtick=1)
    runs = curves["run"].astype(str) if "run" in curves else pd.Series("", index=curves.index)
    for colour, run in zip(_colours(runs.nunique()), runs.unique(), strict=True):
        figure.add_traces(_run(curves[runs == run].sort_values("epoch"), run, colour))
    return figure


def _run(rows: pd.DataFrame, run: str, colour: str) -> list[go.Scatter]:
    """One run's dotted training curve and solid validation curve."""
    errors = {"training": rows["train_error"], "validation": 1 - rows["val_accuracy"]}
    traces = []
    for kind, error in errors.items():
        known = rows[np.isfinite(error.astype(float))]
        name = f"{escape(run)}, {kind}" if run else kind
        dash = {"color": colour, "width": 2, "dash": "dot" if kind == "training" else "solid"}
        traces.append(
            go.Scatter(
                x=known["epoch"],
                y=error[known.index],
                mode="lines+markers" if len(known) < 3 else "lines",
                line=dash,
                name=name,
                legendgroup=run,
                hovertemplate="%{fullData.name}<br>epoch %{x}: error %{y:.1%}<extra></extra>",
            )
        )
    return traces


def _colours(runs: int) -> list[str]:
    """One colour a run: the palette while it lasts, then shades of one scale."""
    if runs <= len(style.PALETTE):
        return list(style.PALETTE[:runs])
    return sample_colorscale("Viridis", np.linspace(0.12, 0.94, runs).tolist())
