"""Blocks of I3D and S3D (the S3D paper, 2018): `inception`, and `plain` for the layers before them.

Channels are those of Inception-V1, with a 3x3x3 convolution in place of its 5x5. Separable convolutions (S3D) are
`conv: {kind: factorised}`, feature gating (S3D-G) is `excitation: {kind: gating}`.
"""

from __future__ import annotations

from pydantic import StrictBool

from nas.blocks.excitation import gated
from nas.blocks.registry import Excitation, Operator, Place, block
from nas.blocks.resnet import CONV, normed
from nas.layers import Concat, Conv, Node, Pool, Seq, branches
from nas.schema import Count

Channels = tuple[Count, Count, Count, Count, Count, Count]


@block("inception")
def inception(
    at: Place,
    *,
    channels: Channels,
    conv: Operator = CONV,
    excitation: Excitation | None = None,
) -> Node:
    """Four branches side by side: 1x1x1; 1x1x1 and conv, twice; pooling and 1x1x1.

    `channels` are [1x1x1, reduced, conv, reduced, conv, pooled] of the paper's network; their proportion to the width
    counts (the width is the sum of the four outputs, so written as in the paper they are exact). `excitation` acts on
    each branch. The pooling is 1x3x3 in a deflated block.
    """
    single, less, wide, least, narrow, pooled = _scaled(channels, at.width)
    flat = at.flat[0]

    def pointwise(c_in: int, c: int, stride=(1, 1, 1)) -> list[tuple[str, Node]]:
        return normed("a", Conv(c_in, c, stride=stride), c)

    def path(*children: tuple[str, Node], c: int) -> Seq:
        return Seq((*children, *gated(excitation, c)))

    def twice(reduced: int, c: int) -> Seq:
        convolved = normed("b", conv(reduced, c, at.stride, flat), c)
        return path(*pointwise(at.c_in, reduced), *convolved, c=c)

    pool = Pool((1 if flat else 3, 3, 3), at.stride)
    return branches(
        Concat,
        branch0=path(*pointwise(at.c_in, single, at.stride), c=single),
        branch1=twice(less, wide),
        branch2=twice(least, narrow),
        branch3=path(("pool", pool), *pointwise(at.c_in, pooled), c=pooled),
    )


@block("plain")
def plain(
    at: Place, *, conv: Operator = CONV, pointwise: StrictBool = False, excitation: Excitation | None = None
) -> Node:
    """The conv operator to the width, without a shortcut; `pointwise` puts a 1x1x1 of its input's width before it."""
    before = normed("a", Conv(at.c_in, at.c_in), at.c_in) if pointwise else []
    convolved = normed("b", conv(at.c_in, at.width, at.stride, at.flat[0]), at.width)
    return Seq((*before, *convolved, *gated(excitation, at.width)))


def _scaled(channels: Channels, width: int) -> list[int]:
    """The channels at another width of the block, rounded half up, at least 1."""
    single, _, wide, _, narrow, pooled = channels
    whole = single + wide + narrow + pooled
    return [max(1, (2 * c * width + whole) // (2 * whole)) for c in channels]
