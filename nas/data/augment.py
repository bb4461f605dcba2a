"""Crop, mirror, resize and normalise a whole batch on its device, in one interpolation.

All frames of a clip share one crop: its frames count as channels of one picture, so
a batch is one `grid_sample`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

# Pixels in 0..1 are shifted and scaled by these, for all channels alike, as is customary on Kinetics.
MEAN, STD = 0.45, 0.225
# A CPU works on so many numbers at once: in one go, a batch of 8x128x128 clips takes three times as long.
CACHED = 3_200_000


@dataclass(frozen=True)
class Crops:
    """A square crop for each clip: side and offsets in shares of the frame's side, (b,), and mirroring."""

    side: np.ndarray
    top: np.ndarray
    left: np.ndarray
    mirror: np.ndarray

    def __getitem__(self, part: slice) -> Crops:
        return Crops(self.side[part], self.top[part], self.left[part], self.mirror[part])

    def keep_all(self) -> bool:
        """Whether no clip is cropped or mirrored."""
        return bool((self.side == 1).all() and not self.mirror.any())


def whole(count: int) -> Crops:
    """The whole square, as tests use it."""
    return Crops(np.ones(count), np.zeros(count), np.zeros(count), np.zeros(count, dtype=bool))


def jittered(rng: np.random.Generator, count: int, scale: float, flip: bool) -> Crops:
    """Random crops with a side between `scale` and 1, anywhere inside; with `flip` half are mirrored."""
    side = rng.uniform(scale, 1, count)
    top, left = rng.random((2, count)) * (1 - side)
    return Crops(side, top, left, (rng.random(count) < 0.5) & flip)


def apply(frames: torch.Tensor, crops: Crops, size: int) -> torch.Tensor:
    """Frames uint8 (b, t, h, h, 3) to a normalised float32 batch (b, 3, t, size, size) in channels_last_3d.

    Bilinear; shrinking to less than half averages whole blocks of pixels first, so that nothing aliases much.

    >>> apply(torch.zeros(2, 8, 64, 64, 3, dtype=torch.uint8), whole(2), 56).shape
    torch.Size([2, 3, 8, 56, 56])
    """
    b, t, h, _, c = frames.shape
    if h == size and crops.keep_all():
        return frames.mul(1 / (255 * STD)).sub_(MEAN / STD).permute(0, 4, 1, 2, 3)
    block = max(1, int(crops.side.min() * h / size))
    grid = torch.from_numpy(_grid(crops, size)).to(frames.device)
    x = torch.empty((b, t, size, size, c), device=frames.device)
    many = max(1, CACHED // (t * c * h * h)) if frames.device.type == "cpu" else b
    for first in range(0, b, many):
        part = slice(first, first + many)
        _sample(frames[part], grid[part], block, out=x[part])
    return x.permute(0, 4, 1, 2, 3)


def _sample(frames: torch.Tensor, grid: torch.Tensor, block: int, *, out: torch.Tensor) -> None:
    b, t, h, _, c = frames.shape
    pixels = torch.empty((b, t, c, h, h), device=frames.device)
    torch.mul(frames.permute(0, 1, 4, 2, 3), 1 / (255 * STD), out=pixels)
    pixels = pixels.view(b, t * c, h, h)
    if block > 1:
        # what a division by `block` leaves over is cut off at the far edges: less than a block
        pixels = functional.avg_pool2d(pixels, block)
    seen = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    torch.sub(seen.view(b, t, c, *seen.shape[2:]).permute(0, 1, 3, 4, 2), MEAN / STD, out=out)


def _grid(crops: Crops, size: int) -> np.ndarray:
    """Where each output pixel looks, as `grid_sample` counts: (b, size, size, 2) of x, y from -1 to 1."""
    steps = (np.arange(size) + 0.5) / size
    x = crops.left[:, None] + crops.side[:, None] * steps
    y = crops.top[:, None] + crops.side[:, None] * steps
    x[crops.mirror] = x[crops.mirror, ::-1]
    both = np.broadcast_arrays(x[:, None, :], y[:, :, None])
    return (2 * np.stack(both, axis=-1) - 1).astype(np.float32)
