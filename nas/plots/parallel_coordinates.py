"""Every complete trial as a line across its decisions and objectives, coloured by accuracy.

Dragging along an axis keeps the lines that pass there: which answers do the accurate networks share, which of them
are cheap? The axes are the decisions that matter most, as there is no room for all.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.plots import decisions, marks, networks, objectives, style
from nas.plots import trials as frame
from nas.plots.importance import FEWEST, importance
from nas.plots.registry import figure as registered
from nas.schema import Count

# answers of a decision that have a place of their own; more numbers stand on a scale
PLACES = 14
# lines are moved apart by so much of the distance between places, so that one can tell how many pass
JITTER = 0.14
# what stands where a decision does not count
ABSENT = "–"
# letters of a name above its axis, and the part of the height that the axes have below the names
NAME, ROOM = 18, 0.8
# around answers that lines run through: readable over any line, on white and on black
HALO = ", ".join(["0 0 2px #30343c"] * 4)


@registered
def parallel_coordinates(
    trials: pd.DataFrame, *, axes: Count = 14, chosen: tuple[str, ...] = (), costs: tuple[objectives.Name, ...] = ()
) -> go.Figure:
    """Draw a line a complete trial over at most `axes` axes: decisions on the left, objectives on the right.

    `chosen` names decisions in their order; without it, those most important for accuracy come first (see
    `importance`; the order of the table where there are too few trials to tell). `costs` adds costs that are no
    objectives. Where a decision does not count, a line runs through '–' at its foot. Costs over more than a decade
    stand on a log scale.

    >>> parallel_coordinates(pd.DataFrame()).layout.annotations[0].text
    'no trial yet'
    """
    trials = frame.tidy(trials)
    shown = trials[(trials["state"] == "complete") & np.isfinite(trials["accuracy"])]
    measures = _measures(shown, costs)
    names = _named(shown, chosen) if chosen else _important(shown)
    names = names[: max(axes - len(measures), 0)]
    left = len(decisions.columns(shown)) - len(names)
    figure = go.Figure(layout=style.layout("Decisions and objectives", _explained(trials, shown, names, left, chosen)))
    if shown.empty:
        style.note(figure, networks.nothing(trials))
        return figure
    dimensions = [_decision(shown[name], name) for name in names]
    dimensions += [_measure(objectives.values(shown, name), name) for name in measures]
    style.how(figure, "Drag along an axis to keep the lines that pass there, tap it to let go.")
    figure.add_trace(_lines(shown, dimensions))
    figure.update_layout(margin={"l": 84, "r": 64}, height=640)
    return figure


def _measures(shown: pd.DataFrame, costs: tuple[str, ...]) -> list[str]:
    """Costs, then accuracy, which is the colour and stands last."""
    names = [aim.name for aim in objectives.aims(shown, fewest=2)]
    names += [cost for cost in costs if objectives.known(shown, cost)]
    return [*(name for name in dict.fromkeys(names) if name != "accuracy"), "accuracy"]


def _named(shown: pd.DataFrame, chosen: tuple[str, ...]) -> list[str]:
    columns = decisions.columns(shown)
    return [frame.DECISION + name for name in chosen if frame.DECISION + name in columns]


def _important(shown: pd.DataFrame) -> list[str]:
    """Decisions with more than one answer, those most important for accuracy first."""
    columns = [name for name in decisions.columns(shown) if len(set(decisions.labels(shown[name]))) > 1]
    told = importance(shown, [objectives.Objective("accuracy", "max")])["accuracy"]
    return sorted(columns, key=lambda name: -float(np.nan_to_num(told.get(name, 0.0))))


def _decision(answers: pd.Series, name: str) -> dict:
    """An axis of a decision: a place an answer, or a scale for more numbers than have room."""
    texts, title = decisions.labels(answers), decisions.short(decisions.name(name), NAME)
    places, numbers = decisions.ordered(texts), decisions.numbers(answers)
    if len(places) > PLACES and numbers is not None:
        return _scale(numbers, title)
    kept = places if len(places) <= PLACES else [*_frequent(texts, PLACES - 1), "others"]
    at = {answer: place for place, answer in enumerate(kept, start=1)} | {"": 0}
    values = np.array([at.get(text, len(kept)) for text in texts])
    values = values + np.random.default_rng(0).uniform(-JITTER, JITTER, len(values))
    ticks = [ABSENT, *kept] if "" in texts else kept
    first = 0 if "" in texts else 1
    return {
        "label": title,
        "values": marks.small(values),
        "tickvals": list(range(first, len(kept) + 1)),
        "ticktext": [decisions.short(tick, decisions.ANSWER) for tick in ticks],
        "range": [first - 0.4, len(kept) + 0.4],
    }


def _frequent(texts: list[str], count: int) -> list[str]:
    counts = pd.Series([text for text in texts if text], dtype=object).value_counts()
    return decisions.ordered(counts.index[:count])


def _measure(values: np.ndarray, name: str) -> dict:
    """An axis of an objective: percent, or a cost, on a log scale where it spans more than a decade."""
    title = objectives.label(name)
    if name == "accuracy":
        return _scale(values, title) | {"tickformat": "~%"}
    if style.spans_a_decade(values):
        ticks = style.log_axis("", values)["tickvals"]
        return _scale(style.log10(values), title, [math.log10(tick) for tick in ticks], [f"{tick:g}" for tick in ticks])
    return _scale(values, title)


def _round(values: np.ndarray) -> tuple[list[float], list[str]]:
    """About six round numbers within the values, and their texts.

    >>> _round(np.array([0.31, 0.52]))[1]
    ['0.35', '0.4', '0.45', '0.5']
    """
    low, high = np.nanmin(values), np.nanmax(values)
    if high == low:
        return [float(low)], [f"{low:.4g}"]
    step = 10.0 ** math.floor(math.log10((high - low) / 3))
    step *= next((factor for factor in (5, 2) if (high - low) / (factor * step) >= 3), 1)
    ticks = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    return ticks.tolist(), [f"{tick:.4g}" for tick in ticks]


def _scale(values: np.ndarray, title: str, ticks: list[float] = (), texts: list[str] = ()) -> dict:
    """A numeric axis, with plotly's own ticks unless told; what has no value stands a step below the smallest.

    Where there are ticks an axis reaches from the first to the last, and brushes end between two: so both ends are one.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = (high - low) or 1.0
    missing = np.isnan(values)
    foot = low - 0.1 * room
    if missing.any() and not ticks:
        ticks, texts = _round(values)
    if ticks:
        named = dict.fromkeys((low, high), "") | dict(zip(ticks, texts, strict=True))
        named = {tick: text for tick, text in named.items() if low <= tick <= high}
        named |= {foot: ABSENT} if missing.any() else {}
        ticks, texts = sorted(named), [named[tick] for tick in sorted(named)]
    limits = [(foot if missing.any() else low) - 0.02 * room, high + 0.02 * room]
    filled = marks.small(np.where(missing, foot, values))
    told = {"tickvals": ticks, "ticktext": texts} if ticks else {}
    return {"label": title, "values": filled, "range": limits} | told


