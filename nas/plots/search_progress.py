"""The hypervolume that a study has dominated so far, over its trials and, beside it, over the epochs that they took.

Only a trial that enters the front changes the hypervolume, so it is worked out for those alone; the reference point is
that of all complete trials (`nas.pareto.reference_point`), so the curve of a running study may change with its worst.
"""

from __future__ import annotations

import textwrap
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas import pareto
from nas.console import count
from nas.pareto import Objective
from nas.plots import chosen, style
from nas.plots import trials as frame
from nas.plots.registry import figure as registered
from nas.units import UNITS

# the panels side by side: column -> title of the axis, its part of the width
PANELS = {
    "trials": ("trials that ended", (0.0, 0.475)),
    "epochs": ("epochs spent<br>by all trials", (0.525, 1.0)),
}


@registered
def search_progress(trials: pd.DataFrame) -> go.Figure:
    """Draw the hypervolume of a study's objectives (`attrs`) as its trials came to their ends.

    A mark is a trial that entered the front, a point's customdata its number. The order is that of their ends where
    all are on record, else that of their numbers.

    >>> table = pd.DataFrame({"number": [0, 1], "state": "complete", "accuracy": [0.5, 0.7], "gflops": [1.0, 1.0]})
    >>> figure = search_progress(table.assign(epochs=8))
    >>> [trace.x.tolist() for trace in figure.data]
    [[1, 2], [8.0, 16.0]]
    """
    tidied = frame.tidy(trials)
    aims = chosen.objectives(tidied)
    ended = in_order(tidied)
    steps = progress(ended, aims)
    figure = go.Figure(layout=style.layout("Progress of the search", _explained(tidied, steps, aims)))
    if steps.empty:
        style.note(figure, frame.emptiness(tidied) if len(tidied) else "no trial yet")
        return figure
    for panel, along in enumerate(PANELS):
        figure.add_trace(_line(steps, along, panel))
    _axes(figure, steps, aims)
    return figure


