"""Figures as files for papers: PNG, SVG and PDF, by kaleido and the Chromium of this machine."""

from __future__ import annotations

import importlib
import logging
import re
from pathlib import Path

import plotly.graph_objects as go

from nas import files
from nas.errors import NasError

FORMATS = ("png", "svg", "pdf")
INCH = 96.0  # pixels of a page, as browsers count them
UNITS = {"": 1.0, "px": 1.0, "in": INCH, "mm": INCH / 25.4, "cm": INCH / 2.54, "pt": INCH / 72}
HEIGHT = 640.0  # that figures are made for
SHARP = 3.0  # pixels of a PNG for each of the page
FONT = 12.0  # the size of letters that figures are made with


def write(
    figure: go.Figure,
    path: Path,
    *,
    width: float = 700.0,
    height: float = 500.0,
    font: float = FONT,
    title: bool = True,
) -> None:
    """Write the figure to `path`, whose ending says the format; sizes in pixels of a page, letters in points.

    Letters, marks and lines keep their proportions: at twice the `font` all of them are twice as large. Raises NasError
    for another ending, without kaleido or Chromium, and where the file cannot be written.
    """
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise NasError(f"'{path.name}' ends in none of .{' .'.join(FORMATS)}", fix="name a file such as front.svg")
    zoom = font * INCH / 72 / FONT
    sizes = {"width": round(width / zoom), "height": round(height / zoom)}
    figure = _fitted(go.Figure(figure), sizes["height"], title=title)
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


def _fitted(figure: go.Figure, height: float, *, title: bool) -> go.Figure:
    """The figure at another height: what stands below its axes, in shares of their height, stays as far below."""
    margin, before = figure.layout.margin, figure.layout.height or HEIGHT
    if not title:
        figure.layout.title = None
        margin.t = 16
    room = (margin.t or 0) + (margin.b or 0)
    ratio = max(before - room, 1.0) / max(height - room, 1.0)
    legend, bar = figure.layout.legend, figure.layout.coloraxis.colorbar
    for below in (legend, bar):
        if below.y is not None and below.y < 0:
            below.y *= ratio
    figure.layout.height = None
    return figure


def length(text: str) -> float:
    """A length in pixels of a page; raises ValueError.

    >>> length("89mm"), length("3.5in"), length("700")
    (336.37795275590554, 336.0, 700.0)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(px|in|mm|cm|pt|)", text.strip())
    if not found or float(found[1]) <= 0:
        raise ValueError(f"'{text}' is no length such as 89mm, 3.5in or 700")
    return float(found[1]) * UNITS[found[2]]
