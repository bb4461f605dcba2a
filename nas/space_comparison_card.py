"""What `nas compare` prints about spaces: which has the lower errors at equal complexity, and what decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nas.console import count, say

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05  # a p-value below it is told as a difference
ROWS = 6  # decisions shown of each space


def show(balance: pd.DataFrame, differences: pd.DataFrame, decisions: pd.DataFrame, console: Console) -> None:
    """The tables of `nas.space_comparison` and, below them, what they say."""
    console.print(spaces(balance), "")
    if len(differences):
        console.print(pairs(differences), "")
    for name, rows in decisions.groupby("space", sort=False):
        console.print(space_decisions(str(name), rows), "")
    nothing = [] if len(decisions) else ["too few networks of each option to tell which decision moves the error"]
    for line in [*facts(differences), *verdicts(differences), *decisive(decisions), *nothing]:
        say(console, line)


def spaces(balance: pd.DataFrame) -> Table:
    """One row a space: how many networks tell how much, and their mean error at equal complexity."""
    table = _empty("spaces at equal complexity")
    table.add_column("space", overflow="fold")
    for name in ("networks", "outside", "effective", "GFLOPs", "error"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in balance.to_dict("records"):
        cells = (str(row["networks"]), str(row["outside"]), f"{row['effective']:.0f}", f"{row['gflops']:.3g}")
        table.add_row(escape(str(row["space"])), *cells, f"{row['error']:.1%}")
    return table


def pairs(differences: pd.DataFrame) -> Table:
    """One row a pair of spaces."""
    table = _empty("differences (95 % intervals)")
    table.add_column("spaces", overflow="fold")
    for name in ("error differs by", "KS", "p (Holm)"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in differences.to_dict("records"):
        shift = _points(row["difference"], row["low"], row["high"])
        table.add_row(escape(_against(row)), shift, f"{row['ks']:.2f}", _p(row["p_holm"]))
    return table


def space_decisions(name: str, rows: pd.DataFrame) -> Table:
    """The decisions of one space that move the error farthest, from best to worst label."""
    table = _empty(f"{escape(name)}: decisions by how far their labels move the error")
    table.add_column("decision", overflow="fold")
    table.add_column("best label", overflow="fold")
    table.add_column("worst label", overflow="fold")
    for column in ("spread", "by chance", "p (Holm)"):
        table.add_column(column, justify="right", no_wrap=True)
    groups = list(rows.groupby("decision", sort=False))
    for decision, labels in groups[:ROWS]:
        best, worst = (_label(labels.iloc[end]) for end in (0, -1))
        spread, chance, p = labels[["spread", "by_chance", "p_holm"]].iloc[0]
        table.add_row(escape(str(decision)), best, worst, f"{spread:.1%}", f"{chance:.1%}", _p(p))
    if len(groups) > ROWS:
        table.caption, table.caption_justify = f"and {count(len(groups) - ROWS, 'more decision')}", "left"
    return table


def facts(differences: pd.DataFrame) -> list[str]:
    """Where the spaces were compared, and what had to be left out."""
    told, lines = differences.attrs, []
    if "gflops" in told:
        low, high = told["gflops"]
        clip = f" of one {told['clip']} clip" if told.get("clip") else ""
        lines.append(f"compared from {low:.3g} to {high:.3g} GFLOPs{clip} in {count(told['bins'], 'bin')}")
    if told.get("unmeasured"):
        lines.append(f"left out: {count(told['unmeasured'], 'network')} without an error")
    return lines


def verdicts(differences: pd.DataFrame) -> list[str]:
    """One line a pair: which space has the lower errors, or that none can be told to."""
    lines = []
    for row in differences.to_dict("records"):
        named, sure = (row["space"], row["other"]), row["p_holm"] < LEVEL
        better, worse = named if row["difference"] <= 0 else named[::-1]
        figures = f"{abs(row['difference']):.1%} in the mean, p {_p(row['p_holm'])}"
        if not sure:
            lines.append(f"{_against(row)}: no difference that chance does not explain ({figures})")
        elif row["low"] <= 0 <= row["high"]:
            lines.append(f"{_against(row)}: errors are distributed otherwise, their means not ({figures})")
        else:
            lines.append(f"{better} has lower errors than {worse} at equal complexity ({figures})")
    return lines


def decisive(decisions: pd.DataFrame) -> list[str]:
    """One line a space: the single decision that moves the error most."""
    lines = []
    for space, rows in decisions.groupby("space", sort=False):
        sure = rows[rows["p_holm"] < LEVEL]
        if sure.empty:
            lines.append(f"{space}: no decision moves the error more than chance does")
            continue
        labels = sure[sure["decision"] == sure["decision"].iloc[0]]
        ends = f"{labels['label'].iloc[0]} (best) to {labels['label'].iloc[-1]} (worst)"
        spread, p = labels["spread"].iloc[0], _p(labels["p_holm"].iloc[0])
        lines.append(f"{space}: {labels['decision'].iloc[0]} moves the error most, {spread:.1%} from {ends}, p {p}")
    return lines


def _against(row: dict) -> str:
    return f"{row['space']} against {row['other']}"


def _label(row: pd.Series) -> str:
    return f"{escape(str(row['label']))} ({row['n']})"


def _points(value: float, low: float, high: float) -> str:
    """Percentage points with their interval, with signs.

    >>> _points(-0.021, -0.034, 0.0)
    '-2.1 % [-3.4, +0.0]'
    """
    return f"{100 * value:+.1f} % [{100 * low:+.1f}, {100 * high:+.1f}]"


def _p(p: float) -> str:
    """A p-value that never reads as zero.

    >>> _p(0.0002), _p(0.04)
    ('<0.001', '0.040')
    """
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _empty(title: str) -> Table:
    return Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
