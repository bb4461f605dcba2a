"""What early stopping saved: the curves of all trials over epochs, those that were stopped ending at their rung.

Whether it stopped the right ones shows in the curves beside each other: a stopped one that lies above those that went
on was stopped for its place among networks of its own cost, or in spite of its promise.
"""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go

from nas.console import count
from nas.plots import lines, style
from nas.plots import trials as frame
from nas.plots.registry import figure as registered

# state -> colour, in the order in which they are drawn
COLOURS = {"complete": style.PALETTE[0], "running": style.PALETTE[2], "failed": style.PALETTE[3]}
COLOURS["stopped"] = style.PALETTE[5]
ROOM = 0.3  # of the height of the curves, above them for what is said of the rungs


@registered
def early_stopping(curves: pd.DataFrame) -> go.Figure:
    """Draw validation accuracy over epochs, a colour a state; dashed lines are rungs (`attrs`: rungs, epochs).

    >>> table = pd.DataFrame({"trial": [0, 0, 1], "epoch": [1, 2, 1], "val_accuracy": [0.3, 0.4, 0.2]})
    >>> table["state"] = ["complete", "complete", "stopped"]
    >>> [trace.name for trace in early_stopping(table).data]
    ['complete (1)', 'stopped (1)', 'ended at a rung']
    """
    table = lines.tidy(curves)
    figure = go.Figure(layout=style.layout("What early stopping saved", _explained(curves, table)))
    lines.axes(figure, table, frame.metric(curves))
    if table.empty:
        style.note(figure, "no epoch finished yet")
        return figure
    for state, colour in COLOURS.items():
        rows = table[table["state"] == state]
        if len(rows):
            name = lines.named(state, rows)
            figure.add_trace(lines.trace(rows, name, colour, opacity=lines.opacity(rows)))
    stopped = lines.thinned(table[table["state"] == "stopped"])
    if len(stopped):
        figure.add_trace(_ends(lines.ends(stopped)))
    _rungs(figure, curves, table)
    return figure


def saved(curves: pd.DataFrame, whole: float | None) -> str:
    """How many trials were stopped after how many epochs, and what that saved, in the words of `nas.fronts.stops`.

    `whole` is how long a proxy is trained; '' where none was stopped, or where it is not known.

    >>> table = pd.DataFrame({"trial": [0, 0, 1], "epoch": [1, 2, 1], "state": ["complete", "complete", "stopped"]})
    >>> saved(table, 2)
    '1 after 1 epoch of 2; 3 epochs trained in place of 4, 25% saved'
    """
    ended = curves[curves["state"].isin(("complete", "stopped"))]
    trained = ended.groupby("trial").agg(epochs=("epoch", "size"), state=("state", "first"))
    after = trained.loc[trained["state"] == "stopped", "epochs"].value_counts().sort_index()
    if after.empty or not whole:
        return ""
    places = ", ".join(f"{number} after {count(rung, 'epoch')}" for rung, number in after.items())
    spent, full = int(trained["epochs"].sum()), int(whole * len(trained))
    return f"{places} of {whole:g}; {spent:,} epochs trained in place of {full:,}, {1 - spent / full:.0%} saved"


def _ends(last: pd.DataFrame) -> go.Scatter:
    """A cross where each stopped trial ended."""
    return go.Scatter(
        x=last["epoch"],
        y=last["val_accuracy"],
        customdata=last["trial"].astype(int),
        mode="markers",
        marker={"symbol": "x", "size": 6, "color": COLOURS["stopped"], "opacity": lines.opacity(last)},
        name="ended at a rung",
        hovertemplate="<b>trial %{customdata}</b>, stopped<br>after epoch %{x}: %{y:.1%}<extra></extra>",
        showlegend=True,
    )


def _rungs(figure: go.Figure, curves: pd.DataFrame, table: pd.DataFrame) -> None:
    """A dashed line at each rung, with how many trials ended there of those that got there."""
    trained = table.groupby("trial").agg(epochs=("epoch", "max"), state=("state", "first"))
    low, high = figure.layout.yaxis.range
    ticks = [step / 10 for step in range(11) if low <= step / 10 <= high]
    figure.update_yaxes(range=[low, high + ROOM * (high - low)], **({"tickvals": ticks} if len(ticks) > 2 else {}))
    for place, rung in enumerate(_numbers(curves.attrs.get("rungs"))):
        there = int((trained["epochs"] >= rung).sum())
        stopped = int(((trained["epochs"] == rung) & (trained["state"] == "stopped")).sum())
        figure.add_vline(x=rung, line={"color": style.INK, "width": 1.2, "dash": "dash"})
        figure.add_annotation(
            text=f"rung {rung:g}:<br>{stopped:,} of {there:,}<br>stopped",
            x=rung, y=1 - place % 2 * ROOM / 2, yref="y domain", yanchor="top", xanchor="left",
            xshift=4, align="left", showarrow=False,
            font={"size": 10, "color": style.INK},
        )  # fmt: skip


def _numbers(values: object) -> list[float]:
    listed = pd.to_numeric(pd.Series(list(values) if isinstance(values, list | tuple) else []), errors="coerce")
    return sorted(listed.dropna())


def _explained(curves: pd.DataFrame, table: pd.DataFrame) -> str:
    """The figures of `nas.fronts.stops` where the study told them, else those of the curves."""
    whole = curves.attrs.get("epochs")
    known = len(curves) and {"trial", "epoch", "state"} <= set(curves)
    told = curves.attrs.get("stopped") or (saved(curves, whole) if known else "")
    facts = [f"{key.replace('dataset', 'data set')} {curves.attrs[key]}" for key in ("dataset", "proxy")
             if curves.attrs.get(key)]  # fmt: skip
    if not told:
        rungs = _numbers(curves.attrs.get("rungs"))
        told = "no trial was stopped" + ("" if rungs or table.empty else ": the study has no rungs")
    else:
        told = f"stopped: {told}"
    text = "; ".join([*facts, told])
    return escape(f"{text[0].upper()}{text[1:]}.")
