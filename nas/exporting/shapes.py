"""What can be told of a tree without numbers: its skeleton, which channels enter it, and how many axes leave it.

Trees of one skeleton differ in numbers alone (channels, groups, kernels, strides), so they become one class.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import prod

from nas.layers import (
    Concat,
    Conv,
    Linear,
    Mean,
    Node,
    Norm,
    Opaque,
    Residual,
    Scale,
    Seq,
    Shuffle,
    Sum,
    children,
)
from nas.network import out_channels

Skeleton = tuple


@lru_cache(maxsize=1 << 14)
def skeleton(node: Node) -> Skeleton:
    """What trees of one class have in common: kinds and names, without numbers."""
    told: Skeleton = ()
    if isinstance(node, Conv):
        told = (grouping(node),)
    elif isinstance(node, Shuffle):
        told = (len(node.sizes), node.order)
    elif isinstance(node, Opaque):
        told = (node.kind,)
    elif isinstance(node, Residual):
        told = (node.act is not None, node.shortcut is not None)
    return (type(node).__name__, *told, *((name, skeleton(child)) for name, child in named(node)))


def named(node: Node) -> Iterator[tuple[str, Node]]:
    """The named nodes directly inside a join, as they are called in the generated file."""
    if isinstance(node, Residual):
        yield from node.body.children
        if node.shortcut is not None:
            yield "shortcut", node.shortcut
    elif isinstance(node, Scale):
        yield "gate", node.gate
    elif isinstance(node, Seq):
        yield from node.children
    elif isinstance(node, Sum | Concat):
        yield from node.branches


def grouping(node: Conv) -> str:
    """How a convolution divides its channels.

    >>> grouping(Conv(8, 8, groups=8)), grouping(Conv(8, 16, groups=4)), grouping(Conv(8, 8))
    ('depthwise', 'grouped', 'dense')
    """
    if node.groups == 1:
        return "dense"
    return "depthwise" if node.groups == node.c_in == node.c_out else "grouped"


@lru_cache(maxsize=1 << 14)
def in_channels(node: Node) -> int | None:
    """The channels that enter a tree; None where nothing in it asks for a number of them."""
    if isinstance(node, Conv | Linear):
        return node.c_in
    if isinstance(node, Norm):
        return node.channels
    if isinstance(node, Shuffle):
        return prod(node.sizes)
    inside = (in_channels(child) for child in children(node))
    return next((channels for channels in inside if channels is not None), None)


def channels_out(node: Node) -> int | None:
    """The channels that leave a tree; None where they are whatever enters."""
    entering = in_channels(node)
    return None if entering is None else out_channels(node, entering)


def is_flat(node: Node, flat: bool = False) -> bool:
    """Whether (b, c) leaves a tree, and not (b, c, t, h, w), which enters it unless it is `flat` already."""
    if isinstance(node, Mean):
        return flat or node.over == "thw"
    if isinstance(node, Seq):
        for child in children(node):
            flat = is_flat(child, flat)
        return flat
    inside = children(node)
    return flat if isinstance(node, Scale) or not inside else is_flat(inside[0], flat)
