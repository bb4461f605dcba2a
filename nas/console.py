"""How messages reach the terminal."""

from __future__ import annotations

import os
import sys

from rich.console import Console

# The terminal, or whatever takes its place: lines of 120 characters where that has no width.
console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120)


def count(number: int, noun: str) -> str:
    """A number of things.

    >>> count(1, "decision"), count(2400, "record")
    ('1 decision', '2,400 records')
    """
    return f"{number:,} {noun}{'' if number == 1 else 'es' if noun.endswith('s') else 's'}"


def say(console: Console, text: str) -> None:
    """One message; wrapped between words in a terminal, one line anywhere else."""
    console.print(text, highlight=False, markup=False, soft_wrap=not console.is_terminal)


def duration(seconds: float) -> str:
    """Seconds in words.

    >>> duration(75), duration(7500)
    ('1 min 15 s', '2 h 5 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def digits(value: float) -> str:
    """Three digits, however small; whole numbers of thousands whole.

    >>> digits(0.012345), digits(35.0), digits(999.7), digits(12345.6)
    ('0.0123', '35.0', '1000', '12346')
    """
    return f"{value:.0f}" if value >= 999.5 else f"{value:#.3g}".rstrip(".")
