"""Published networks as reference points in a figure of trials.

A proxy's accuracy and a published one share an axis only where they share a data set. Networks published on
another data set stand in a panel of their own above the trials: the same cost axis, and an accuracy axis of
their own, on the right and named after the data set. Networks without a published accuracy are ticks at
their cost.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.plots import style

COLUMNS = ("name", "accuracy", "dataset", "clip", "views", "source")
OPEN = ("diamond-open", "square-open", "triangle-up-open", "circle-open")
# where the panel of other data sets begins, and where the trials' axis then ends
TRIALS_TOP, PANEL_BOTTOM = 0.58, 0.66
# nominal pixels, to place labels without overlap: of the axes, of a letter, of a line, around a point.
# Longer names are cut; narrower screens hide the labels (page.css), and hover texts tell the names.
LONGEST = 24
WIDTH, HEIGHT, LETTER, LINE, AROUND = 470.0, 390.0, 6.4, 13.0, 6.0
POSITIONS = {
    "top center": (0.0, 1.0),
    "bottom center": (0.0, -1.0),
    "middle right": (1.0, 0.0),
    "middle left": (-1.0, 0.0),
    "top right": (1.0, 1.0),
    "bottom right": (1.0, -1.0),
    "top left": (-1.0, 1.0),
    "bottom left": (-1.0, -1.0),
}


def tidy(references: pd.DataFrame | None) -> pd.DataFrame:
    """A copy with COLUMNS and every cost of `style.UNITS`, unknown where missing; None is an empty frame."""
    tidied = pd.DataFrame() if references is None else references.copy()
    for column in (*COLUMNS, *style.UNITS):
        if column not in tidied:
            tidied[column] = None
    for column in ("accuracy", *style.UNITS):
        tidied[column] = pd.to_numeric(tidied[column], errors="coerce").astype(float)
    return tidied


def draw(figure: go.Figure, references: pd.DataFrame, shown: pd.DataFrame, *, cost: str, dataset: str) -> None:
    """Add published networks to a figure of the trials `shown`: accuracy on `dataset` over `cost`.

    Sets the range of the accuracy axis too, around all that stands on it.
    """
    known = references[np.isfinite(references[cost])]
    rated = known[np.isfinite(known["accuracy"])]
    same = rated["dataset"].map(lambda other: _alike(other, dataset)).astype(bool)
    costs = pd.concat([shown[cost], known[cost]])
    accuracies = pd.concat([shown["accuracy"], rated[same]["accuracy"]])
    title, top = figure.layout.yaxis.title.text, TRIALS_TOP if (~same).any() else 1
    bottom = style.accuracy_axis(title, accuracies.min(), accuracies.max(), domain=[0, top])
    figure.update_layout(yaxis=bottom)
    if same.any():
        place = _Place(costs, bottom["range"], top * HEIGHT, shown[[cost, "accuracy"]])
        _add_groups(figure, rated[same].assign(dataset=dataset), place)
    if (~same).any():
        _panel(figure, rated[~same], costs)
    unrated = known[~np.isfinite(known["accuracy"])]
    if len(unrated):
        _ticks(figure, unrated, cost)


def _alike(one: object, other: object) -> bool:
    """Whether two data set names mean the same: letters and digits alone count."""
    plain = ["".join(filter(str.isalnum, str(name).casefold())) for name in (one, other)]
    return plain[0] == plain[1]


def _panel(figure: go.Figure, rated: pd.DataFrame, costs: pd.Series) -> None:
    """The networks of other data sets, above the trials, with an axis of their own on the right."""
    datasets = rated["dataset"].astype(str)
    pad = 0.15 * max(float(np.ptp(rated["accuracy"])), 0.04)
    low, high = rated["accuracy"].min() - pad, rated["accuracy"].max() + 2.5 * pad  # labels above
    right = style.accuracy_axis("", low, high, side="right", anchor="x", domain=[PANEL_BOTTOM, 1], nticks=5)
    place = _Place(costs, right["range"], (1 - PANEL_BOTTOM) * HEIGHT)
    _add_groups(figure, rated, place, yaxis="y2")
    title = "published top-1<br>on " + ", ".join(escape(name) for name in sorted(set(datasets)))
    figure.update_layout(yaxis2=right | {"title": {"text": title, "standoff": 26}})


def _add_groups(figure: go.Figure, rated: pd.DataFrame, place: _Place, **more: object) -> None:
    """One symbol a data set and clip: costs are at the study's clip, accuracies were got with these."""
    clips = rated["clip"].map(lambda clip: "" if pd.isna(clip) else f", {clip} clips")
    kinds = rated["dataset"].astype(str) + clips
    labels, positions = _labels(rated, place)
    rated = rated.assign(label=labels, position=positions)
    for symbol, kind in zip(itertools.cycle(OPEN), sorted(set(kinds)), strict=False):
        figure.add_trace(_points(rated[kinds == kind], place.costs.name, symbol, kind, **more))


