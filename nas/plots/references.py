"""Published networks as reference points in a figure of trials.

A proxy's accuracy and a published one share an axis only where they share a data set. Networks published on
another data set stand in a panel of their own above the trials: the same cost axis, and an accuracy axis of
their own, on the right and named after the data set. Costs are counted at the study's clip, except those of
networks that are known by their `printed` cost alone; those are reference points, never on the front.
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
from nas.published import alike

COLUMNS = ("name", "accuracy", "dataset", "clip", "views", "source", "printed")
OPEN = ("diamond-open", "square-open", "triangle-up-open", "circle-open")
PRINTED = "x-thin-open"
# so many clips have a symbol each, those of most networks; the others share one
CLIPS = 2
# where the panel of other data sets begins, and where the trials' axis then ends
TRIALS_TOP, PANEL_BOTTOM = 0.55, 0.62
PANEL = 90  # pixels that the panel makes a figure higher
# nominal pixels, to place labels without overlap: of the axes, of a letter, of a line, around a point.
# Longer names are cut; narrower screens hide the labels (page.css), and hover texts tell the names.
LONGEST = 24
WIDTH, HEIGHT, LETTER, LINE, AROUND = 470.0, 320.0, 6.4, 13.0, 6.0
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
    """A copy with COLUMNS and every cost of `style.UNITS`, unknown where missing; None is an empty frame.

    `printed` is true where the costs are those a paper printed for one view, at its own clip.
    """
    tidied = pd.DataFrame() if references is None else references.copy()
    for column in (*COLUMNS, *style.UNITS):
        if column not in tidied:
            tidied[column] = None
    for column in ("accuracy", *style.UNITS):
        tidied[column] = pd.to_numeric(tidied[column], errors="coerce").astype(float)
    tidied["printed"] = tidied["printed"].eq(True).astype(bool)
    return tidied


def drawn(references: pd.DataFrame, cost: str) -> pd.DataFrame:
    """Those of a tidy frame that have an accuracy and this cost."""
    return references[np.isfinite(references["accuracy"]) & np.isfinite(references[cost])]


def draw(figure: go.Figure, references: pd.DataFrame, shown: pd.DataFrame, *, cost: str, dataset: str) -> None:
    """Add published networks to a figure of the trials `shown`: accuracy on `dataset` over `cost`.

    Sets the range of the accuracy axis too, around all that stands on it.
    """
    rated = drawn(references, cost)
    same = rated["dataset"].map(lambda other: alike(other, dataset)).astype(bool)
    costs = pd.concat([shown[cost], rated[cost]])
    accuracies = pd.concat([shown["accuracy"], rated[same]["accuracy"]])
    title, top = figure.layout.yaxis.title.text, TRIALS_TOP if (~same).any() else 1
    bottom = style.accuracy_axis(title, accuracies.min(), accuracies.max(), domain=[0, top])
    figure.update_layout(yaxis=bottom)
    if same.any():
        place = _Place(costs, bottom["range"], top * HEIGHT, shown[[cost, "accuracy"]], figure.layout.xaxis.range)
        _add_groups(figure, rated[same].assign(dataset=dataset), place)
    if (~same).any():
        _panel(figure, rated[~same], costs)


def _panel(figure: go.Figure, rated: pd.DataFrame, costs: pd.Series) -> None:
    """The networks of other data sets, above the trials, with an axis of their own on the right."""
    datasets = rated["dataset"].astype(str)
    pad = 0.15 * max(float(np.ptp(rated["accuracy"])), 0.04)
    low, high = rated["accuracy"].min() - pad, rated["accuracy"].max() + 2.5 * pad  # labels above
    right = style.accuracy_axis("", low, high, side="right", anchor="x", domain=[PANEL_BOTTOM, 1], nticks=5)
    place = _Place(costs, right["range"], (1 - PANEL_BOTTOM) * HEIGHT, across=figure.layout.xaxis.range)
    _add_groups(figure, rated, place, yaxis="y2")
    title = "published top-1<br>on " + ", ".join(escape(name) for name in sorted(set(datasets)))
    right["title"] = {"text": title, "standoff": 26, "font": {"size": 11}}
    figure.update_layout(yaxis2=right, height=figure.layout.height + PANEL)


def _add_groups(figure: go.Figure, rated: pd.DataFrame, place: _Place, **more: object) -> None:
    """One symbol a kind: costs are at the study's clip, accuracies were got with that of the kind."""
    kinds = _kinds(rated)
    labels, positions = _labels(rated, place)
    rated = rated.assign(label=labels, position=positions)
    for printed, symbols in ((False, itertools.cycle(OPEN)), (True, itertools.repeat(PRINTED))):
        named = sorted(set(kinds[rated["printed"] == printed]))
        for symbol, kind in zip(symbols, named, strict=False):
            figure.add_trace(_points(rated[kinds == kind], place.costs.name, symbol, kind, **more))


def _kinds(rated: pd.DataFrame) -> pd.Series:
    """What the legend tells apart: data sets, the clips of most networks from others, and costs that are printed."""
    frequent = rated.loc[~rated["printed"], "clip"].dropna().value_counts().index[:CLIPS]
    clips = rated["clip"].map(lambda clip: f"{clip} clips" if clip in frequent else "other clips")
    return rated["dataset"].astype(str) + ", " + clips.mask(rated["printed"], "cost as printed")


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
    """One hover text a network: accuracy as published, costs at the study's clip or as printed, source."""
    told = []
    for row in rows.to_dict("records"):
        known = [key for key in ("gflops", "ginteractions", "mparams", "latency") if np.isfinite(row[key])]
        lines = [f"<b>{escape(str(row['name']))}</b>"]
        lines.append(f"published top-1 {style.percent(row['accuracy'])} on {escape(str(row['dataset']))}")
        lines += [f"{style.number(row[key])} {style.name(key)}" for key in known]
        lines.append("" if row["printed"] else "<i>costs counted at the study's clip</i>")
        lines.append(published(row))
        told.append("<br>".join(line for line in lines if line))
    return told


def published(row: dict) -> str:
    """How a network was measured when it was published: clip, views, source, as far as known; escaped."""
    parts = [
        "cost as printed, for one view" if row["printed"] else None,
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
    # the range of the cost axis, in decades on a log axis; None: plotly's own, a little more than the costs
    across: Sequence[float] | None = None

    def centres(self, rows: pd.DataFrame) -> np.ndarray:
        """Where points are, in nominal pixels from the lower left: (n, 2)."""
        scale = style.log10 if self.across or style.spans_a_decade(self.costs) else np.asarray
        axis = scale(self.costs.dropna())
        pad = 0.06 * (np.ptp(axis) or 1.0)
        low, high = self.across or (axis.min() - pad, axis.max() + pad)
        across = (scale(rows[self.costs.name]) - low) / (high - low)
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
