"""What is shown of the work before any training: reading, generating and packing videos, and notes on them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nas.console import duration, say

LINE_EVERY = 5.0  # seconds between two plain lines of one preparation


@contextmanager
def preparation(console: Console) -> Iterator[Preparation]:
    """Within it, what comes before any training is shown: bars in a terminal, a line now and then elsewhere."""
    if not console.is_terminal:
        yield Preparation(_lines(console), console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, int] = {}

        def tell(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield Preparation(tell, bars.console)


@dataclass(frozen=True)
class Preparation:
    """Is called with (done, total, what) for generating, reading and packing videos, and takes notes on them."""

    tell: Callable[[int, int, str], None]
    console: Console

    def __call__(self, done: int, total: int, what: str) -> None:
        self.tell(done, total, what)

    def note(self, text: str) -> None:
        """A line that stays."""
        say(self.console, text)


def _lines(console: Console) -> Callable[[int, int, str], None]:
    last: dict[str, float] = {}
    first: dict[str, tuple[float, int]] = {}

    def tell(done: int, total: int, what: str) -> None:
        now = time.monotonic()
        began, before = first.setdefault(what, (now, done))
        if done == total or now - last.get(what, -math.inf) >= LINE_EVERY:
            last[what] = now
            left = (now - began) / (done - before) * (total - done) if done > before else 0.0
            say(console, f"{what}: {done} of {total}{f', about {duration(left)} left' if left >= LINE_EVERY else ''}")

    return tell
