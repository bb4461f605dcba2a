"""A drawing of one network: its stages from top to bottom, equal blocks as one box, each layer as a tile in it.

Tiles are bars, whose texts plotly shrinks where there is little room; layers that extend in time are told apart by
colour, by pattern and by the kernel that is written on them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

import pandas as pd
import plotly.graph_objects as go

from nas.cost import cost
from nas.errors import NasError
from nas.field import block_fields
from nas.field_card import numbers
from nas.genotype import Genotype
from nas.plots import chosen, style
from nas.plots import trials as frame
from nas.plots.anatomy import KINDS, Block, Section, alike, sections
from nas.plots.block_words import triple
from nas.plots.chosen import Choice
from nas.plots.registry import figure as registered
from nas.summary import summary

# heights in pixels: a line of text, a row of tiles, the space around a block and above a stage
LINE, GAP, ABOVE = 15, 6, 12
TILES = {1: 25, 2: 36}  # by the lines written in them
FEWEST, MANY = 4, 5  # columns: of fewer, tiles would be too wide; of more, they are too narrow for one line
LETTERS = 58  # of a block's words in a line: what a narrow page holds
LEGEND = 64  # pixels above the drawing, enough for three rows on a narrow page
NO_BREAK = "\u00a0"  # a space at which no line ends
INSET = 0.012  # of the width, left and right inside a block
HOLLOW = "rgba(128, 128, 128, 0.10)"
DARK = "#1f2430"
# kind -> fill, colour of the text, pattern; tiles have their own ground, so that words on a pattern read on any page
LOOKS = {
    "3D": (style.PALETTE[0], "#ffffff", ""),
    "deflated": ("#f6d5bd", DARK, "/"),
    "2D": ("#c3e8dc", DARK, "."),
    "point": ("#e4e4e4", DARK, ""),
    "gate": ("#f2dbe8", DARK, "x"),
    "pool": ("#f9e5bd", DARK, "-"),
    "other": ("#d3eaf8", DARK, ""),
}
EDGES = {"deflated": "#d55e00", "2D": "#009e73", "gate": "#cc79a7", "pool": "#e69f00", "other": "#56b4e9"}


@registered
def network_drawing(trials: pd.DataFrame, *, trial: Choice = "knee") -> go.Figure:
    """Draw the network of one trial: a number, or the knee, best or cheapest of the front.

    A study without that trial, or with a network that cannot be read here, says so.

    >>> network_drawing(pd.DataFrame()).layout.annotations[0].text
    'no trial yet'
    """
    trials = frame.tidy(trials)
    try:
        row = chosen.row(trials, trial)
        network = chosen.network(row)
    except NasError as error:
        return nothing("The network", error)
    more = list(chosen.accuracy(row, trials))
    return drawing(network, f"The network of {chosen.told(row, trial)}", more=more, number=chosen.number(row))


def nothing(title: str, error: NasError) -> go.Figure:
    """A figure that says why it is empty."""
    figure = go.Figure(layout=style.layout(title, ""))
    style.note(figure, escape(str(error)))
    return figure.update_layout(xaxis={"visible": False}, yaxis={"visible": False}, height=280, margin={"b": 40})


def drawing(network: Genotype, title: str, *, more: Sequence[str] = (), number: int | None = None) -> go.Figure:
    """Draw any network; `more` are phrases for the subtitle, `number` that of its trial.

    >>> from nas import content, genotype
    >>> figure = drawing(genotype.load(content.find("ir-csn-50", "models")), "ir-csn-50")
    >>> [trace.name for trace in figure.data if trace.showlegend]
    ['3D', '1×1×1', 'pooling', 'other']
    """
    found = sections(network)
    page = _Page(_columns(found), number)
    for section in found:
        page.add(section)
    figure = go.Figure(page.traces(), layout=style.layout(escape(title), _explained(network, more)))
    top, bottom = figure.layout.margin.t + LEGEND, 24
    hidden = {"visible": False, "fixedrange": True}
    return figure.update_layout(
        barmode="overlay",
        xaxis=hidden | {"range": [0, 1]},
        yaxis=hidden | {"range": [page.y, 0]},
        height=top + bottom + page.y,
        margin={"l": 12, "r": 12, "t": top, "b": bottom},
        legend={"y": 1, "yref": "paper", "yanchor": "bottom", "traceorder": "normal", "itemsizing": "constant"},
    )


@dataclass
class _Bars:
    """The bars of one trace: from `left`, `width` wide, centred on `y`, `height` high."""

    left: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    height: list[float] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def add(self, left: float, width: float, top: float, height: float, text: str, told: str = "") -> None:
        for column, value in zip(
            (self.left, self.width, self.y, self.height, self.text, self.told),
            (left, width, top + height / 2, height, text, told),
            strict=True,
        ):
            column.append(value)


class _Page:
    """Bars by kind as they are laid down from top to bottom; `y` is how far down they go, in pixels."""

    def __init__(self, columns: int, number: int | None):
        self.columns, self.number, self.y = max(columns, FEWEST), number, 0.0
        self.lines = 1 if self.columns <= MANY else 2
        self.blocks = _Bars()
        self.words: list[tuple[float, float, str]] = []
        self.tiles = {kind: _Bars() for kind in KINDS}

    def add(self, section: Section) -> None:
        """A section's heading and its blocks."""
        heading = f"<b>{section.name}</b>  gives {section.shape[0]} × {triple(section.shape[1:])}, {_costs([section])}"
        self.words.append((0, self.y + ABOVE, heading))
        self.y += ABOVE + LINE + GAP
        for blocks in alike(section):
            self._block(blocks)

    def _block(self, blocks: tuple[Block, ...]) -> None:
        block = blocks[0]
        lines = wrapped(_name(blocks) + block.words, LETTERS)
        rows = max((box.row + 1 for box in block.boxes), default=0)
        tile, top = TILES[self.lines], self.y + 2 * GAP + LINE * len(lines)
        high = top - self.y + tile * rows + GAP / 2
        self.blocks.add(0, 1, self.y, high, "", _block_told(blocks))
        self.words.append((INSET / 2, self.y + GAP, "<br>".join(escape(line) for line in lines)))
        step, between = (1 - 2 * INSET) / self.columns, " " if self.lines == 1 else "<br>"
        for box in block.boxes:
            place = (INSET + step * box.column, 0.97 * step, top + tile * box.row, tile - 3)
            self.tiles[box.kind].add(*place, between.join(map(escape, box.lines)), escape(box.told))
        self.y += high + GAP

    def traces(self) -> list[go.Bar | go.Scatter]:
        """The blocks, the tiles over them, a trace a kind, and the words."""
        line = {"color": style.INK, "width": 1}
        frames = self._bars(self.blocks, marker={"color": HOLLOW, "line": line}, showlegend=False)
        tiles = [
            self._bars(bars, marker=_marker(kind), name=KINDS[kind], showlegend=True, insidetextanchor="middle",
                       textfont={"color": LOOKS[kind][1], "size": 11})
            for kind, bars in self.tiles.items() if bars.y
        ]  # fmt: skip
        x, y, text = zip(*self.words, strict=True)
        font = {"color": style.INK, "size": 11}
        words = go.Scatter(x=x, y=y, text=text, mode="text", textposition="bottom right", textfont=font)
        return [frames, *tiles, words.update(hoverinfo="skip", showlegend=False, cliponaxis=False)]

    def _bars(self, bars: _Bars, **more: object) -> go.Bar:
        return go.Bar(
            base=bars.left,
            x=bars.width,
            y=bars.y,
            width=bars.height,
            orientation="h",
            text=bars.text,
            textposition="inside",
            textangle=0,
            hovertext=bars.told,
            hovertemplate="%{hovertext}<extra></extra>",
            customdata=None if self.number is None else [self.number] * len(bars.y),
            **more,
        )


