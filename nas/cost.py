"""Exact costs of a network: a fold over its tree in integers, without torch.

Conventions (those of the CSN paper): multiply-accumulates of every convolution (stem and shortcuts included)
at every output position, plus the classifier's weights; norms, ReLU, pooling and biases count nothing.
Interactions are `c_out * binom(c_in / groups, 2)` summed over convolutions, classifier excluded.

Legend: c channels, t frames, h height, w width, k kernel, s stride, g groups.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from nas.errors import NasError
from nas.genotype import Genotype
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
    Triple,
)
from nas.network import Piece, head_piece, pieces
from nas.schema import SchemaError

Shape = tuple[int, int, int, int]  # (c, t, h, w)


class Field(NamedTuple):
    """The extent of input that one output position sees, and the input distance between two of them."""

    extent: Triple = (1, 1, 1)
    jump: Triple = (1, 1, 1)

    def then(self, after: Field) -> Field:
        """The field of this followed by `after`; a kernel k with stride s is `Field(k, s)`."""
        (a, b, c), (i, j, k) = self
        (d, e, f), (l, m, n) = after
        return Field((a + (d - 1) * i, b + (e - 1) * j, c + (f - 1) * k), (i * l, j * m, k * n))


class Cost(NamedTuple):
    """What a tree costs for one clip. Adds up along a sequence (`depth` too)."""

    conv_macs: int = 0  # multiply-accumulates of convolutions
    linear_macs: int = 0  # multiply-accumulates of linear layers
    params: int = 0  # every trainable tensor
    weights: int = 0  # convolution and linear weights alone (the CSN paper's "params")
    interactions: int = 0  # pairs of input channels that meet in one filter, over all filters
    activations: int = 0  # output elements of convolutions and linear layers
    norm_elements: int = 0  # elements that pass through a batch norm
    depth: int = 0  # convolutions and linear layers on the longest path
    measured: int = 0  # blocks that were measured, not counted (opaque modules)
    receptive_field: Triple = (1, 1, 1)  # frames, height, width seen before the last average, gates left out
    latency: float | None = None  # milliseconds, where they are known: `cost` does not tell them, `nas.latency` does

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers."""
        return self.conv_macs + self.linear_macs

    def known(self) -> dict[str, Any]:
        """All that is known, by name.

        >>> "latency" in Cost().known(), Cost(latency=1.5).known()["latency"]
        (False, 1.5)
        """
        return {name: value for name, value in self._asdict().items() if value is not None}


class Counted(NamedTuple):
    """A fold's value: the cost of the tree, the shape that leaves it, and its own field."""

    cost: tuple[int, ...]  # the first nine fields of Cost
    shape: Shape
    field: Field


NOTHING = (0,) * 9


def cost(genotype: Genotype) -> Cost:
    """The exact cost of a genotype at its own clip.

    >>> from nas import content, genotype
    >>> cost(genotype.load(content.find("ir-csn-50", "models"))).macs
    10577744384

    Raises SchemaError where the genotype does not describe a network.
    """
    sums, shape, field = NOTHING, input_shape(genotype), Field()
    for number, piece in enumerate(pieces(genotype)):
        counted = _located(number, piece, shape)
        sums, shape, field = _add(sums, counted.cost), counted.shape, field.then(counted.field)
    last = of_piece(head_piece(genotype, shape[0]), shape)
    return Cost(*_add(sums, last.cost), receptive_field=field.extent)


def stage_costs(genotype: Genotype) -> list[tuple[str, Cost, Shape]]:
    """Name, cost and output shape (c, t, h, w) of stem, stages and head, in order.

    The receptive field of each row is that of the network up to there.
    """
    shape, field, rows = input_shape(genotype), Field(), []
    for number, piece in enumerate(pieces(genotype)):
        counted = _located(number, piece, shape)
        shape, field = counted.shape, field.then(counted.field)
        name = f"stages.{number - 1}" if number else "stem"
        rows.append((name, Cost(*counted.cost, receptive_field=field.extent), shape))
    last = of_piece(head_piece(genotype, shape[0]), shape)
    return [*rows, ("head", Cost(*last.cost, receptive_field=field.extent), last.shape)]


