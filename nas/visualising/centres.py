"""Where in a clip the cells of a feature map look: the centres of their receptive fields.

A layer padded by half its odd kernel looks around cell i at s * i, s its stride, so the first cell of a map lies on the
first pixel, not half a cell inside. Stretching a map over the picture, as is usual, is off by half a cell: 14 pixels of
112 for a ResNet3D (tests/visualising/test_centres.py measures it by gradients).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nas.cost import fold
from nas.errors import NasError, nearest
from nas.layers import AvgPool, Concat, Conv, Node, Pool, Residual, Scale, Seq, Sum

Shape = tuple[int, int, int, int]  # (c, t, h, w)
START = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Centres:
    """Cell i of a map of `shape` looks at `first` + i * `step`, in frames and pixels of the input, for each axis."""

    shape: Shape
    first: tuple[float, float, float] = START
    step: tuple[float, float, float] = (1.0, 1.0, 1.0)


def centres(tree: Node, layer: str, clip: Shape) -> Centres:
    """Where the output of the part `layer` of a network looks, for a clip (c, t, h, w).

    >>> from nas.layers import seq
    >>> centres(seq(a=Conv(3, 8, (3, 3, 3), (1, 2, 2)), b=Pool((2, 2, 2), (2, 2, 2))), "b", (3, 8, 32, 32))
    Centres(shape=(8, 4, 8, 8), first=(0.5, 1.0, 1.0), step=(2.0, 4.0, 4.0))

    Raises NasError where there is no such part, and inside of gates and of the head, whose outputs are no maps.
    """
    if layer not in (known := dict(maps(tree))):
        unknown = f"'{layer}' is no part of the network that gives a feature map"
        raise NasError(unknown, fix=nearest(layer, known))
    at, node = Centres(clip), tree
    for name in layer.split("."):
        names = [part for part, _ in _path(node)]
        for _, child in _path(node)[: names.index(name) if name in names else 0]:
            at = _through(child, at)
        node = _named(node)[name]
    return _through(node, at)


def maps(node: Node, name: str = "") -> Iterator[tuple[str, Node]]:
    """The parts of a network that give feature maps, with their names, from the outside in."""
    for part, child in _named(node).items():
        if not name and part == "head":
            continue
        path = f"{name}.{part}".lstrip(".")
        yield path, child
        if not isinstance(child, Scale):
            yield from maps(child, path)


def spread(cells: np.ndarray, at: Centres, clip: Shape) -> np.ndarray:
    """A map (t', h', w') over the clip, as (t, h, w): its values at the centres, level beyond the outer ones.

    Between them it follows cubics that rise and fall only where the map does (Fritsch and Carlson, 1980), so that no
    peak is made up.

    >>> spread(np.array([[[0.0, 1.0]]]), Centres((1, 1, 1, 2), step=(1, 1, 2)), (3, 1, 1, 4)).tolist()
    [[[0.0, 0.5, 1.0, 1.0]]]
    """
    from scipy.interpolate import PchipInterpolator

    for axis, length in enumerate(clip[1:]):
        places = at.first[axis] + at.step[axis] * np.arange(cells.shape[axis])
        pixels = np.arange(length).clip(places[0], places[-1])
        if len(places) == 1:
            cells = cells.repeat(length, axis=axis)
        else:
            cells = PchipInterpolator(places, cells, axis=axis)(pixels)
    return cells


def _named(node: Node) -> dict[str, Node]:
    """The parts of a join by the names that they have as modules."""
    if isinstance(node, Seq):
        return dict(node.children)
    if isinstance(node, Sum | Concat):
        return dict(node.branches)
    if isinstance(node, Residual):
        return dict(node.body.children) | ({"shortcut": node.shortcut} if node.shortcut else {})
    return {}


def _path(node: Node) -> tuple[tuple[str, Node], ...]:
    """The parts that follow one another."""
    if isinstance(node, Seq):
        return node.children
    return node.body.children if isinstance(node, Residual) else ()


def _through(node: Node, at: Centres) -> Centres:
    """Where the outputs of a tree look; of branches, those of the first."""
    shape = fold(node, at.shape).shape
    if isinstance(node, Conv | Pool | AvgPool):
        return _moved(node, at, shape)
    if isinstance(node, Sum | Concat):
        first = _through(node.branches[0][1], at)
        return Centres(shape, first.first, first.step)
    for _, child in _path(node):
        at = _through(child, at)
    if shape[1:] == at.shape[1:]:
        return Centres(shape, at.first, at.step)
    # an opaque block: as if padded by half its kernel
    step = tuple(s * round(n / m) for s, n, m in zip(at.step, at.shape[1:], shape[1:], strict=True))
    return Centres(shape, at.first, step)


def _moved(node: Conv | Pool | AvgPool, at: Centres, shape: Shape) -> Centres:
    padding = (0, 0, 0) if isinstance(node, AvgPool) else node.padding
    kernel = [min(k, n + 2 * p) for k, n, p in zip(node.kernel, at.shape[1:], padding, strict=True)]
    off = [(k - 1) / 2 - p for k, p in zip(kernel, padding, strict=True)]
    first = tuple(f + s * o for f, s, o in zip(at.first, at.step, off, strict=True))
    return Centres(shape, first, tuple(s * stride for s, stride in zip(at.step, node.stride, strict=True)))
