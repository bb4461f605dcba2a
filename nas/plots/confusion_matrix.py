"""What a network takes each class for: a square of true against predicted classes, each row in shares of its videos.

Right answers are blue and mistakes orange, so that a glance at the diagonal and one off it do not mix. Many classes are
arranged so that those which are taken for each other stand together.
"""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from nas.plots import style

RIGHT, WRONG = style.PALETTE[0], style.PALETTE[5]
FEW = 15  # up to so many classes keep their order and have their numbers in the cells
TOLD = 3  # mistakes that the subtitle names
NAME = 26  # letters of a class on the axes
FEW_TOLD = "Cells: % of the videos of the true class."
MANY_TOLD = "Colours: shares of the videos of the true class; classes taken for each other stand together."
ROW, SIDE, LABEL = 34, 760, 15  # pixels: a row of few classes, all rows of many, the room that a name needs
STRONG = {"color": "white", "size": 11, "shadow": "0 0 3px rgba(0, 0, 0, 0.8)"}
WEAK = {"color": style.INK, "size": 11}


def confusion_matrix(counts: pd.DataFrame) -> go.Figure:
    """Draw `counts` of videos, a row for each true class and a column for each predicted one, in the same order.

    The columns are the names of the classes (so that a table read from CSV may have numbers in its index); `attrs` may
    say dataset, network and views. Up to 15 classes keep their order, more are arranged by what they are taken for.

    >>> confusion_matrix(pd.DataFrame([[3, 1], [0, 4]], ["up", "down"], ["up", "down"])).data[0].z.tolist()
    [[0.75, -0.25], [nan, 1.0]]
    """
    assert counts.shape[0] == counts.shape[1], "rows and columns are not the same classes"
    figure = go.Figure(layout=style.layout("Confusion of classes", _explained(counts)))
    if not counts.to_numpy().sum():
        figure.update_layout(xaxis=style.axis("predicted class"), yaxis=style.axis("true class"))
        style.note(figure, "no videos yet")
        return figure
    if len(counts) > FEW:
        order = by_confusion(counts.to_numpy())
        counts = counts.iloc[order, order]
    names = [str(name) for name in counts.columns]
    shown = [escape(name) for name in names]
    figure.add_trace(_cells(counts.to_numpy(), shown))
    if len(counts) <= FEW:
        figure.add_traces(_numbers(counts.to_numpy(), shown))
    _axes(figure, names)
    return figure


def by_confusion(counts: np.ndarray) -> np.ndarray:
    """An order of the classes in which those that are taken for each other are neighbours.

    Leaves of a tree of classes (average linkage), which are the closer the larger the share of either's videos that is
    taken for the other. The best order of its leaves takes 0.3 s for 400 classes and 20 s for 1,000, so that more than
    500 do without.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    shares = np.nan_to_num(_shares(counts))
    distances = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distances, 0)
    best = len(counts) <= 500
    return leaves_list(linkage(squareform(distances, checks=False), "average", optimal_ordering=best))


def _shares(counts: np.ndarray) -> np.ndarray:
    """Each row over its sum, NaN for a class without videos."""
    sums = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, sums, out=np.full(counts.shape, np.nan), where=sums > 0)


def _cells(counts: np.ndarray, names: list[str]) -> go.Heatmap:
    """The square itself: shares, those of mistakes below zero, so that one scale has both colours; gaps for none."""
    shares = np.where(counts > 0, _shares(counts), np.nan)
    signed = np.where(np.eye(len(counts), dtype=bool), shares, -shares)
    return go.Heatmap(
        x=names,
        y=names,
        z=signed.astype(np.float32),
        hovertext=_hover(counts, names),
        hovertemplate="%{hovertext}<extra></extra>",
        hoverongaps=False,
        xgap=1 if len(counts) <= FEW else 0,
        ygap=1 if len(counts) <= FEW else 0,
        zmin=-1,
        zmax=1,
        colorscale=_scale(),
        showscale=len(counts) > FEW,
        colorbar=_bar(),
    )


def _hover(counts: np.ndarray, names: list[str]) -> list[list[str]]:
    """A text for each cell that has videos: the axes' names would come shortened."""
    sums = counts.sum(axis=1)
    texts = [[""] * len(names) for _ in names]
    for row, column in zip(*(index.tolist() for index in counts.nonzero()), strict=True):
        count, total = int(counts[row, column]), int(sums[row])
        heads = f"<b>{names[row]}</b><br>" + ("recognised" if row == column else f"taken for <b>{names[column]}</b>")
        texts[row][column] = f"{heads}<br>{count:,} of {total:,} videos ({100 * count / total:.1f} %)"
    return texts


