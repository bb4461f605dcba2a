"""Interaction fields: over how many channels and which t x h x w extent the features of a network meet.

A third fold over the tree, without torch. What an output depends on is followed channel by channel (as the bits of an
integer), and its extent as in `nas.cost`. Only connections count, not weights: an output depends on an input when there
is a path between them. Clips do not count either: a kernel or pooling larger than its input has its full extent.

Legend: c channels, t frames, h height, w width; triples are (t, h, w).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import product
from math import inf, prod
from operator import or_
from typing import NamedTuple

from nas.blocks.registry import Part
from nas.cost import Field
from nas.genotype import Genotype, Stage
from nas.layers import (
    Act,
    AvgPool,
    Concat,
    Conv,
    Dropout,
    Linear,
    Mean,
    Node,
    Norm,
    Opaque,
    Pool,
    Residual,
    Scale,
    Seq,
    Shuffle,
    Sum,
    leaves,
)
from nas.network import Piece, pieces

Masks = tuple[int, ...]  # for each channel, the input channels that it depends on, as the bits of an integer
Extent = tuple[int | None, int | None, int | None]  # None: the whole clip on that axis


@dataclass(frozen=True)
class Interaction:
    """What one output of a tree depends on: channels (fewest, most over the outputs) of its input, and an extent.

    The extent is the smallest box around what any output sees: that of 1x3x3 beside 3x1x1 is 3x3x3.
    """

    channels: tuple[int, int]
    of: int
    extent: Extent

    def __str__(self) -> str:
        return f"{self.count} of {self.of} channels, {self.box}"

    @property
    def count(self) -> str:
        """The number of channels, `64`, or `16..64` where outputs differ."""
        fewest, most = self.channels
        return f"{most}" if fewest == most else f"{fewest}..{most}"

    @property
    def box(self) -> str:
        """The extent as frames x height x width, such as `3x3x3` or `allx3x3`, or `whole clip`."""
        if self.extent == (None, None, None):
            return "whole clip"
        return "x".join("all" if size is None else str(size) for size in self.extent)


@dataclass(frozen=True)
class Row:
    """A line of `nas show`: equal blocks of a stage (no `blocks`: the stem, or the whole network)."""

    name: str  # "stem", "stages.1", "network"
    blocks: tuple[int, ...]  # their numbers in the stage
    kind: str  # of block and conv operator
    operator: Interaction | None  # of the conv operator without its gates; None: none extends in time or space
    whole: Interaction | None  # of the whole block, with gates and shortcut; None: unknown, a part of it is opaque


class Reach(NamedTuple):
    """A fold's value: what each output channel depends on, and the field (an extent may be infinite)."""

    masks: Masks
    field: Field = Field()


def field(tree: Node, c_in: int) -> Interaction | None:
    """The interaction field of any tree that `c_in` channels enter; None where an opaque module is in it.

    >>> str(field(Conv(8, 8, (3, 3, 3), groups=2), 8))
    '4 of 8 channels, 3x3x3'
    """
    return None if _opaque(tree) else _told(_reach(tree, _each(c_in)), c_in)


def operator_of(tree: Node) -> Node | None:
    """The conv operator of a block: its first `conv...` that extends in time or space (SEVNet's: the spatial one)."""
    for name, child in _named(tree):
        if name.startswith("conv") and any(max(leaf.kernel) > 1 for leaf in leaves(child) if isinstance(leaf, Conv)):
            return child
        if inside := operator_of(child):
            return inside
    return None


def fields(genotype: Genotype) -> list[Row]:
    """Rows for the stem, for equal blocks of each stage, and for the network.

    The network's row says over how many of the stem's channels the features meet before the head, and which extent of
    the input in frames and pixels they see; raises SchemaError where the genotype does not describe a network.
    """
    stem, *stages = pieces(genotype)
    rows, c_in = [Row("stem", (), genotype.stem.conv.kind, *block_fields(stem, 3))], stem.c_out
    for number, (stage, piece) in enumerate(zip(genotype.stages, stages, strict=True)):
        rows += _stage(f"stages.{number}", stage, piece, c_in)
        c_in = piece.c_out
    return [*rows, Row("network", (), "", None, _network(stem, stages))]


def _stage(name: str, stage: Stage, piece: Piece, c_in: int) -> list[Row]:
    alike: dict[tuple, list[int]] = {}
    blocks = piece.parts[1:] if stage.pool else piece.parts
    for number, (part, block) in enumerate(zip(stage.blocks, blocks, strict=True)):
        alike.setdefault((_kind(part), *block_fields(block, c_in)), []).append(number)
        c_in = block.c_out
    return [Row(name, tuple(numbers), *shared) for shared, numbers in alike.items()]


def _network(stem: Piece, stages: list[Piece]) -> Interaction | None:
    if any(_opaque(piece.tree) for piece in (stem, *stages)):
        return None
    masks, seen = _each(stem.c_out), _reach(stem.tree, _each(3)).field
    for stage in stages:
        masks, own = _reach(stage.tree, masks)
        seen = seen.then(own)
    return _told(Reach(masks, seen), stem.c_out)