def _ticks(figure: go.Figure, unrated: pd.DataFrame, cost: str) -> None:
    """Networks of which only the cost is known: short ticks on the cost axis."""
    marker = {
        "symbol": "line-ns-open",
        "size": 14,
        "color": style.INK,
        "line": {"width": 2, "color": style.INK},
    }
    figure.add_trace(
        go.Scatter(
            x=unrated[cost],
            y=[0.03] * len(unrated),
            yaxis="y3",
            mode="markers",
            marker=marker,
            name="published, no accuracy",
            hovertext=_told(unrated),
            hovertemplate="%{hovertext}<extra></extra>",
            cliponaxis=False,
        )
    )
    figure.update_layout(yaxis3={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})


def _points(rows: pd.DataFrame, cost: str, symbol: str, kind: str, **more: object) -> go.Scatter:
    return go.Scatter(
        x=rows[cost],
        y=rows["accuracy"],
        mode="markers+text",
        marker={"symbol": symbol, "size": 9, "color": style.INK, "line": {"width": 1.6}},
        text=rows["label"],
        textposition=rows["position"],
        textfont={"size": 11, "color": style.INK},
        name=f"published on {escape(kind)}",
        hovertext=_told(rows),
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
        **more,
    )


def _told(rows: pd.DataFrame) -> list[str]:
    """One hover text a network: accuracy as published, costs at the study's clip, source."""
    told = []
    for row in rows.to_dict("records"):
        costs = [f"{style.number(row[key])} {style.name(key)}" for key in ("gflops", "ginteractions", "mparams")]
        lines = [f"<b>{escape(str(row['name']))}</b>", *costs, "<i>costs counted at the study's clip</i>"]
        if np.isfinite(row["accuracy"]):
            lines[1:1] = [f"published top-1 {style.percent(row['accuracy'])} on {escape(str(row['dataset']))}"]
        lines.append(published(row))
        told.append("<br>".join(line for line in lines if line))
    return told


def published(row: dict) -> str:
    """How a network was measured when it was published: clip, views, source, as far as known; escaped."""
    parts = [
        row["clip"],
        f"{row['views']:g} views" if isinstance(row["views"], (int, float)) else None,
        row["source"],
    ]
    return escape(", ".join(str(part) for part in parts if part and not pd.isna(part) and "nan" not in str(part)))


@dataclass(frozen=True)
class _Place:
    """Axes that labels are placed on: costs across, accuracies up; the trials are in the way."""

    costs: pd.Series
    limits: Sequence[float]
    height: float
    trials: pd.DataFrame | None = None

    def centres(self, rows: pd.DataFrame) -> np.ndarray:
        """Where points are, in nominal pixels from the lower left: (n, 2)."""
        scale = style.log10 if style.spans_a_decade(self.costs) else np.asarray
        axis = scale(self.costs.dropna())
        across = (scale(rows[self.costs.name]) - axis.min()) / (np.ptp(axis) or 1.0)
        up = (rows["accuracy"].to_numpy() - self.limits[0]) / (self.limits[1] - self.limits[0])
        return np.column_stack([across * WIDTH, up * self.height])


def _labels(rows: pd.DataFrame, place: _Place) -> tuple[list[str], list[str]]:
    """A label and its position for each point, greedily, left to right; '' where every position is taken."""
    centres = place.centres(rows)
    taken = centres if place.trials is None else np.concatenate([centres, place.centres(place.trials)])
    boxes = [(x - AROUND, y - AROUND, x + AROUND, y + AROUND) for x, y in taken]
    labels, positions = [""] * len(rows), ["top center"] * len(rows)
    for index in np.argsort(centres[:, 0], kind="stable"):
        label = textwrap.shorten(str(rows["name"].iloc[index]), LONGEST, placeholder="…")
        for position, side in POSITIONS.items():
            box = _box(centres[index], side, LETTER * len(label))
            others = (other for k, other in enumerate(boxes) if k != index)
            if box[0] > -20 and box[2] < WIDTH + 20 and not any(_overlap(box, other) for other in others):
                boxes.append(box)
                labels[index], positions[index] = escape(label), position
                break
    return labels, positions


def _box(centre: np.ndarray, side: tuple[float, float], width: float) -> tuple[float, float, float, float]:
    """The corners of a label beside its point."""
    x = centre[0] + side[0] * (width / 2 + 7)
    y = centre[1] + side[1] * (LINE / 2 + 6)
    return x - width / 2, y - LINE / 2, x + width / 2, y + LINE / 2


def _overlap(one: tuple, other: tuple) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
