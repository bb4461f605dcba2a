"""What a space file becomes: constants, maps, lists, and holes that are decided later.

The same hole object in two places is one shared decision (YAML anchors give that for free); `!repeat` parses
its content once per copy, which makes copies independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nas.errors import NasError
from nas.frozen import FrozenMap
from nas.strict_yaml import INCLUDE, Item, plain

TAGS = ("!choice", "!int", "!repeat", INCLUDE)
MAX_OPTIONS = 10_000
MAX_COPIES = 100
MAX_DECISIONS = 2_000  # of a space, copies included
Label = str | int | float | bool | None


@dataclass(frozen=True, eq=False)
class Hole:
    """A decision: its name, the labels that answer it, and what stands there for each of them."""

    name: str
    labels: tuple[Label, ...]
    options: tuple[Any, ...]  # a template per label
    ordered: bool  # numbers in ascending order, so that neighbours are alike
    place: str  # file and line

    @cached_property
    def index(self) -> dict[tuple[type, Label], int]:
        """Position of each label; keyed by type too, since True == 1 == 1.0."""
        return {(type(label), label): index for index, label in enumerate(self.labels)}


@dataclass(frozen=True, eq=False)
class MapTemplate:
    """A map with holes somewhere below."""

    keys: tuple[str, ...]
    values: tuple[Any, ...]

    @cached_property
    def items(self) -> tuple[tuple[str, Any], ...]:
        """Keys with their values."""
        return tuple(zip(self.keys, self.values, strict=True))


@dataclass(frozen=True, eq=False)
class ListTemplate:
    """A list with holes somewhere below."""

    values: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Repeat:
    """Independent copies, spliced into the list around them; `times` may be a hole."""

    times: int | Hole
    copies: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Constant:
    """Frozen plain data."""

    value: Any


def parse(item: Item) -> Any:
    """The template of a space file; raises NasError with file and line."""
    return _Parser().parse(item, "")


class _Parser:
    """Parses each Item once, so that an aliased hole stays one hole; a copy of `!repeat` starts afresh."""

    def __init__(self, holes: list[Hole] | None = None):
        self.done: dict[int, Any] = {}
        self.in_copy = holes is not None
        self.holes = [] if holes is None else holes  # of all copies together

    def parse(self, item: Item, name: str) -> Any:
        if id(item) not in self.done:
            if item.anchor and not self.in_copy:
                name = item.anchor
            self.done[id(item)] = parsed = self._parse(item, name)
            if isinstance(parsed, Hole):
                self.holes.append(parsed)
            if len(self.holes) > MAX_DECISIONS:
                raise _refuse(item, f"the space has more than {MAX_DECISIONS:,} decisions", "repeat less")
        return self.done[id(item)]

    def _parse(self, item: Item, name: str) -> Any:
        if item.tag == "!choice":
            return self._choice(item, name or "network")
        if item.tag == "!int":
            return _int_hole(item, name)
        if item.tag == "!repeat":
            raise _refuse(item, "!repeat stands outside a list", "write it as an item of a list")
        if isinstance(item.value, dict):
            return self._map(item, name)
        if isinstance(item.value, list):
            return self._list(item, name)
        return Constant(item.value)

    def _map(self, item: Item, name: str) -> Any:
        values = tuple(self.parse(value, _join(name, key)) for key, value in item.value.items())
        if all(isinstance(value, Constant) for value in values):
            return Constant(FrozenMap(zip(item.value, (value.value for value in values), strict=True)))
        return MapTemplate(tuple(item.value), values)

    def _list(self, item: Item, name: str) -> Any:
        values = tuple(
            self._repeat(value, _join(name, index)) if value.tag == "!repeat" else self.parse(value, _join(name, index))
            for index, value in enumerate(item.value)
        )
        if all(isinstance(value, Constant) for value in values):
            return Constant(tuple(value.value for value in values))
        return ListTemplate(values)

    def _choice(self, item: Item, name: str) -> Hole:
        if isinstance(item.value, dict):
            labels = tuple(item.value)
            options = tuple(self.parse(value, f"{name}={label}") for label, value in item.value.items())
        elif isinstance(item.value, list):
            labels = tuple(_scalar_label(value) for value in item.value)
            options = tuple(Constant(label) for label in labels)
        else:
            raise _refuse(item, "!choice needs a list of scalars or a map of labelled options")
        if not labels:
            raise _refuse(item, "!choice has no option")
        if len(set(labels)) < len(labels):  # 1, 1.0 and true are equal too, and would pass for each other
            raise _refuse(item, f"!choice offers the same option twice: {', '.join(map(str, labels))}")
        return Hole(name, labels, options, _is_ascending(labels), item.place)

    def _repeat(self, item: Item, name: str) -> Repeat:
        if not isinstance(item.value, dict) or set(item.value) != {"times", "of"}:
            raise _refuse(item, "!repeat needs the keys times and of", "write !repeat {times: 3, of: ...}")
        times = self.parse(item.value["times"], _join(name, "times"))
        if isinstance(times, Constant):
            times = times.value
        counts = times.labels if isinstance(times, Hole) else (times,)
        if not all(type(count) is int and 0 <= count <= MAX_COPIES for count in counts) or not max(counts):
            raise _refuse(item, f"times should be a number from 1 to {MAX_COPIES}, or an !int or !choice of such")
        most = max(counts)
        copies = tuple(_Parser(self.holes).parse(item.value["of"], _join(name, index)) for index in range(most))
        return Repeat(times, copies)


def _int_hole(item: Item, name: str) -> Hole:
    numbers = plain(item)
    if (
        not isinstance(numbers, list)
        or len(numbers) not in (2, 3)
        or not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    ):
        raise _refuse(item, f"!int {numbers} is not [low, high] or [low, high, step]")
    low, high, step = (*numbers, 1)[:3]
    if low > high or step < 1:
        raise _refuse(item, f"!int {numbers} is an empty range", "low must not exceed high, step is 1 or more")
    if (count := (high - low) // step + 1) > MAX_OPTIONS:
        raise _refuse(item, f"!int {numbers} has {count:,} options", f"at most {MAX_OPTIONS:,} make sense")
    labels = tuple(range(low, high + 1, step))
    return Hole(name, labels, tuple(map(Constant, labels)), True, item.place)


def _scalar_label(item: Item) -> Label:
    if isinstance(item.value, dict | list) or item.tag:
        raise _refuse(item, "an option of this !choice is structured and has no label", "write !choice {label: option}")
    return item.value


def _is_ascending(labels: tuple[Label, ...]) -> bool:
    numbers = all(isinstance(label, int | float) and not isinstance(label, bool) for label in labels)
    return numbers and list(labels) == sorted(labels)


def _join(name: str, step: str | int) -> str:
    return f"{name}.{step}" if name else str(step)


def _refuse(item: Item, problem: str, fix: str = "") -> NasError:
    return NasError(problem, where=item.place, fix=fix)
