"""Exact counting of records and uniform drawing, on one automaton of decisions.

A record answers the active decisions. Walking the template in order, what is left to decide after some answers
is a continuation (a linked list of templates) plus the answers of shared holes that are still to come. Equal
continuations are one state, so a space of 10^20 records is a few hundred states; every state knows how many
records complete it. Checked against brute force in the tests.
"""

from __future__ import annotations

import itertools
import sys
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from nas.template import Constant, Hole, Label, ListTemplate, MapTemplate, Repeat

Record = dict[str, Label]


class State:
    """The next decision, the state that follows each label, and the number of records from here on."""

    __slots__ = ("count", "cumulative", "hole", "next")

    def __init__(self, hole: Hole | None, following: list[State]):
        self.hole, self.next = hole, following
        self.cumulative = list(itertools.accumulate(state.count for state in following))
        self.count = self.cumulative[-1] if following else 1


@contextmanager
def deep_recursion():
    """Room for as many nested calls as a space of 2,000 decisions needs (pure Python: the C stack is not used)."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 50_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class Automaton:
    """All records of a template."""

    def __init__(self, template: Any):
        self.shared = _shared_holes(template)
        self.below: dict[int, frozenset[int]] = {}
        self.conts: dict[tuple[int, int], Cont] = {}
        self.states: dict[tuple, State] = {}
        self.end = State(None, [])
        with deep_recursion():
            self.start = self._state(self._push(template, None), {})

    @property
    def count(self) -> int:
        """The exact number of records."""
        return self.start.count

    def draw(self, rng: Random) -> Record:
        """A record, each with the same probability."""
        state, record = self.start, {}
        while state.hole is not None:
            index = bisect(state.cumulative, rng.randrange(state.count)) if len(state.next) > 1 else 0
            record[state.hole.name] = state.hole.labels[index]
            state = state.next[index]
        return record

    def all(self) -> Iterator[Record]:
        """Every record, in the order of the file."""
        yield from _complete(self.start, {})

    def _state(self, cont: Cont | None, known: dict[int, int]) -> State:
        """The state of a continuation under the answers `known` of shared holes."""
        if cont is None:
            return self.end
        known = {hole: label for hole, label in known.items() if hole in cont.mentions}
        key = (id(cont), tuple(sorted(known.items())))
        if key not in self.states:
            self.states[key] = self._expand(cont, known)
        return self.states[key]

    def _expand(self, cont: Cont, known: dict[int, int]) -> State:
        node, rest = cont.node, cont.rest
        if isinstance(node, MapTemplate | ListTemplate):
            for value in reversed(node.values):
                rest = self._push(value, rest)
            return self._state(rest, known)
        if isinstance(node, Repeat):
            return self._repeat(node, rest, known)
        if id(node) in known:
            return self._state(rest, known)
        return State(node, [self._after(node, index, rest, known) for index in range(len(node.labels))])

    def _after(self, hole: Hole, index: int, rest: Cont | None, known: dict[int, int]) -> State:
        now = {**known, id(hole): index} if id(hole) in self.shared else known
        return self._state(self._push(hole.options[index], rest), now)

    def _repeat(self, node: Repeat, rest: Cont | None, known: dict[int, int]) -> State:
        if isinstance(node.times, int):
            return self._state(self._push_all(node.copies, rest), known)
        if id(node.times) in known:
            times = node.times.labels[known[id(node.times)]]
            return self._state(self._push_all(node.copies[:times], rest), known)
        following = []
        for index, times in enumerate(node.times.labels):
            now = {**known, id(node.times): index} if id(node.times) in self.shared else known
            following.append(self._state(self._push_all(node.copies[:times], rest), now))
        return State(node.times, following)

    def _push_all(self, nodes: tuple[Any, ...], rest: Cont | None) -> Cont | None:
        for node in reversed(nodes):
            rest = self._push(node, rest)
        return rest

    def _push(self, node: Any, rest: Cont | None) -> Cont | None:
        """One interned cell; constants leave nothing to decide."""
        if isinstance(node, Constant):
            return rest
        key = (id(node), id(rest))
        if key not in self.conts:
            self.conts[key] = Cont(node, rest, self._mentioned(node) | (rest.mentions if rest else frozenset()))
        return self.conts[key]

    def _mentioned(self, node: Any) -> frozenset[int]:
        """The shared holes at or below a node."""
        if id(node) not in self.below:
            below = [self._mentioned(child) for child in children(node)]
            own = {id(node)} if id(node) in self.shared else set()
            self.below[id(node)] = frozenset(own.union(*below))
        return self.below[id(node)]


class Cont:
    """A template still to be decided, and what comes after it."""

    __slots__ = ("mentions", "node", "rest")

    def __init__(self, node: Any, rest: Cont | None, mentions: frozenset[int]):
        self.node, self.rest, self.mentions = node, rest, mentions


def children(node: Any) -> tuple[Any, ...]:
    """The templates directly below one."""
    if isinstance(node, Hole):
        return node.options
    if isinstance(node, MapTemplate | ListTemplate):
        return node.values
    if isinstance(node, Repeat):
        return (node.times, *node.copies) if isinstance(node.times, Hole) else node.copies
    return ()


def holes(template: Any) -> list[Hole]:
    """Every hole once, in the order of the file."""
    found, seen, stack = [], set(), [template]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Hole):
            found.append(node)
        stack.extend(reversed(children(node)))
    return found


def _shared_holes(template: Any) -> frozenset[int]:
    """Holes that the walk meets more than once, so that their answer must be remembered.

    What is inside a shared hole is decided at its first meeting and skipped at the next.
    """
    meetings: Counter[int] = Counter()
    shared: set[int] = set()

    def visit(node: Any) -> None:
        meetings[id(node)] += 1
        if isinstance(node, Hole) and meetings[id(node)] > 1:
            shared.add(id(node))
            return
        if meetings[id(node)] <= 2:  # a third meeting of a map tells nothing new
            for child in children(node):
                visit(child)

    visit(template)
    return frozenset(shared)


def _complete(state: State, record: Record) -> Iterator[Record]:
    if state.hole is None:
        yield dict(record)
        return
    for label, following in zip(state.hole.labels, state.next, strict=True):
        yield from _complete(following, {**record, state.hole.name: label})
