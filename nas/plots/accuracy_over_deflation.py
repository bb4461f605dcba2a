"""Accuracy over how many layers stay 3D: top-heavy networks as a solid curve, bottom-heavy ones dotted (S3D, Figure 4).

The paper's finding is that 3D convolutions are worth most at the top, where they are also cheapest; the curves show
whether it holds in the study's space, and over GFLOPs what it costs.
"""

from __future__ import annotations

import re
from html import escape
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from pydantic import Field

from nas.plots import decisions, marks, networks, objectives, style
from nas.plots import trials as frame
from nas.plots.block_types import block_types, last_word
from nas.plots.registry import figure as registered

ENDS = {"top": ("top-heavy", "solid", "triangle-up"), "bottom": ("bottom-heavy", "dot", "triangle-down")}
# block types with curves of their own
TYPES = 3
BEHIND = 0.3
# how a genotype on record writes it
WRITTEN = re.compile(r"^deflation: *\{keep: *['\"]?(?P<keep>[^,'\"}]+)['\"]?(?:, *end: *(?P<end>\w+))?", re.MULTILINE)
ACROSS = {
    "share": "spatiotemporal layers that stay 3D (share of all)",
    "layers": "spatiotemporal layers that stay 3D",
    "gflops": "GFLOPs, means at each position",
}


@registered
def accuracy_over_deflation(
    trials: pd.DataFrame,
    *,
    over: Literal["position", "gflops"] = "position",
    by: Literal["none", "block"] = "none",
    layers: Annotated[int, Field(ge=0, strict=True)] = 0,
) -> go.Figure:
    """Draw mean accuracies of top- and bottom-heavy networks over how many layers stay 3D, with 95 % intervals.

    `over` "gflops" puts each position at its mean GFLOPs, `by` "block" draws the curves of the three most frequent
    block types. Networks without any 3D layer, or with all of them, are the end of both curves; where a space counts
    layers, `layers` says how many there are (11 in S3D). Intervals are Student's, of the mean.

    >>> accuracy_over_deflation(pd.DataFrame({"state": ["complete"], "accuracy": 0.5, "gflops": 1.0})
    ...     ).layout.annotations[0].text
    'no decision of this space is about<br>deflation'
    """
    trials = frame.tidy(trials)
    shown = networks.measured(trials, "gflops")
    shown = shown.join(positions(shown, layers))
    unit, rows = _of_one_unit(shown)
    types = block_types(rows) if by == "block" else pd.Series("", index=rows.index)
    drawn = sorted(types.value_counts().index[:TYPES])
    figure = go.Figure(
        layout=style.layout("Accuracy over deflation", _explained(trials, shown, rows, types.isin(drawn)))
    )
    colours = style.PALETTE[:2] if by == "none" else style.PALETTE
    for index, kind in enumerate(drawn):
        figure.add_traces(
            _curves(rows[types == kind], kind, colours if by == "none" else colours[index : index + 1] * 2, over)
        )
    _axes(figure, trials, rows, unit if over == "position" else "gflops")
    if rows.empty:
        style.note(
            figure,
            networks.nothing(trials, "gflops") if shown.empty else "no decision of this space is about deflation",
        )
    return figure


def positions(trials: pd.DataFrame, layers: int = 0) -> pd.DataFrame:
    """Columns kept (a share or a number of layers), unit ('share', 'layers', '') and end ('top', 'bottom', 'both', '').

    Read from decisions called deflation, deflation.keep or kept, and deflation.end; what these do not tell is taken
    from the genotype, as long as a decision is about deflation.

    >>> table = pd.DataFrame({"decision.deflation": ["none", "top"], "decision.kept": [None, "25%"]})
    >>> positions(table).to_numpy().tolist()
    [[1.0, 'share', 'both'], [0.25, 'share', 'top']]
    """
    named = {name: decisions.name(name) for name in decisions.columns(trials)}
    about = [name for name, own in named.items() if last_word(own) == "deflation" or ".deflation." in f".{own}"]
    kept = [name for name, own in named.items() if last_word(own) == "kept"] if about else []
    answers = [decisions.labels(trials[name]) for name in [*about, *kept]]
    texts = list(trials["genotype"]) if about and "genotype" in trials else [""] * len(trials)
    rows = zip(*answers, strict=True) if answers else ((),) * len(trials)
    found = [_position(row, text, layers) for row, text in zip(rows, texts, strict=True)]
    return pd.DataFrame(found, columns=["kept", "unit", "end"], index=trials.index)


def _position(answers: tuple[str, ...], genotype: str, layers: int) -> tuple[float, str, str]:
    """One trial's position from its answers, else from its genotype."""
    if not any(answers):
        return (np.nan, "", "")
    end = next((answer for answer in answers if answer in ENDS), "")
    kept = next((answer for answer in answers if _kept(answer)[1]), "")
    written = WRITTEN.search(genotype) if not (end and kept) else None
    if written:
        end, kept = end or written["end"] or "top", kept or written["keep"].strip()
    count, unit = _kept(kept)
    if count == 0 or (unit == "share" and count == 1) or (unit == "layers" and layers and count >= layers):
        end = "both"
    return (count, unit, end) if end else (np.nan, "", "")


