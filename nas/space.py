"""A search space: a network description with holes, and everything a search does with it.

One traversal, `fill`, turns answers into a genotype; random sampling, replay, Optuna, mutation and crossover
differ only in who answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from nas import genotype, strict_yaml
from nas.cost import Cost, cost
from nas.errors import NasError, nearest
from nas.frozen import FrozenMap
from nas.genotype import Genotype
from nas.records import Automaton, Record, holes
from nas.schema import SchemaError, dotted
from nas.template import TAGS, Constant, Hole, Label, ListTemplate, MapTemplate, Repeat
from nas.template import parse as parse_template

Pick = Callable[[Hole], Label]


class NotInSpace(NasError):
    """A record that answers what the space does not ask, or not what it asks."""


class Space:
    """A space file, read and checked. `decisions` maps each name to its hole.

    `cost` tells what a genotype of the space costs: exact counts, and milliseconds too once `nas.latency` has taken
    it over.
    """

    def __init__(self, template: Any, item: strict_yaml.Item, name: str):
        self.template, self.item, self.name = template, item, name
        self.automaton = Automaton(template)
        self.cost: Callable[[Genotype], Cost] = cost
        self.decisions: dict[str, Hole] = {}
        for hole in holes(template):
            if hole.name in self.decisions:
                other = self.decisions[hole.name].place
                raise NasError(
                    f"two decisions are called '{hole.name}' (the other at {other})",
                    where=hole.place,
                    fix="give one of them an anchor of its own, such as &kernel",
                )
            self.decisions[hole.name] = hole

    @property
    def count(self) -> int:
        """The exact number of records."""
        return self.automaton.count

    @cached_property
    def fingerprint(self) -> str:
        """Changes with anything that can change a record or a genotype; comments and layout do not count."""
        return sha256(repr(_canonical(self.template, {})).encode()).hexdigest()[:16]

    def texts(self) -> dict[str, str]:
        """The space's file as `space.yaml`, and the files that it includes under their own names."""
        main, *included = strict_yaml.files(self.item)
        named = {"space.yaml": self.name} | {Path(file).name: file for file in (main, *included) if file != self.name}
        return {name: Path(file).read_text(encoding="utf-8") for name, file in named.items()}

    def draw(self, rng: Random) -> Record:
        """A record, uniformly among all records."""
        return self.automaton.draw(rng)

    def fill(self, pick: Pick) -> tuple[Any, Record]:
        """The frozen genotype tree and the record that `pick` answers; a shared hole is asked once."""
        record: Record = {}
        return _fill(self.template, pick, record, {}), record

    def tree(self, record: Record) -> Any:
        """The frozen genotype tree of a record; raises NotInSpace where the record does not fit the space."""
        tree, used = self.fill(lambda hole: self._answer(record, hole))
        if unknown := [name for name in record if name not in used]:
            raise NotInSpace(
                f"the record answers '{unknown[0]}', which nothing asks",
                where=self.name,
                fix=nearest(unknown[0], used),
            )
        return tree

    def genotype(self, record: Record) -> Genotype:
        """The genotype of a record; raises NasError with the line of what does not fit."""
        try:
            return genotype.parse_known(self.tree(record))
        except SchemaError as error:
            raise self.located(error, record) from None

    def check(self) -> None:
        """Check every option against the schema; raises NasError with the line of the first that does not fit."""
        for record in self.covering():
            try:
                genotype.parse(self.tree(record))
            except SchemaError as error:
                raise self.located(error, record) from None

    def located(self, error: SchemaError, record: Record) -> NasError:
        """A genotype's error, told at the line of the space file and with the decision that led to it."""
        place, decision = _find(self.template, self.item, error.path, record)
        chosen = f" (by {decision} = {record[decision]})" if decision else ""
        below = f"{dotted(error.path)}{chosen}: " if error.path else ""
        return NasError(below + error.problem, where=place, fix=error.fix)

    def mutate(self, record: Record, rng: Random) -> Record:
        """A record that differs in one decision (decisions that it opens are answered at random)."""
        able = [name for name in record if len(self.decisions[name].labels) > 1]
        if not able:
            return record
        name = rng.choice(able)
        other = rng.choice([label for label in self.decisions[name].labels if not _same(label, record[name])])
        return self.complete({**record, name: other}, rng)

    def cross(self, one: Record, two: Record, rng: Random) -> Record:
        """A record that takes each decision from one of two parents."""
        mixed = {name: rng.choice([parent for parent in (one, two) if name in parent])[name] for name in {**one, **two}}
        return self.complete(mixed, rng)

    def complete(self, answers: Record, rng: Random) -> Record:
        """The record that follows `answers` where they answer, and chance where they do not."""

        def pick(hole: Hole) -> Label:
            if hole.name in answers and (type(answers[hole.name]), answers[hole.name]) in hole.index:
                return answers[hole.name]
            return rng.choice(hole.labels)

        return self.fill(pick)[1]

    def covering(self) -> Iterator[Record]:
        """Few records that together use every label of every decision at least once."""
        rng, seen = Random(0), set()
        if not self.decisions:
            yield {}
        for name, hole in self.decisions.items():
            for label in hole.labels:
                if (name, label) not in seen:
                    record = self.forced(name, label, rng)
                    seen.update(record.items())
                    yield record

    def forced(self, name: str, label: Label, rng: Random) -> Record:
        """A random record in which decision `name` is active and answered by `label`."""
        return self.complete({name: label, **self.way_to(name)}, rng)

    def way_to(self, name: str) -> Record:
        """Answers that make decision `name` active."""
        return _way_to(self.template, self.decisions[name])

    def _answer(self, record: Record, hole: Hole) -> Label:
        if hole.name not in record:
            raise NotInSpace(f"the record does not answer '{hole.name}'", where=hole.place)
        return record[hole.name]


