"""Excitations: gates `x * sigmoid(gate(x))` that any block of any family may have.

squeeze-excitation (SE, as in SEVNet and CT-Net's ablation), tensor excitation (TE, CT-Net) and feature gating
(S3D-G). An excitation returns up to three gates: for what a spatial convolution made, for what a temporal one
made, and for the features as a whole. Where there is one path instead of two branches, all of them stand on it,
one after the other (`gated`).

Legend: c channels, r reduction.
"""

from __future__ import annotations

from typing import NamedTuple

from nas.blocks.registry import Part, excitation
from nas.errors import NasError
from nas.layers import Act, Conv, Linear, Mean, Node, Norm, Scale, Triple, seq
from nas.schema import Count


class Gates(NamedTuple):
    """What an excitation puts on the spatial branch, on the temporal branch, and on their sum."""

    spatial: Scale | None = None
    temporal: Scale | None = None
    whole: Scale | None = None


@excitation("se")
def squeeze(c: int, size: int | None, *, reduction: Count = 16) -> Gates:
    """Squeeze-excitation: two linear layers c -> c / r -> c on the global average (CT-Net has r = 16, SEVNet 4)."""
    inner = max(1, c // reduction)
    return Gates(whole=Scale(seq(pool=Mean(), reduce=Linear(c, inner), act=Act(), expand=Linear(inner, c))))


@excitation("gating")
def gating(c: int, size: int | None) -> Gates:
    """Feature gating: one square linear layer on the global average (S3D-G)."""
    return Gates(whole=Scale(seq(pool=Mean(), linear=Linear(c, c))))


@excitation("te")
def tensor_excitation(c: int, size: int | None, *, reduction: Count = 4, axis: Count | None = None) -> Gates:
    """Tensor excitation (CT-Net): tensor separable convolutions c -> c / r -> c on averages over t or over h, w.

    They run along the axis of the convolution before, of `size` channels; elsewhere than in a tensor operator along
    `axis` neighbouring channels (default: all of them, which makes the gates' convolutions dense).
    """
    size = size or axis or c
    if c % size:
        raise NasError(f"excitation axis = {size} does not divide {c} channels", fix=f"use a divisor of {c}")
    if size % reduction:
        raise NasError(
            f"excitation te with reduction {reduction} needs axes of a multiple of {reduction} channels, C_k = {size}",
            fix=f"choose sizes that are multiples of {reduction}, a smaller reduction, or excitation se",
        )

    def gate(over: str, kernel: Triple) -> Scale:
        groups, inner = c // size, c // reduction
        reduce, expand = Conv(c, inner, kernel, groups=groups), Conv(inner, c, kernel, groups=groups)
        return Scale(seq(pool=Mean(over), reduce=reduce, norm=Norm(inner), act=Act(), expand=expand))

    return Gates(gate("t", (1, 3, 3)), gate("hw", (3, 1, 1)), gate("hw", (1, 1, 1)))


def gated(part: Part | None, c: int) -> list[tuple[str, Node]]:
    """The gates of an excitation on one path of `c` channels, named, to stand at the end of a sequence."""
    if part is None:
        return []
    return [(f"excitation_{place}", gate) for place, gate in part(c, None)._asdict().items() if gate]
