"""Figures as files for papers: PNG, SVG and PDF, by kaleido and the Chromium of this machine."""

from __future__ import annotations

import importlib
import logging
import math
import re
import textwrap
from pathlib import Path

import plotly.graph_objects as go

from nas import files
from nas.errors import NasError
from nas.plots.style import COLOUR_BAR

FORMATS = ("png", "svg", "pdf")
INCH = 96.0  # pixels of a page, as browsers count them
UNITS = {"": 1.0, "px": 1.0, "in": INCH, "mm": INCH / 25.4, "cm": INCH / 2.54, "pt": INCH / 72}
# in pixels at letters of 12: ticks and title below an axis, what stands beside it, a line of a legend, of a subtitle,
# a letter
TICKS, BESIDE, ROW, SUBTITLE, LETTER = 72.0, 80.0, 20.0, 18.0, 7.0
# in pixels: narrower pictures are refused, or have no names in them
NARROWEST, NARROW = 250.0, 500.0
BLACK = "#1c2128"  # of letters on paper
SHARE = 0.3  # of the height that the axes need at least
SHARP = 3.0  # pixels of a PNG for each of the page
FONT = 12.0  # the size of letters that figures are made with


def write(
    figure: go.Figure,
    path: Path,
    *,
    width: float = 700.0,
    height: float | None = None,
    font: float = FONT,
    title: bool = True,
) -> None:
    """Write the figure to `path`, whose ending says the format; sizes in pixels of a page, letters in points.

    Without a `height` the picture is as high as the figure was made. Letters, marks and lines keep their proportions:
    at twice the `font` all of them are twice as large. Raises NasError for another ending, for a height that leaves
    nothing for the axes, without kaleido or Chromium, and where the file cannot be written.
    """
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise NasError(f"'{path.name}' ends in none of .{' .'.join(FORMATS)}", fix="name a file such as front.svg")
    zoom = font * INCH / 72 / FONT
    _check_width(width, zoom, font)
    figure = go.Figure(figure)
    top, own = figure.layout.margin.t or 0, figure.layout.height or 640
    _fit(figure, width / zoom, title=title)
    rows = _legend_rows(figure, width / zoom)
    tall = height / zoom if height else own + (figure.layout.margin.t or 0) - top + ROW * max(rows - 1, 0)
    if height:
        _check_height(figure, tall, rows, title=title)
    sizes = {"width": round(width / zoom), "height": round(tall)}
    figure.update_layout(paper_bgcolor="white" if form == "png" else "rgba(0,0,0,0)")
    logging.getLogger("choreographer").setLevel(logging.CRITICAL)  # it tells of a message of Chromium cut in two
    try:
        importlib.import_module("kaleido")
    except ImportError as error:
        raise NasError("pictures need the package kaleido", fix="pip install 'video-nas[pictures]'") from error
    try:
        data = figure.to_image(format=form, **sizes, scale=zoom * (SHARP if form == "png" else 1.0))
    except RuntimeError as error:
        told = str(error).strip().splitlines()[0][:120]
        fix = "install Chromium or Chrome (Debian: apt install chromium), or set BROWSER_PATH to one"
        raise NasError(f"Chromium could not draw it ({told})", where=str(path), fix=fix) from error
    files.write(path, data)


def _fit(figure: go.Figure, width: float, *, title: bool) -> None:
    """Prepare a figure, in place, for paper and a width."""
    layout = figure.layout
    if not title:
        bar = layout.coloraxis.colorbar.orientation == "h" and layout.coloraxis.showscale is not False
        layout.title, layout.margin.t = None, 16 + COLOUR_BAR * bar
    elif told := layout.title.subtitle.text:
        lines = _wrapped(told.replace("<br>", " "), width)
        layout.margin.t += SUBTITLE * (len(lines) - told.count("<br>") - 1)
        layout.title.subtitle.text = "<br>".join(lines)
    for axis in figure.select_xaxes():
        lines = [line for part in (axis.title.text or "").split("<br>") for line in _wrapped(part, width - BESIDE)]
        axis.title.text = "<br>".join(lines)
    if width < NARROW:
        figure.update_traces(mode="markers", selector={"mode": "markers+text"})  # names would lie on each other
    figure.update_layout(height=None, font={"color": BLACK})


def _wrapped(text: str, width: float) -> list[str]:
    return textwrap.wrap(text, max(12, int((width - 24) / LETTER)), break_long_words=False)


def _check_width(width: float, zoom: float, font: float) -> None:
    """Raise NasError where letters of the font leave no room for a figure."""
    if width / zoom < NARROWEST:
        told, least = (f"{pixels / INCH * 25.4:.0f} mm" for pixels in (width, NARROWEST * zoom))
        fix = f"make it {least} wide or more, or lower --font"
        raise NasError(f"the picture is too narrow: {told} at {font:g} points", fix=fix)


def _check_height(figure: go.Figure, height: float, rows: int, *, title: bool) -> None:
    """Raise NasError where what stands around the axes, a legend of `rows` among it, would leave too little of them."""
    around = (figure.layout.margin.t or 0) + TICKS + ROW * rows
    if height - around < SHARE * height:
        problem = f"the picture is too low: of {height:.0f} pixels, {max(height - around, 0):.0f} are left for the axes"
        needed = f"make it {around / (1 - SHARE) / height:.1f} times as high, lower --font"
        raise NasError(problem, fix=f"{needed}{', or add --no-title' if title else ''}")


def _legend_rows(figure: go.Figure, width: float) -> int:
    """How many lines the legend takes, each entry as wide as the longest name."""
    width -= (figure.layout.margin.l or 0) + (figure.layout.margin.r or 0)
    names = dict.fromkeys(trace.name for trace in figure.data if trace.name and trace.showlegend is not False)
    widest = max((LETTER * len(name) + 60 for name in names), default=0)
    return math.ceil(len(names) / max(1, width // max(widest, 1)))


def length(text: str) -> float:
    """A length in pixels of a page; raises ValueError.

    >>> length("89mm"), length("3.5in"), length("700")
    (336.37795275590554, 336.0, 700.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(px|in|mm|cm|pt|)", text.strip())
    if not found or float(found[1]) <= 0:
        raise ValueError(f"'{text}' is no length such as 89mm, 3.5in or 700")
    return float(found[1]) * UNITS[found[2]]
