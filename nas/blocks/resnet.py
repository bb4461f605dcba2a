"""Residual blocks of ResNet3D and CSN (the CSN paper, 2019): `simple` and `bottleneck`.

The paper's variants are genes, not kinds: bottleneck-D (ir-CSN) is `conv: {kind: depthwise}`, ip-CSN
`separated`, bottleneck-G `grouped`, and bottleneck-DG adds `pointwise_groups`. CT-Net's block is a bottleneck
whose conv is `tensor`.
"""

from __future__ import annotations

from nas.blocks.conv import group_count
from nas.blocks.excitation import gated
from nas.blocks.registry import Excitation, Operator, Part, Place, block
from nas.layers import ONES, Act, Conv, Node, Norm, Residual, Seq, Shuffle, last, seq
from nas.schema import Count

CONV = Part("operator", "dense", (("kernel", (3, 3, 3)),))


@block("bottleneck")
def bottleneck(
    at: Place,
    *,
    conv: Operator = CONV,
    expansion: Count = 4,
    pointwise_groups: Count = 1,
    excitation: Excitation | None = None,
) -> Residual:
    """1x1x1 to the width, the conv operator with the stride, 1x1x1 to `expansion` times the width.

    `pointwise_groups` splits both 1x1x1 convolutions (bottleneck-DG); the shortcut stays dense. `excitation` acts on
    the residual before the sum.
    """
    c_out, m = expansion * at.width, at.width
    reduce = Conv(at.c_in, m, groups=group_count(at.c_in, m, pointwise_groups, None))
    expand = Conv(m, c_out, groups=group_count(m, c_out, pointwise_groups, None))
    middle = normed("b", conv(m, m, at.stride, at.flat[0]), m)
    if pointwise_groups == 1:
        middle = unshuffled(middle)
    body = [*normed("a", reduce, at.width), *middle, ("conv_c", expand), ("norm_c", Norm(c_out))]
    return Residual(Seq((*body, *gated(excitation, c_out))), shortcut(at, c_out))


@block("simple", layers=2)
def simple(at: Place, *, conv: Operator = CONV, excitation: Excitation | None = None) -> Residual:
    """Two conv operators, the first with the stride; the width is the output's; `excitation` acts before the sum."""
    one = normed("a", conv(at.c_in, at.width, at.stride, at.flat[0]), at.width)
    two = normed("b", conv(at.width, at.width, ONES, at.flat[-1]), at.width, relu=False)
    return Residual(Seq((*one, *two, *gated(excitation, at.width))), shortcut(at, at.width))


def normed(name: str, conv: Node, c: int, *, relu: bool = True) -> list[tuple[str, Node]]:
    """A conv operator as `conv_<name>`, followed by norm and ReLU unless it ends in its own."""
    if not isinstance(last(conv), Conv):
        return [(f"conv_{name}", conv)]
    ending = [(f"act_{name}", Act())] if relu else []
    return [(f"conv_{name}", conv), (f"norm_{name}", Norm(c)), *ending]


def unshuffled(children: list[tuple[str, Node]]) -> list[tuple[str, Node]]:
    """The same without the shuffle at the end of the operator: a dense 1x1x1 behind it learns in any order."""
    (name, conv), *rest = children
    if isinstance(conv, Seq) and isinstance(conv.children[-1][1], Shuffle):
        inside = conv.children[:-1]
        conv = Seq(inside) if len(inside) > 1 else inside[0][1]
    return [(name, conv), *rest]


def shortcut(at: Place, c_out: int) -> Seq | None:
    """A strided 1x1x1 convolution with norm where the shape changes, nothing where it does not."""
    if at.c_in == c_out and at.stride == ONES:
        return None
    conv: Node = Conv(at.c_in, c_out, stride=at.stride)
    return seq(conv=conv, norm=Norm(c_out))
