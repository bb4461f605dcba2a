"""How messages reach the terminal."""

from __future__ import annotations

from rich.console import Console


def count(number: int, noun: str) -> str:
    """A number of things.

    >>> count(1, "decision"), count(2400, "record")
    ('1 decision', '2,400 records')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def say(console: Console, text: str) -> None:
    """One message; wrapped between words in a terminal, one line anywhere else."""
    console.print(text, highlight=False, markup=False, soft_wrap=not console.is_terminal)