def _kept(answer: str) -> tuple[float, str]:
    """How much an answer keeps, and whether that is a share or a number of layers.

    >>> _kept("all"), _kept("25%"), _kept("4"), _kept("top")
    ((1.0, 'share'), (0.25, 'share'), (4.0, 'layers'), (nan, ''))
    """
    if answer in ("all", "none"):
        return (1.0, "share")
    size = answer.removesuffix("%")
    if not size.replace(".", "", 1).isdecimal():
        return (np.nan, "")
    return (float(size) / 100, "share") if answer.endswith("%") else (float(size), "layers")


def _of_one_unit(shown: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """The rows with a position, of the unit that most of them have: shares and numbers have no common axis."""
    rows = shown[shown["unit"] != ""]
    unit = "share" if rows.empty else str(rows["unit"].mode()[0])
    return unit, rows[rows["unit"] == unit]


def _curves(rows: pd.DataFrame, kind: str, colours: tuple[str, str], over: str) -> list[go.Scatter | go.Scattergl]:
    """The networks of one type behind, and over them both curves."""
    across, many = "gflops" if over == "gflops" else "kept", len(rows) > marks.MANY
    short, behind, curves = "GFLOPs" if over == "gflops" else "kept", [], []
    looks = zip(ENDS.items(), colours, strict=True)
    for end, (name, dash, symbol), colour in [
        ("both", ("", "", "circle"), style.INK),
        *((*end, c) for end, c in looks),
    ]:
        own, title = rows[rows["end"] == end], f"{decisions.short(kind)}, {name}" if kind else name
        marker = {"symbol": symbol, "color": colour, "size": 5, "opacity": BEHIND}
        more = {"marker": marker, "told": own["told"], "legendgroup": title}
        behind.append(marks.scatter(own, across, many=many, across=short, **more))
        if end in ENDS and len(own):
            line = {"color": colour, "dash": dash, "width": 2.4}
            curves.append(_curve(rows[rows["end"].isin((end, "both"))], title, line, symbol, over))
    return [*behind, *curves]


def _curve(rows: pd.DataFrame, name: str, line: dict, symbol: str, over: str) -> go.Scatter:
    """Means at each position, by rising position, with the interval of each mean."""
    groups = rows.groupby("kept")
    mean = groups[["accuracy", "gflops"]].mean()
    sizes = groups.size()
    bars = {
        "type": "data",
        "array": interval(groups["accuracy"].std(), sizes),
        "color": line["color"],
        "thickness": 1.4,
    }
    return go.Scatter(
        x=mean["gflops"] if over == "gflops" else mean.index,
        y=mean["accuracy"],
        error_y=bars,
        mode="lines+markers",
        line=line,
        marker={"symbol": symbol, "size": 10, "color": line["color"], "line": {"color": style.INK, "width": 0.8}},
        name=name,
        legendgroup=name,
        text=[
            f"mean of {size} network{'s' * (size != 1)}, {style.number(cost)} GFLOPs"
            for size, cost in zip(sizes, mean["gflops"], strict=True)
        ],
        hovertemplate="%{fullData.name}<br>%{text}<br>accuracy %{y:.1%}<extra></extra>",
    )


def interval(deviation: pd.Series, sizes: pd.Series) -> np.ndarray:
    """Half the 95 % interval of means of so many values with this standard deviation; NaN for a single one.

    >>> interval(pd.Series([1.0]), pd.Series([4])).round(3).tolist()
    [1.591]
    """
    from scipy.stats import t

    freedom = (sizes.to_numpy() - 1).astype(float)
    with np.errstate(invalid="ignore"):
        return t.ppf(0.975, np.where(freedom > 0, freedom, np.nan)) * (deviation / np.sqrt(sizes)).to_numpy(float)


def _axes(figure: go.Figure, trials: pd.DataFrame, rows: pd.DataFrame, across: str) -> None:
    clip = escape(frame.clip(trials))
    title = f"{ACROSS[across]} ({clip})" if across == "gflops" else ACROSS[across]
    kept = sorted(rows["kept"].unique())
    ticks = {"tickvals": kept} if across != "gflops" and 0 < len(kept) <= 12 else {}
    log = across == "gflops" and style.spans_a_decade(rows["gflops"])
    axis = style.log_axis(title, rows["gflops"]) if log else style.axis(title, **ticks)
    accuracy = rows["accuracy"]
    figure.update_layout(
        xaxis=axis | ({"tickformat": ".0%"} if across == "share" else {}),
        yaxis=style.accuracy_axis(objectives.accuracy_title(trials), accuracy.min(), accuracy.max()),
    )


def _explained(trials: pd.DataFrame, shown: pd.DataFrame, rows: pd.DataFrame, drawn: pd.Series) -> str:
    said = [f"{frame.subtitle(trials)}."]
    if len(rows):
        said.append("Curves: mean accuracy, bars its 95 % interval; behind them every network.")
        if missing := len(shown) - len(rows):
            said.append(f"Not drawn: {missing} whose position is not told in the same unit.")
        if others := int((~drawn).sum()):
            said.append(f"Not drawn: {others} of other block types.")
    return " ".join(said)
