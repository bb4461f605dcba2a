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
    """Max pooling, padded by half the kernel."""

    kernel: Triple
    stride: Triple


@dataclass(frozen=True)
class Mean(Node):
    """The average over all frames and positions: (b, c, t, h, w) -> (b, c)."""


@dataclass(frozen=True)
class Linear(Node):
    """A fully connected layer with bias: (b, c_in) -> (b, c_out)."""

    c_in: int
    c_out: int


@dataclass(frozen=True)
class Seq(Node):
    """Named nodes one after the other; the names become module names."""

    children: tuple[tuple[str, Node], ...]

    @cached_property
    def digest(self) -> str:
        """Of the children in order: what they are called changes nothing that is computed."""
        return sha256(f"Seq({','.join(child.digest for _, child in self.children)})".encode()).hexdigest()


@dataclass(frozen=True)
class Residual(Node):
    """`act(body(x) + shortcut(x))`; without a shortcut the input itself is added."""

    body: Seq
    shortcut: Seq | None = None
    act: Act = field(default=Act())


LEAVES: tuple[type[Node], ...] = (Conv, Norm, Act, Pool, Mean, Linear)
JOINS: tuple[type[Node], ...] = (Seq, Residual)


def seq(**children: Node) -> Seq:
    """Named nodes in order.

    >>> [name for name, _ in seq(conv=Conv(3, 8), norm=Norm(8)).children]
    ['conv', 'norm']
    """
    return Seq(tuple(children.items()))


def leaves(node: Node):
    """Every leaf of the tree, in the order of computation."""
    if isinstance(node, Seq):
        for _, child in node.children:
            yield from leaves(child)
    elif isinstance(node, Residual):
        for part in (node.body, node.shortcut, node.act):
            if part is not None:
                yield from leaves(part)
    else:
        yield node
