"""Why trials failed: a bar a reason, the most frequent first.

Reasons that differ in numbers alone (a device, an epoch, a size) are one, told by the newest of them.
"""

from __future__ import annotations

import re
import textwrap
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.console import count
from nas.plots import style
from nas.plots import trials as frame
from nas.plots.registry import figure as registered

MOST = 12  # reasons that have a bar of their own
LETTERS, LINES = 50, 2  # of a reason above its bar
NEWEST = 8  # numbers of trials in a hover text
BAR, LINE, GAP = 22, 16, 12  # pixels
UNKNOWN = "no reason on record"


@registered
def failure_reasons(trials: pd.DataFrame) -> go.Figure:
    """Draw how many trials failed for each reason; a bar's customdata is the newest of them.

    >>> table = pd.DataFrame({"number": range(3), "state": "failed", "reason": ["full: cuda:0", "full: cuda:1", ""]})
    >>> bar = failure_reasons(table).data[0]
    >>> bar.x.tolist(), list(bar.customdata)
    ([2, 1], [1, 2])
    """
    trials = frame.tidy(trials)
    failed = trials[(trials["state"] == "failed") & trials["number"].notna()].sort_values("number")
    figure = go.Figure(layout=style.layout("Why trials failed", _explained(trials, len(failed))))
    if failed.empty:
        style.note(figure, "no trial yet" if trials.empty else "no trial failed")
        return figure.update_layout(xaxis={"visible": False}, yaxis={"visible": False}, height=260, margin={"b": 40})
    groups = _grouped(failed)
    tops, bottom = _tops(groups)
    figure.add_trace(_bars(groups, tops))
    figure.add_trace(_words(groups, tops))
    most = max(len(numbers) for _, numbers in groups)
    figure.update_layout(
        xaxis=style.axis(
            "failed trials", range=[0, 1.15 * most], tickformat=",d", **({"dtick": 1} if most < 8 else {})
        ),
        yaxis={"visible": False, "range": [bottom, 0], "fixedrange": True},
        height=figure.layout.margin.t + bottom + 80,
        margin={"l": 16},
        showlegend=False,
    )
    return figure


Group = tuple[str, list[int]]  # a reason, and the numbers of the trials, newest last


def _grouped(failed: pd.DataFrame) -> list[Group]:
    """Reasons by how many trials have them; those beyond MOST together."""
    alike = failed["reason"].map(lambda reason: re.sub(r"\d+", "0", " ".join(reason.split())))
    groups = [
        (" ".join(rows["reason"].iloc[-1].split()) or UNKNOWN, rows["number"].astype(int).tolist())
        for _, rows in failed.groupby(alike, sort=False)
    ]
    groups.sort(key=lambda group: -len(group[1]))
    if len(groups) > MOST:
        rest = sorted(number for _, numbers in groups[MOST - 1 :] for number in numbers)
        groups = [*groups[: MOST - 1], (f"{len(groups) - MOST + 1:,} other reasons", rest)]
    return groups


def _lines(reason: str) -> list[str]:
    """A reason in few lines, cut where it is longer."""
    lines = textwrap.wrap(reason, LETTERS)
    return lines if len(lines) <= LINES else [*lines[: LINES - 1], f"{lines[LINES - 1][: LETTERS - 1]}…"]


def _tops(groups: list[Group]) -> tuple[list[float], float]:
    """Where each group begins, in pixels from the top, and where the last one ends."""
    tops, y = [], 0.0
    for reason, _ in groups:
        tops.append(y)
        y += LINE * len(_lines(reason)) + BAR + GAP
    return tops, y


def _bars(groups: list[Group], tops: list[float]) -> go.Bar:
    below = [top + LINE * len(_lines(reason)) + 4 + BAR / 2 for top, (reason, _) in zip(tops, groups, strict=True)]
    sizes = np.array([len(numbers) for _, numbers in groups])
    return go.Bar(
        x=sizes,
        y=below,
        width=[BAR] * len(groups),
        orientation="h",
        marker={"color": style.ACCENT},
        text=[f"{size:,}" for size in sizes],
        textposition="outside",
        cliponaxis=False,
        customdata=[numbers[-1] for _, numbers in groups],
        hovertext=[_told(*group) for group in groups],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _words(groups: list[Group], tops: list[float]) -> go.Scatter:
    text = ["<br>".join(map(escape, _lines(reason))) for reason, _ in groups]
    font = {"size": 12, "color": style.INK}
    where = {"mode": "text", "textposition": "bottom right", "cliponaxis": False, "hoverinfo": "skip"}
    return go.Scatter(x=[0] * len(groups), y=tops, text=text, textfont=font, **where)


def _told(reason: str, numbers: list[int]) -> str:
    """The whole reason, as far as a hover text holds it, and the newest trials."""
    newest = ", ".join(str(number) for number in numbers[: -NEWEST - 1 : -1])
    more = f" and {len(numbers) - NEWEST:,} older" if len(numbers) > NEWEST else ""
    lines = [escape(line) for line in textwrap.wrap(textwrap.shorten(reason, 600, placeholder=" …"), 60)]
    return "<br>".join([*lines, f"<b>trial{'s' * (len(numbers) != 1)} {newest}{more}</b>"])


def _explained(trials: pd.DataFrame, failed: int) -> str:
    if not failed:
        return ""
    share = f"{failed:,} of {count(len(trials), 'trial')} failed ({failed / len(trials):.0%})"
    return f"{share}; newest trials in the hover text."
