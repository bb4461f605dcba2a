"""A plain HTML page of figures, each with what the terminal said about it; one file that needs no network."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import plotly.graph_objects as go
import plotly.io
from plotly.offline import get_plotlyjs
from rich.console import Console

from nas import files
from nas.plots import style

HERE = Path(__file__).parent
COLUMNS = 120  # characters in a line of text
Part = tuple[go.Figure, Callable[[Console], None]]  # a figure, and what prints the text below it


def write(path: Path, title: str, parts: Sequence[Part]) -> None:
    """Write the page to `path`, whole or not at all; raises NasError where it cannot be written.

    Titles of figures become headings, so that they wrap on narrow screens.
    """
    css = (HERE / "page.css").read_text(encoding="utf-8")
    body = "\n".join(_part(figure, show) for figure, show in parts)
    text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{css}</style>\n<script>{get_plotlyjs()}</script>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )
    files.write(path, text.encode())


def _part(figure: go.Figure, show: Callable[[Console], None]) -> str:
    heading, note = figure.layout.title.text, figure.layout.title.subtitle.text or ""
    wrapped = note.count("<br>") + bool(note)
    figure.update_layout(margin={"t": figure.layout.margin.t - 60 - 16 * wrapped})
    figure.layout.title = None
    drawn = plotly.io.to_html(figure, full_html=False, include_plotlyjs=False, config=style.CONFIG)
    told = escape(_printed(show))
    caption = f"<figcaption>{note.replace('<br>', ' ')}</figcaption>"
    return f"<figure>\n<h2>{heading}</h2>\n{drawn}\n{caption}\n</figure>\n<pre>{told}</pre>"


def _printed(show: Callable[[Console], None]) -> str:
    console = Console(file=io.StringIO(), width=COLUMNS)
    show(console)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())