def _lines(shown: pd.DataFrame, dimensions: list[dict]) -> go.Parcoords:
    accuracy = shown["accuracy"].to_numpy(float)
    bar = style.colour_bar("accuracy", tickformat="~%", y=0, yref="container")  # the axes' names stand above
    line = {"color": marks.small(accuracy), "colorscale": style.SEQUENTIAL, "showscale": True}
    line |= {"cmin": accuracy.min(), "cmax": accuracy.max() + 1e-9, "colorbar": bar}
    return go.Parcoords(
        dimensions=dimensions,
        customdata=marks.numbers(shown),
        line=line,
        labelangle=-30,
        domain={"y": [0, ROOM]},
        labelfont={"size": 11, "color": style.INK},
        tickfont={"size": 10, "color": "#ffffff", "shadow": HALO},
        rangefont={"size": 1, "color": "rgba(0,0,0,0)"},
        unselected={"line": {"color": "#808080", "opacity": 0.06}},
    )


def _explained(trials: pd.DataFrame, shown: pd.DataFrame, names: list[str], left: int, chosen: tuple[str, ...]) -> str:
    said = [f"{frame.subtitle(trials)}."]
    if shown.empty:
        return said[0]
    said.append("A line a complete trial.")
    if names:
        ranked = len(shown) >= FEWEST and not chosen
        said.append("Decisions: the most important for accuracy first." if ranked else "")
    if left > 0:
        said.append(f"Left out: {left} other decision{'s' * (left != 1)}.")
    return " ".join(filter(None, said))
