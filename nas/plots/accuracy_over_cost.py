"""Accuracy over a cost: every trial, the front as a staircase, published networks beside it.

Colour is interactions, area is parameters, so that one look tells whether the front is made of networks
that mix many channels or of large ones.
"""

from __future__ import annotations

import textwrap
from html import escape
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.pareto import Objective, front
from nas.plots import marks, networks, objectives, style
from nas.plots import references as others
from nas.plots import trials as frame
from nas.plots.registry import figure as registered

# the costs that can be the axis
Cost = Literal[*style.UNITS]

# diameters in pixels of the smallest thinkable and of the largest network
SMALLEST, LARGEST = 7.0, 21.0
# how much smaller they are where there are thousands
CROWDED = 0.5
# opacity of dominated trials
FADED = 0.45
# letters of the longest line under an axis
UNIT_LINE = 72
# trials without an accuracy to compare, drawn at their last one: mark, and what the legend says
UNFINISHED = {
    "stopped": ("circle-open", "stopped early, not compared"),
    "running": ("hourglass-open", "running"),
}
# cells across and up in which labels of published networks avoid one trial instead of all
CELLS = 60


@registered
def accuracy_over_cost(
    trials: pd.DataFrame, references: pd.DataFrame | None = None, *, cost: Cost = "gflops", published: bool = True
) -> go.Figure:
    """Draw accuracy over one cost column, on a log axis where it spans more than a decade.

    `published` networks stand beside the trials, in a panel of their own where their data set is another.

    Front points carry error bars of one standard error; a network that was trained several times stands at its mean
    with a bar of the standard deviation. `trials` is described in `nas.plots.trials`, `references` in
    `nas.plots.references`. Stopped and running trials are small and hollow; those without any accuracy are counted in
    the subtitle. Raises NasError for an unknown cost.

    >>> accuracy_over_cost(pd.DataFrame()).layout.annotations[0].text
    'no trial yet'
    """
    title = f"Accuracy over {style.name(cost)}"
    trials, references = frame.tidy(trials), others.drawn(others.tidy(references if published else None), cost)
    shown, colour = networks.measured(trials, cost), "gflops" if cost == "ginteractions" else "ginteractions"
    early = networks.unfinished(trials, cost)
    figure = go.Figure(layout=style.layout(title, explained(trials, shown, colour)))
    figure.add_traces(unfinished(early, cost, many=len(shown) + len(early) > marks.MANY))
    figure.add_traces(_staircase(shown, cost))
    chosen = shown[shown["on_front"]]
    figure.add_trace(points(shown[~shown["on_front"]], shown, cost, colour))
    figure.add_trace(points(chosen, shown, cost, colour, front=True))
    if len(chosen):
        style.key(figure, "on the front", outline=style.ACCENT)
    if len(chosen) < len(shown):
        style.key(figure, "dominated", opacity=FADED)
    drawn = pd.concat([shown[[cost, "accuracy"]], early[[cost, "accuracy"]]])
    axes(figure, trials, pd.concat([drawn[cost], references[cost]]), colour)
    others.draw(figure, references, thinned(drawn, cost), cost=cost, dataset=str(trials.attrs.get("dataset")))
    if shown.empty:
        style.note(figure, networks.nothing(trials, cost))
    return figure


def points(
    rows: pd.DataFrame,
    shown: pd.DataFrame,
    cost: str,
    colour: str,
    *,
    front: bool = False,
    symbol: str = "circle",
) -> go.Scatter | go.Scattergl:
    """Networks (see `nas.plots.networks`) as markers: colour by the logarithm of `colour`, area by parameters.

    Areas are relative to all `shown`. Front points are outlined and carry bars of one standard error; the others are
    lighter. Networks trained several times carry bars of the spread between trainings.
    """
    largest = shown["mparams"].max() if len(shown) else 1.0
    share = (rows["mparams"] / (largest or 1.0)).fillna(0.0).clip(0, 1)
    logs = style.log10(rows[colour])
    known = bool(np.isfinite(logs).any())
    marker = {"symbol": symbol, "coloraxis": "coloraxis"} if known else {"symbol": symbol}
    marker["color"] = marks.small(logs) if known else style.INK
    told, many = rows["told"], len(shown) > marks.MANY
    marker["size"] = marks.small((SMALLEST + (LARGEST - SMALLEST) * np.sqrt(share)) * (CROWDED if many else 1))
    marker["opacity"] = 1.0 if front else FADED
    marker["line"] = {"color": style.ACCENT, "width": 1.6} if front else {"color": style.INK, "width": 0.8}
    bars = _bars(rows, front=front)
    return marks.scatter(rows, cost, many=many, across=style.name(cost), told=told, marker=marker, error_y=bars)


