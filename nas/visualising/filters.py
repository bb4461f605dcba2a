"""Learned filters as pictures: a grid with their temporal slices side by side, and an animation that plays the slices.

A depthwise filter is one small video (t, h, w), and so is a filter of the first layer, in colour. Filters over
several channels are many such videos: of those, drawn where they are asked for by name, each shows the input channel
that it weights most (the largest norm).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nas.errors import NasError, nearest
from nas.layers import Triple
from nas.visualising import images
from nas.visualising.images import SIGNED, Grid, Key, Label

if TYPE_CHECKING:
    from torch import nn

SLICE, WEIGHT = 36, 8  # pixels that the side of a slice and that of a weight have at least
WIDE = 1.5  # width of a grid against its height, at most
SECONDS = 0.5  # that an animation shows a slice
SPACE = 2  # pixels between the slices of a filter
FRAME = 176  # grey around a slice
LETTERS = 14  # pixels, more on wide sheets


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution of a network: `weight` float32 (c_out, c_in / groups, t, h, w)."""

    name: str
    weight: np.ndarray
    stride: Triple
    groups: int

    @property
    def kernel(self) -> Triple:
        """Its extent (t, h, w)."""
        return tuple(self.weight.shape[2:])

    @property
    def kind(self) -> str:
        """depthwise (one channel a filter), RGB (the stem's, over the colours of a picture), grouped or dense."""
        if self.weight.shape[1] == 1 and self.groups > 1:
            return "depthwise"
        if self.weight.shape[1] == 3 and self.name.startswith("stem."):
            return "RGB"
        return "grouped" if self.groups > 1 else "dense"

    @property
    def offsets(self) -> list[int]:
        """The frames that the slices look at, counted from the one in the middle.

        >>> Layer("conv", np.zeros((4, 1, 3, 1, 1)), (1, 1, 1), 4).offsets
        [-1, 0, 1]
        """
        return [t - self.kernel[0] // 2 for t in range(self.kernel[0])]


def layers(model: nn.Module) -> list[Layer]:
    """The convolutions of a network, in its order."""
    from torch.nn import Conv3d

    return [
        Layer(name, module.weight.detach().float().cpu().numpy(), tuple(module.stride), module.groups)
        for name, module in model.named_modules()
        if isinstance(module, Conv3d)
    ]


def chosen(found: Sequence[Layer], names: Sequence[str] = ()) -> list[Layer]:
    """The layers to draw: those of the `names` (a layer, or a part such as stages.2), else depthwise and RGB ones.

    Raises NasError for a name that is none, and where nothing has an extent in time or space.
    """
    drawable = with_extent(found)
    if names:
        picked = {layer.name: layer for name in names for layer in _under(found, name)}
        shown = with_extent(picked.values())
        problem = f"the filters of {' '.join(names)} are 1x1x1: single numbers, no pictures"
    else:
        shown = [layer for layer in drawable if layer.kind in ("depthwise", "RGB")]
        problem = "no convolution is depthwise, or sees the pictures with more than 1x1x1"
    if not shown:
        raise NasError(problem, fix=nearest((*names, "")[0], (layer.name for layer in drawable)))
    return shown


def with_extent(layers: Iterable[Layer]) -> list[Layer]:
    """Those whose filters are larger than 1x1x1."""
    return [layer for layer in layers if math.prod(layer.kernel) > 1]


def normalised(layer: Layer) -> np.ndarray:
    """Each filter divided by its largest absolute weight: (n, t, h, w) from -1 to 1, RGB ones (n, t, h, w, 3).

    >>> normalised(Layer("conv", np.array([4.0, -2.0]).reshape(1, 1, 2, 1, 1), (1, 1, 1), 1)).ravel().tolist()
    [1.0, -0.5]
    """
    weight = layer.weight
    if layer.kind == "RGB":
        shown = np.moveaxis(weight, 1, -1)
    else:
        strongest = np.square(weight).sum(axis=(2, 3, 4)).argmax(axis=1)
        shown = weight[np.arange(len(weight)), strongest]
    largest = np.abs(shown).max(axis=tuple(range(1, shown.ndim)), keepdims=True)
    return shown / np.where(largest > 0, largest, 1)


def pixels(layer: Layer) -> np.ndarray:
    """The slices of each filter as pictures, uint8 (n, t, h, w, 3), a pixel a weight."""
    shown = normalised(layer)
    if layer.kind == "RGB":
        return np.rint(127.5 + 127.5 * shown).astype(np.uint8)
    return images.coloured(shown, SIGNED)


def grid(layer: Layer, network: str, *, limit: int) -> np.ndarray:
    """The first `limit` filters with their slices side by side, in rows, uint8 (h, w, 3)."""
    slices = _framed(layer, limit)
    space = np.full((len(slices), slices.shape[2], SPACE, 3), 255, np.uint8)
    parts = [part for t in range(slices.shape[1]) for part in (space, slices[:, t])][1:]
    cells = np.concatenate(parts, axis=2)
    drawn = ", ".join(f"{offset:+d}" if offset else "0" for offset in layer.offsets)
    order = f"In each cell, from left to right, temporal offset {drawn} (frames)." if layer.kernel[0] > 1 else ""
    return _sheet(layer, cells, network, [_caption(layer, limit), f"{order} {_meaning(layer)}".strip()])


def animation(layer: Layer, network: str, *, limit: int) -> list[np.ndarray]:
    """A picture for each temporal slice of the first `limit` filters, uint8 (h, w, 3); one where there is no extent."""
    slices, pictures = _framed(layer, limit), []
    for t, offset in enumerate(layer.offsets):
        told = f"Temporal offset {offset:+d} of {layer.offsets[0]:+d} to {layer.offsets[-1]:+d} (frames)."
        pictures.append(_sheet(layer, slices[:, t], network, [_caption(layer, limit), told, _meaning(layer)]))
    return pictures


def described(layer: Layer, limit: int) -> str:
    """What is drawn of a layer, in words.

    >>> described(Layer("conv_b", np.zeros((512, 1, 3, 3, 3)), (1, 2, 2), 512), 256)
    'the first 256 of 512 depthwise filters of 3x3x3 (frames x height x width), stride 1x2x2'
    """
    count, kernel = len(layer.weight), "x".join(map(str, layer.kernel))
    some = f"the first {limit} of {count}" if limit < count else f"{count}"
    stride = "" if layer.stride == (1, 1, 1) else f", stride {'x'.join(map(str, layer.stride))}"
    told = f"{some} {layer.kind} filters of {kernel} (frames x height x width){stride}"
    if layer.kind in ("depthwise", "RGB"):
        return told
    return f"{told}; of the {layer.weight.shape[1]} channels of each, the one that it weights most"


def _under(found: Sequence[Layer], name: str) -> list[Layer]:
    below = [layer for layer in found if layer.name == name or layer.name.startswith(f"{name}.")]
    if not below:
        parts = {layer.name.rsplit(".", cut)[0] for layer in found for cut in range(layer.name.count(".") + 1)}
        raise NasError(f"'{name}' is no convolution, and no part with some", fix=nearest(name, parts))
    return below


def _framed(layer: Layer, limit: int) -> np.ndarray:
    """Enlarged slices in thin frames, so that weights of 0 do not run into the white around them."""
    slices = images.enlarged(pixels(layer)[:limit], max(WEIGHT, -(-SLICE // max(layer.kernel[1:]))))
    framed = np.full((*slices.shape[:2], slices.shape[2] + 2, slices.shape[3] + 2, 3), FRAME, np.uint8)
    framed[:, :, 1:-1, 1:-1] = slices
    return framed


def _sheet(layer: Layer, cells: np.ndarray, network: str, lines: list[str]) -> np.ndarray:
    """Cells in rows, each row with the number of its first filter."""
    count, (height, width) = len(cells), cells.shape[1:3]
    gap = max(8, height // 4)
    fitting = math.sqrt(WIDE * count * (height + gap) / (width + gap))
    columns = 2 ** round(math.log2(max(1, min(count, fitting))))
    letters = max(LETTERS, columns * (width + gap) // 80)
    placed = Grid(count, (height, width), columns, gap, left=3 * letters)
    firsts = range(0, count, columns)
    numbers = [Label((2 * letters, placed.corner(first)[0] + height / 2), str(first), "rm") for first in firsts]
    key = None if layer.kind == "RGB" else Key(SIGNED, "-1", "+1")
    return images.sheet(placed.filled(cells), f"{network}: {layer.name}", lines, key=key, labels=numbers, small=letters)


def _caption(layer: Layer, limit: int) -> str:
    told = described(layer, limit)
    return f"{told[0].upper()}{told[1:]}; on the left, the number of a row's first filter."


def _meaning(layer: Layer) -> str:
    if layer.kind == "RGB":
        return "Each filter is divided by its largest absolute weight; grey is 0 in all three colours."
    return "Each filter is divided by its largest absolute weight."
