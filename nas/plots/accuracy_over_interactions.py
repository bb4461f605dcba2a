"""Accuracy over channel interactions on a log axis, a symbol a block type (CSN paper, Figure 7).

The paper's finding is that accuracy follows the number of channel interactions better than FLOPs; this figure
shows whether it holds in the study's space. Colour is GFLOPs.
"""

from __future__ import annotations

import itertools
from html import escape

import pandas as pd
import plotly.graph_objects as go

from nas.plots import networks, style
from nas.plots import references as others
from nas.plots import trials as frame
from nas.plots.accuracy_over_cost import axes, explained, points, thinned
from nas.plots.block_types import block_types
from nas.plots.registry import figure as registered

COST = "ginteractions"


@registered
def accuracy_over_interactions(
    trials: pd.DataFrame, references: pd.DataFrame | None = None, *, published: bool = True
) -> go.Figure:
    """Draw accuracy over interactions; front points are outlined, dominated ones lighter.

    Takes the frames of `accuracy_over_cost`. A network without any interaction has no place on a log axis:
    such trials are counted in the subtitle.

    >>> accuracy_over_interactions(pd.DataFrame()).layout.xaxis.type
    'log'
    """
    trials, references = frame.tidy(trials), others.tidy(references if published else None)
    shown = networks.measured(trials, COST)
    none = int((shown[COST] <= 0).sum())
    told = explained(trials, shown, "gflops") + (f" Without any interaction, not drawn: {none}." if none else "")
    shown = shown[shown[COST] > 0]
    figure = go.Figure(layout=style.layout("Accuracy over channel interactions", told))
    blocks = block_types(shown)
    for block, symbol in zip(sorted(set(blocks)), itertools.cycle(style.SYMBOLS), strict=False):
        rows = shown[blocks == block]
        figure.add_trace(points(rows[~rows["on_front"]], shown, COST, "gflops", symbol=symbol))
        figure.add_trace(points(rows[rows["on_front"]], shown, COST, "gflops", symbol=symbol, front=True))
        style.key(figure, escape(block), symbol=symbol)
    if shown["on_front"].any():
        style.key(figure, "on the front", outline=style.ACCENT)
    references = others.drawn(references[references[COST] > 0], COST)
    costs = pd.concat([shown[COST], references[COST]])
    axes(figure, trials, costs, "gflops", log=True)
    others.draw(figure, references, thinned(shown, COST), cost=COST, dataset=str(trials.attrs.get("dataset")))
    if shown.empty:
        style.note(figure, networks.nothing(trials, COST))
    return figure
