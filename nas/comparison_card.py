"""What a comparison of samplers prints: trials and epochs to levels of the hypervolume, and the speed-up of one."""

from __future__ import annotations

import math

import pandas as pd
from rich.markup import escape
from rich.table import Table

from nas.comparison import Estimate, Speedup, Stopping

WHOLE = {"true": "true hypervolume", "pooled": "hypervolume of all runs together"}


def levels_table(needed: pd.DataFrame, *, whole: str = "true") -> Table:
    """`nas.comparison.needed`: trials and epochs to each level with 95 % intervals, and in how many repeats.

    Where some repeats never came to the level, "> 180" is a lower bound of the mean.
    """
    table = _table(f"needed to reach a share of the {WHOLE[whole]}")
    table.caption = "mean (95 % interval); > a lower bound, where some runs never reach it"
    table.caption_justify = "left"
    for name in ("share", "sampler", "trials", "epochs", "reached in"):
        table.add_column(name, justify="left" if name == "sampler" else "right", overflow="fold")
    for level, rows in needed.groupby("level", sort=False):
        for place, row in enumerate(rows.to_dict("records")):
            table.add_row(
                "" if place else f"{100 * level:g} %",
                escape(row["sampler"]),
                *(counted(_estimate(row, along)) for along in ("trials", "epochs")),
                f"{row['reached']} of {row['repeats']}",
                end_section=place == len(rows) - 1,
            )
    return table


def speedup_table(speedup: Speedup, *, whole: str = "true") -> Table:
    """`nas.comparison.speedup`: what the sampler needs to have what the best other has, and the ratio."""
    told = speedup
    table = _table(
        f"to the {100 * told.level:.1f} % of the {WHOLE[whole]} that {told.other}, the best of the others, "
        f"has after {told.at} trials; {told.reached} of {told.repeats} repeats of {told.sampler} have it"
    )
    for name in ("", told.other, told.sampler, "ratio"):
        table.add_column(escape(name), justify="right" if name else "left", overflow="fold")
    spent = f"{told.other_epochs:,.0f}"
    table.add_row("trials, mean of repeats", str(told.at), counted(told.trials), ratio(told.trials_ratio))
    table.add_row("epochs, mean of repeats", spent, counted(told.epochs), ratio(told.epochs_ratio))
    table.add_row("trials, mean curve", str(told.at), counted(told.curve_trials), ratio(told.curve_trials_ratio))
    table.add_row("epochs, mean curve", spent, counted(told.curve_epochs), ratio(told.curve_epochs_ratio))
    return table


def stopping_table(stopping: Stopping, *, whole: str = "true") -> Table:
    """`nas.comparison.stopping`: the epochs that stopping saves, and what it costs at the end."""
    told = stopping
    table = _table(f"epochs to {100 * told.level:.1f} % of the {WHOLE[whole]} (mean curves)")
    table.add_column("", overflow="fold")
    table.add_column("mean (95 % interval)", justify="right", no_wrap=True)
    table.add_row(f"epochs, {escape(told.stopped)}", counted(told.stopped_epochs))
    table.add_row(f"epochs, {escape(told.unstopped)}", counted(told.unstopped_epochs))
    table.add_row("ratio of epochs", ratio(told.ratio))
    table.add_row("change of the share at the end", change(told.final))
    return table


def counted(estimate: Estimate) -> str:
    """A mean number of trials or epochs with its interval, or its lower bound.

    >>> counted(Estimate(1234.4, 998.0, 1500.2)), counted(Estimate(186.8, math.nan, math.nan, bound=True))
    ('1,234 (998 to 1,500)', '> 186')
    >>> counted(Estimate(163.0, 135.0, math.inf))
    '163 (135 or more)'
    """
    return _written(estimate, lambda value: f"{value:,.0f}", step=1)


def ratio(estimate: Estimate) -> str:
    """A ratio with its interval, or its lower bound, rounded down.

    >>> ratio(Estimate(0.412, 0.35, 0.507)), ratio(Estimate(1.0666, math.nan, math.nan, bound=True))
    ('0.41 (0.35 to 0.51)', '> 1.06')
    """
    return _written(estimate, lambda value: f"{value:.2f}", step=0.01)


def change(estimate: Estimate) -> str:
    """A relative difference in percent with its interval.

    >>> change(Estimate(-0.0123, -0.02, 0.0041))
    '-1.2 % (-2.0 to +0.4)'
    """
    mean, low, high = (f"{100 * value:+.1f}" for value in (estimate.mean, estimate.low, estimate.high))
    return f"{mean} % ({low} to {high})"


def _written(estimate: Estimate, write, *, step: float) -> str:
    if estimate.bound:
        # rounding up would claim more than is known; the small addend is for 0.29 / 0.01 = 28.999...
        return f"> {write(math.floor(estimate.mean / step + 1e-9) * step)}"
    if math.isinf(estimate.high):
        return f"{write(estimate.mean)} ({write(estimate.low)} or more)"
    return f"{write(estimate.mean)} ({write(estimate.low)} to {write(estimate.high)})"


def _estimate(row: dict, along: str) -> Estimate:
    ends = row[f"{along}_low"], row[f"{along}_high"]
    return Estimate(row[along], *ends, bound=row["reached"] < row["repeats"])


def _table(title: str) -> Table:
    return Table(title=escape(title), title_justify="left", box=None, padding=(0, 2, 0, 0), min_width=76)
