"""A block and a convolution in words: operator, kernel, groups, sizes of the channel grid, width, stride, excitation.

`nas.summary` leaves out what is at its default, to keep a network in a line; a drawing says it all.
"""

from __future__ import annotations

from typing import Any

from nas.blocks.registry import Part, Place
from nas.blocks.tensor import axis_sizes
from nas.genotype import Genotype
from nas.layers import ONES, Conv

# genes that have their place in the words
TOLD = ("conv", "excitation", "kernel", "kernels", "groups", "group_width", "dims", "sizes", "expansion", "connection")

# blocks whose conv operator has as many channels as the block is wide
AT_WIDTH = ("bottleneck", "simple", "plain")


def triple(sizes: tuple) -> str:
    """Frames, height and width.

    >>> triple((1, 3, 3))
    '1×3×3'
    """
    return "×".join(map(str, sizes))


def part_words(part: Part, place: Place) -> str:
    """A block at its place, its parts between dots.

    >>> from nas.blocks import BLOCKS
    >>> block = BLOCKS.parse({"kind": "bottleneck", "conv": {"kind": "tensor"}, "excitation": {"kind": "se"}})
    >>> part_words(block, Place(64, 64, (1, 2, 2), (True,)))
    'bottleneck ×4 · tensor 3×3×3, 64 = 8·8 parallel · width 64 · stride 1×2×2 · se reduction 16 · deflated to 2D'
    """
    genes = dict(part.genes)
    words = [part.kind + (f" ×{genes['expansion']}" if genes.get("expansion") else ""), *_own(part)]
    if isinstance(genes.get("conv"), Part):
        words.append(operator_words(genes["conv"], place.width if part.kind in AT_WIDTH else None))
    words.append(f"width {place.width}")
    words += [f"stride {triple(place.stride)}"] * (place.stride != ONES)
    if isinstance(genes.get("excitation"), Part):
        words.append(" ".join([genes["excitation"].kind, *_others(genes["excitation"])]))
    flat = sum(place.flat)
    words += [f"{'' if flat == len(place.flat) else f'{flat} of {len(place.flat)} layers '}deflated to 2D"] * (flat > 0)
    return " · ".join(words)


def stem_words(genotype: Genotype) -> str:
    """The stem's operator, width, stride and pooling."""
    stem = genotype.stem
    words = [operator_words(stem.operator, stem.width), f"width {stem.width}", f"stride {triple(stem.stride)}"]
    if stem.pool:
        words.append(f"max pooling {triple(stem.pool.kernel)}")
    return " · ".join(words)


def operator_words(part: Part, width: int | None) -> str:
    """A conv operator over `width` channels (None: it has not one number of them).

    >>> from nas.blocks import OPERATORS
    >>> operator_words(OPERATORS.parse({"kind": "grouped", "group_width": 8}), 64)
    'grouped 3×3×3, in groups of 8 channels'
    """
    genes = dict(part.genes)
    words = [" ".join([part.kind, *_kernels(genes)]), *_groups(genes)]
    if part.kind == "tensor":
        words.append(_grid(genes, width))
    if isinstance(genes.get("excitation"), Part):
        words.append(genes["excitation"].kind)
    return ", ".join([*words, *_others(part)])


def conv_words(conv: Conv) -> str:
    """One convolution.

    >>> conv_words(Conv(64, 64, (3, 3, 3), (1, 2, 2), groups=8))
    '3×3×3 convolution, 64 to 64 channels, 8 groups of 8, stride 1×2×2'
    """
    words = [f"{triple(conv.kernel)} convolution, {conv.c_in} to {conv.c_out} channels"]
    if conv.groups > 1:
        depthwise = conv.groups == conv.c_in
        words.append("depthwise" if depthwise else f"{conv.groups} groups of {conv.c_in // conv.groups}")
    words += [f"stride {triple(conv.stride)}"] * (conv.stride != ONES)
    return ", ".join(words)


def _own(part: Part) -> list[str]:
    """What a block without a conv operator says of its convolution, and its other genes."""
    genes = dict(part.genes)
    return [*_kernels(genes), *_groups(genes), *_others(part)]


def _kernels(genes: dict[str, Any]) -> list[str]:
    kernels = genes.get("kernels") or ((genes["kernel"],) if genes.get("kernel") else ())
    return [" ".join(triple(kernel) for kernel in kernels)] if kernels else []


def _groups(genes: dict[str, Any]) -> list[str]:
    told = [f"{genes['groups']} groups"] if genes.get("groups") else []
    return told + ([f"in groups of {genes['group_width']} channels"] if genes.get("group_width") else [])


def _grid(genes: dict[str, Any], width: int | None) -> str:
    """The sizes C_1 to C_K that the channels are a grid of."""
    if width is None:
        sizes = genes["sizes"]
        told = f"sizes {'·'.join(map(str, sizes))}" if sizes else f"{genes['dims'] or 2} balanced sizes"
        return f"{told} {genes['connection']}"
    axes = axis_sizes(width, genes["dims"], genes["sizes"])
    return f"{width} = {'·'.join(map(str, axes))} {genes['connection']}"


def _others(part: Part) -> list[str]:
    """Genes that have no place of their own, where they are set."""
    return [
        name if value is True else f"{name} {_written(value)}"
        for name, value in part.genes
        if name not in TOLD and value is not None and value is not False and not _plain(part, name, value)
    ]


def _plain(part: Part, name: str, value: Any) -> bool:
    """Whether it is at a default that says nothing."""
    return name not in ("reduction", "channels") and value == part.spec.genes.model_fields[name].default


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(_written(item) for item in value)
    if isinstance(value, Part):
        return value.kind
    step = {name: getattr(value, name) for name in getattr(type(value), "model_fields", {})}
    if "kernel" not in step:
        return str(value)
    kind = "depthwise" if step["depthwise"] else "".join(_groups(step)) or "dense"
    return f"[{triple(step['kernel'])} {kind}]"
