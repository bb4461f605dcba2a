"""Exact costs of a network: a fold over its tree in integers, without torch.

Conventions (those of the CSN paper): multiply-accumulates of every convolution (stem and shortcuts included)
at every output position, plus the classifier's weights; norms, ReLU, pooling and biases count nothing.
Interactions are `c_out * binom(c_in / groups, 2)` summed over convolutions, classifier excluded.

Legend: c channels, t frames, h height, w width, k kernel, s stride, g groups.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

from nas.errors import NasError
from nas.genotype import Genotype
from nas.layers import Act, Conv, Linear, Mean, Node, Norm, Pool, Residual, Seq, Triple
from nas.network import Piece, head, pieces
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
    receptive_field: Triple = (1, 1, 1)  # frames, height, width seen before the global average

    @property
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers."""
        return self.conv_macs + self.linear_macs


class Counted(NamedTuple):
    """A fold's value: the cost of the tree, the shape that leaves it, and its own field."""

    cost: tuple[int, ...]  # the first eight fields of Cost
    shape: Shape
    field: Field


NOTHING = (0,) * 8


def cost(genotype: Genotype) -> Cost:
    """The exact cost of a genotype at its own clip.

    >>> from nas import content, genotype
    >>> cost(genotype.load(content.find("ir-csn-50", "models"))).macs
    10577744384

    Raises SchemaError where the genotype does not describe a network.
    """
    sums, shape, field = NOTHING, _input(genotype), Field()
    for number, piece in enumerate(pieces(genotype)):
        counted = _located(number, piece, shape)
        sums, shape, field = _add(sums, counted.cost), counted.shape, field.then(counted.field)
    return Cost(*_add(sums, _head(shape, genotype.classes)), receptive_field=field.extent)


def stage_costs(genotype: Genotype) -> list[tuple[str, Cost, Shape]]:
    """Name, cost and output shape (c, t, h, w) of stem, stages and head, in order.

    The receptive field of each row is that of the network up to there.
    """
    shape, field, rows = _input(genotype), Field(), []
    for number, piece in enumerate(pieces(genotype)):
        counted = _located(number, piece, shape)
        shape, field = counted.shape, field.then(counted.field)
        name = f"stages.{number - 1}" if number else "stem"
        rows.append((name, Cost(*counted.cost, receptive_field=field.extent), shape))
    last = Cost(*_head(shape, genotype.classes), receptive_field=field.extent)
    return [*rows, ("head", last, (genotype.classes, 1, 1, 1))]


def fold(node: Node, shape: Shape) -> Counted:
    """The cost of any tree that a (c, t, h, w) tensor enters.

    >>> fold(Conv(4, 4, groups=2), (4, 1, 1, 1)).cost[4]  # interactions, Figure 1 of the CSN paper
    4
    """
    if isinstance(node, Seq):
        return _chain([(lambda at, child=child: fold(child, at)) for _, child in node.children], shape)
    if isinstance(node, Residual):
        return _residual(node, shape)
    return RULES[type(node)](node, shape)


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
            fix="use kernels of odd size",
        )
    depth = max(body.cost[7], side.cost[7])
    extent = tuple(map(max, body.field.extent, side.field.extent))
    return Counted((*_add(body.cost, side.cost)[:7], depth), body.shape, Field(extent, body.field.jump))


def _written(shape: Shape) -> str:
    return "x".join(map(str, shape))


def _conv(node: Conv, shape: Shape) -> Counted:
    out = (node.c_out, *_out_size(shape, node.kernel, node.stride))
    weights = node.c_out * (node.c_in // node.groups) * prod(node.kernel)
    positions = prod(out[1:])
    seen = node.c_in // node.groups
    interactions = node.c_out * (seen * (seen - 1) // 2)
    sums = (weights * positions, 0, weights, weights, interactions, prod(out), 0, 1)
    return Counted(sums, out, Field(node.kernel, node.stride))


def _norm(node: Norm, shape: Shape) -> Counted:
    return Counted((0, 0, 2 * node.channels, 0, 0, 0, prod(shape), 0), shape, Field())


def _act(node: Act, shape: Shape) -> Counted:
    return Counted(NOTHING, shape, Field())


def _pool(node: Pool, shape: Shape) -> Counted:
    out = (shape[0], *_out_size(shape, node.kernel, node.stride))
    return Counted(NOTHING, out, Field(node.kernel, node.stride))


def _mean(node: Mean, shape: Shape) -> Counted:
    return Counted(NOTHING, (shape[0], 1, 1, 1), Field())


def _linear(node: Linear, shape: Shape) -> Counted:
    weights = node.c_in * node.c_out
    sums = (0, weights, weights + node.c_out, weights, 0, node.c_out, 0, 1)
    return Counted(sums, (node.c_out, 1, 1, 1), Field())


RULES = {Conv: _conv, Norm: _norm, Act: _act, Pool: _pool, Mean: _mean, Linear: _linear}


def _located(number: int, piece: Piece, shape: Shape) -> Counted:
    try:
        return _piece(piece, shape)
    except NasError as error:
        path = ("stages", number - 1) if number else ("stem",)
        raise SchemaError(error.problem, path=path, fix=error.fix) from None


@lru_cache(maxsize=1 << 17)
def _piece(piece: Piece, shape: Shape) -> Counted:
    if piece.parts:
        return _chain([(lambda at, part=part: _piece(part, at)) for part in piece.parts], shape)
    return fold(piece.tree, shape)


@lru_cache(maxsize=1 << 12)
def _head(shape: Shape, classes: int) -> tuple[int, ...]:
    return fold(head(shape[0], classes), shape).cost


def _input(genotype: Genotype) -> Shape:
    return (3, genotype.input.frames, genotype.input.size, genotype.input.size)


def _add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(int.__add__, a, b))


def _out_size(shape: Shape, kernel: Triple, stride: Triple) -> Triple:
    """Output frames, height and width under padding by half the kernel."""
    return tuple((n + 2 * (k // 2) - k) // s + 1 for n, k, s in zip(shape[1:], kernel, stride, strict=True))