def _marker(kind: str) -> dict:
    fill, _, pattern = LOOKS[kind]
    edge = EDGES.get(kind, fill if kind == "3D" else style.INK)
    hatch = {"shape": pattern, "fillmode": "overlay", "fgcolor": edge, "fgopacity": 0.35, "size": 7}
    hatch["solidity"] = 0.12 if pattern == "." else 0.3
    return {"color": fill, "line": {"color": edge, "width": 1.2}} | ({"pattern": hatch} if pattern else {})


def wrapped(words: str, letters: int) -> list[str]:
    """Lines of at most that many letters, broken behind the dots where the parts between them are short.

    >>> [line.split() for line in wrapped("simple · depthwise 3×3×3 · width 64", 30)]
    [['simple', '·', 'depthwise', '3×3×3', '·'], ['width', '64']]
    """
    parts = [part if len(part) > letters / 2 else part.replace(" ", NO_BREAK) for part in words.split(" · ")]
    return textwrap.wrap(f"{NO_BREAK}· ".join(parts), letters)


def _columns(found: list[Section]) -> int:
    return max((box.column + 1 for section in found for block in section.blocks for box in block.boxes), default=1)


def _name(blocks: tuple[Block, ...]) -> str:
    """The numbers of equal blocks, as in `nas show`; nothing for what is no block."""
    if blocks[0].number is None:
        return ""
    told = numbers(tuple(block.number for block in blocks))
    return f"block {told}: " if len(blocks) == 1 else f"{len(blocks)} × blocks {told}: "


def _costs(parts: Sequence[Block | Section]) -> str:
    """GFLOPs and Mparams of blocks or sections together."""
    macs, params = (sum(getattr(part.cost, name) for part in parts) for name in ("macs", "params"))
    return f"{style.number(macs / 1e9)} GFLOPs, {style.number(params / 1e6)} Mparams"


def _block_told(blocks: tuple[Block, ...]) -> str:
    """Costs, and over how many channels and what extent its features meet (`nas.field`)."""
    block = blocks[0]
    lines = [*wrapped(_name(blocks) + block.words, 52), f"gives {block.shape[0]} × {triple(block.shape[1:])}"]
    lines.append(f"{_costs(blocks)}{' together' if len(blocks) > 1 else ''}")
    interactions = sum(one.cost.interactions for one in blocks)
    lines.append(f"{style.number(interactions / 1e9)} Ginteractions")
    if block.number is not None:
        operator, whole = block_fields(block.piece, block.c_in)
        lines += [f"the operator mixes {operator}"] if operator else []
        lines += [f"the block mixes {whole}"] if whole else []
    return "<br>".join(escape(line) for line in lines)


def _explained(network: Genotype, more: Sequence[str]) -> str:
    counted = cost(network)
    said = [summary(network), f"one clip of {network.input}", f"{style.number(counted.macs / 1e9)} GFLOPs",
            f"{style.number(counted.params / 1e6)} Mparams",
            f"{style.number(counted.interactions / 1e9)} Ginteractions", *more]  # fmt: skip
    return escape("; ".join(said)) + ". 3D layers extend in time; ↓: with a stride."