def in_order(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that came to an end, in the order in which they did."""
    ended = trials[trials["state"].isin(("complete", "stopped", "failed"))].sort_values("number", kind="stable")
    if "ended" in ended and ended["ended"].notna().all():
        times = pd.to_datetime(ended["ended"], errors="coerce", utc=True)
        ended = ended.iloc[np.argsort(times.to_numpy(), kind="stable")]
    return ended


def progress(ended: pd.DataFrame, objectives: list[Objective]) -> pd.DataFrame:
    """A row for each trial that entered the front, and one for the last trial: number, trials, epochs, hypervolume.

    `trials` and `epochs` count all that had ended by then; the hypervolume is `nas.pareto.hypervolume` of the complete
    ones among them.

    >>> aims = [Objective("accuracy", "max"), Objective("gflops", "min")]
    >>> table = pd.DataFrame({"number": range(3), "state": "complete", "epochs": 2, "gflops": [2.0, 3.0, 1.0]})
    >>> found = progress(table.assign(accuracy=[0.5, 0.4, 0.5]), aims)
    >>> found["number"].tolist(), found["hypervolume"].round(3).tolist()
    ([0, 2], [0.132, 0.242])
    """
    points = chosen.points(ended, objectives) if len(ended) else np.empty((0, len(objectives)))
    columns = ["number", "trials", "epochs", "hypervolume"]
    if not np.isfinite(points).all(axis=1).any():
        return pd.DataFrame(columns=columns, dtype=float)
    entered = entering(points, objectives)
    reference = pareto.reference_point(points.tolist(), objectives)
    volumes = [pareto.hypervolume(front.tolist(), objectives, reference) for _, front in entered]
    places = [place for place, _ in entered]
    if places[-1] < len(ended) - 1:
        places, volumes = [*places, len(ended) - 1], [*volumes, volumes[-1]]
    spent = ended["epochs"].fillna(0).cumsum().to_numpy(float)
    numbers = ended["number"].to_numpy()[places]
    told = (numbers, np.array(places) + 1, spent[places], volumes)
    return pd.DataFrame(dict(zip(columns, told, strict=True)))


def entering(points: np.ndarray, objectives: list[Objective]) -> list[tuple[int, np.ndarray]]:
    """The rows that enter the front as it grows row by row, each with the front that it makes.

    A row that equals one of the front changes nothing, and does not enter.

    >>> found = entering(np.array([[1.0], [0.5], [2.0]]), [Objective("accuracy", "max")])
    >>> [(row, front.tolist()) for row, front in found]
    [(0, [[1.0]]), (2, [[2.0]])]
    """
    signs = np.array([-1.0 if aim.direction == "max" else 1.0 for aim in objectives])
    losses, found = points * signs, []
    front = np.empty((0, len(objectives)))
    for row in np.flatnonzero(np.isfinite(losses).all(axis=1)):
        if (front <= losses[row]).all(axis=1).any():
            continue
        front = np.concatenate([front[~(front >= losses[row]).all(axis=1)], losses[row : row + 1]])
        found.append((int(row), front * signs))
    return found


def _line(steps: pd.DataFrame, along: str, panel: int) -> go.Scatter:
    """A staircase; the end of the study is no mark."""
    share = steps["hypervolume"] / steps["hypervolume"].iloc[-1]
    enters = steps["hypervolume"].diff().fillna(1.0) > 0
    place = {"xaxis": "x2" if panel else "x", "yaxis": "y2" if panel else "y"}
    return go.Scatter(
        x=steps[along],
        y=steps["hypervolume"],
        mode="lines+markers",
        line={"shape": "hv", "color": style.PALETTE[0], "width": 2},
        marker={"size": np.where(enters, 5, 0), "color": style.PALETTE[0], "line": {"width": 0}},
        customdata=np.column_stack([steps["number"], share]),
        hovertemplate="<b>trial %{customdata[0]:.0f}</b><br>after %{x:,.0f} " + along
        + "<br>hypervolume %{y:.4~g}, %{customdata[1]:.1%} of today's<extra></extra>",
        showlegend=False,
        **place,
    )  # fmt: skip


def _axes(figure: go.Figure, steps: pd.DataFrame, aims: list[Objective]) -> None:
    names = "<br>".join(
        textwrap.wrap(" × ".join(UNITS[aim.name].label if aim.name in UNITS else aim.name for aim in aims), 34)
    )
    high = 1.05 * steps["hypervolume"].max()
    for panel, (along, (title, domain)) in enumerate(PANELS.items()):
        number = panel + 1 if panel else ""
        across = {"domain": domain, "anchor": f"y{number}", "range": [0, 1.02 * max(steps[along].max(), 1)]}
        figure.layout[f"xaxis{number}"] = style.axis(title, tickformat=",d", nticks=6, **across)
        up = {"anchor": f"x{number}", "range": [0, high]} | ({"showticklabels": False, "matches": "y"} if panel else {})
        figure.layout[f"yaxis{number}"] = style.axis("" if panel else f"hypervolume<br>({names})", **up)
    figure.update_layout(height=500, yaxis={"title": {"font": {"size": 12}}})


def _explained(trials: pd.DataFrame, steps: pd.DataFrame, aims: list[Objective]) -> str:
    if steps.empty:
        return ""
    last, whole = steps.iloc[-1], steps["hypervolume"].iloc[-1]
    near = steps[steps["hypervolume"] >= 0.99 * whole].iloc[0]
    entered = len(steps) - int(len(steps) > 1 and steps["hypervolume"].iloc[-2] == whole)
    said = (
        f"{frame.subtitle(trials)}. {count(entered, 'trial')} entered the front (marks); 99 % of today's hypervolume "
    )
    said += f"after {near['trials']:,.0f} of {last['trials']:,.0f} trials and {near['epochs']:,.0f} of "
    return said + escape(f"{last['epochs']:,.0f} epochs. Objectives: {', '.join(aim.name for aim in aims)}.")
