"""The importance of each decision for each objective, by PED-ANOVA, as bars side by side.

It tells which decisions set the best networks apart from the others: for accuracy and for cost these are often others.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.plots import decisions, networks, objectives, style
from nas.plots import trials as frame
from nas.plots.importance import FEWEST, importance
from nas.plots.registry import figure as registered
from nas.schema import Count

# pixels a bar, and of all around the bars
BAR, AROUND = 13, 110


@registered
def decision_importance(trials: pd.DataFrame, *, decisions_shown: Count = 14) -> go.Figure:
    """Draw for each decision a bar an objective: its share of the importance of all decisions (see `importance`).

    The `decisions_shown` most important ones are drawn, by their largest share. Fewer than ten complete trials say
    nothing.

    >>> decision_importance(pd.DataFrame({"state": "complete", "accuracy": [0.5]})).layout.annotations[0].text
    'importance needs 10 complete trials,<br>there is 1'
    """
    trials = frame.tidy(trials)
    complete = trials[(trials["state"] == "complete") & trials["accuracy"].notna()]
    aims = objectives.aims(complete)
    table = importance(complete, aims)
    table = table.loc[table.max(axis=1).fillna(0.0).sort_values(ascending=False, kind="stable").index]
    drawn = table.head(decisions_shown)[::-1]
    figure = go.Figure(layout=style.layout("Importance of decisions", _explained(trials, complete, table, len(drawn))))
    counted = complete[list(drawn.index)].notna().mean() if len(drawn) else pd.Series(dtype=float)
    for index, aim in reversed(list(enumerate(aims))):
        figure.add_trace(_bars(drawn[aim.name], counted, aim, style.PALETTE[index % len(style.PALETTE)]))
    _axes(figure, drawn, len(aims))
    if drawn.empty:
        style.note(figure, _nothing(trials, complete))
    return figure


def _bars(shares: pd.Series, counted: pd.Series, aim: objectives.Objective, colour: str) -> go.Bar:
    told = [
        f"{decisions.short(decisions.name(name), 80)}<br>{share:.0%} of the importance for {objectives.label(aim.name)}"
        f"<br>counts in {counted[name]:.0%} of the trials"
        for name, share in shares.fillna(0.0).items()
    ]
    return go.Bar(
        x=shares.to_numpy(float),
        y=list(range(len(shares))),
        orientation="h",
        name=f"{objectives.label(aim.name)} ({'high' if aim.direction == 'max' else 'low'})",
        legendrank=1,
        marker={"color": colour},
        hovertext=told,
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _axes(figure: go.Figure, drawn: pd.DataFrame, objectives_drawn: int) -> None:
    height = AROUND + max(len(drawn), 4) * (BAR * max(objectives_drawn, 1) + 8)
    names = [decisions.short(decisions.name(name)) for name in drawn.index]
    rows = style.axis("", tickvals=list(range(len(drawn))), ticktext=names, range=[-0.6, max(len(drawn), 1) - 0.4])
    figure.update_layout(
        xaxis=style.axis("share of the importance of all decisions", tickformat=".0%", range=[0, _longest(drawn)]),
        yaxis=rows | {"ticks": "", "showgrid": False},
        barmode="group",
        bargap=0.25,
        height=height + figure.layout.margin.t,
        legend={"traceorder": "reversed"},
    )


def _longest(drawn: pd.DataFrame) -> float:
    """Where the axis ends."""
    return float(np.nan_to_num(drawn.max(axis=None))) * 1.05 or 1.0 if len(drawn) else 1.0


def _nothing(trials: pd.DataFrame, complete: pd.DataFrame) -> str:
    """Why there is no bar."""
    if complete.empty:
        return networks.nothing(trials)
    if len(complete) < FEWEST:
        return (
            f"importance needs {FEWEST} complete trials, there {'is' if len(complete) == 1 else 'are'} {len(complete)}"
        )
    return "no decision has two answers among the complete trials"


def _explained(trials: pd.DataFrame, complete: pd.DataFrame, table: pd.DataFrame, drawn: int) -> str:
    said = [f"{frame.subtitle(trials)}."]
    if not drawn:
        return said[0]
    looked, best = table.attrs["trials"], table.attrs["best"]
    of = (
        f"{looked:,} of the {len(complete):,} complete trials, drawn at random"
        if looked < len(complete)
        else "the complete trials"
    )
    said.append(
        f"PED-ANOVA: how far the answers of the best {best:.0%} in an objective differ from those of all; {of}."
    )
    asked = decisions.columns(complete)
    if conditional := sum(bool(complete[name].isna().any()) for name in asked):
        some = "decision that counts" if conditional == 1 else "decisions that count"
        said.append(
            f"{conditional} {some} only in some trials: judged by these; that the others lack them adds nothing."
        )
    if single := len(asked) - len(table):
        said.append(f"Left out: {single} with a single answer.")
    if drawn < len(table):
        said.append(f"Not drawn: {len(table) - drawn} of less importance.")
    return " ".join(said)
