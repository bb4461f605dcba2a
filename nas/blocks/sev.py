"""Blocks of SEVNet ("An Efficient 3D CNN with Channel-wise, Spatial-grouped, and Temporal Convolutions").

Three convolutions with norm and ReLU each, to which the input is added: `sev` itself, and the paper's ablation blocks
`sev_r2plus1d` and `sev_r3d` in its place. Where the shape changes (the first block of a stage), the module does not
add but concatenate: its convolutions keep the input's channels and take the stride, an averaged and projected copy of
the input supplies the other channels of the width (with a norm and, as in a ResNet's projection, no ReLU: the
published number of parameters tells the one, nothing tells the other).

Legend: c channels of the module, m channels in its middle.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nas.blocks.conv import CUBE, deflate, group_count
from nas.blocks.excitation import gated
from nas.blocks.registry import Excitation, Place, block
from nas.blocks.resnet import normed
from nas.errors import NasError
from nas.layers import ONES, AvgPool, Concat, Conv, Node, Norm, Residual, Seq, Triple, branches
from nas.schema import Count

Shrink = Annotated[float, Field(ge=1)]


@block("sev")
def sev(at: Place, *, group_width: Count = 8, kernel: Triple = CUBE, excitation: Excitation | None = None) -> Node:
    """Dense 1x1x1, 1 x h x w in groups of `group_width` channels, dense t x 1 x 1, all c to c (c: see above).

    `group_width` is the paper's G, which also sets the widths of its network: stem 4G, stages 8G 16G 32G 64G.
    """
    c = _channels(at)
    t, h, w = deflate(kernel, at.flat[0])
    groups = group_count(c, c, None, group_width)
    return _module(
        at, [Conv(c, c), Conv(c, c, (1, h, w), _spatial(at), groups), Conv(c, c, (t, 1, 1), _temporal(at))], excitation
    )


@block("sev_r2plus1d")
def sev_r2plus1d(
    at: Place, *, shrink: Shrink = 2.0, kernel: Triple = CUBE, excitation: Excitation | None = None
) -> Node:
    """The "R(2+1)D" ablation: 1x1x1 to m = c / `shrink`, dense 1 x h x w, t x 1 x 1 back to c."""
    c, m = _channels(at), _middle(at, shrink)
    t, h, w = deflate(kernel, at.flat[0])
    return _module(
        at, [Conv(c, m), Conv(m, m, (1, h, w), _spatial(at)), Conv(m, c, (t, 1, 1), _temporal(at))], excitation
    )


@block("sev_r3d")
def sev_r3d(at: Place, *, shrink: Shrink = 2.6, kernel: Triple = CUBE, excitation: Excitation | None = None) -> Node:
    """The "R3D" ablation: 1x1x1 to m = c / `shrink`, dense t x h x w, 1x1x1 back to c."""
    c, m = _channels(at), _middle(at, shrink)
    return _module(at, [Conv(c, m), Conv(m, m, deflate(kernel, at.flat[0]), at.stride), Conv(m, c)], excitation)


def _module(at: Place, convs: list[Conv], excitation) -> Node:
    named = [child for name, conv in zip("abc", convs, strict=True) for child in normed(name, conv, conv.c_out)]
    main = Seq((*named, *gated(excitation, at.c_in)))
    if not _changes(at):
        return Residual(main, act=None)
    other = at.width - at.c_in
    pool = [("pool", AvgPool(deflate(at.stride, at.flat[0]), at.stride))] if at.stride != ONES else []
    identity = Seq((*pool, ("conv", Conv(at.c_in, other)), ("norm", Norm(other))))
    return branches(Concat, main=main, identity=identity)


def _channels(at: Place) -> int:
    """The channels that the module's convolutions keep."""
    if _changes(at) and at.width <= at.c_in:
        raise NasError(
            f"a downsample module adds channels to its {at.c_in}, and cannot end at {at.width}",
            fix="give a stage that changes the shape a larger width than the one before, as in 8G 16G 32G 64G, and a "
            "block that replaces another the width of what leaves that one",
        )
    return at.c_in


def _changes(at: Place) -> bool:
    return at.c_in != at.width or at.stride != ONES


def _middle(at: Place, shrink: float) -> int:
    return max(1, round(_channels(at) / shrink))


def _spatial(at: Place) -> Triple:
    return (1, *at.stride[1:])


def _temporal(at: Place) -> Triple:
    return (at.stride[0], 1, 1)
