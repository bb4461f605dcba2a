"""The pieces of networks whose times add up, each at the input that it meets.

A piece's output leaves in a memory layout that only running it tells, so what follows a piece is known once that piece
is measured: `Web` keeps which piece follows which, and a table of measurements opens it layer by layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from nas.cost import Counted, Shape, input_shape, of_piece
from nas.genotype import Genotype
from nas.layers import Conv, leaves
from nas.network import Piece, head_piece, pieces
from nas.summary import block_words


class Node(NamedTuple):
    """A piece, and the (c, t, h, w) of one clip that enters it."""

    piece: Piece
    shape: Shape


class State(NamedTuple):
    """What is measured: a piece, the shape that enters it, and the memory layout of what enters."""

    piece: Piece
    shape: Shape
    layout: str

    @property
    def key(self) -> str:
        """Its name in a table of measurements."""
        return f"{self.piece.digest[:16]} {'x'.join(map(str, self.shape))} {self.layout}"


class Block(NamedTuple):
    """A piece at its place in a network: `stages.2.0`, in words, what enters it, and what it costs."""

    name: str
    words: str
    node: Node
    counted: Counted

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one clip."""
        return self.counted.cost[0] + self.counted.cost[1]


class Measured(Protocol):
    """Where a web finds what is measured: `table.Table`."""

    first: str  # the layout of the clip

    def after(self, state: State) -> str | None: ...


def nodes(genotype: Genotype) -> Iterator[Node]:
    """The pieces of a network in the order of computation."""
    shape = input_shape(genotype)
    for piece in pieces(genotype):
        for part in piece.parts or (piece,):
            yield Node(part, shape)
            shape = of_piece(part, shape).shape
    yield Node(head_piece(genotype, shape[0]), shape)


def blocks(genotype: Genotype) -> list[Block]:
    """The pieces of a network with their names and costs.

    >>> from nas import content, genotype
    >>> found = blocks(genotype.load(content.find("ir-csn-50", "models")))
    >>> [(one.name, one.words, one.node.shape) for one in found[:2]]
    [('stem', 'stem', (3, 8, 224, 224)), ('stages.0.0', 'bottleneck depthwise x4', (64, 8, 56, 56))]
    """
    named = [("stem", "stem"), *_stages(genotype), ("head", "head")]
    return [
        Block(name, _told(told, node), node, of_piece(*node))
        for (name, told), node in zip(named, nodes(genotype), strict=True)
    ]


def _stages(genotype: Genotype) -> Iterator[tuple[str, str]]:
    for number, stage in enumerate(genotype.stages):
        if stage.pool:
            yield f"stages.{number}.pool", "pool"
        for place, part in enumerate(stage.blocks):
            yield f"stages.{number}.{place}", block_words(part)


def _told(told: str, node: Node) -> str:
    """The words, and whether a block has lost its extent in time (deflation)."""
    kernels = [leaf.kernel for leaf in leaves(node.piece.tree) if isinstance(leaf, Conv)]
    flat = any(max(kernel) > 1 for kernel in kernels) and all(kernel[0] == 1 for kernel in kernels)
    return f"{told}, 2D" if flat and told != "stem" else told


class Web:
    """Which piece follows which in some networks.

    Paths that mix the networks may lead to a state that none of them has; such strays are few, and are measured too.
    """

    def __init__(self, genotypes: Iterable[Genotype] = ()):
        self.first: set[Node] = set()
        self.next: dict[Node, set[Node]] = {}
        for genotype in genotypes:
            self.add(genotype)

    def __len__(self) -> int:
        return len(self.next)

    def add(self, genotype: Genotype) -> None:
        """Take a network in."""
        before = None
        for node in nodes(genotype):
            followers = self.first if before is None else self.next[before]
            followers.add(node)
            self.next.setdefault(node, set())
            before = node

    def join(self, other: Web) -> None:
        """Take in all networks of another web."""
        self.first |= other.first
        for node, followers in other.next.items():
            self.next.setdefault(node, set()).update(followers)

    def states(self, table: Measured) -> tuple[list[State], list[State]]:
        """The states that are measured, and those that can be measured next, each once and in a lasting order."""
        known, missing = {}, {}
        ahead = [State(*node, table.first) for node in self.first]
        while ahead:
            state = ahead.pop()
            if state.key in known or state.key in missing:
                continue
            layout = table.after(state)
            if layout is None:
                missing[state.key] = state
            else:
                known[state.key] = state
                ahead += [State(*node, layout) for node in self.next[Node(state.piece, state.shape)]]
        return [known[key] for key in sorted(known)], [missing[key] for key in sorted(missing)]
