"""What a network repeats, written down once: its blocks, the sums, concatenations and gates within them, and sequences
that stand at several places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from nas.exporting import naming
from nas.exporting.bodies import class_lines, function_lines
from nas.exporting.code import Call, Code
from nas.exporting.definition import Definition
from nas.exporting.shapes import Skeleton, channels_out, named, skeleton
from nas.exporting.writer import Path, Writer
from nas.layers import LEAVES, Node, Residual, Seq


@dataclass
class Group:
    """The trees of one skeleton: the distinct ones, the kind of block that they are if any, and where they stand."""

    label: str = ""
    nodes: dict[Node, None] = field(default_factory=dict)
    places: set[tuple] = field(default_factory=set)
    in_grid: bool = False  # whether they stand below an operation along an axis of a grid of channels

    @property
    def is_function(self) -> bool:
        """Whether they are sequences, which need no class."""
        return not self.label and isinstance(next(iter(self.nodes)), Seq)


class Definitions:
    """The classes and functions of a network with this `stem` and these `blocks` (block, name of its kind)."""

    def __init__(self, stem: Node, blocks: Sequence[tuple[Node, str]]):
        self._projected = _projected(block for block, _ in blocks)
        self._groups: dict[Skeleton, Group] = {}
        for block, kind in blocks:  # before what is inside of any, which may look like a block
            if type(block) not in LEAVES:
                self._groups.setdefault(self._key(block), Group(kind)).nodes[block] = None
        for block, _ in blocks:
            for name, part in named(block):
                self._collect(part, self._key(block), (name,))
        for name, part in stem.children:
            self._collect(part, "stem", (name,))
        self._groups = {
            key: group for key, group in self._groups.items() if not group.is_function or _is_worth_it(group)
        }
        self._names = naming.names({key: (list(one.nodes), one.label) for key, one in self._groups.items()})
        self.made: dict[Skeleton, Definition] = {}

    def of(self, node: Node) -> Definition | None:
        """The class or function that makes a tree; None for sequences that are written out where they stand."""
        key = self._key(node)
        if key in self._groups and key not in self.made:
            self.made[key] = self._define(self._names[key], self._groups[key])
        return self.made.get(key)

    def maker(self, block: Node) -> Code:
        """What makes a block when it is called without arguments."""
        if type(block) not in LEAVES:
            return self.of(block).maker(block)
        made = Writer(self.of).expression([block])
        return Call("partial", ((None, made.function), *made.arguments))

    def _collect(self, node: Node, owner: object, path: Path) -> None:
        """Put a part of a block, and what is inside of it, into their groups."""
        if type(node) in LEAVES:
            return
        group = self._groups.setdefault(self._key(node), Group())
        group.nodes[node] = None
        group.places.add((owner, path))
        group.in_grid |= any(name.startswith("axis") for name in path)
        for name, part in named(node):
            self._collect(part, owner, (*path, name))

    def _define(self, name: str, group: Group) -> Definition:
        nodes = list(group.nodes)
        writer = Writer(self.of, leaving=[channels_out(node) for node in nodes], grid=group.in_grid)
        write = function_lines if group.is_function else class_lines
        lines = write(name, writer, nodes)
        numbers = {node: number for number, node in enumerate(nodes)}
        return Definition(name, tuple(writer.arguments.ordered), tuple(lines), numbers)

    def _key(self, node: Node) -> Skeleton:
        """Residual blocks with and without the one shortcut that there is for their body are of one class."""
        found = skeleton(node)
        return self._projected.get(found, found)


def _is_worth_it(group: Group) -> bool:
    """Whether a sequence is a function: one conv operator that stands at several places."""
    return len(group.places) > 1 and all(path[-1].startswith("conv") for _, path in group.places)


def _projected(blocks: Iterable[Node]) -> dict[Skeleton, Skeleton]:
    """For residual blocks without a shortcut, the skeleton with a shortcut that stands for both, if there is one."""
    shortcuts: dict[Skeleton, dict[Skeleton, None]] = {}
    for block in dict.fromkeys(blocks):
        if isinstance(block, Residual) and block.shortcut is not None:
            plain = skeleton(Residual(block.body, None, block.act))
            shortcuts.setdefault(plain, {})[skeleton(block)] = None
    return {plain: next(iter(found)) for plain, found in shortcuts.items() if len(found) == 1}
