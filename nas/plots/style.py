"""The look that all figures share: colours, axes, units and number formats.

Figures have no background of their own and mid-grey lines, so that they read on white and on black alike;
colours come from palettes that colour-blind readers can tell apart (Viridis without its ends, and Okabe and
Ito's).
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from nas.errors import NasError, nearest

# reads on white and on black: contrast 4.5 and 4.6
INK = "#767676"
GRID = "rgba(128, 128, 128, 0.22)"
ACCENT = "#d55e00"
# Okabe and Ito's palette, without its black and its pale yellow
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
# Viridis between its darkest purple (lost on black) and its palest yellow (lost on white)
SEQUENTIAL = sample_colorscale("Viridis", np.linspace(0.12, 0.94, 9).tolist())
SYMBOLS = ("circle", "square", "triangle-up", "cross", "pentagon", "star", "hexagon", "triangle-down")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"

# of every page: no button that sends a chart to a server of others
CONFIG = {"responsive": True, "displaylogo": False, "displayModeBar": "hover", "showSendToCloud": False}

# letters of a line of a note
NOTE = 36
# pixels that a colour bar with its title and ticks takes above the axes
COLOUR_BAR = 62

# column -> its name and what one unit of it counts; {clip} is the clip it is counted for
UNITS = {
    "gflops": ("GFLOPs", "10⁹ multiply-accumulates, {clip}"),
    "ginteractions": ("Ginteractions", "10⁹ channel interactions"),
    "mparams": ("Mparams", "10⁶ trainable parameters"),
    "latency": ("ms of latency", "{clip}"),
    "macs": ("MACs", "multiply-accumulates, {clip}"),
    "params": ("parameters", "trainable"),
    "weights": ("weights", "of convolutions and linear layers"),
    "interactions": ("interactions", "channel interactions"),
    "activations": ("activations", "output elements, {clip}"),
    "norm_elements": ("norm elements", "normalised elements, {clip}"),
    "depth": ("depth", "layers with weights"),
}


def name(column: str) -> str:
    """What a cost column is called in tables, hover texts and legends: 'gflops' is 'GFLOPs'.

    Raises NasError for a column that is no cost.
    """
    if column not in UNITS:
        raise NasError(f"unknown cost {column!r}", fix=nearest(column, UNITS))
    return UNITS[column][0]


def unit(column: str, clip: str) -> str:
    """What one unit of a cost column counts, and for which clip.

    >>> unit("gflops", "one 8x224x224 clip")
    '10⁹ multiply-accumulates, one 8x224x224 clip'
    """
    return UNITS[column][1].format(clip=clip)


def number(value: float) -> str:
    """Three significant digits, never an exponent between a thousandth and a billion; '-' where unknown.

    >>> [number(value) for value in (0.01234, 5.4236, 143.61, 23864558, float("nan"))]
    ['0.0123', '5.42', '144', '23,900,000', '-']
    """
    if value is None or not math.isfinite(value):
        return "-"
    if value == 0 or abs(value) < 1e-3 or abs(value) >= 1e9:
        return f"{value:.3g}"
    rounded = float(f"{value:.3g}")
    digits = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{digits}f}"


def percent(fraction: float, noise: float = math.nan) -> str:
    """A fraction in percent with its standard error where it is known.

    >>> percent(0.6125, 0.0153), percent(0.6125), percent(float("nan"))
    ('61.3 ± 1.5 %', '61.3 %', '-')
    """
    if fraction is None or not math.isfinite(fraction):
        return "-"
    error = f" ± {100 * noise:.1f}" if noise is not None and math.isfinite(noise) else ""
    return f"{100 * fraction:.1f}{error} %"


def spans_a_decade(values: Iterable[float]) -> bool:
    """Whether the largest value is more than ten times the smallest, all of them above zero."""
    values = np.array([value for value in values if math.isfinite(value)], dtype=float)
    return bool(len(values) and values.min() > 0 and values.max() > 10 * values.min())


def layout(title: str, subtitle: str) -> go.Layout:
    """An empty figure: title, subtitle, no background, legend at the foot.

    The foot is as high as the legend and the axis need at the figure's width: `margin.b` is no place for them.
    """
    lines = textwrap.wrap(subtitle, 110)
    return go.Layout(
        template=go.layout.Template(),
        title={
            "text": title,
            "subtitle": {"text": "<br>".join(lines)},
            "x": 0,
            "xref": "container",
            "pad": {"l": 12},
        },
        font={"family": FONT, "size": 12, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 56, "r": 24, "t": 84 + 16 * len(lines), "b": 16},
        height=640,
        hovermode="closest",
        hoverlabel={
            "bgcolor": "#1f2430",
            "bordercolor": INK,
            "align": "left",
            "font": {"color": "#f2f2f2", "size": 12},
        },
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom", "font": {"size": 12}},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": ACCENT},
    )


def axis(title: str, **more: object) -> dict:
    """One linear axis with its title and grid."""
    lines = {"gridcolor": GRID, "linecolor": INK, "showline": True, "zeroline": False, "ticks": "outside"}
    return {"title": {"text": title, "standoff": 10}, "tickcolor": INK, "automargin": True} | lines | more


def log_axis(title: str, values: Iterable[float]) -> dict:
    """A logarithmic axis with ticks at round numbers among `values`, each written out."""
    known = log10(values)
    low, high = (known.min() - 0.05, known.max() + 0.05) if np.isfinite(known).any() else (-2.0, 0.0)
    pad = 0.05 * (high - low)
    ticks = [step for step in _steps(low, high) if low <= math.log10(step) <= high]
    return axis(title, type="log", range=[low - pad, high + pad], tickvals=ticks, tickformat="~g")


def accuracy_axis(title: str, low: float, high: float, **more: object) -> dict:
    """A percent axis around the accuracies from `low` to `high` (NaN where there is none)."""
    limits = [0.0, 1.0]
    if math.isfinite(low) and math.isfinite(high):
        pad = max(0.1 * (high - low), 0.02)
        limits = [max(low - pad, -0.02), min(high + pad, 1.02)]
    return axis(title, range=limits, tickformat="~%", **more)


def colour_axis(values: Iterable[float], title: str) -> dict:
    """A colour scale over the logarithm of `values`; its bar, above the axes, is marked with the values."""
    logs = log10(values)
    known = logs[np.isfinite(logs)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    low, high = (low - 0.15, high + 0.15) if high - low < 0.3 else (low, high)
    ticks = [step for step in _steps(low, high) if low <= math.log10(step) <= high]
    decades = [step for step in ticks if f"{step:e}".startswith("1.000000")]
    ticks = decades if len(decades) > 1 else ticks
    marks = {"tickvals": [math.log10(step) for step in ticks], "ticktext": [f"{step:g}" for step in ticks]}
    bar = colour_bar(title, **marks)
    return {"colorscale": SEQUENTIAL, "cmin": low, "cmax": high, "colorbar": bar, "showscale": bool(len(known))}


def colour_bar(title: str, **more: object) -> dict:
    """A colour bar above the axes, clear of the buttons at the right; `margin.t` grows by COLOUR_BAR for it."""
    place = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "len": 0.72, "thickness": 10}
    marks = {"outlinewidth": 0, "tickangle": 0, "tickcolor": INK, "ticks": "outside"}
    return place | marks | {"title": {"text": title, "side": "top"}} | more


def log10(values: Iterable[float]) -> np.ndarray:
    """Decimal logarithms; what has none (zero, NaN) takes the smallest of the others."""
    values = np.array(list(values), dtype=float)
    positive = values[np.isfinite(values) & (values > 0)]
    floor = positive.min() if len(positive) else np.nan
    return np.log10(np.where(np.isfinite(values) & (values > 0), values, floor))


def _steps(low: float, high: float) -> list[float]:
    """Round numbers around 10**low to 10**high, fewer of each decade the more decades there are."""
    few, some, many = (1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    within = few if high - low > 3.7 else some if high - low > 0.8 else many
    return [digit * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for digit in within]


def how(figure: go.Figure, text: str) -> None:
    """Say how a figure is used on a page: pictures for papers leave it out."""
    figure.layout.meta = {"how": text}


def key(figure: go.Figure, name: str, *, symbol: str = "circle", outline: str = INK, opacity: float = 1.0) -> None:
    """A legend entry of its own for traces whose marks have no one colour, drawn in grey."""
    width = 1.8 if outline == ACCENT else 0.8
    marker = {"symbol": symbol, "size": 10, "color": "#9a9a9a", "opacity": opacity}
    marker["line"] = {"color": outline, "width": width}
    figure.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=name, hoverinfo="skip"))


def note(figure: go.Figure, text: str) -> None:
    """Say in the middle of an empty figure why nothing is drawn."""
    # without a trace plotly draws no axis
    figure.add_trace(go.Scatter(x=[None], y=[None], showlegend=False, hoverinfo="skip"))
    font, text = {"size": 14, "color": INK}, "<br>".join(textwrap.wrap(text, NOTE, break_long_words=False))
    figure.add_annotation(text=text, x=0.5, y=0.5, xref="x domain", yref="y domain", showarrow=False, font=font)