def fold(node: Node, shape: Shape) -> Counted:
    """The cost of any tree that a (c, t, h, w) tensor enters.

    >>> fold(Conv(4, 4, groups=2), (4, 1, 1, 1)).cost[4]  # interactions, Figure 1 of the CSN paper
    4
    """
    return RULES[type(node)](node, shape)


def _seq(node: Seq, shape: Shape) -> Counted:
    return _chain([(lambda at, child=child: fold(child, at)) for _, child in node.children], shape)


def _chain(steps: list, shape: Shape) -> Counted:
    sums, field = NOTHING, Field()
    for step in steps:
        counted = step(shape)
        sums, shape, field = _add(sums, counted.cost), counted.shape, field.then(counted.field)
    return Counted(sums, shape, field)


def _residual(node: Residual, shape: Shape) -> Counted:
    body = fold(node.body, shape)
    side = fold(node.shortcut, shape) if node.shortcut else Counted(NOTHING, shape, Field())
    if side.shape != body.shape:
        raise NasError(
            f"a block's body gives {_written(body.shape)}, its shortcut {_written(side.shape)}: no sum of the two",
            fix=_remedy(body.shape, side.shape),
        )
    return _beside([body, side], body.shape)


def _sum(node: Sum, shape: Shape) -> Counted:
    parts = [fold(branch, shape) for _, branch in node.branches]
    _check_alike([part.shape for part in parts])
    return _beside(parts, parts[0].shape)


def _concat(node: Concat, shape: Shape) -> Counted:
    parts = [fold(branch, shape) for _, branch in node.branches]
    _check_alike([part.shape[1:] for part in parts])
    return _beside(parts, (sum(part.shape[0] for part in parts), *parts[0].shape[1:]))


def _scale(node: Scale, shape: Shape) -> Counted:
    gate = fold(node.gate, shape)
    if gate.shape[0] != shape[0] or any(g not in (1, n) for g, n in zip(gate.shape[1:], shape[1:], strict=True)):
        raise NasError(
            f"a gate of {_written(gate.shape)} cannot scale {_written(shape)}", fix="use kernels of odd size"
        )
    return Counted(gate.cost, shape, Field())  # most gates average the clip: the field is that of what they scale


def _beside(parts: list[Counted], shape: Shape) -> Counted:
    """Branches of one input: costs add up, depth and extent are those of the largest."""
    sums = NOTHING
    for part in parts:
        sums = _add(sums, part.cost)
    depth = max(part.cost[7] for part in parts)
    extent = tuple(map(max, *(part.field.extent for part in parts))) if len(parts) > 1 else parts[0].field.extent
    return Counted((*sums[:7], depth, sums[8]), shape, Field(extent, parts[0].field.jump))


def _check_alike(shapes: list[tuple[int, ...]]) -> None:
    if other := next((shape for shape in shapes if shape != shapes[0]), None):
        raise NasError(
            f"branches give {_written(shapes[0])} and {_written(other)}: they cannot be joined",
            fix=_remedy(shapes[0], other),
        )


def _remedy(one: tuple[int, ...], two: tuple[int, ...]) -> str:
    return "use kernels of odd size" if one[0] == two[0] or len(one) < 4 else "give both the same number of channels"


