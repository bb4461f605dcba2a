"""Validation accuracy over epochs of some trials of a study: those of the front, the best one, some by number, or all.

`nas.plots.learning_curves` draws training beside validation error of a few runs; here many trials are compared by what
the search compares them by.
"""

from __future__ import annotations

from html import escape
from typing import Annotated, Literal

import pandas as pd
import plotly.graph_objects as go
from pydantic import Field

from nas.console import count
from nas.plots import lines, style
from nas.plots import trials as frame
from nas.plots.registry import figure as registered

Numbers = Annotated[tuple[Annotated[int, Field(ge=0, strict=True)], ...], Field(min_length=1)]
NAMED = 10  # trials that each have a colour and a place in the legend
COLOURS = {"complete": style.PALETTE[0], "stopped": style.PALETTE[1], "running": style.PALETTE[2]}
COLOURS["failed"] = style.PALETTE[3]
DASHES = ("solid", "dash")


@registered
def trial_curves(curves: pd.DataFrame, *, trials: Literal["front", "best", "all"] | Numbers = "front") -> go.Figure:
    """Draw the curves of `trials`: the front's, the most accurate one's, all, or those with these numbers.

    >>> table = pd.DataFrame({"trial": [0, 0, 1], "epoch": [1, 2, 1], "val_accuracy": [0.3, 0.4, 0.2]})
    >>> [trace.name for trace in trial_curves(table.assign(state="complete"), trials=(0,)).data]
    ['trial 0']
    """
    table = lines.tidy(curves)
    shown = table[_chosen(table, trials)]
    figure = go.Figure(layout=style.layout("Accuracy over epochs", _explained(table, shown, trials)))
    lines.axes(figure, shown, frame.metric(curves))
    if shown.empty:
        style.note(figure, _missing(table, trials))
        return figure
    if shown["trial"].nunique() <= NAMED:
        figure.add_traces(_named(shown))
    else:
        figure.add_traces(_by_state(shown))
    return figure


def _chosen(table: pd.DataFrame, trials: str | tuple[int, ...]) -> pd.Series:
    """Which rows are meant."""
    if trials == "all":
        return table["trial"].notna()
    if trials == "front":
        return table["on_front"]
    if trials == "best":
        ends = lines.ends(table[table["state"] == "complete"])
        return table["trial"] == (ends.loc[ends["val_accuracy"].idxmax(), "trial"] if len(ends) else None)
    return table["trial"].isin(trials)


def _named(shown: pd.DataFrame) -> list[go.Scatter]:
    """A trace a trial; past the palette's end its colours come again, dashed."""
    traces = []
    for place, (trial, rows) in enumerate(shown.groupby("trial")):
        colour = style.PALETTE[place % len(style.PALETTE)]
        drawn = lines.trace(rows, f"trial {trial:.0f}", colour)
        drawn.hovertemplate = (
            f"trial %{{customdata}}, {escape(rows['state'].iloc[0])}<br>epoch %{{x}}: %{{y:.1%}}<extra></extra>"
        )
        drawn.line.dash = DASHES[place // len(style.PALETTE) % len(DASHES)]
        traces.append(drawn)
    return traces


def _by_state(shown: pd.DataFrame) -> list[go.Scatter]:
    """A trace a state, the front's over it."""
    traces = []
    behind = shown[~shown["on_front"]]
    for state in frame.STATES:
        rows = behind[behind["state"] == state]
        if len(rows):
            traces.append(lines.trace(rows, lines.named(state, rows), COLOURS[state], opacity=lines.opacity(rows)))
    ahead = shown[shown["on_front"]]
    if len(ahead):
        traces.append(
            lines.trace(ahead, lines.named("on the front", ahead), style.ACCENT, opacity=lines.opacity(ahead))
        )
    return traces


def _explained(table: pd.DataFrame, shown: pd.DataFrame, trials: str | tuple[int, ...]) -> str:
    facts = table.attrs
    said = [f"{key.replace('dataset', 'data set')} {facts[key]}" for key in ("dataset", "proxy") if facts.get(key)]
    which = {"front": "of the front", "best": "the most accurate", "all": "all that were trained"}
    told = which[trials] if isinstance(trials, str) else "chosen by number"
    said.append(f"{count(shown['trial'].nunique(), 'trial')} ({told}) of {table['trial'].nunique():,} with a curve")
    text = "; ".join(said)
    return escape(f"{text[0].upper()}{text[1:]}.")


def _missing(table: pd.DataFrame, trials: str | tuple[int, ...]) -> str:
    if table.empty:
        return "no epoch finished yet"
    if trials == "best":
        return "no complete trial has a curve"
    return "no trial of the front has a curve" if trials == "front" else "none of these trials has a curve"
