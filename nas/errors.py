"""The one family of errors that users see: where, what was written, what is wrong, what would work.

Inner code raises with the cause alone; `NasError.at` lets one boundary add the file, line or decision
without losing the cause. The command line prints the text as a single line and exits with 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MANY = 24  # known names that an error lists


class NasError(ValueError):
    """A mistake in what the user gave, told in one line.

    A ValueError, so that pydantic's validators may raise it.

    >>> str(NasError("groups = 16 does not divide the width 56", fix="use one of 1 2 4 8"))
    'groups = 16 does not divide the width 56; use one of 1 2 4 8'
    >>> str(NasError("no such file", where="space/csn.yaml:14"))
    'space/csn.yaml:14: no such file'
    """

    def __init__(self, problem: str, *, where: str = "", fix: str = ""):
        self.problem, self.where, self.fix = problem, where, fix
        super().__init__(problem)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"; {self.fix}" if self.fix else ""
        return " ".join(f"{place}{self.problem}{remedy}".split())

    def at(self, where: str) -> NasError:
        """The same error with `where` put in front of the place it already names."""
        joined = f"{where}: {self.where}" if self.where else where
        return type(self)(self.problem, where=joined, fix=self.fix)


def nearest(word: str, known: Iterable[str]) -> str:
    """What to offer in place of an unknown `word`: the closest known one, then all of them.

    >>> nearest("bottelneck", ["simple", "bottleneck"])
    "did you mean 'bottleneck'? Known: bottleneck simple"
    """
    names = sorted(str(name) for name in known)
    close = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    guess = f"did you mean '{close[0]}'? " if close else ""
    if len(names) > MANY:
        names = [*names[:MANY], f"and {len(names) - MANY} more"]
    return f"{guess}Known: {' '.join(names)}" if names else "nothing is known here"