def load(path: Path | str) -> Space:
    """Read a space file and check that every option fits the schema; errors name file and line."""
    return _space(strict_yaml.read(path, tags=TAGS), str(path))


def parse(text: str, *, name: str = "<text>") -> Space:
    """A space from a string, checked like a file.

    >>> parse("stages: [{depth: !int [2, 4], width: 64, block: {kind: simple}}]").count
    3
    """
    return _space(strict_yaml.parse(text, name=name, tags=TAGS), name)


def _space(item: strict_yaml.Item, name: str) -> Space:
    space = Space(parse_template(item), item, name)
    space.check()
    return space


def _fill(node: Any, pick: Pick, record: Record, done: dict[int, Any]) -> Any:
    """The frozen value of a template; what is shared is filled once."""
    kind = type(node)
    if kind is Constant:
        return node.value
    if id(node) in done:
        return done[id(node)]
    if kind is MapTemplate:
        value = FrozenMap(
            [
                (key, inner.value if type(inner) is Constant else _fill(inner, pick, record, done))
                for key, inner in node.items
            ]
        )
    elif kind is Hole:
        value = _fill(node.options[_answer_index(node, pick, record)], pick, record, done)
    else:
        value = tuple([_fill(inner, pick, record, done) for inner in _spliced(node, pick, record)])
    done[id(node)] = value
    return value


def _spliced(node: ListTemplate, pick: Pick, record: Record) -> Iterator[Any]:
    for value in node.values:
        if type(value) is not Repeat:
            yield value
        elif isinstance(value.times, int):
            yield from value.copies
        else:
            yield from value.copies[: value.times.labels[_answer_index(value.times, pick, record)]]


def _answer_index(hole: Hole, pick: Pick, record: Record) -> int:
    answer = record[hole.name] if hole.name in record else pick(hole)
    record[hole.name] = answer
    index = hole.index.get((type(answer), answer))
    if index is None:
        raise NotInSpace(
            f"'{hole.name}' = {answer!r} is not an option", fix=f"use one of {' '.join(map(str, hole.labels))}"
        )
    return index


def _same(a: Label, b: Label) -> bool:
    return type(a) is type(b) and a == b


def _way_to(node: Any, target: Hole) -> Record | None:
    """The answers that make `target` active, or None if it is not at or below `node`."""
    if node is target:
        return {}
    if isinstance(node, Hole):
        for label, option in zip(node.labels, node.options, strict=True):
            if (way := _way_to(option, target)) is not None:
                return {node.name: label, **way}
    if isinstance(node, MapTemplate | ListTemplate):
        return next((way for value in node.values if (way := _way_to(value, target)) is not None), None)
    if isinstance(node, Repeat):
        return _way_through(node, target)
    return None


def _way_through(repeat: Repeat, target: Hole) -> Record | None:
    if repeat.times is target:
        return {}
    for index, copy in enumerate(repeat.copies):
        if (way := _way_to(copy, target)) is not None:
            if isinstance(repeat.times, Hole):
                way = {repeat.times.name: next(n for n in repeat.times.labels if n > index), **way}
            return way
    return None


def _find(node: Any, item: strict_yaml.Item, path: tuple, record: Record) -> tuple[str, str]:
    """File and line of what stands at `path` in the genotype of `record`, and the last decision on the way."""
    if isinstance(node, Hole):
        label = record[node.name]
        index = node.index[(type(label), label)]
        if not isinstance(item.value, dict):  # an !int, or a !choice of scalars
            return (item.value[index].place if item.tag == "!choice" else item.place), node.name
        place, decision = _find(node.options[index], item.value[label], path, record)
        return place, decision or node.name
    if path and isinstance(node, MapTemplate) and path[0] in node.keys:
        inner = node.values[node.keys.index(path[0])]
        return _find(inner, item.value[path[0]], path[1:], record)
    if path and isinstance(node, ListTemplate):
        places = list(_list_places(node, item, record))
        if isinstance(path[0], int) and path[0] < len(places):
            return _find(*places[path[0]], path[1:], record)
    return strict_yaml.at(item, path).place, ""


def _list_places(node: ListTemplate, item: strict_yaml.Item, record: Record) -> Iterator[tuple[Any, strict_yaml.Item]]:
    """The template and the Item of each place of a list, copies written out."""
    for value, inner in zip(node.values, item.value, strict=True):
        if isinstance(value, Repeat):
            times = value.times if isinstance(value.times, int) else record[value.times.name]
            yield from ((copy, inner.value["of"]) for copy in value.copies[:times])
        else:
            yield value, inner


def _canonical(node: Any, seen: dict[int, int]) -> Any:
    """Nested tuples that tell everything about a template, shared holes by number."""
    if isinstance(node, Constant):
        return ("constant", node.value)
    if id(node) in seen:
        return ("again", seen[id(node)])
    seen[id(node)] = len(seen)
    if isinstance(node, Hole):
        return ("hole", node.name, node.labels, tuple(_canonical(option, seen) for option in node.options))
    if isinstance(node, Repeat):
        times = node.times if isinstance(node.times, int) else _canonical(node.times, seen)
        return ("repeat", times, tuple(_canonical(copy, seen) for copy in node.copies))
    keys = node.keys if isinstance(node, MapTemplate) else ()
    return (type(node).__name__, keys, tuple(_canonical(value, seen) for value in node.values))
