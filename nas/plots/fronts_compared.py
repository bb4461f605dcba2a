"""The fronts of several studies in one figure: a staircase a study over its own dominated trials.

Studies are comparable where their data, proxy and clip are the same; where they are not, the subtitle says in what.
"""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go

from nas.pareto import Objective, front
from nas.plots import decisions, marks, networks, objectives, style
from nas.plots import trials as frame
from nas.plots.accuracy_over_cost import Cost, unit_title
from nas.plots.registry import figure as registered

FADED = 0.3
# what has to be the same where accuracies and costs are to be compared
TOGETHER = {"dataset": "data set", "metric": "accuracy", "proxy": "proxy", "clip": "clip", "views": "number of views"}
DASHES = ("solid", "dash", "dot", "dashdot")


@registered
def fronts_compared(studies: pd.DataFrame, *, cost: Cost = "gflops") -> go.Figure:
    """Draw accuracy over a cost of the trials of several studies, told apart by a column `study`.

    A staircase is the best accuracy of its study at each cost or less; its corners are outlined. Trials trained with
    several seeds are their mean. Each mark carries its trial's number, its trace the study (`meta`).

    >>> table = {"study": ["a", "b"], "state": "complete", "accuracy": [0.5, 0.4], "gflops": [2.0, 1.0]}
    >>> [trace.name for trace in fronts_compared(pd.DataFrame(table)).data if trace.mode == "lines"]
    ['a', 'b']
    """
    named = studies["study"] if "study" in studies else pd.Series("study", index=studies.index)
    trials = frame.tidy(studies).assign(study=named.fillna("").astype(str))
    trials.attrs = dict(studies.attrs)
    parts = {name: networks.measured(rows, cost) for name, rows in trials.groupby("study", sort=False)}
    shown = pd.concat([*parts.values(), frame.measured(trials, cost)[:0]])
    figure = go.Figure(layout=style.layout(f"Fronts compared over {style.name(cost)}", _explained(trials, parts)))
    for index, (name, rows) in enumerate(parts.items()):
        figure.add_traces(_study(name, rows, cost, index, many=len(shown) > marks.MANY))
    _axes(figure, trials, shown, cost)
    if shown.empty:
        style.note(figure, networks.nothing(trials, cost))
    return figure


def _study(name: str, rows: pd.DataFrame, cost: str, index: int, *, many: bool) -> list[go.Scatter | go.Scattergl]:
    """Dominated trials, the staircase, and its corners."""
    colour, symbol = style.PALETTE[index % len(style.PALETTE)], style.SYMBOLS[index % len(style.SYMBOLS)]
    best = _best(rows, cost)
    group = {"legendgroup": f"study {index}", "meta": {"study": escape(name)}}
    behind = {"color": colour, "symbol": symbol, "size": 4 if many else 6, "opacity": FADED}
    corners = {"color": colour, "symbol": symbol, "size": 9, "line": {"color": style.INK, "width": 1}}
    dominated, across = rows[~rows.index.isin(best.index)], style.name(cost)
    line = {"shape": "hv", "color": colour, "width": 2, "dash": DASHES[index // len(style.PALETTE) % len(DASHES)]}
    end = [[rows[cost].max()], [best["accuracy"].max()]] if len(rows) else [[], []]
    x, y = [*best[cost], *end[0]], [*best["accuracy"], *end[1]]
    title, told = decisions.short(name, 40), [f"study {decisions.short(name, 40)}"]
    return [
        marks.scatter(dominated, cost, many=many, across=across, marker=behind, told=told * len(dominated), **group),
        go.Scatter(x=x, y=y, mode="lines", line=line, name=title, hoverinfo="skip", **group),
        marks.scatter(best, cost, many=False, across=across, marker=corners, told=told * len(best), **group),
    ]


def _best(rows: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The corners of a study's staircase, by rising cost."""
    if rows.empty:
        return rows
    aims = [Objective("accuracy", "max"), Objective(cost, "min")]
    return rows[front(rows[["accuracy", cost]].to_numpy().tolist(), aims)].sort_values([cost, "number"])


def _axes(figure: go.Figure, trials: pd.DataFrame, shown: pd.DataFrame, cost: str) -> None:
    title = unit_title(trials, cost)
    accuracy = shown["accuracy"]
    figure.update_layout(
        xaxis=style.log_axis(title, shown[cost]) if style.spans_a_decade(shown[cost]) else style.axis(title),
        yaxis=style.accuracy_axis(objectives.accuracy_title(trials), accuracy.min(), accuracy.max()),
    )


def unlike(each: dict[str, dict]) -> list[str]:
    """What keeps studies from being compared, a phrase a fact; `each` has the facts of a study by its name.

    >>> unlike({"a": {"dataset": "motion", "clip": "8x64x64"}, "b": {"dataset": "ucf101", "clip": "8x64x64"}})
    ['not the same data set: motion (a), ucf101 (b)']
    """
    found = []
    for fact, words in TOGETHER.items():
        told = {name: str(facts.get(fact) or "unknown") for name, facts in each.items()}
        if len(set(told.values())) > 1:
            parts = ", ".join(f"{escape(value)} ({decisions.short(name, 40)})" for name, value in told.items())
            found.append(f"not the same {words}: {parts}")
    return found


def _explained(trials: pd.DataFrame, parts: dict[str, pd.DataFrame]) -> str:
    said = [f"{decisions.short(name, 40)}: {frame.counts(trials[trials['study'] == name])}" for name in parts]
    if others := unlike(trials.attrs.get("each", {})):
        said.append(f"to be compared with care: {', '.join(others)}")
    lines = "Lines: the best accuracy of a study at each cost or less."
    return f"{'; '.join(said)}. {lines}" if parts else escape(frame.counts(trials)).capitalize() + "."
