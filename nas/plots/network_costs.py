"""What each stage of one network costs: a bar a stage, in it a part for each block, in order.

The parts are the exact costs of the blocks, so that the bars add up to the cost of the network.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from html import escape
from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from nas.cost import cost as cost_of
from nas.errors import NasError
from nas.genotype import Genotype
from nas.plots import chosen, style
from nas.plots import trials as frame
from nas.plots.anatomy import Block, Section, sections
from nas.plots.chosen import Choice
from nas.plots.network_drawing import nothing, wrapped
from nas.plots.registry import figure as registered
from nas.summary import summary
from nas.units import UNITS, Unit

CostName = Literal["gflops", "mparams", "ginteractions"]
# group of blocks -> name, colour, pattern
GROUPS = {
    "3D": ("blocks with 3D layers", style.PALETTE[0], ""),
    "2D": ("2D blocks", style.PALETTE[1], "/"),
    "other": ("stem, pooling, head", "#9a9a9a", "."),
}
BAR, BETWEEN = 24, 10  # pixels


@registered
def network_costs(trials: pd.DataFrame, *, trial: Choice = "knee", cost: CostName = "gflops") -> go.Figure:
    """Draw one cost of one trial's network, by stage and block.

    `trial` is a number, or the knee, best or cheapest of the front.

    >>> network_costs(pd.DataFrame()).layout.annotations[0].text
    'no trial yet'
    """
    trials = frame.tidy(trials)
    try:
        row = chosen.row(trials, trial)
        network = chosen.network(row)
    except NasError as error:
        return nothing(f"{style.name(cost)} by stage and block", error)
    title = f"{style.name(cost)} by stage and block: {chosen.told(row, trial)}"
    return costs(network, title, cost=cost, number=chosen.number(row))


def costs(network: Genotype, title: str, *, cost: CostName = "gflops", number: int | None = None) -> go.Figure:
    """Draw one cost of any network; `number` is that of its trial.

    >>> from nas import content, genotype
    >>> figure = costs(genotype.load(content.find("ir-csn-50", "models")), "ir-csn-50")
    >>> round(sum(sum(bars.x) for bars in figure.data if bars.type == "bar"), 3)
    10.578
    """
    found, unit = sections(network), UNITS[cost]
    whole = unit.of(cost_of(network))
    figure = go.Figure(layout=style.layout(escape(title), _explained(network, unit, whole)))
    for group, blocks in _grouped(found).items():
        figure.add_trace(_bars(blocks, group, unit, whole, number))
    ends = [unit.of(section.cost) for section in found]
    figure.add_trace(_sums(found, ends, whole))
    counted = textwrap.wrap(f"({style.unit(cost, f'one clip of {network.input}')})", 60)
    figure.update_layout(
        barmode="overlay",
        xaxis=style.axis("<br>".join([style.name(cost), *counted]), range=[0, 1.42 * (max(ends) or 1.0)]),
        yaxis=style.axis("", categoryorder="array", categoryarray=[section.name for section in found][::-1],
                         type="category", showgrid=False, ticks=""),
        height=figure.layout.margin.t + 150 + (BAR + BETWEEN) * len(found),
    )  # fmt: skip
    return figure


def _grouped(found: Sequence[Section]) -> dict[str, list[tuple[Section, Block]]]:
    groups: dict[str, list] = {}
    for group in GROUPS:
        blocks = [(section, block) for section in found for block in section.blocks if group_of(block) == group]
        groups |= {group: blocks} if blocks else {}
    return groups


def look(group: str) -> tuple[str, dict]:
    """The name of a group of blocks in the legend, and how its bars look."""
    name, colour, pattern = GROUPS[group]
    marker = {"color": colour, "line": {"color": "#f2f2f2", "width": 0.8}}
    hatch = {"shape": pattern, "fillmode": "overlay", "fgcolor": "#1f2430", "fgopacity": 0.4, "size": 6}
    return name, marker | ({"pattern": hatch} if pattern else {})


def group_of(block: Block) -> str:
    """Which of GROUPS a block is in."""
    if block.number is None:
        return "other"
    return "3D" if block.temporal else "2D"


def _before(section: Section, block: Block, unit: Unit) -> float:
    """The cost of the blocks before this one in its section."""
    total = 0.0
    for other in section.blocks:
        if other is block:
            break
        total += unit.of(other.cost)
    return total


def _bars(blocks: list, group: str, unit: Unit, whole: float, number: int | None) -> go.Bar:
    name, marker = look(group)
    return go.Bar(
        x=[unit.of(block.cost) for _, block in blocks],
        base=[_before(section, block, unit) for section, block in blocks],
        y=[section.name for section, _ in blocks],
        orientation="h",
        width=BAR / (BAR + BETWEEN),
        marker=marker,
        name=name,
        showlegend=True,
        customdata=None if number is None else [number] * len(blocks),
        hovertext=[_told(section, block, unit, whole) for section, block in blocks],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _told(section: Section, block: Block, unit: Unit, whole: float) -> str:
    """The block in words, and its cost exactly and as a share."""
    place = section.name if block.number is None else f"{section.name}.{block.number}"
    value = getattr(block.cost, unit.field)
    share = f", {unit.of(block.cost) / whole:.1%} of the network" if whole else ""
    lines = [f"<b>{place}</b>", *map(escape, wrapped(block.words, 52))]
    return "<br>".join([*lines, f"{style.number(unit.of(block.cost))} {unit.label}{share}", f"exactly {value:,}"])


def _sums(found: Sequence[Section], ends: list[float], whole: float) -> go.Scatter:
    """The sum of each stage and its share of the network, behind its bar."""
    shares = [f" {style.number(end)}{f' ({end / whole:.0%})' if whole else ''}" for end in ends]
    return go.Scatter(
        x=ends,
        y=[section.name for section in found],
        text=shares,
        mode="text",
        textposition="middle right",
        textfont={"size": 11, "color": style.INK},
        showlegend=False,
        hoverinfo="skip",
        cliponaxis=False,
    )


def _explained(network: Genotype, unit: Unit, whole: float) -> str:
    exact = f"{getattr(cost_of(network), unit.field):,}"
    return escape(f"{summary(network)}. {style.number(whole)} {unit.label} in all (exactly {exact}); one part a block.")
