"""The objectives two by two, all pairs in one figure: a selection in one view is selected in all.

Linked brushing is the splom trace's own; the page links it on to other figures by the trials' numbers.
"""

from __future__ import annotations

import textwrap
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.plots import marks, objectives, style
from nas.plots import trials as frame
from nas.plots.registry import figure as registered

# letters of a line of an axis title, and views in a row beyond which they are too small
LINE, MOST = 26, 5


@registered
def front_pairs(trials: pd.DataFrame, *, columns: tuple[objectives.Name, ...] = ()) -> go.Figure:
    """Draw complete trials over each pair of objectives (or of `columns`), the front outlined.

    A study with a single objective is drawn over usual costs too. Costs over more than a decade are on log axes.
    Dragging a box selects the same trials in all views.

    >>> front_pairs(pd.DataFrame()).layout.annotations[0].text
    'no trial yet'
    """
    trials = frame.tidy(trials)
    complete = trials[trials["state"] == "complete"]
    names = [name for name in columns if objectives.known(complete, name)][:MOST]
    names = names or _objectives(complete)
    values = {name: objectives.values(complete, name) for name in names}
    whole = np.isfinite(np.column_stack([np.ones(len(complete)), *values.values()])).all(axis=1)
    shown = complete[whole].assign(**{name: column[whole] for name, column in values.items()})
    figure = go.Figure(layout=style.layout("The front two by two", _explained(trials, shown)))
    if shown.empty or len(names) < 2:
        style.note(figure, _nothing(trials, complete, names))
        return figure
    style.how(figure, "A box drawn in one view selects the same trials in all.")
    for front in (False, True):
        figure.add_trace(_views(shown[shown["on_front"] == front], names, front, len(shown)))
    _axes(figure, trials, shown, names)
    return figure


def _objectives(complete: pd.DataFrame) -> list[str]:
    """The study's objectives, accuracy last, so that it is the height of the lowest views."""
    names = [aim.name for aim in objectives.aims(complete, fewest=3)][:MOST]
    return sorted(names, key=lambda name: name == "accuracy")


def _views(rows: pd.DataFrame, names: list[str], front: bool, total: int) -> go.Splom:
    """The front, or the dominated trials, in all views."""
    many = total > marks.MANY
    marker = {"color": style.PALETTE[0], "size": 8, "line": {"color": style.ACCENT, "width": 1.6}} if front else {}
    marker = marker or {"color": style.INK, "size": 4 if many else 6, "opacity": 0.4}
    dimensions = [{"label": objectives.label(name), "values": marks.small(rows[name])} for name in names]
    short = "trial %{customdata}<br>%{xaxis.title.text}: %{x:.3~g}<br>%{yaxis.title.text}: %{y:.3~g}<extra></extra>"
    told = {"hovertemplate": short} if many else {"text": frame.hover(rows), "hovertemplate": "%{text}<extra></extra>"}
    return go.Splom(
        dimensions=dimensions,
        customdata=marks.numbers(rows),
        marker=marker,
        name="on the front" if front else "dominated",
        showupperhalf=False,
        diagonal={"visible": False},
        **told,
    )


def _axes(figure: go.Figure, trials: pd.DataFrame, shown: pd.DataFrame, names: list[str]) -> None:
    """An axis a column below, and one on the left; those of the empty diagonal are hidden with it."""
    for place, name in enumerate(names, start=1):
        number = place if place > 1 else ""
        title = _title(trials, name)
        figure.layout[f"xaxis{number}"] = _axis(shown[name], name, title)
        figure.layout[f"yaxis{number}"] = _axis(shown[name], name, title)
    figure.update_layout(
        dragmode="select",
        height=figure.layout.margin.t + 190 + 210 * (len(names) - 1),
        margin={"l": 76},
    )


def _title(trials: pd.DataFrame, name: str) -> str:
    unit = objectives.unit(name, trials).partition(", ")[0]  # the clip stands in the subtitle
    return "<br>".join([objectives.label(name), *textwrap.wrap(f"({unit})", LINE)])


def _axis(values: pd.Series, name: str, title: str) -> dict:
    small = {"title": {"text": title, "standoff": 8, "font": {"size": 11}}, "tickfont": {"size": 10}}
    if name != "accuracy" and style.spans_a_decade(values):
        return style.log_axis(title, values) | small
    return style.axis(title, **({"tickformat": "~%"} if name == "accuracy" else {})) | small


def _nothing(trials: pd.DataFrame, complete: pd.DataFrame, names: list[str]) -> str:
    """Why there is no view."""
    if complete.empty:
        return frame.emptiness(trials)
    if len(names) < 2:
        return "fewer than two objectives have values"
    return f"no complete trial has {', '.join(map(objectives.label, names))} together"


def _explained(trials: pd.DataFrame, shown: pd.DataFrame) -> str:
    said = [f"{frame.subtitle(trials)}."]
    if len(shown):
        said.append(f"Costs of {escape(frame.clip(trials))}.")
    return " ".join(said)
