"""The spatio-temporal entropy of a network (STEntr, the score of the E3D family): a fold over its tree, without torch.

A convolution with independent normal weights multiplies the variance of its features by its fan-in, so the logarithm
of their standard deviation (the entropy of a normal variable, up to constants) grows by

    1/2 log(c_in / g * k_t * k_h * k_w * refinement),    refinement = -log(1 - cos((k_t, k_h, k_w), (t, h, w)))

where the cosine is that between the kernel and the size of the feature map that leaves the convolution. The
refinement is 1 for kernels without extent in space. The score is the sum over the convolutions in front of the head,
plus log(c) of the channels that enter it.

Source: "Maximizing Spatio-Temporal Entropy of Deep 3D CNNs for Efficient Video Recognition", ICLR 2023, and its
released code (alibaba/lightweight-neural-architecture-search, score `stentr` with the ratios 0 0 0 0 1 of all its E3D
configurations). On E3D's own blocks the values are the same; the readings elsewhere:

- There, only convolutions in one row are scored, and residual connections, norms, activations and excitations are
  left out. Here too: of a `Residual` the body counts, a `Scale` is what it scales, poolings change sizes alone.
- Grouped convolutions: the fan-in of one output, c_in / g, which is how the code treats its depthwise ones.
- Branches, which the source has not: variances of a `Sum` add up, those of a `Concat` are averaged over channels.
- The code has no strides in time, so its t is that of the clip; here it is that of the feature map.
- A kernel parallel to its feature map (3x3x3 at 2x2x2) has an infinite refinement: 1 - cos is at least `CLOSEST`.

It rewards depth above all: on the space of E3D its rank correlation with depth is 0.98.

Legend: c channels, t frames, h height, w width, k kernel, g groups.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, hypot, log
from typing import NamedTuple

from nas import cost
from nas.cost import Shape
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
from nas.network import Piece, pieces
from nas.scores.registry import score

CLOSEST = 1e-6  # 1x3x3 at 13x40x40, in E3D-S, has 1.5e-5; 1x7x7 at 16x112x112 is parallel


class Grown(NamedTuple):
    """A fold's value: by how much the log standard deviation grows, and the shape (c, t, h, w) that leaves the tree."""

    entropy: float
    shape: Shape


@score("entropy")
def entropy(genotype: Genotype) -> float:
    """Spatio-temporal entropy (E3D): log standard deviation of the features before the head.

    >>> from nas import content, genotype
    >>> round(entropy(genotype.load(content.find("ir-csn-50", "models"))), 2)
    136.61

    Raises NasError where a block is a torch module, whose convolutions are not known.
    """
    total, shape = 0.0, (3, genotype.input.frames, genotype.input.size, genotype.input.size)
    for piece in pieces(genotype):
        grown = _piece(piece, shape)
        total, shape = total + grown.entropy, grown.shape
    return total + log(shape[0])


def fold(node: Node, shape: Shape) -> Grown:
    """The growth in any tree that a (c, t, h, w) tensor enters.

    >>> fold(Conv(64, 16), (64, 8, 56, 56)).entropy == log(64) / 2
    True
    """
    return RULES[type(node)](node, shape)


def refinement(kernel: Triple, size: Triple) -> float:
    """How alike a kernel and its feature map (t, h, w) are: the larger, the more their directions agree.

    >>> round(refinement((3, 3, 3), (16, 56, 56)), 3)
    2.461
    """
    if kernel[1:] == (1, 1):
        return 1.0
    along = sum(k * n for k, n in zip(kernel, size, strict=True)) / (hypot(*kernel) * hypot(*size))
    return -log(max(1 - along, CLOSEST))


def _seq(node: Seq, shape: Shape) -> Grown:
    total = 0.0
    for _, child in node.children:
        grown = fold(child, shape)
        total, shape = total + grown.entropy, grown.shape
    return Grown(total, shape)


def _sum(node: Sum, shape: Shape) -> Grown:
    parts = [fold(branch, shape) for _, branch in node.branches]
    return Grown(_joined(parts, [1.0] * len(parts)), parts[0].shape)


def _concat(node: Concat, shape: Shape) -> Grown:
    parts = [fold(branch, shape) for _, branch in node.branches]
    channels = sum(part.shape[0] for part in parts)
    return Grown(_joined(parts, [part.shape[0] / channels for part in parts]), (channels, *parts[0].shape[1:]))


def _joined(parts: list[Grown], weights: list[float]) -> float:
    """Half the logarithm of the weighted sum of the branches' variances."""
    most = max(part.entropy for part in parts)
    variance = sum(w * exp(2 * (part.entropy - most)) for w, part in zip(weights, parts, strict=True))
    return most + log(variance) / 2


def _conv(node: Conv, shape: Shape) -> Grown:
    out = cost.fold(node, shape).shape
    kernel = node.kernel
    fan_in = node.c_in // node.groups * kernel[0] * kernel[1] * kernel[2]
    return Grown(log(fan_in * refinement(kernel, out[1:])) / 2, out)


def _linear(node: Linear, shape: Shape) -> Grown:
    return Grown(log(node.c_in) / 2, cost.fold(node, shape).shape)


def _free(node: Node, shape: Shape) -> Grown:
    return Grown(0.0, cost.fold(node, shape).shape)


def _opaque(node: Opaque, shape: Shape) -> Grown:
    raise NasError(
        f"the score 'entropy' knows nothing of the block '{node.kind}', a torch module", fix="return a tree from it"
    )


RULES = {
    Seq: _seq,
    Residual: lambda node, shape: fold(node.body, shape),
    Sum: _sum,
    Concat: _concat,
    Scale: lambda node, shape: Grown(0.0, shape),
    Conv: _conv,
    Norm: _free,
    Act: _free,
    Pool: _free,
    AvgPool: _free,
    Mean: _free,
    Linear: _linear,
    Dropout: _free,
    Shuffle: _free,
    Opaque: _opaque,
}


@lru_cache(maxsize=1 << 17)
def _piece(piece: Piece, shape: Shape) -> Grown:
    if not piece.parts:
        return fold(piece.tree, shape)
    total = 0.0
    for part in piece.parts:
        grown = _piece(part, shape)
        total, shape = total + grown.entropy, grown.shape
    return Grown(total, shape)
