"""The tree that every network is: leaves that compute, joins that combine, nothing else.

A block is written once as a function that returns such a tree; cost (`nas.cost`) and the torch module
(`nas.build`) are two folds over it. Only leaves have rules; a test checks that both folds know them all.

Legend: c channels, t frames, h height, w width, k kernel, s stride, g groups; triples are (t, h, w).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from hashlib import sha256
from typing import ClassVar

Triple = tuple[int, int, int]
ONES: Triple = (1, 1, 1)


@dataclass(frozen=True)
class Node:
    """Anything in the tree. Two equal nodes describe the same computation."""

    named: ClassVar[tuple[str, ...]] = ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the node's kind and of the fields that differ from their default.

        Leaving defaults out means that a field added tomorrow changes no digest of today.
        """
        told = [f"{f.name}={_digest(getattr(self, f.name))}" for f in fields(self) if not self._is_default(f)]
        return sha256(f"{type(self).__name__}({','.join(told)})".encode()).hexdigest()

    def _is_default(self, f) -> bool:
        return getattr(self, f.name) == f.default


def _nameless(node: Node, named: tuple[tuple[str, Node], ...]) -> str:
    return sha256(f"{type(node).__name__}({','.join(child.digest for _, child in named)})".encode()).hexdigest()


def _digest(value) -> str:
    if isinstance(value, Node):
        return value.digest
    if isinstance(value, tuple):
        return f"[{','.join(_digest(item) for item in value)}]"
    return repr(value)


@dataclass(frozen=True)
class Conv(Node):
    """A 3D convolution without bias, padded so that stride 1 keeps the size of odd kernels."""

    c_in: int
    c_out: int
    kernel: Triple = ONES
    stride: Triple = ONES
    groups: int = 1

    def __post_init__(self):
        assert self.c_in % self.groups == 0 and self.c_out % self.groups == 0, self

    @property
    def padding(self) -> Triple:
        """Half the kernel on each axis."""
        return tuple(k // 2 for k in self.kernel)


@dataclass(frozen=True)
class Norm(Node):
    """Batch normalisation over `channels`, with a learned scale and shift."""

    channels: int


@dataclass(frozen=True)
class Act(Node):
    """A rectified linear unit."""


@dataclass(frozen=True)
class Pool(Node):
    """Max pooling, padded so that stride 1 keeps the size of odd kernels.

    Even kernels are not padded, but cut off where the input is smaller.
    """

    kernel: Triple
    stride: Triple

    @property
    def padding(self) -> Triple:
        """Half of what the kernel is larger than 1, on each axis."""
        return tuple((k - 1) // 2 for k in self.kernel)


@dataclass(frozen=True)
class AvgPool(Node):
    """Average pooling without padding; windows are cut off at the border, and where the input is smaller."""

    kernel: Triple
    stride: Triple = ONES


@dataclass(frozen=True)
class Mean(Node):
    """The average over some axes.

    (b, c, t, h, w) becomes (b, c) over thw (all frames and positions), (b, c, 1, h, w) over t, (b, c, t, 1, 1) over hw.
    """

    over: str = "thw"


@dataclass(frozen=True)
class Linear(Node):
    """A fully connected layer with bias, at each position: (b, c_in, ...) -> (b, c_out, ...)."""

    c_in: int
    c_out: int


@dataclass(frozen=True)
class Dropout(Node):
    """Where training zeroes features at random; how many of them is the recipe's business, not the network's."""


@dataclass(frozen=True)
class Shuffle(Node):
    """A fixed new order of the channels, taken as a grid of `sizes` (slowest axis first) whose axes are put in `order`.

    `Shuffle((4, 8), (1, 0))` turns 32 channels, 4 groups of 8, into 8 groups of 4.
    """

    sizes: tuple[int, ...]
    order: tuple[int, ...]


@dataclass(frozen=True)
class Opaque(Node):
    """A block that is a torch module instead of a tree: built by calling its function, measured instead of counted.

    `kind` and `genes` are those of the block, `place` is where it stands; `c_out` was measured; `source` is a digest
    of the code.
    """

    kind: str
    genes: tuple
    place: tuple
    c_out: int
    source: str


@dataclass(frozen=True)
class Seq(Node):
    """Named nodes one after the other; the names become module names."""

    children: tuple[tuple[str, Node], ...]

    @cached_property
    def digest(self) -> str:
        """Of the children in order: what they are called changes nothing that is computed."""
        return _nameless(self, self.children)


@dataclass(frozen=True)
class Residual(Node):
    """`act(body(x) + shortcut(x))`; without a shortcut the input itself is added, without `act` there is none."""

    body: Seq
    shortcut: Seq | None = None
    act: Act | None = field(default=Act())


@dataclass(frozen=True)
class Sum(Node):
    """The sum of what named branches make of the same input."""

    branches: tuple[tuple[str, Node], ...]

    @cached_property
    def digest(self) -> str:
        """Of the branches in order, whatever they are called."""
        return _nameless(self, self.branches)


@dataclass(frozen=True)
class Concat(Node):
    """The channels of what named branches make of the same input, one after the other."""

    branches: tuple[tuple[str, Node], ...]

    @cached_property
    def digest(self) -> str:
        """Of the branches in order, whatever they are called."""
        return _nameless(self, self.branches)


@dataclass(frozen=True)
class Scale(Node):
    """`x * sigmoid(gate(x))`: what squeeze-excitation, tensor excitation and feature gating share.

    The gate's output is as large as x on each axis, or 1.
    """

    gate: Seq


LEAVES: tuple[type[Node], ...] = (Conv, Norm, Act, Pool, AvgPool, Mean, Linear, Dropout, Shuffle, Opaque)
JOINS: tuple[type[Node], ...] = (Seq, Residual, Sum, Concat, Scale)


def seq(**children: Node) -> Seq:
    """Named nodes in order.

    >>> [name for name, _ in seq(conv=Conv(3, 8), norm=Norm(8)).children]
    ['conv', 'norm']
    """
    return Seq(tuple(children.items()))


def branches(cls: type, **named: Node) -> Node:
    """A Sum or a Concat of named nodes.

    >>> len(branches(Concat, one=Conv(3, 8), two=Conv(3, 4)).branches)
    2
    """
    return cls(tuple(named.items()))


def leaves(node: Node):
    """Every leaf of the tree, in the order of computation."""
    inside = children(node)
    if not inside and type(node) in LEAVES:
        yield node
    for child in inside:
        yield from leaves(child)


def children(node: Node) -> list[Node]:
    """The nodes directly below a join, in the order of computation; none for a leaf."""
    if isinstance(node, Seq):
        return [child for _, child in node.children]
    if isinstance(node, Sum | Concat):
        return [child for _, child in node.branches]
    if isinstance(node, Scale):
        return [node.gate]
    if isinstance(node, Residual):
        return [part for part in (node.body, node.shortcut, node.act) if part is not None]
    return []


def last(node: Node) -> Node:
    """The leaf or join that a tree ends in, looking through sequences and past shuffles.

    >>> last(seq(conv=Conv(8, 8), norm=Norm(8), act=Act()))
    Act()
    """
    if isinstance(node, Seq):
        return last([child for _, child in node.children if not isinstance(child, Shuffle)][-1])
    return node
