"""Residual blocks of ResNet3D and CSN (the CSN paper, 2019): `simple` and `bottleneck`.

The paper's variants are genes, not kinds: bottleneck-D (ir-CSN) is `conv: {kind: depthwise}`, ip-CSN
`separated`, bottleneck-G `grouped`, and bottleneck-DG adds `pointwise_groups`.
"""

from __future__ import annotations

from nas.blocks.conv import group_count
from nas.blocks.registry import Operator, Part, Place, block
from nas.layers import ONES, Act, Conv, Node, Norm, Residual, Seq, seq
from nas.schema import Count

CONV = Part("operator", "dense", (("kernel", (3, 3, 3)),))


@block("bottleneck")
def bottleneck(at: Place, *, conv: Operator = CONV, expansion: Count = 4, pointwise_groups: Count = 1) -> Residual:
    """1x1x1 to the width, the conv operator with the stride, 1x1x1 to `expansion` times the width.

    `pointwise_groups` splits both 1x1x1 convolutions (bottleneck-DG); the shortcut stays dense.
    """
    c_out, m = expansion * at.width, at.width
    reduce = Conv(at.c_in, m, groups=group_count(at.c_in, m, pointwise_groups, None))
    expand = Conv(m, c_out, groups=group_count(m, c_out, pointwise_groups, None))
    body = seq(
        conv_a=reduce,
        norm_a=Norm(m),
        act_a=Act(),
        conv_b=conv(m, m, at.stride, at.flat[0]),
        norm_b=Norm(m),
        act_b=Act(),
        conv_c=expand,
        norm_c=Norm(c_out),
    )
    return Residual(body, shortcut(at, c_out))


@block("simple", layers=2)
def simple(at: Place, *, conv: Operator = CONV) -> Residual:
    """Two conv operators, the first with the stride; the width is the output's."""
    body = seq(
        conv_a=conv(at.c_in, at.width, at.stride, at.flat[0]),
        norm_a=Norm(at.width),
        act_a=Act(),
        conv_b=conv(at.width, at.width, ONES, at.flat[-1]),
        norm_b=Norm(at.width),
    )
    return Residual(body, shortcut(at, at.width))


def shortcut(at: Place, c_out: int) -> Seq | None:
    """A strided 1x1x1 convolution with norm where the shape changes, nothing where it does not."""
    if at.c_in == c_out and at.stride == ONES:
        return None
    conv: Node = Conv(at.c_in, c_out, stride=at.stride)
    return seq(conv=conv, norm=Norm(c_out))
