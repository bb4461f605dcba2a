"""The names of samplers: the built-in ones, and those that a user's file adds under `@sampler`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nas.errors import NasError, nearest

BUILT_IN = ("front", "evolution", "uniform", "tpe", "nsga2", "nsga3", "gp")
SAMPLERS: dict[str, Callable[..., Any]] = {}  # a user's own, by name


def sampler(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: make a class known as the sampler `name`; it is made with (space, goal, settings).

    `space` is a `Space`, `goal` a `sampler.Goal`, `settings` the recipe's `SamplerSettings`; what is made proposes as
    `sampler.Sampler` says. Raises NasError where the name is taken.
    """

    def add(make: Callable[..., Any]) -> Callable[..., Any]:
        if name in names():
            raise NasError(f"the sampler '{name}' exists already", fix="give yours another name")
        SAMPLERS[name] = make
        return make

    return add


def names() -> tuple[str, ...]:
    """All that are known."""
    return (*BUILT_IN, *SAMPLERS)


def require(name: str, where: str = "") -> None:
    """Raise NasError, with the nearest name, for a sampler that nobody knows."""
    if name not in names():
        fix = f"{nearest(name, names())}; --import FILE adds your own"
        raise NasError(f"'{name}' is no sampler", where=where, fix=fix)
