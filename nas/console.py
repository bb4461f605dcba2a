"""How messages reach the terminal."""

from __future__ import annotations

from rich.console import Console


def say(console: Console, text: str) -> None:
    """One message; wrapped between words in a terminal, one line anywhere else."""
    console.print(text, highlight=False, markup=False, soft_wrap=not console.is_terminal)
