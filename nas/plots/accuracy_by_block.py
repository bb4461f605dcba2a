"""Accuracy over GFLOPs as a curve a block type, its points labelled with their group counts (CSN paper, Figure 6).

The paper trains one network a block type and group count; a search has many at every cost. So a curve joins the best
of its type at each cost (or means), and all networks stand behind it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.pareto import Objective, front
from nas.plots import decisions, marks, networks, objectives, style
from nas.plots import trials as frame
from nas.plots.accuracy_over_cost import Cost, unit_title
from nas.plots.block_types import block_types, last_word
from nas.plots.registry import figure as registered

# curves that can still be told apart, and steps of the cost axis whose means are joined
CURVES, STEPS = 12, 10
# above so many labels on a curve only every second, third, ... has its place
LABELS = 12
BEHIND = 0.28
DASHES = ("solid", "dash", "dot", "dashdot")


@registered
def accuracy_by_block(
    trials: pd.DataFrame,
    *,
    cost: Cost = "gflops",
    curves: Literal["block", "groups"] = "block",
    joined: Literal["best", "mean"] = "best",
) -> go.Figure:
    """Draw a curve a block type ("groups": a block type and group count) over the networks behind it.

    A curve joins those networks that none of its type with the same or a lower cost beats; with "mean", the mean
    accuracies in ten steps of the cost, with bars of their standard error. Group counts are the answers of decisions
    whose name ends in 'groups'.

    >>> accuracy_by_block(pd.DataFrame()).layout.annotations[0].text
    'no trial yet'
    """
    trials = frame.tidy(trials)
    shown = networks.measured(trials, cost)
    shown = shown.assign(groups=group_counts(shown), curve=block_types(shown))
    if curves == "groups":
        shown["curve"] = [
            f"{block}, g{count}" if count else block
            for block, count in zip(shown["curve"], shown["groups"], strict=True)
        ]
    drawn = list(shown["curve"].value_counts().index[:CURVES])
    figure = go.Figure(
        layout=style.layout(f"Accuracy over {style.name(cost)} by block type", _explained(trials, shown, drawn, joined))
    )
    for index, name in enumerate(sorted(drawn)):
        rows = shown[shown["curve"] == name]
        look = _look(index) | {"legendgroup": f"curve {index}"}
        figure.add_trace(_behind(rows, cost, look, many=len(shown) > marks.MANY))
        figure.add_trace((_best if joined == "best" else _mean)(rows, cost, name, look))
    _axes(figure, trials, shown, cost)
    if shown.empty:
        style.note(figure, networks.nothing(trials, cost))
    return figure


def group_counts(trials: pd.DataFrame) -> list[str]:
    """The answers of decisions whose name ends in 'groups', several with a stroke between; '' where none counts.

    >>> group_counts(pd.DataFrame({"decision.groups": [8, None], "decision.pointwise_groups": [2, 1]}))
    ['8/2', '1']
    """
    columns = _counting(trials)
    answers = [decisions.labels(trials[name]) for name in columns]
    return ["/".join(filter(None, row)) for row in zip(*answers, strict=True)] if answers else [""] * len(trials)


def _counting(trials: pd.DataFrame) -> list[str]:
    """The decisions that tell a group count."""
    return [name for name in decisions.columns(trials) if last_word(name).endswith("groups")]


def _look(index: int) -> dict:
    """Colour and dash of a curve; past the palette's end colours come again with another dash."""
    colours = style.PALETTE
    return {"color": colours[index % len(colours)], "dash": DASHES[index // len(colours) % len(DASHES)]}


def _behind(rows: pd.DataFrame, cost: str, look: dict, *, many: bool) -> go.Scatter | go.Scattergl:
    """All networks of a curve, faint, in its colour."""
    marker = {"color": look["color"], "size": 4 if many else 6, "opacity": BEHIND}
    more = {"marker": marker, "legendgroup": look["legendgroup"], "told": rows["told"]}
    return marks.scatter(rows, cost, many=many, across=style.name(cost), **more)


def _best(rows: pd.DataFrame, cost: str, name: str, look: dict) -> go.Scatter:
    """The networks of a curve that no cheaper one of it beats, by rising cost, with their group counts."""
    aims = [Objective("accuracy", "max"), Objective(cost, "min")]
    best = rows[front(rows[["accuracy", cost]].to_numpy().tolist(), aims)].sort_values([cost, "number"])
    every = -(-len(best) // LABELS)
    texts = [
        f"g{decisions.short(count, 10)}" if count and not place % every else ""
        for place, count in enumerate(best["groups"])
    ]
    line = {"color": look["color"], "dash": look["dash"], "width": 2}
    marker = {"color": look["color"], "size": 8, "line": {"color": style.INK, "width": 0.8}}
    more = {"mode": "lines+markers+text", "text": texts, "textposition": "top center", "cliponaxis": False}
    more |= {"line": line, "marker": marker, "name": decisions.short(name, 40), "showlegend": True}
    more |= {"legendgroup": look["legendgroup"], "told": best["told"], "textfont": {"size": 10, "color": style.INK}}
    return marks.scatter(best, cost, many=False, across=style.name(cost), **more)


def _mean(rows: pd.DataFrame, cost: str, name: str, look: dict) -> go.Scatter:
    """Mean accuracies at each cost, or in steps of the cost where there are more costs than steps."""
    groups = rows.groupby(_steps(rows[cost].to_numpy(float)))
    mean, count = groups[[cost, "accuracy"]].mean(), groups.size()
    bars = {
        "type": "data",
        "array": groups["accuracy"].std() / np.sqrt(count),
        "color": look["color"],
        "thickness": 1.2,
    }
    return go.Scatter(
        x=mean[cost],
        y=mean["accuracy"],
        error_y=bars,
        mode="lines+markers",
        line={"color": look["color"], "dash": look["dash"], "width": 2},
        marker={"color": look["color"], "size": 8, "line": {"color": style.INK, "width": 0.8}},
        name=decisions.short(name, 40),
        legendgroup=look["legendgroup"],
        text=[f"mean of {size} network{'s' * (size != 1)}" for size in count],
        hovertemplate="%{fullData.name}<br>%{text}<br>accuracy %{y:.1%} at %{x:.3~g} "
        + f"{style.name(cost)}<extra></extra>",
    )


def _steps(costs: np.ndarray) -> np.ndarray:
    """The step each cost is in: each cost its own where they are few, else of equal width on its axis.

    >>> _steps(np.array([1.0, 5.0, 1.0])).tolist()
    [0, 1, 0]
    """
    different, places = np.unique(costs, return_inverse=True)
    if len(different) <= STEPS:
        return places
    scaled = np.log(costs) if style.spans_a_decade(different) else costs
    return np.minimum((STEPS * (scaled - scaled.min()) / np.ptp(scaled)).astype(int), STEPS - 1)


def _axes(figure: go.Figure, trials: pd.DataFrame, shown: pd.DataFrame, cost: str) -> None:
    title = unit_title(trials, cost)
    log = style.spans_a_decade(shown[cost])
    accuracy = shown["accuracy"]
    figure.update_layout(
        xaxis=style.log_axis(title, shown[cost]) if log else style.axis(title),
        yaxis=style.accuracy_axis(objectives.accuracy_title(trials), accuracy.min(), accuracy.max()),
    )


def _explained(trials: pd.DataFrame, shown: pd.DataFrame, drawn: list[str], joined: str) -> str:
    """The subtitle: what is joined, what the labels are, and what is not drawn."""
    said = [f"{frame.subtitle(trials)}."]
    if len(shown):
        line = "the best of a type at this cost or less" if joined == "best" else "means, bars their standard error"
        said.append(f"Lines: {line}; behind them every network.")
    if joined == "best" and shown["groups"].ne("").any():
        words = dict.fromkeys(last_word(name) for name in _counting(shown))
        said.append(f"Labels: group counts ({decisions.short('/'.join(words), 60)}).")
    if missing := int((~shown["curve"].isin(drawn)).sum()):
        said.append(f"Of the most frequent {len(drawn)} types; {missing} networks of others are not drawn.")
    return " ".join(said)
