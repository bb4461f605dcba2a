"""Accuracy over a cost: every trial, the front as a staircase, published networks beside it.

Colour is interactions, area is parameters, so that one look tells whether the front is made of networks
that mix many channels or of large ones.
"""

from __future__ import annotations

import textwrap
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.pareto import Objective, front
from nas.plots import references as published
from nas.plots import style
from nas.plots import trials as frame

# diameters in pixels of the smallest thinkable and of the largest network
SMALLEST, LARGEST = 7.0, 21.0
# opacity of dominated trials
FADED = 0.45
# letters of the longest line under an axis
UNIT_LINE = 72


def accuracy_over_cost(
    trials: pd.DataFrame, references: pd.DataFrame | None = None, *, cost: str = "gflops"
) -> go.Figure:
    """Draw accuracy over one cost column, on a log axis where it spans more than a decade.

    Front points carry error bars of one standard error. `trials` is described in `nas.plots.trials`,
    `references` in `nas.plots.references`. Trials without an accuracy are counted in the subtitle, not drawn.
    Raises NasError for an unknown cost.

    >>> accuracy_over_cost(pd.DataFrame()).layout.annotations[0].text
    'no trial yet'
    """
    title = f"Accuracy over {style.name(cost)}"
    trials, references = frame.tidy(trials), published.drawn(published.tidy(references), cost)
    shown, colour = frame.measured(trials, cost), "gflops" if cost == "ginteractions" else "ginteractions"
    figure = go.Figure(layout=style.layout(title, explained(trials, shown, colour)))
    costs = pd.concat([shown[cost], references[cost]])
    figure.add_traces(_staircase(shown, cost))
    figure.add_trace(points(shown[~shown["on_front"]], shown, cost, colour))
    chosen = shown[shown["on_front"]]
    figure.add_trace(points(chosen, shown, cost, colour, front=True))
    if len(chosen):
        style.key(figure, "on the front", outline=style.ACCENT)
    if len(chosen) < len(shown):
        style.key(figure, "dominated", opacity=FADED)
    axes(figure, trials, costs, colour)
    published.draw(figure, references, shown, cost=cost, dataset=str(trials.attrs.get("dataset")))
    if shown.empty:
        style.note(figure, frame.emptiness(trials))
    return figure


def points(
    rows: pd.DataFrame,
    shown: pd.DataFrame,
    cost: str,
    colour: str,
    *,
    front: bool = False,
    symbol: str = "circle",
) -> go.Scatter:
    """Trials as markers: colour by the logarithm of `colour`, area by parameters relative to all `shown`.

    Front points are outlined and carry bars of one standard error; the others are lighter.
    """
    largest = shown["mparams"].max() if len(shown) else 1.0
    share = (rows["mparams"] / (largest or 1.0)).fillna(0.0).clip(0, 1)
    marker = {"symbol": symbol, "color": style.log10(rows[colour]), "coloraxis": "coloraxis"}
    marker["size"] = SMALLEST + (LARGEST - SMALLEST) * np.sqrt(share)
    marker["opacity"] = 1.0 if front else FADED
    marker["line"] = {"color": style.ACCENT, "width": 1.6} if front else {"color": style.INK, "width": 0.8}
    bars = {
        "type": "data",
        "array": frame.noise(rows),
        "color": style.INK,
        "thickness": 1.2,
        "width": 3,
        "visible": front,
    }
    return go.Scatter(
        x=rows[cost],
        y=rows["accuracy"],
        error_y=bars,
        mode="markers",
        marker=marker,
        showlegend=False,
        customdata=rows["number"],
        hovertext=frame.hover(rows),
        hovertemplate="%{hovertext}<extra></extra>",
    )


def axes(figure: go.Figure, trials: pd.DataFrame, costs: pd.Series, colour: str, *, log: bool = False) -> None:
    """Name both axes and the colour bar, with units, data set and clip; `costs` is all that x shows."""
    counted = style.unit(costs.name, escape(frame.counted_for(trials, costs.name)))
    title = "<br>".join([style.name(costs.name), *textwrap.wrap(f"({counted})", UNIT_LINE)])
    dataset = escape(str(trials.attrs.get("dataset") or "unknown data"))
    log = log or style.spans_a_decade(costs)
    figure.update_layout(
        xaxis=style.log_axis(title, costs) if log else style.axis(title),
        yaxis=style.axis(f"{frame.metric(trials)} on {dataset}, proxy"),
        coloraxis=style.colour_axis(frame.measured(trials, colour)[colour], _bar_title(colour)),
    )


def _bar_title(colour: str) -> str:
    """The colour bar's name and unit; the clip stands on the axis and in the subtitle."""
    return f"{style.name(colour)} ({style.UNITS[colour][1].partition(', {clip}')[0]})"


def explained(trials: pd.DataFrame, shown: pd.DataFrame, colour: str) -> str:
    """The subtitle: what the accuracies mean, then what colour, area and bars mean."""
    said = [f"{frame.subtitle(trials)}."]
    if len(shown):
        low, high = (style.number(shown["mparams"].agg(end)) for end in ("min", "max"))
        said.append(f"Colour: {style.name(colour)}; area: Mparams ({low} to {high}).")
        if frame.noise(shown).notna().any():
            clips = trials.attrs.get("val_clips")
            said.append(f"Bars: one standard error{f' over {clips} validation clips' if clips else ''}.")
    return " ".join(said)


def _staircase(shown: pd.DataFrame, cost: str) -> list[go.Scatter]:
    """The best accuracy that each cost buys, by these two objectives alone."""
    aims = [Objective("accuracy", "max"), Objective(cost, "min")]
    if shown.empty:
        return []
    best = shown[front(shown[["accuracy", cost]].to_numpy().tolist(), aims)].sort_values([cost, "number"])
    x = [*best[cost], shown[cost].max()]
    y = [*best["accuracy"], best["accuracy"].iloc[-1]]
    line = {"shape": "hv", "color": style.ACCENT, "width": 2}
    return [go.Scatter(x=x, y=y, mode="lines", line=line, name="best at this cost or less", hoverinfo="skip")]
