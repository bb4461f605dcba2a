"""Mixup (2018): each clip of a batch is blended with the next one, and so are their labels.

Batches are shuffled already, so the next clip is as random a partner as any, and nothing but shares is drawn.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

# Tells its numbers from those that shuffle and crop, which are drawn from seed and epoch too.
STREAM = 0x6D6978


def draw(alpha: float, count: int, *, seed: int, epoch: int, step: int) -> np.ndarray:
    """What each of `count` clips keeps of itself, (count,), from 0.5 to 1: the larger part of Beta(alpha, alpha).

    A clip and its partner are as likely one way round as the other, so this mixes as the paper does, but for one share
    a clip in place of one a batch; it lets a clip's own label weigh most. The same numbers give the same shares.
    """
    share = np.random.default_rng([STREAM, seed, epoch, step]).beta(alpha, alpha, count)
    return np.maximum(share, 1 - share)


def mix(x: torch.Tensor, y: torch.Tensor, shares: np.ndarray, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Blend clips x (b, c, t, h, w) and labels y with those that follow: x, and soft labels float32 (b, classes).

    y holds a class a clip, int64 (b,), or any number of them as zeros and ones, (b, classes). Where x and y have one
    row more than `shares`, it is the one that follows the last clip (see `nas.group`); else the first one does.
    `functional.cross_entropy` takes soft labels and smooths them too: its `label_smoothing` e makes (1 - e) * y +
    e / classes of them, the same before the blend as after it.

    >>> x, y = mix(torch.zeros(2, 3, 4, 8, 8), torch.tensor([0, 2]), np.array([0.75, 1.0]), 3)
    >>> y.tolist()
    [[0.75, 0.0, 0.25], [0.0, 0.0, 1.0]]
    """
    labels = (functional.one_hot(y, classes) if y.ndim == 1 else y).float()
    other = torch.from_numpy(1 - shares).to(x.device, torch.float32)
    return _blend(x, other), _blend(labels, other)


def _blend(x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """(1 - other) * x + other * the next of x."""
    following = torch.cat([x[1:], x[:1]])[: len(other)]
    return torch.lerp(x[: len(other)], following, other.to(x.dtype).view(-1, *[1] * (x.ndim - 1)))
