"""Plain data as hashable tuples, so that work on equal pieces can be remembered.

A map becomes a FrozenMap of its pairs, a list a tuple; `thaw(freeze(x)) == x`.
"""

from __future__ import annotations

from typing import Any


class FrozenMap(tuple):
    """The (key, value) pairs of a map, in order."""

    __slots__ = ()


def freeze(value: Any) -> Any:
    """A hashable copy.

    >>> freeze({"depth": 3, "kernel": [3, 7, 7]})
    (('depth', 3), ('kernel', (3, 7, 7)))
    """
    if isinstance(value, dict):
        return FrozenMap((key, freeze(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(freeze(inner) for inner in value)
    return value


def thaw(value: Any) -> Any:
    """The plain data of a frozen copy."""
    if isinstance(value, FrozenMap):
        return {key: thaw(inner) for key, inner in value}
    if isinstance(value, tuple):
        return [thaw(inner) for inner in value]
    return value
