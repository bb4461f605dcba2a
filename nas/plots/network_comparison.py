"""Two networks of a study side by side, stage by stage, with what differs marked.

A line of a stage that the other network does not have there is marked with ≠, and so is the stage; colour says it
again. Below the words stands a square for each block, so that depth shows, and which blocks are 3D.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import zip_longest

import pandas as pd
import plotly.graph_objects as go

from nas.cost import Cost, cost
from nas.errors import NasError
from nas.genotype import Genotype
from nas.network import key
from nas.plots import chosen, style
from nas.plots import trials as frame
from nas.plots.anatomy import Section, alike, sections
from nas.plots.block_words import triple
from nas.plots.chosen import Choice
from nas.plots.network_costs import GROUPS, group_of, look
from nas.plots.network_drawing import HOLLOW, nothing, wrapped
from nas.plots.registry import figure as registered
from nas.summary import summary
from nas.units import UNITS

LINE, GAP, SQUARE = 15, 8, 16  # pixels
LETTERS = 27  # of a line: half of a narrow page
LEFT, RIGHT, WIDTH = 0.0, 0.505, 0.495  # of the page
CHANGED = "rgba(213, 94, 0, 0.14)"
COSTS = ("gflops", "ginteractions", "mparams")


@dataclass(frozen=True)
class Side:
    """One of the two: what it is called, its network, the number of its trial, and phrases such as its accuracy."""

    name: str
    network: Genotype
    number: int | None = None
    more: tuple[str, ...] = ()


@registered
def network_comparison(studies: pd.DataFrame, *, first: Choice = "knee", second: Choice | None = None) -> go.Figure:
    """Draw two trials side by side: numbers, or the knee, best or cheapest of the front.

    Both are of the only study, the `second` one the most accurate unless told; of several studies (column `study`),
    `first` is of the first study and `second` of the second, the same place on its front unless told.

    >>> network_comparison(pd.DataFrame()).layout.annotations[0].text
    'no trial yet'
    """
    parts = _parts(studies)
    second = second if second is not None else "best" if len(parts) < 2 or not isinstance(first, str) else first
    chosen_of = [(parts[0], first), (parts[:2][-1], second)]
    try:
        sides = [_side(trials, how, several=len(parts) > 1) for trials, how in chosen_of]
    except NasError as error:
        return nothing("Two networks", error)
    drawn = comparison(*sides)
    title = drawn.layout.title.text
    return drawn if len(parts) > 1 else drawn.update_layout(title={"text": title[0].upper() + title[1:]})


def _parts(studies: pd.DataFrame) -> list[pd.DataFrame]:
    """The tidy frame of each study, with its own facts."""
    if "study" not in studies or not len(studies):
        return [frame.tidy(studies)]
    each = studies.attrs.get("each", {})
    parts = {name: frame.tidy(rows) for name, rows in studies.groupby("study", sort=False)}
    for name, rows in parts.items():
        rows.attrs = each.get(name, studies.attrs)
    return list(parts.values())


def _side(trials: pd.DataFrame, how: Choice, *, several: bool) -> Side:
    row = chosen.row(trials, how)
    more = tuple(chosen.accuracy(row, trials))
    told = chosen.told(row, how)
    name = f"{trials.attrs.get('study', '')}: {told}" if several else told
    # numbers of trials are unique in their study alone
    return Side(name, chosen.network(row), None if several else chosen.number(row), more)


def comparison(one: Side, other: Side) -> go.Figure:
    """Draw any two networks.

    >>> from nas import content, genotype
    >>> names = ("ir-csn-50", "ip-csn-50")
    >>> figure = comparison(*(Side(name, genotype.load(content.find(name, "models"))) for name in names))
    >>> figure.layout.title.text
    'ir-csn-50 and ip-csn-50'
    """
    page = _Page((one, other))
    title = f"{one.name} and {other.name}"
    pairs = _paired(sections(one.network), sections(other.network))
    page.heading()
    for pair in pairs:
        page.add(pair)
    figure = go.Figure(layout=style.layout(escape(title), page.said()))
    top, bottom = figure.layout.margin.t, 56
    hidden = {"visible": False, "fixedrange": True}
    figure.add_traces(page.traces())
    return figure.update_layout(
        barmode="overlay",
        xaxis=hidden | {"range": [0, 1]},
        yaxis=hidden | {"range": [page.y, 0]},
        height=top + bottom + page.y,
        margin={"l": 12, "r": 12},
    )


Pair = tuple[Section | None, Section | None]


def _paired(one: list[Section], other: list[Section]) -> list[Pair]:
    """Stem with stem, stages by their number, head with head."""
    return [*zip_longest(one[:-1], other[:-1]), (one[-1], other[-1])]


def differs(pair: Pair) -> bool:
    """Whether a stage of the one is not that of the other: its blocks, the tensor that leaves it, or what it costs."""
    one, other = pair
    return one is None or other is None or _lines(one) != _lines(other) or one.cost != other.cost


def _lines(section: Section) -> list[str]:
    """Its blocks in words, how often each, and what leaves it."""
    blocks = [f"{len(blocks)} × {blocks[0].words}" for blocks in alike(section)]
    return [*blocks, f"gives {section.shape[0]} × {triple(section.shape[1:])}"]


def _costs(counted: Cost, than: Cost | None = None) -> list[str]:
    """GFLOPs, Ginteractions and Mparams, and by how much they are more or less than those of another."""
    told = []
    for unit in (UNITS[name] for name in COSTS):
        more = ""
        if than is not None and unit.of(than) and unit.of(than) != unit.of(counted):
            change = unit.of(counted) / unit.of(than) - 1
            more = f" ({change:+.0%})" if abs(change) >= 0.01 else f" ({100 * change:+.1g}%)"
        told.append(f"{style.number(unit.of(counted))} {unit.label}{more}")
    return told


class _Page:
    """What is drawn, as it is laid down from top to bottom; `y` is how far down it goes, in pixels."""

    def __init__(self, sides: tuple[Side, Side]):
        self.sides, self.y, self.different, self.stages = sides, 0.0, [], 0
        self.cells: list[tuple[float, float, float, bool]] = []  # left, top, height, whether it differs
        self.words: list[tuple[float, float, str]] = []
        self.squares: dict[str, list[tuple]] = {}  # by group: left, width, top, number, hover
        self.deepest = max(len(section.blocks) for side in sides for section in sections(side.network))

    def heading(self) -> None:
        """The names, accuracies and costs of both."""
        first, second = (cost(side.network) for side in self.sides)
        told = []
        for side, costs in zip(self.sides, (_costs(first), _costs(second, first)), strict=True):
            lines = [line for text in (summary(side.network), *side.more, *costs) for line in wrapped(text, LETTERS)]
            told.append([*(f"<b>{escape(line)}</b>" for line in wrapped(side.name, LETTERS)), *map(escape, lines)])
        self._row(told, changed=False)

    def add(self, pair: Pair) -> None:
        """A stage of both, beside one another."""
        changed, self.stages = differs(pair), self.stages + 1
        name = next(section.name for section in pair if section)
        self.different += [name] * changed
        known = [_lines(section) if section else [] for section in pair]
        told = [
            self._cell(name, section, changed, known[1 - side]) if section else [f"<b>≠ {name}</b>", "none"]
            for side, section in enumerate(pair)
        ]
        self._row(told, changed)
        for section, left, side in zip(pair, (LEFT, RIGHT), self.sides, strict=True):
            if section:
                self._squares(section, left, side.number)

    def _cell(self, name: str, section: Section, changed: bool, other: list[str]) -> list[str]:
        lines = [f"<b>{'≠' if changed else '='} {name}</b>"]
        for line in _lines(section):
            new = changed and line not in other
            parts = [escape(part) for part in wrapped(f"{'≠ ' if new else ''}{line}", LETTERS)]
            lines += [f"<b>{part}</b>" for part in parts] if new else parts
        return lines + [escape(part) for text in _costs(section.cost) for part in wrapped(text, LETTERS)]

    def _row(self, told: list[list[str]], changed: bool) -> None:
        high = 2 * GAP + LINE * max(map(len, told)) + SQUARE + GAP
        for left, lines in zip((LEFT, RIGHT), told, strict=True):
            self.cells.append((left, self.y, high, changed))
            self.words.append((left + 0.008, self.y + GAP, "<br>".join(lines)))
        self.y += high + GAP / 2

    def _squares(self, section: Section, left: float, number: int | None) -> None:
        """A square a block, at the foot of the cell just laid down."""
        step = min((WIDTH - 0.024) / self.deepest, 0.03)
        top = self.y - GAP / 2 - GAP - SQUARE
        for place, block in enumerate(section.blocks):
            at = section.name if block.number is None else f"{section.name}.{block.number}"
            told = [f"<b>{at}</b>", *map(escape, wrapped(block.words, 52)), *map(escape, _costs(block.cost))]
            square = (left + 0.012 + step * place, 0.86 * step, top, number, "<br>".join(told))
            self.squares.setdefault(group_of(block), []).append(square)

    def traces(self) -> list[go.Bar | go.Scatter]:
        """The cells, the squares in them, a trace a group, and the words."""
        lefts, tops, heights, changed = zip(*self.cells, strict=True)
        edges = [style.ACCENT if one else style.INK for one in changed]
        marker = {"color": [CHANGED if one else HOLLOW for one in changed], "line": {"color": edges, "width": 1}}
        cells = _bars(lefts, [WIDTH] * len(lefts), tops, heights, marker=marker, showlegend=False, hoverinfo="skip")
        squares = [_square_bars(group, self.squares[group]) for group in GROUPS if group in self.squares]
        x, y, text = zip(*self.words, strict=True)
        font = {"color": style.INK, "size": 11}
        words = go.Scatter(x=x, y=y, text=text, mode="text", textposition="bottom right", textfont=font)
        return [cells, *squares, words.update(hoverinfo="skip", showlegend=False, cliponaxis=False)]

    def said(self) -> str:
        """The subtitle: which stages differ, and the clip of the costs."""
        one, other = (side.network for side in self.sides)
        clips = dict.fromkeys(str(network.input) for network in (one, other))
        if key(one) == key(other):
            told = "The same network twice"
        elif not self.different:
            told = "The same stages in other words"
        else:
            told = f"{len(self.different)} of {self.stages} parts differ (≠): {', '.join(self.different)}"
        costs = "costs of the second in brackets relative to the first"
        return escape(f"{told}. One clip of {' and '.join(clips)}; {costs}; a square is a block.")


def _square_bars(group: str, squares: list[tuple]) -> go.Bar:
    lefts, widths, tops, numbers, told = zip(*squares, strict=True)
    name, marker = look(group)
    more = {"hovertext": told, "hovertemplate": "%{hovertext}<extra></extra>"}
    if None not in numbers:
        more["customdata"] = numbers
    return _bars(lefts, widths, tops, [SQUARE] * len(tops), name=name, marker=marker, showlegend=True, **more)


def _bars(lefts, widths, tops, heights, **more: object) -> go.Bar:
    centres = [top + height / 2 for top, height in zip(tops, heights, strict=True)]
    return go.Bar(base=lefts, x=widths, y=centres, width=heights, orientation="h", **more)
