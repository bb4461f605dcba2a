"""Crop, resize, mirror, jitter the colours of and normalise a batch of clips on its device.

All frames of a clip get the same treatment. A crop is a box of whole pixels, which the reader cuts out of the pack,
so that nothing else is copied; `draw` and `views` choose it in shares, so that it fits frames of every size.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch.nn import functional

from nas.data_settings import ClipSettings, ViewSettings

# Pixels in 0..1 are shifted and scaled by these, for all channels alike, as is customary on Kinetics.
MEAN, STD = 0.45, 0.225
# Multi-scale crops ("Temporal Segment Networks", 2016): shares of the short side, for width and height
# apart but at most one step from each other, at 13 places.
SCALES = (1.0, 0.875, 0.75, 0.66)
SHAPES = [(one, other) for i, one in enumerate(SCALES) for other in SCALES[max(0, i - 1) : i + 2]]
PLACES = [(a, b) for a in (0, 0.5, 1) for b in (0, 0.5, 1)] + [(a, b) for a in (0.25, 0.75) for b in (0.25, 0.75)]
# How much red, green and blue make grey (ITU-R BT.601).
GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Crops:
    """How each clip is cropped, mirrored and coloured.

    `sides` (n, 2) are the sides of the crop along the longer and along the shorter side of the frame, in shares of
    the shorter one; `places` (n, 2) are where along those it lies, from 0 (left, top) to 1 (right, bottom); `mirror`
    (n,) says which clips are mirrored; `colour` (n, 3) holds factors of brightness, contrast and saturation.
    """

    sides: np.ndarray
    places: np.ndarray
    mirror: np.ndarray
    colour: np.ndarray

    def __len__(self) -> int:
        return len(self.mirror)

    def __getitem__(self, part: slice | np.ndarray) -> Crops:
        return Crops(*(getattr(self, field.name)[part] for field in fields(self)))

    def boxes(self, shapes: np.ndarray) -> np.ndarray:
        """Top, left, height and width in pixels, int64 (n, 4), on frames of heights and widths `shapes` (n, 2).

        All places are as likely, as for the moments of a clip; the longer side of a square is its width.

        >>> views(1, ClipSettings(centre=0.875)).boxes(np.array([[128, 170]])).tolist()
        [[8, 29, 112, 112]]
        """
        shapes = np.asarray(shapes)
        order = np.where(shapes[:, :1] > shapes[:, 1:], [[0, 1]], [[1, 0]])
        lengths = np.maximum(1, np.rint(self.sides * shapes.min(axis=1, keepdims=True))).astype(np.int64)
        room = np.take_along_axis(shapes, order, axis=1) - lengths
        starts = np.minimum((self.places * (room + 1)).astype(np.int64), room)
        # `order` exchanges two columns or leaves them, so it is its own inverse
        return np.concatenate([np.take_along_axis(some, order, axis=1) for some in (starts, lengths)], axis=1)


def draw(rng: np.random.Generator, count: int, clip: ClipSettings, *, flip: bool) -> Crops:
    """Random crops for training; with `flip` half are mirrored.

    Random crops are of a side u with 1/u uniform between the bounds of `clip.scale`, so frames whose short side is
    resized to 256 to 320 pixels and cropped to 224 are drawn as in Simonyan and Zisserman (2015).
    """
    if clip.crop == "multiscale":
        sides, places = rng.choice(SHAPES, count), rng.choice(PLACES, count)
    else:
        low, high = clip.scale
        sides = np.repeat(1 / rng.uniform(1 / high, 1 / low, (count, 1)), 2, axis=1)
        places = rng.random((count, 2))
    mirror = (rng.random(count) < 0.5) & flip
    jitter = np.array([clip.colour.brightness, clip.colour.contrast, clip.colour.saturation])
    return Crops(sides, places, mirror, 1 + jitter * rng.uniform(-1, 1, (count, 3)))


def views(count: int, clip: ClipSettings, settings: ViewSettings | None = None) -> Crops:
    """The crops that test `count` clips: one in the middle each, or three along the longer side, one after the other.

    >>> len(views(10, ClipSettings(), ViewSettings(crops=3)))
    30
    """
    settings = settings or ViewSettings()
    along = [0.5] if settings.crops == 1 else [0.0, 0.5, 1.0]
    rows = count * len(along)
    places = np.column_stack([np.tile(along, count), np.full(rows, 0.5)])
    sides = np.full((rows, 2), settings.scale or clip.centre)
    return Crops(sides, places, np.zeros(rows, dtype=bool), np.ones((rows, 3)))


def apply(frames: torch.Tensor, sizes: np.ndarray, crops: Crops, size: int) -> torch.Tensor:
    """The cut boxes of a batch, uint8 (b, t, h, w, 3), as float32 (b, 3, t, size, size) in channels_last_3d.

    `sizes` (b, 2) are the height and width of each box, which begins at the corner of its (h, w); what lies beyond
    is never looked at. Resizing is bilinear, and averages where it shrinks. A CPU resizes in uint8, five times as fast
    as in floats, and rounds to whole levels twice on the way: other devices differ by up to one level of 255 (a third
    on average).

    >>> frames, sizes = torch.zeros(2, 8, 64, 80, 3, dtype=torch.uint8), np.array([[60, 80], [64, 64]])
    >>> apply(frames, sizes, views(2, ClipSettings()), 56).shape
    torch.Size([2, 3, 8, 56, 56])
    """
    b, t, _, _, c = frames.shape
    if (sizes == size).all() and not crops.mirror.any() and (crops.colour == 1).all():  # small clips: one call for all
        return frames.mul(1 / (255 * STD)).sub_(MEAN / STD).permute(0, 4, 1, 2, 3)
    x = torch.empty((b, t, size, size, c), device=frames.device)
    if frames.device.type == "cpu":
        for i, (height, width) in enumerate(sizes):  # clip by clip: the next step finds its pixels in the cache
            x[i] = _resized(frames[i, :, :height, :width], size, mirror=crops.mirror[i])
            _finish(x[i : i + 1], crops.colour[i : i + 1])
    else:
        _resample(frames, sizes, crops.mirror, out=x)
        _finish(x, crops.colour)
    return x.permute(0, 4, 1, 2, 3)


def _resized(frames: torch.Tensor, size: int, *, mirror: bool) -> torch.Tensor:
    """A clip uint8 (t, h, w, 3) as uint8 (t, size, size, 3)."""
    pictures = functional.interpolate(frames.permute(0, 3, 1, 2), (size, size), mode="bilinear", antialias=True)
    return (pictures.flip(-1) if mirror else pictures).permute(0, 2, 3, 1)


def _resample(frames: torch.Tensor, sizes: np.ndarray, mirror: np.ndarray, *, out: torch.Tensor) -> None:
    """The same for boxes of different sizes at once, as two products of matrices: (b, t, h, w, c) into `out`."""
    b, t, h, w, c = frames.shape
    size, device = out.shape[2], frames.device
    heights, widths = torch.from_numpy(sizes.T.astype(np.float32)).to(device)
    rows, columns = _weights(heights, h, size), _weights(widths, w, size)
    columns = torch.where(torch.from_numpy(mirror).to(device)[:, None, None], columns.flip(1), columns)
    pixels = torch.empty((b, t, c, h, w), device=device).copy_(frames.permute(0, 1, 4, 2, 3))
    narrow = pixels.view(b, t * c * h, w) @ columns.mT
    seen = rows[:, None] @ narrow.view(b, t * c, h, size)
    out.copy_(seen.view(b, t, c, size, size).permute(0, 1, 3, 4, 2))


def _weights(lengths: torch.Tensor, longest: int, size: int) -> torch.Tensor:
    """How much each of `longest` pixels adds to each of `size`: (b, size, longest), for boxes of `lengths` (b,).

    The triangle of bilinear resizing, as wide as a new pixel where that is larger than an old one.
    """
    step = lengths[:, None, None] / size
    old = torch.arange(longest, device=lengths.device) + 0.5
    new = (torch.arange(size, device=lengths.device)[:, None] + 0.5) * step
    weights = (1 - (old - new).abs() / step.clamp(min=1)).clamp(min=0) * (old < lengths[:, None, None])
    return weights / weights.sum(dim=-1, keepdim=True)


def _finish(x: torch.Tensor, colour: np.ndarray) -> None:
    """Colour and normalise pixels 0..255, (b, t, h, w, 3), in place."""
    if (colour != 1).any():
        _colour(x, colour)
    x.mul_(1 / (255 * STD)).sub_(MEAN / STD)


def _colour(x: torch.Tensor, factors: np.ndarray) -> None:
    """Brightness, then contrast around the mean grey of the clip, then saturation; cut off at 0 and 255 at the end.

    All three together are one sum of the pixel, its grey and the clip's mean grey.
    """
    brightness, contrast, saturation = torch.from_numpy(factors.T.astype(np.float32)).to(x.device)[
        ..., None, None, None
    ]
    grey = x @ torch.tensor(GREY, device=x.device)
    mean = grey.mean(dim=(1, 2, 3), keepdim=True)
    pixel = saturation * contrast * brightness
    grey.mul_((1 - saturation) * contrast * brightness).add_((1 - contrast) * brightness * mean)
    x.mul_(pixel[..., None]).add_(grey[..., None]).clamp_(0, 255)
