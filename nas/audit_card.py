"""What `nas audit` prints: each predictor's rank correlations, the scores' verdicts, and how the proxy did."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nas.console import count, say

if TYPE_CHECKING:
    import pandas as pd

    from nas.fidelity import Fidelity


def show(audited: pd.DataFrame, console: Console) -> None:
    """The table of `nas.correlation.audit`, then what it means, line by line."""
    console.print(table(audited), "")
    for line in lines(audited):
        say(console, line)


def table(audited: pd.DataFrame) -> Table:
    """One row a predictor, in the order of the frame."""
    found = _empty("rank correlation with the final accuracy (95 % intervals)")
    found.add_column("predictor", overflow="fold")
    found.add_column("kind", no_wrap=True)
    for name in ("tau", "tau within", "rho", "within"):
        found.add_column(name, justify="right", no_wrap=True)
    for row in audited.to_dict("records"):
        taus = (_estimate(*(row[f"tau{suffix}{end}"] for end in ("", "_low", "_high"))) for suffix in ("", "_within"))
        rhos = (_two(row[f"rho{suffix}"]) for suffix in ("", "_within"))
        found.add_row(escape(str(row["predictor"])), row["kind"], *taus, *rhos)
    return found


def lines(audited: pd.DataFrame) -> list[str]:
    """How to read the table, which predictors lack values, and the verdict on each score."""
    facts, rows = audited.attrs, audited.to_dict("records")
    bands = facts["bands"]
    sizes = f"the mean over {count(len(bands), 'band')} of equal cost" if bands else "missing: fewer than 16 trials"
    told = [f"tau: Kendall's, rho: Spearman's, over {count(facts['trials'], 'trial')}; within: {sizes}"]
    for row in rows:
        if row["note"]:
            told.append(f"{row['predictor']}: {row['note']}, so there is no correlation")
        elif row["n"] < facts["trials"]:
            told.append(f"{row['predictor']}: has a value in {row['n']} of {count(facts['trials'], 'trial')}")
    judged = [_verdict(row) for row in rows if row["verdict"]]
    rulers = " or ".join(facts["yardsticks"]) or "chance"
    scale = f"scores, with the difference of their tau to that of {rulers}, whichever is harder to beat:"
    return [*told, scale, *judged] if judged else told


def fidelity(found: Fidelity) -> Table:
    """What a search by the proxy would have kept and lost, of the networks trained in full."""
    table = _empty(f"proxy against full training ({count(found.networks, 'network')}, 95 % intervals)")
    table.show_header = False
    table.add_column("what")
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("meaning", overflow="fold")
    table.add_row("Kendall's tau", _estimate(*found.tau), "agreement of the two orders")
    table.add_row("Spearman's rho", _estimate(*found.rho), "")
    chance = "" if math.isnan(found.chance) else f"; a proxy without any information: {found.chance:.1%}"
    regret = f"hypervolume lost by the proxy's front{chance}"
    table.add_row("front regret", _share(found.regret), regret)
    where = f", at {found.lost_at:.3g} GFLOPs" if found.lost else ""
    table.add_row("accuracy lost", _share(found.lost), f"at most{where}")
    missed = " ".join(map(str, found.missed)) or "none"
    table.add_row("front found", f"{len(found.front) - len(found.missed)} of {len(found.front)}", f"missed: {missed}")
    return table


def _verdict(row: dict) -> str:
    """One score's verdict, once where it is the same over all trials and at equal cost."""
    over, within = row["verdict"], row["verdict_within"]
    if not within:
        return f"{row['predictor']}: {over} ({_margin(row, '')})"
    if over == within:
        return f"{row['predictor']}: {over} ({_margin(row, '')}; at equal cost {_margin(row, '_within')})"
    return f"{row['predictor']}: {over} ({_margin(row, '')}); at equal cost {within} ({_margin(row, '_within')})"


def _margin(row: dict, suffix: str) -> str:
    return _estimate(*(row[f"margin{suffix}{end}"] for end in ("", "_low", "_high")))


def _estimate(value: float, low: float, high: float) -> str:
    """A figure with its interval, where there is one.

    >>> _estimate(0.517, -0.001, 0.608), _estimate(0.517, float("nan"), float("nan")), _estimate(float("nan"), 0.0, 0.0)
    ('0.52 [0.00, 0.61]', '0.52', '-')
    """
    return _two(value) if math.isnan(value) or math.isnan(low) else f"{_two(value)} [{_two(low)}, {_two(high)}]"


def _two(value: float) -> str:
    """Two decimals, zero without a sign."""
    return "-" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1%}"


def _empty(title: str) -> Table:
    return Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0))
