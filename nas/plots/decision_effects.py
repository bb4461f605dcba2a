"""What each answer of each decision does to accuracy at equal cost, as points with intervals.

Larger networks are more accurate, so networks are compared within narrow bins of GFLOPs and freed of the slope inside
(`nas.space_comparison.decisions`). An answer's point is the mean accuracy with it less that without it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas import space_comparison
from nas.errors import NasError
from nas.plots import decisions, networks, style
from nas.plots import trials as frame
from nas.plots.registry import figure as registered
from nas.schema import Count

# networks looked at, drawn with a fixed seed from more; resamples and permutations of them
NETWORKS, REPEATS, PERMUTATIONS = 1000, 400, 500
# of a decision with more answers, the most frequent ones
ANSWERS = 12
# an effect that holds among all decisions looked at (Holm)
LEVEL = 0.05
# pixels a row, and of all around the rows
ROW, AROUND = 19, 110


@registered
def decision_effects(trials: pd.DataFrame, *, decisions_shown: Count = 8) -> go.Figure:
    """Draw the effect of each answer of the `decisions_shown` decisions that move accuracy most, surely ones first.

    Bars are 95 % bootstrap intervals. Decisions that chance explains (p > 0.05 of a permutation test, corrected for
    looking at all of them) are grey. Where a decision does not count, a network is in none of its rows. A budget makes
    decisions depend on each other: what moves with an answer, not only what it causes, is counted.

    >>> decision_effects(pd.DataFrame()).layout.annotations[0].text
    'no trial yet'
    """
    trials = frame.tidy(trials)
    shown = networks.measured(trials, "gflops")
    table, looked = effects(shown)
    table = table.sort_values("p_holm", key=lambda p: p > LEVEL, kind="stable")
    names = list(dict.fromkeys(table["decision"]))[:decisions_shown]
    drawn = _rows(table, names)
    told = _explained(trials, shown, looked, len(set(table["decision"])) - len(names))
    figure = go.Figure(layout=style.layout("Effects of decisions at equal cost", told))
    for sure in (True, False):
        figure.add_trace(_points(drawn[(drawn["p_holm"] <= LEVEL) == sure], sure))
    _axes(figure, drawn, names)
    if drawn.empty:
        few = "too few networks of equal cost differ in a decision to tell an effect"
        style.note(figure, networks.nothing(trials, "gflops") if shown.empty else few)
    return figure


def effects(shown: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The table of `space_comparison.decisions`, decisions that move most first, and how many networks it is of."""
    costed = shown[shown["gflops"] > 0]
    looked = costed if len(costed) <= NETWORKS else costed.sample(NETWORKS, random_state=0)
    answers = {name: _frequent(looked[name]) for name in decisions.columns(looked)}
    table = pd.DataFrame({"space": "study", "error": 1 - looked["accuracy"], "gflops": looked["gflops"]} | answers)
    empty = pd.DataFrame(columns=["decision", "label", "n", "shift", "low", "high", "spread", "p", "p_holm"])
    try:
        weighted = space_comparison.weights(table)
    except NasError:  # too few for a single bin
        return empty, len(looked)
    found = space_comparison.decisions(weighted, repeats=REPEATS, permutations=PERMUTATIONS)
    return (found if len(found) else empty), len(looked)


def _frequent(answers: pd.Series) -> pd.Series:
    """Answers as texts, the most frequent ones; the others, and where a decision does not count, None."""
    texts = pd.Series(decisions.labels(answers), index=answers.index, dtype=object)
    counts = texts[texts != ""].value_counts()
    return texts.where(texts.isin(counts.index[:ANSWERS]), None)


def _rows(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Rows from the top down: decisions as named, their answers in order, a gap between decisions."""
    parts, place = [], 0.0
    for name in names:
        part = table[table["decision"] == name].set_index("label")
        part = part.loc[decisions.ordered(part.index)].reset_index()
        parts.append(part.assign(place=place + np.arange(len(part))))
        place += len(part) + 0.8
    return pd.concat(parts, ignore_index=True) if parts else table.assign(place=0.0)


def _points(rows: pd.DataFrame, sure: bool) -> go.Scatter:
    colour = style.PALETTE[0] if sure else style.INK
    effect, low, high = (-100 * rows[name].to_numpy(float) for name in ("shift", "high", "low"))
    told = [_told(row) for row in rows.to_dict("records")]
    bars = {"type": "data", "symmetric": False, "array": high - effect, "arrayminus": effect - low}
    return go.Scatter(
        x=effect,
        y=rows["place"].to_numpy(float),
        error_x=bars | {"color": colour, "thickness": 1.4, "width": 3},
        mode="markers",
        marker={"color": colour, "size": 8, "symbol": "circle" if sure else "circle-open", "line": {"width": 1.6}},
        name=f"the decision matters (p ≤ {LEVEL})" if sure else "chance may explain the decision",
        hovertext=told,
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _told(row: dict) -> str:
    """The hover text of one answer."""
    effect, low, high = (-100 * row[name] for name in ("shift", "high", "low"))
    answer = f"{decisions.short(row['decision'], 80)}: {decisions.short(row['label'], 80)}"
    interval = f"accuracy {effect:+.1f} points ({low:+.1f} to {high:+.1f})"
    return f"{answer}<br>{interval}<br>{row['n']} networks, p = {row['p_holm']:.3f}"


def _axes(figure: go.Figure, drawn: pd.DataFrame, names: list[str]) -> None:
    """A row an answer; the decision's name stands before its first one."""
    last = float(drawn["place"].max()) if len(drawn) else 4.0
    answers = [decisions.short(label, decisions.ANSWER) for label in drawn["label"]]
    figure.update_layout(
        xaxis=style.axis(
            "accuracy with the answer less that without it,<br>at equal GFLOPs (percentage points)",
            tickformat="+~g",
            **({} if len(drawn) else {"range": [-10, 10]}),
        ),
        yaxis=style.axis(
            "", tickvals=drawn["place"].to_list(), ticktext=answers, range=[last + 0.8, -1.4], ticks="", showgrid=False
        ),
        height=figure.layout.margin.t + AROUND + ROW * (last + 2),
    )
    figure.update_xaxes(zeroline=bool(len(drawn)), zerolinecolor=style.INK, zerolinewidth=1)
    for name in names:
        first = drawn.loc[drawn["decision"] == name, "place"].min()
        text = {"text": f"<b>{decisions.short(name, 40)}</b>", "font": {"size": 11, "color": style.INK}}
        place = {"x": 0, "xref": "x domain", "xanchor": "left", "y": first - 0.75, "yref": "y", "showarrow": False}
        figure.add_annotation(text | place)


def _explained(trials: pd.DataFrame, shown: pd.DataFrame, looked: int, more: int) -> str:
    said = [f"{frame.subtitle(trials)}."]
    if shown.empty:
        return said[0]
    of = f"{looked:,} of {len(shown):,} networks, drawn at random" if looked < len(shown) else f"{looked:,} networks"
    said.append(f"{of[0].upper()}{of[1:]}, compared within bins of GFLOPs; bars: 95 % bootstrap intervals.")
    if more > 0:
        said.append(f"Not drawn: {more} decisions that move less.")
    return " ".join(said)