def _written(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _check_channels(node: Node, expected: int, shape: Shape) -> None:
    if shape[0] != expected:
        raise NasError(
            f"a {type(node).__name__} of {expected} channels is given {shape[0]}", fix="mend the block's tree"
        )


def _conv(node: Conv, shape: Shape) -> Counted:
    _check_channels(node, node.c_in, shape)
    out = (node.c_out, *_out_size(shape, node.kernel, node.stride))
    weights = node.c_out * (node.c_in // node.groups) * prod(node.kernel)
    positions = prod(out[1:])
    seen = node.c_in // node.groups
    interactions = node.c_out * (seen * (seen - 1) // 2)
    sums = (weights * positions, 0, weights, weights, interactions, prod(out), 0, 1, 0)
    return Counted(sums, out, Field(node.kernel, node.stride))


def _norm(node: Norm, shape: Shape) -> Counted:
    _check_channels(node, node.channels, shape)
    return Counted((0, 0, 2 * node.channels, 0, 0, 0, prod(shape), 0, 0), shape, Field())


def _pool(node: Pool, shape: Shape) -> Counted:
    kernel = tuple(min(k, n + 2 * p) for k, n, p in zip(node.kernel, shape[1:], node.padding, strict=True))
    sizes = zip(shape[1:], kernel, node.stride, node.padding, strict=True)
    out = (shape[0], *((n + 2 * p - k) // s + 1 for n, k, s, p in sizes))
    return Counted(NOTHING, out, Field(kernel, node.stride))


def _avg_pool(node: AvgPool, shape: Shape) -> Counted:
    kernel = tuple(map(min, node.kernel, shape[1:]))
    sizes = zip(shape[1:], kernel, node.stride, strict=True)
    out = (min(-(-(n - k) // s), (n - 1) // s) + 1 for n, k, s in sizes)  # every window starts inside the input
    return Counted(NOTHING, (shape[0], *out), Field(kernel, node.stride))


def _mean(node: Mean, shape: Shape) -> Counted:
    extent = tuple(n if axis in node.over else 1 for axis, n in zip("thw", shape[1:], strict=True))
    out = (1 if axis in node.over else n for axis, n in zip("thw", shape[1:], strict=True))
    return Counted(NOTHING, (shape[0], *out), Field(extent))


def _linear(node: Linear, shape: Shape) -> Counted:
    _check_channels(node, node.c_in, shape)
    weights, positions = node.c_in * node.c_out, prod(shape[1:])
    sums = (0, weights * positions, weights + node.c_out, weights, 0, node.c_out * positions, 0, 1, 0)
    return Counted(sums, (node.c_out, *shape[1:]), Field())


def _free(node: Node, shape: Shape) -> Counted:
    return Counted(NOTHING, shape, Field())


def _opaque(node: Opaque, shape: Shape) -> Counted:
    from nas.opaque import measure

    return measure(node, shape)


RULES = {
    Seq: _seq,
    Residual: _residual,
    Sum: _sum,
    Concat: _concat,
    Scale: _scale,
    Conv: _conv,
    Norm: _norm,
    Act: _free,
    Pool: _pool,
    AvgPool: _avg_pool,
    Mean: _mean,
    Linear: _linear,
    Dropout: _free,
    Shuffle: _free,
    Opaque: _opaque,
}


def _located(number: int, piece: Piece, shape: Shape) -> Counted:
    try:
        return of_piece(piece, shape)
    except NasError as error:
        path = ("stages", number - 1) if number else ("stem",)
        raise SchemaError(error.problem, path=path, fix=error.fix) from None


@lru_cache(maxsize=1 << 17)
def of_piece(piece: Piece, shape: Shape) -> Counted:
    """The cost of a stem, a stage, a block or a head that a (c, t, h, w) tensor enters."""
    if piece.parts:
        return _chain([(lambda at, part=part: of_piece(part, at)) for part in piece.parts], shape)
    return fold(piece.tree, shape)


def input_shape(genotype: Genotype) -> Shape:
    """The (c, t, h, w) of the clip at which a genotype's costs are counted."""
    return (3, genotype.input.frames, genotype.input.size, genotype.input.size)


def _add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(int.__add__, a, b))


def _out_size(shape: Shape, kernel: Triple, stride: Triple) -> Triple:
    """Output frames, height and width under padding by half the kernel."""
    return tuple((n + 2 * (k // 2) - k) // s + 1 for n, k, s in zip(shape[1:], kernel, stride, strict=True))
