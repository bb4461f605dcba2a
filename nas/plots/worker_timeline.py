"""What each worker did when: a bar a trial from its start to its end, a row a worker, a colour a state.

Gaps between the bars of a row are time in which a worker waited, or in which the search did not run.
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

COLOURS = dict(zip(frame.STATES, (style.PALETTE[0], style.PALETTE[1], style.PALETTE[5], style.PALETTE[2]), strict=True))
LETTERS = 18  # of a worker's name
ROW, HIGHEST = 30, 900  # pixels
THINNEST = 0.002  # of the whole time: no bar is narrower, unless there are very many of them
FEW = 2000  # bars that have an outline
UNKNOWN = "worker unknown"


@registered
def worker_timeline(trials: pd.DataFrame) -> go.Figure:
    """Draw trials with a start; one that still runs, or has no end on record, reaches to the last time known.

    Takes the columns number, state, started, ended (UTC), seconds (in place of an end) and worker.

    >>> times = pd.to_datetime(["2026-01-01 10:00", "2026-01-01 10:05"], utc=True)
    >>> table = pd.DataFrame({"number": [0], "state": ["complete"], "started": times[:1], "ended": times[1:]})
    >>> bar = worker_timeline(table).data[0]
    >>> float(bar.x[0] / 60_000), int(bar.customdata[0][0])
    (5.0, 0)
    """
    tidied = frame.tidy(trials)
    table = _timed(tidied)
    workers = sorted(table["worker"].unique(), key=_natural)
    figure = go.Figure(layout=style.layout("Timeline of workers", _explained(tidied, table, len(workers))))
    thinnest = _whole(table) * min(THINNEST, len(workers) / (4 * len(table))) if len(table) else 0.0
    for state in (*frame.STATES, ""):
        rows = table[table["state"] == state] if state else table[~table["state"].isin(frame.STATES)]
        if len(rows):
            figure.add_trace(_bars(rows, state or "state unknown", workers, thinnest, outlined=len(table) <= FEW))
    figure.update_layout(
        barmode="overlay",
        xaxis=style.axis("time (UTC)", type="date"),
        yaxis=_rows(workers),
        height=min(HIGHEST, 330 + ROW * max(len(workers), 2)),
    )
    if table.empty:
        style.note(figure, "no trial yet" if tidied.empty else "no trial has a start on record")
        figure.update_xaxes(type="linear", showticklabels=False)
    return figure


def _timed(trials: pd.DataFrame) -> pd.DataFrame:
    """Number, state, worker, and start and length in milliseconds, of the trials that have a start."""
    start, end = _milliseconds(trials, "started"), _milliseconds(trials, "ended")
    end = end.fillna(start + 1000 * trials["seconds"].where(trials["state"] != "running"))
    last = np.nanmax([start.max(), end.max()]) if start.notna().any() else 0.0
    table = pd.DataFrame({"number": trials["number"], "state": trials["state"], "start": start})
    table["worker"] = _workers(trials)
    table["length"] = (end.fillna(last) - start).clip(lower=0.0)
    return table[start.notna() & table["number"].notna()]


def _milliseconds(trials: pd.DataFrame, column: str) -> pd.Series:
    """A column of times as milliseconds since 1970, as plotly has them; NaN where there is none."""
    if column not in trials:
        return pd.Series(np.nan, index=trials.index, dtype=float)
    times = pd.to_datetime(trials[column], errors="coerce", utc=True)
    return (times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta("1ms")


def _workers(trials: pd.DataFrame) -> pd.Series:
    if "worker" not in trials:
        return pd.Series("all trials", index=trials.index, dtype=object)
    named = trials["worker"].astype(object)
    return named.where(named.notna() & (named != ""), UNKNOWN).astype(str)


def _natural(name: str) -> list:
    """`worker 2` before `worker 10`, and the unknown one last."""
    parts = re.split(r"(\d+)", name)
    return [name == UNKNOWN, [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]]


def _bars(rows: pd.DataFrame, state: str, workers: list[str], thinnest: float, *, outlined: bool) -> go.Bar:
    place = {worker: row for row, worker in enumerate(workers)}
    numbers = np.column_stack([rows["number"], rows["length"] / 60_000])
    return go.Bar(
        base=rows["start"].to_numpy(float),
        x=np.maximum(rows["length"].to_numpy(float), thinnest),
        y=rows["worker"].map(place).to_numpy(np.int16),
        orientation="h",
        width=0.7,
        marker={
            "color": COLOURS.get(state, "#9a9a9a"),
            "line": {"color": "#f2f2f2", "width": 0.6 if outlined else 0},
        },
        name=f"{state} ({len(rows):,})",
        customdata=numbers,
        showlegend=True,
        # plotly tells times of the axis alone, which is where a bar ends
        hovertemplate=f"<b>trial %{{customdata[0]:.0f}}</b>, {state}<br>%{{customdata[1]:,.3~g}} minutes"
        "<br>until %{x|%Y-%m-%d %H:%M:%S} UTC<extra></extra>",
    )


def _rows(workers: list[str]) -> dict:
    """The axis of workers, the first one at the top, with every name where there is room."""
    step = -(-len(workers) // 30) or 1
    names = [escape(textwrap.shorten(name, LETTERS, placeholder="…") or name[:LETTERS]) for name in workers[::step]]
    return style.axis(
        "", tickvals=list(range(0, len(workers), step)), ticktext=names, showgrid=False, ticks="", fixedrange=True,
        range=[max(len(workers), 1) - 0.4, -0.6],
    )  # fmt: skip


def _explained(trials: pd.DataFrame, table: pd.DataFrame, workers: int) -> str:
    counts = frame.counts(trials)
    said = [counts[0].upper() + counts[1:]]
    if len(table):
        whole = _whole(table)
        said.append(f"{count(workers, 'worker')} over {_time(whole)}")
        busy = table["length"].sum() / (whole * workers) if whole else 0.0
        said += [f"busy {busy:.0%} of the time"] if 0 < busy <= 1 else []
    missing = len(trials) - len(table)
    said += [f"{missing:,} without a start are not drawn"] if missing and len(table) else []
    return escape("; ".join(said) + ".")


def _whole(table: pd.DataFrame) -> float:
    """From the first start to the last end, in milliseconds."""
    return float((table["start"] + table["length"]).max() - table["start"].min())


def _time(milliseconds: float) -> str:
    """A length of time in the largest unit that it fills.

    >>> _time(90_000), _time(3 * 86_400_000)
    ('1.50 minutes', '3.00 days')
    """
    for name, size in (("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000)):
        if milliseconds >= size:
            return f"{style.number(milliseconds / size)} {name}"
    return f"{style.number(milliseconds / 1000)} seconds"
