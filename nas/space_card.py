"""What `nas show` and `nas check` print about a space."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nas.console import count, say
from nas.space import Space
from nas.survey import Survey
from nas.template import Hole
from nas.units import CONVENTION, Budget


def show(space: Space, console: Console) -> None:
    """The exact count, and every decision with its options."""
    say(console, f"{space.name}: {count(space.count, 'record')}, {count(len(space.decisions), 'decision')}")
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("decision", overflow="fold")
    table.add_column("options", justify="right")
    table.add_column("of", overflow="fold")
    for name, hole in space.decisions.items():
        table.add_row(escape(name), str(len(hole.labels)), escape(_options(hole)))
    console.print(table)
    say(console, f"fingerprint {space.fingerprint}")


def survey(space: Space, budget: Budget, found: Survey, never: list, console: Console) -> None:
    """The counts of `nas check`."""

    valid = len(found.costs)
    say(
        console,
        f"{space.name}: {count(space.count, 'record')}, {count(len(space.decisions), 'decision')}; "
        f"{found.drawn:,} drawn uniformly",
    )
    say(console, f"valid     {valid:>7,}  {valid / found.drawn:7.2%}")
    if budget:
        say(console, f"in budget {found.fitting:>7,}  {found.fitting / found.drawn:7.2%}  {budget}")
    if budget and valid and not found.fitting:
        say(console, "nothing drawn fits the budget; what valid records cost stands below")
    if valid:
        console.print(_ranges(found))
        say(console, CONVENTION)
    for reason, times in found.reasons.most_common(3):
        say(console, f"rejected {times:,} times: {found.examples[reason]}")
    for name, label, draws in never:
        say(console, f"not seen to fit: {name} = {label} (0 of {draws} draws)")


def _ranges(found: Survey) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("valid records cost")
    for name in ("from", "median", "to"):
        table.add_column(name, justify="right")
    for label, low, middle, high in found.ranges():
        table.add_row(label, *(f"{value:.4g}" for value in (low, middle, high)))
    return table


def _options(hole: Hole) -> str:
    if hole.ordered and len(hole.labels) > 8:
        step = hole.labels[1] - hole.labels[0]
        return f"{hole.labels[0]} to {hole.labels[-1]}" + (f" by {step}" if step != 1 else "")
    return " ".join(
        "null" if label is None else str(label).lower() if isinstance(label, bool) else str(label)
        for label in hole.labels
    )
