"""Conv operators: what stands where a 3x3x3 convolution stood, as one or several convolution steps.

Every operator maps `c_in` to `c_out` channels with a total `stride`. The stride along an axis is taken by the
first step whose kernel extends along that axis (or by the first step), so a separated convolution has its
1x1x1 at the input's resolution, and a factorised one strides in space, then in time. A `flat` (deflated)
operator has temporal kernel size 1 and keeps its temporal stride.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from nas.blocks.registry import operator
from nas.errors import NasError
from nas.layers import ONES, Act, Conv, Node, Norm, Seq
from nas.schema import Count, Settings, Triple

CUBE: Triple = (3, 3, 3)


@operator("dense")
def dense(c_in: int, c_out: int, stride: Triple, flat: bool, *, kernel: Triple = CUBE) -> Node:
    """One convolution over all channels (C3D, ResNet3D)."""
    return Conv(c_in, c_out, deflate(kernel, flat), stride)


@operator("grouped")
def grouped(
    c_in: int,
    c_out: int,
    stride: Triple,
    flat: bool,
    *,
    groups: Count | None = None,
    group_width: Count | None = None,
    kernel: Triple = CUBE,
) -> Node:
    """One convolution in `groups` groups, or in groups of `group_width` input channels."""
    return Conv(c_in, c_out, deflate(kernel, flat), stride, group_count(c_in, c_out, groups, group_width))


@operator("depthwise")
def depthwise(c_in: int, c_out: int, stride: Triple, flat: bool, *, kernel: Triple = CUBE) -> Node:
    """One filter per channel (ir-CSN).

    Where the number of channels changes, a dense 1x1x1 with norm and ReLU comes before it, at the input's
    resolution. The CSN paper does not say on which side it stands.
    """
    filters = Conv(c_out, c_out, deflate(kernel, flat), stride, groups=c_out)
    if c_in == c_out:
        return filters
    return _chain([("pointwise", Conv(c_in, c_out)), ("depthwise", filters)], relu=True)


@operator("separated")
def separated(
    c_in: int, c_out: int, stride: Triple, flat: bool, *, kernel: Triple = CUBE, relu: StrictBool = False
) -> Node:
    """A dense 1x1x1, then one filter per channel (ip-CSN); `relu` puts a ReLU between the two."""
    filters = Conv(c_out, c_out, deflate(kernel, flat), stride, groups=c_out)
    return _chain([("pointwise", Conv(c_in, c_out)), ("depthwise", filters)], relu=relu)


@operator("factorised")
def factorised(
    c_in: int,
    c_out: int,
    stride: Triple,
    flat: bool,
    *,
    kernel: Triple = CUBE,
    relu: StrictBool = True,
    first: Literal["spatial", "temporal"] = "spatial",
) -> Node:
    """A 1 x h x w convolution, then a t x 1 x 1 one (R(2+1)D without its widened middle, S3D), or in the other order.

    The first takes `c_in` to `c_out` channels. Deflated, only the spatial convolution is left, as in S3D.
    """
    t, h, w = kernel
    if flat or t == 1:
        return Conv(c_in, c_out, (1, h, w), stride)
    steps = [("spatial", (1, h, w), (1, *stride[1:])), ("temporal", (t, 1, 1), (stride[0], 1, 1))]
    (one, *before), (two, *after) = steps if first == "spatial" else reversed(steps)
    return _chain([(one, Conv(c_in, c_out, *before)), (two, Conv(c_out, c_out, *after))], relu=relu)


class Step(Settings):
    """One convolution of a `steps` operator."""

    # size of the kernel (t, h, w)
    kernel: Triple
    # number of groups; neither this nor group_width nor depthwise: dense
    groups: Count | None = None
    # input channels of one group
    group_width: Count | None = None
    # one filter per channel
    depthwise: StrictBool = False


@operator("steps")
def steps(
    c_in: int,
    c_out: int,
    stride: Triple,
    flat: bool,
    *,
    steps: Annotated[tuple[Step, ...], Field(min_length=1)],
    relu: StrictBool = True,
) -> Node:
    """Any list of convolutions, with norm (and ReLU) between; the first that is not depthwise takes `c_in` to `c_out`.

    Deflated, every kernel keeps its place and loses its temporal extent.
    """
    if c_in != c_out and all(step.depthwise for step in steps):
        raise NasError(
            f"depthwise steps cannot turn {c_in} channels into {c_out}",
            fix="add a step such as {kernel: [1, 1, 1]}",
        )
    strides = share_stride([step.kernel for step in steps], stride)
    convs, channels = [], c_in
    for number, (step, step_stride) in enumerate(zip(steps, strides, strict=True), start=1):
        target = channels if step.depthwise else c_out
        convs.append((f"step{number}", _step(step, channels, target, step_stride, flat)))
        channels = target
    return _chain(convs, relu=relu)


def share_stride(kernels: list[Triple], stride: Triple) -> list[Triple]:
    """Which step takes which part of the stride: per axis the first kernel that extends along it.

    >>> share_stride([(1, 1, 1), (1, 3, 3), (3, 1, 1)], (2, 2, 2))
    [(1, 1, 1), (1, 2, 2), (2, 1, 1)]
    """
    shares = [list(ONES) for _ in kernels]
    for axis in range(3):
        taker = next((i for i, kernel in enumerate(kernels) if kernel[axis] > 1), 0)
        shares[taker][axis] = stride[axis]
    return [tuple(share) for share in shares]


def deflate(kernel: Triple, flat: bool) -> Triple:
    """The kernel, without its temporal extent where `flat`."""
    return (1, *kernel[1:]) if flat else kernel


def group_count(c_in: int, c_out: int, groups: int | None, group_width: int | None) -> int:
    """The number of groups asked for by count or by width; raises NasError where it does not divide."""
    if (groups is None) == (group_width is None):
        raise NasError("give groups or group_width, one of the two", fix="groups: 8 or group_width: 8")
    if group_width is not None and c_in % group_width:
        raise NasError(
            f"group_width = {group_width} does not divide the {c_in} input channels",
            fix=f"use one of {_divisors(c_in)}",
        )
    count = groups if groups is not None else c_in // group_width
    for channels in (c_in, c_out):
        if channels % count:
            raise NasError(
                f"{count} groups do not divide {channels} channels",
                fix=f"use group_width, or one of {_divisors(channels)}",
            )
    return count


def _step(step: Step, c_in: int, c_out: int, stride: Triple, flat: bool) -> Conv:
    kernel = deflate(step.kernel, flat)
    if step.depthwise:
        if step.groups or step.group_width:
            raise NasError("a depthwise step has one group per channel", fix="leave groups and group_width out")
        return Conv(c_in, c_out, kernel, stride, groups=c_in)
    if step.groups is None and step.group_width is None:
        return Conv(c_in, c_out, kernel, stride)
    return Conv(c_in, c_out, kernel, stride, group_count(c_in, c_out, step.groups, step.group_width))


def _chain(convs: list[tuple[str, Conv]], *, relu: bool) -> Node:
    """Convolutions with a norm, and a ReLU where asked, after all but the last (the block adds its own)."""
    children: list[tuple[str, Node]] = []
    for name, conv in convs[:-1]:
        children += [(name, conv), (f"{name}_norm", Norm(conv.c_out))]
        children += [(f"{name}_act", Act())] if relu else []
    return Seq((*children, convs[-1])) if children else convs[-1][1]


def _divisors(number: int) -> str:
    return " ".join(str(d) for d in range(1, number + 1) if number % d == 0)