def _bars(rows: pd.DataFrame, *, front: bool) -> dict:
    """The spread where there are several trainings, else one standard error of a front point."""
    sizes = rows["spread"].fillna(frame.noise(rows)) if front else rows["spread"]
    bars = {"type": "data", "color": style.INK, "thickness": 1.2, "width": 3}
    return bars | ({"array": sizes, "visible": True} if front or sizes.notna().any() else {"visible": False})


def unfinished(early: pd.DataFrame, cost: str, *, many: bool = False) -> list[go.Scatter | go.Scattergl]:
    """Stopped and running trials as small hollow marks at their last accuracy, a legend entry each."""
    traces = []
    for state, (symbol, name) in UNFINISHED.items():
        rows = early[early["state"] == state]
        marker = {"symbol": symbol, "size": 5 if state == "stopped" else 8, "color": style.INK, "opacity": 0.7}
        more = {"marker": marker, "name": name, "showlegend": True, "told": rows["told"]}
        if len(rows):
            traces.append(marks.scatter(rows, cost, many=many, across=style.name(cost), **more))
    return traces


def thinned(drawn: pd.DataFrame, cost: str) -> pd.DataFrame:
    """One of the trials in each cell of a grid, and the extreme ones: enough to place labels and limits.

    >>> crowd = pd.DataFrame({"gflops": np.linspace(1.0, 2.0, 10_000), "accuracy": 0.5})
    >>> 60 <= len(thinned(crowd, "gflops")) <= 64
    True
    """
    table = pd.DataFrame({"x": style.log10(drawn[cost]), "y": drawn["accuracy"].to_numpy(float)})
    size = (table.max() - table.min()).replace(0.0, 1.0) / CELLS
    first = ~((table - table.min()) / size).round().duplicated()
    extreme = table.isin(table.agg(["min", "max"]).to_dict("list")) & ~table.apply(lambda column: column.duplicated())
    return drawn[(first | extreme.any(axis=1)).to_numpy()]


def axes(figure: go.Figure, trials: pd.DataFrame, costs: pd.Series, colour: str, *, log: bool = False) -> None:
    """Name both axes and the colour bar, with units, data set and clip; `costs` is all that x shows."""
    title = unit_title(trials, costs.name)
    scale = style.colour_axis(frame.measured(trials, colour)[colour], _bar_title(colour))
    log = log or style.spans_a_decade(costs)
    figure.update_layout(
        xaxis=style.log_axis(title, costs) if log else style.axis(title),
        yaxis=style.axis(objectives.accuracy_title(trials)),
        coloraxis=scale,
        margin={"t": figure.layout.margin.t + style.COLOUR_BAR * scale["showscale"]},
    )


def unit_title(trials: pd.DataFrame, cost: str) -> str:
    """The title of a cost axis: the cost's name, below it what one unit of it counts, for which clip; escaped."""
    counted = style.unit(cost, escape(frame.counted_for(trials, cost)))
    return "<br>".join([style.name(cost), *textwrap.wrap(f"({counted})", UNIT_LINE)])


def _bar_title(colour: str) -> str:
    """The colour bar's name and unit; the clip stands on the axis and in the subtitle."""
    return f"{style.name(colour)} ({style.UNITS[colour][1].partition(', {clip}')[0]})"


def explained(trials: pd.DataFrame, shown: pd.DataFrame, colour: str) -> str:
    """The subtitle: what the accuracies mean, then what colour, area and bars mean."""
    said = [f"{frame.subtitle(trials)}."]
    if len(shown):
        low, high = (style.number(shown["mparams"].agg(end)) for end in ("min", "max"))
        sizes = f"; area: Mparams ({low} to {high})" if shown["mparams"].notna().any() else ""
        said.append(f"Colour: {style.name(colour)}{sizes}.")
        said += _of_bars(trials, shown)
    return " ".join(said)


def _of_bars(trials: pd.DataFrame, shown: pd.DataFrame) -> list[str]:
    """What the bars are; networks trained several times have one anyway, others on the front."""
    said, clips = [], trials.attrs.get("val_clips")
    if frame.noise(shown).notna().any():
        over = f" over {escape(str(clips))} validation clips" if clips else ""
        said.append(f"Bars: one standard error{over}.")
    if again := int((shown["trainings"] > 1).sum()):
        each = "a network" if again == 1 else f"{again} networks"
        said.append(f"Where {each} had several seeds: the mean, and bars of the standard deviation between them.")
    return said


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
