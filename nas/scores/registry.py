"""How scores are declared: a function of a genotype, or of a built model and clips, under `@score`.

The number of arguments tells which of the two it is, so that a score of the first kind never waits for torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from nas.blocks.registry import load_entry_points
from nas.errors import NasError, nearest

NEEDS: dict[int, Literal["network", "model"]] = {1: "network", 2: "model"}  # by the number of arguments


@dataclass(frozen=True)
class Score:
    """A registered score: the first line of its docstring, and what it is worked out from.

    `needs` is "network" where the function takes a Genotype, and "model" where it takes a torch module with random
    weights and clips (b, 3, t, h, w).
    """

    name: str
    summary: str
    needs: Literal["network", "model"]
    function: Callable[..., Any]

    @property
    def built_in(self) -> bool:
        """Whether it comes with this package."""
        return self.function.__module__.startswith("nas.")


SCORES: dict[str, Score] = {}


def score(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: make a function known as the score `name`; raises NasError where the name is taken.

    It takes one argument, a Genotype, or two, a torch module and random clips; it may leave the module changed.

    >>> @score("blocks")
    ... def blocks(genotype):
    ...     '''The number of blocks.'''
    ...     return sum(stage.depth for stage in genotype.stages)
    >>> SCORES.pop("blocks").needs
    'network'
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        if name in SCORES:
            raise NasError(f"the score '{name}' exists already", fix="give yours another name")
        count = len(inspect.signature(function).parameters)
        if count not in NEEDS:
            fix = "take a genotype, or a model and clips"
            raise NasError(f"the function of the score '{name}' takes {count} arguments", fix=fix)
        summary = (inspect.getdoc(function) or name).splitlines()[0]
        SCORES[name] = Score(name, summary, NEEDS[count], function)
        return function

    return add


def find(name: str) -> Score:
    """The score of a name; raises NasError with the nearest name.

    Installed packages are asked before the answer is no.
    """
    if name not in SCORES:
        load_entry_points()
    if name not in SCORES:
        raise NasError(f"the score '{name}' is unknown", fix=f"{nearest(name, SCORES)}; --import FILE adds your own")
    return SCORES[name]