def _scale() -> list[tuple[float, str]]:
    """From orange (-1) through nothing (0) to blue (1): more ink is more videos, on white and on black alike.

    Opacity is the square root of the share, since one clip in fifty should be seen.
    """
    steps = [(step / 10) ** 2 for step in range(11)]
    below = [((1 - step) / 2, _tint(WRONG, step)) for step in reversed(steps)]
    return below + [((1 + step) / 2, _tint(RIGHT, step)) for step in steps]


def _tint(colour: str, share: float) -> str:
    return f"rgba{(*hex_to_rgb(colour), round(share**0.5, 3))}"


def _bar() -> dict:
    ticks = [-1, -0.5, -0.1, 0.1, 0.5, 1]
    return {
        "tickvals": ticks,
        "ticktext": [f"{100 * abs(tick):.0f} % {'mistaken' if tick < 0 else 'right'}" for tick in ticks],
        "thickness": 10,
        "lenmode": "pixels",
        "len": SIDE,
        "y": 1,
        "yanchor": "top",
        "outlinewidth": 0,
        "tickcolor": style.INK,
        "ticks": "outside",
    }


def _numbers(counts: np.ndarray, names: list[str]) -> list[go.Scatter]:
    """The shares in percent, of all cells that have videos: white on strong colours, grey on weak ones."""
    shares = np.nan_to_num(_shares(counts))
    traces = []
    for font, shown in ((STRONG, shares >= 0.15), (WEAK, (shares > 0) & (shares < 0.15))):
        rows, columns = shown.nonzero()
        text = [f"{100 * share:.0f}" for share in shares[shown]]
        place = {"x": [names[column] for column in columns], "y": [names[row] for row in rows]}
        look = {"mode": "text", "textfont": font, "hoverinfo": "skip", "showlegend": False}
        traces.append(go.Scatter(**place, text=text, **look))
    return traces


def _axes(figure: go.Figure, names: list[str]) -> None:
    """Square cells; as many names as there is room for, which are more when one zooms in."""
    side = len(names) * ROW if len(names) <= FEW else SIDE
    short = {escape(name): escape(_short(name)) for name in names}
    shared = {"type": "category", "categoryorder": "array", "categoryarray": list(short), "labelalias": short}
    shared |= {"constrain": "domain", "nticks": side // LABEL, "showgrid": False}
    left = {"constraintoward": "left", "range": [-0.5, len(names) - 0.5]}
    down = {"constraintoward": "top", "range": [len(names) - 0.5, -0.5], "scaleanchor": "x"}
    top, below = figure.layout.margin.t + 16, 70 + 6 * max(len(_short(name)) for name in names)
    figure.update_layout(
        xaxis=style.axis("predicted class", tickangle=-90, **shared, **left),
        yaxis=style.axis("true class", **shared, **down),
        height=top + side + below,
        margin={"t": top, "b": 40},
    )


def _explained(counts: pd.DataFrame) -> str:
    facts = counts.attrs
    said = [
        f"{key.replace('dataset', 'data set')} {facts[key]}" for key in ("dataset", "network", "views") if key in facts
    ]
    said.append(f"{int(counts.to_numpy().sum()):,} videos of {len(counts):,} classes")
    told = "; ".join(said)
    parts = [f"{told[:1].upper()}{told[1:]}.", FEW_TOLD if len(counts) <= FEW else MANY_TOLD]
    if mistakes := _mistakes(counts):
        parts.append(f"Most often taken for another: {'; '.join(mistakes)}.")
    if empty := int((counts.to_numpy().sum(axis=1) == 0).sum()):
        parts.append(f"Rows left blank: {empty} {'classes' if empty > 1 else 'class'} without videos.")
    return escape(" ".join(parts))


def _short(name: str) -> str:
    """Both ends of a long name, since many begin alike."""
    return name if len(name) <= NAME else f"{name[: NAME // 2]}…{name[1 - NAME // 2 :]}"


def _mistakes(counts: pd.DataFrame) -> list[str]:
    """The largest shares off the diagonal, in words."""
    shares = np.nan_to_num(_shares(counts.to_numpy()))
    np.fill_diagonal(shares, 0)
    worst = np.argsort(-shares, axis=None, kind="stable")[:TOLD]
    pairs = [divmod(int(index), len(counts)) for index in worst]
    names = [_short(str(name)) for name in counts.columns]
    return [
        f"{names[row]} → {names[column]} ({100 * shares[row, column]:.0f}\N{NO-BREAK SPACE}%)"
        for row, column in pairs
        if shares[row, column] > 0
    ]