@lru_cache(maxsize=1 << 12)
def block_fields(piece: Piece, c_in: int) -> tuple[Interaction | None, Interaction | None]:
    """What a block's conv operator mixes, gates left out (None where it has none), and what the whole block does."""
    conv = operator_of(piece.tree)
    return conv and field(_ungated(conv), _entering(conv)), field(piece.tree, c_in)


def _kind(part: Part) -> str:
    conv = dict(part.genes).get("conv")
    return f"{part.kind} {conv.kind}" if isinstance(conv, Part) else part.kind


def _told(reach: Reach, c_in: int) -> Interaction:
    counts = [mask.bit_count() for mask in set(reach.masks)]
    extent = tuple(None if size == inf else size for size in reach.field.extent)
    return Interaction((min(counts), max(counts)), c_in, extent)


def _named(node: Node) -> Iterator[tuple[str, Node]]:
    """The branches of a tree by name; gates and shortcuts are no place of a conv operator."""
    if isinstance(node, Residual):
        node = node.body
    yield from node.children if isinstance(node, Seq) else node.branches if isinstance(node, Sum | Concat) else ()


def _ungated(node: Node) -> Node:
    """A conv operator without gates: most of them average the clip, which would hide how far its convolutions reach."""
    if isinstance(node, Seq):
        return Seq(tuple((name, _ungated(child)) for name, child in node.children if not isinstance(child, Scale)))
    return Sum(tuple((name, _ungated(branch)) for name, branch in node.branches)) if isinstance(node, Sum) else node


def _entering(node: Node) -> int:
    """How many channels enter a conv operator: leaves before its first convolution leave their number as it is."""
    return next(leaf.c_in for leaf in leaves(node) if isinstance(leaf, Conv))


def _opaque(node: Node) -> bool:
    return any(isinstance(leaf, Opaque) for leaf in leaves(node))


@lru_cache(maxsize=256)
def _each(c: int) -> Masks:
    return tuple(1 << channel for channel in range(c))


def _reach(node: Node, masks: Masks) -> Reach:
    return RULES[type(node)](node, masks)


def _seq(node: Seq, masks: Masks) -> Reach:
    seen = Field()
    for _, child in node.children:
        masks, own = _reach(child, masks)
        seen = seen.then(own)
    return Reach(masks, seen)


def _beside(parts: list[Reach]) -> Reach:
    """Branches of one input, summed or multiplied channel by channel."""
    masks = tuple(reduce(or_, column) for column in zip(*(part.masks for part in parts), strict=True))
    return Reach(masks, _box(parts))


def _box(parts: list[Reach]) -> Field:
    extent = tuple(map(max, zip(*(part.field.extent for part in parts), strict=True)))
    return Field(extent, parts[0].field.jump)


def _concat(node: Concat, masks: Masks) -> Reach:
    parts = [_reach(branch, masks) for _, branch in node.branches]
    return Reach(tuple(mask for part in parts for mask in part.masks), _box(parts))


def _conv(node: Conv, masks: Masks) -> Reach:
    return Reach(_in_groups(masks, node.groups, node.c_out), Field(node.kernel, node.stride))


def _in_groups(masks: Masks, groups: int, c_out: int) -> Masks:
    """Each output of a group depends on what any input of the group does."""
    if groups == len(masks) == c_out:
        return masks
    width, copies = len(masks) // groups, c_out // groups
    met = [reduce(or_, masks[start : start + width]) for start in range(0, len(masks), width)]
    return tuple(mask for mask in met for _ in range(copies))


def _mean(node: Mean, masks: Masks) -> Reach:
    return Reach(masks, Field(tuple(inf if axis in node.over else 1 for axis in "thw")))


def _shuffle(node: Shuffle, masks: Masks) -> Reach:
    return Reach(tuple(masks[channel] for channel in _order(node.sizes, node.order)))


@lru_cache(maxsize=256)
def _order(sizes: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    """The old channel at each new one: the last axis of a grid varies fastest."""
    steps = [prod(sizes[axis + 1 :]) for axis in range(len(sizes))]
    new = product(*(range(0, sizes[axis] * steps[axis], steps[axis]) for axis in order))
    return tuple(map(sum, new))


def _alone(node: Node, masks: Masks) -> Reach:
    return Reach(masks)


def _window(node: Pool | AvgPool, masks: Masks) -> Reach:
    return Reach(masks, Field(node.kernel, node.stride))


RULES = {
    Seq: _seq,
    Residual: lambda node, masks: _beside([_reach(node.body, masks), _reach(node.shortcut or Seq(()), masks)]),
    Sum: lambda node, masks: _beside([_reach(branch, masks) for _, branch in node.branches]),
    Concat: _concat,
    Scale: lambda node, masks: _beside([Reach(masks), _reach(node.gate, masks)]),
    Conv: _conv,
    Norm: _alone,
    Act: _alone,
    Pool: _window,
    AvgPool: _window,
    Mean: _mean,
    Linear: lambda node, masks: Reach(_in_groups(masks, 1, node.c_out)),
    Dropout: _alone,
    Shuffle: _shuffle,
}  # an Opaque has none: what is not a tree cannot be followed
