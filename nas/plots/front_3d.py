"""The front of three objectives in space: front trials large and outlined, dominated ones small and faint.

Turning it shows what two axes hide: a network that another beats in accuracy and GFLOPs may still mix more channels.
"""

from __future__ import annotations

import math
import textwrap

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.plots import marks, objectives, style
from nas.plots import trials as frame
from nas.plots.registry import figure as registered

# an objective; None where the study says
Axis = objectives.Name | None
# letters of a line of an axis title
LINE = 30
# where one looks from, and at: a little below the middle, so that the titles of the axes are seen
CAMERA = {"eye": {"x": 1.5, "y": -1.75, "z": 0.7}, "center": {"x": 0, "y": 0, "z": -0.15}}
# WebGL draws transparent lines too bright on black and not at all on white
GRID = "#808080"


@registered
def front_3d(trials: pd.DataFrame, *, x: Axis = None, y: Axis = None, z: Axis = None) -> go.Figure:
    """Draw complete trials over three objectives or costs, coloured by accuracy; the study's own unless told.

    Without a word of it, the axes are GFLOPs or what else the study makes small, then its other costs, then accuracy
    upwards; a study with fewer than three objectives gets usual ones. Costs over more than a decade are on log axes.

    >>> front_3d(pd.DataFrame()).layout.annotations[0].text
    'no trial yet'
    """
    trials = frame.tidy(trials)
    complete = trials[trials["state"] == "complete"]
    names = _axes(complete, (x, y, z))
    values = {name: objectives.values(complete, name) for name in names}
    whole = np.isfinite(np.column_stack(list(values.values()))).all(axis=1) & (len(names) == 3)
    shown = complete[whole].assign(**{name: column[whole] for name, column in values.items()})
    words = " and ".join([", ".join(map(objectives.label, names[:-1])), objectives.label(names[-1])])
    figure = go.Figure(layout=style.layout(f"The front in {words}", _explained(trials, shown)))
    if shown.empty:
        style.note(figure, _nothing(trials, complete, names))
        return figure
    style.how(figure, "Drag to turn, scroll to come nearer.")
    accuracy = objectives.known(shown, "accuracy")
    for front in (False, True):
        figure.add_trace(_points(shown[shown["on_front"] == front], names, front, accuracy, len(shown)))
        figure.add_trace(_key(front))
    figure.update_layout(scene=_scene(trials, shown, names), margin={"l": 12, "r": 12}, height=700)
    if accuracy:
        figure.update_layout(coloraxis=_colours(shown), margin={"t": figure.layout.margin.t + style.COLOUR_BAR})
    return figure


def _axes(complete: pd.DataFrame, asked: tuple[str | None, ...]) -> list[str]:
    """The three columns: those asked for, then the study's objectives, accuracy last."""
    own = [aim.name for aim in objectives.aims(complete, fewest=3)]
    others = [name for name in dict.fromkeys([*own, *objectives.USUAL]) if name not in (*asked, "accuracy")]
    free = asked.count(None)
    rest = iter(others[:free] if "accuracy" in asked else [*others[: max(free - 1, 0)], "accuracy"])
    return [name or next(rest) for name in asked]


def _points(rows: pd.DataFrame, names: list[str], front: bool, accuracy: bool, total: int) -> go.Scatter3d:
    """The front, or the dominated trials."""
    colour = {"color": marks.small(rows["accuracy"]), "coloraxis": "coloraxis"} if accuracy else {"color": style.INK}
    marker = colour | ({"size": 6, "opacity": 1.0} if front else {"size": 3, "opacity": 0.35})
    marker["line"] = {"color": style.ACCENT if front else style.INK, "width": 1.5 if front else 0}
    axes = {axis: marks.small(rows[name]) for axis, name in zip("xyz", names, strict=True)}
    if total > marks.MANY:
        told = "<br>".join(
            f"%{{{axis}:.3~g}} {objectives.label(name)}" for axis, name in zip("xyz", names, strict=True)
        )
        hover = {"hovertemplate": f"trial %{{customdata}}<br>{told}<extra></extra>"}
    else:
        hover = {"hovertext": frame.hover(rows), "hovertemplate": "%{hovertext}<extra></extra>"}
    more = {"customdata": marks.numbers(rows), "showlegend": False}
    return go.Scatter3d(mode="markers", marker=marker, **axes, **hover, **more)


def _key(front: bool) -> go.Scatter3d:
    """A legend entry in grey: the marks themselves have no one colour."""
    line = {"color": style.ACCENT if front else style.INK, "width": 1.5 if front else 0}
    marker = {"size": 6 if front else 3, "color": "#9a9a9a", "line": line}
    name = "on the front" if front else "dominated"
    return go.Scatter3d(x=[None], y=[None], z=[None], mode="markers", marker=marker, name=name, hoverinfo="skip")


def _scene(trials: pd.DataFrame, shown: pd.DataFrame, names: list[str]) -> dict:
    """The three axes without a background; the eye is where high accuracy and low cost look near."""
    scene = {f"{axis}axis": _axis(trials, shown[name], name) for axis, name in zip("xyz", names, strict=True)}
    return scene | {"camera": CAMERA, "aspectmode": "cube"}


def _axis(trials: pd.DataFrame, values: pd.Series, name: str) -> dict:
    counted = textwrap.wrap(f"({objectives.unit(name, trials)})", LINE)
    title = "<br>".join([objectives.label(name), *counted])
    lines = {"gridcolor": GRID, "linecolor": style.INK, "zeroline": False, "showbackground": False}
    font = {"size": 11, "color": style.INK}
    axis = lines | {"title": {"text": title, "font": font}, "tickfont": font}
    if name == "accuracy":
        return axis | {"tickformat": "~%"}
    if not style.spans_a_decade(values):
        return axis
    log = style.log_axis("", values)
    texts = {"tickvals": log["tickvals"], "ticktext": [f"{tick:g}" for tick in log["tickvals"]]}
    low, high = (math.log10(end) for end in (values.min(), values.max()))
    return axis | {"type": "log", "range": [low - 0.05, high + 0.05]} | texts


def _colours(shown: pd.DataFrame) -> dict:
    bar = style.colour_bar("accuracy", tickformat="~%")
    low, high = shown["accuracy"].min(), shown["accuracy"].max()
    return {"colorscale": style.SEQUENTIAL, "cmin": low, "cmax": max(high, low + 1e-6), "colorbar": bar}


def _nothing(trials: pd.DataFrame, complete: pd.DataFrame, names: list[str]) -> str:
    """Why there is no point."""
    missing = [objectives.label(name) for name in names if not objectives.known(complete, name)]
    if complete.empty or not missing:
        return frame.emptiness(trials) if complete.empty else "no complete trial has all three values"
    return f"no trial has a value of {', '.join(missing)}"


def _explained(trials: pd.DataFrame, shown: pd.DataFrame) -> str:
    said = [f"{frame.subtitle(trials)}."]
    if len(shown):
        aims = [
            f"{objectives.label(aim.name)} {'up' if aim.direction == 'max' else 'down'}"
            for aim in objectives.aims(shown)
        ]
        said.append(f"The front is that of {', '.join(aims)}.")
    return " ".join(said)
