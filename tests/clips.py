"""A pack of random clips that keeps the contract of `nas.data.pack` without any video: for training tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from nas.recipe import ClipSettings


@dataclass(frozen=True)
class FakeSplit:
    """Clips of a few patterns under noise; `poison` is the clip that holds a NaN, if any."""

    clips: int
    classes: int = 6
    poison: int = -1

    def __len__(self) -> int:
        return self.clips

    def steps(self, batch: int, *, train: bool) -> int:
        return max(1, self.clips // batch) if train else -(-self.clips // batch)

    def batches(
        self, clip: ClipSettings, *, batch: int, seed: int, epoch: int, train: bool, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor]]:
        order = np.random.default_rng([seed, epoch])
        picks = order.permutation(self.clips) if train else np.arange(self.clips)
        noise = torch.Generator().manual_seed(int(order.integers(1 << 32)) if train else 0)
        shape = (3, clip.frames, clip.size, clip.size)
        patterns = torch.randn(self.classes, *shape, generator=torch.Generator().manual_seed(5))
        for step in range(self.steps(batch, train=train)):
            some = torch.from_numpy(picks[step * batch : (step + 1) * batch])
            x = patterns[some % self.classes] + torch.randn(len(some), *shape, generator=noise)
            x[some == self.poison] = torch.nan
            yield x.to(device, memory_format=torch.channels_last_3d), (some % self.classes).to(device)


@dataclass(frozen=True)
class FakePack:
    """Two splits, as `nas.data.pack.Pack` has them."""

    train: FakeSplit = FakeSplit(42)
    val: FakeSplit = FakeSplit(30)
    classes: tuple[str, ...] = tuple("abcdef")
    fingerprint: str = "random clips"


CLIP = ClipSettings(frames=4, size=8)


def tiny_network(classes: int = 6, seed: int = 0) -> nn.Module:
    """A dense, a depthwise and a linear layer, with norm and dropout: (b, 3, t, h, w) -> (b, classes)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv3d(3, 8, 3, padding=1, bias=False),
            nn.BatchNorm3d(8),
            nn.ReLU(),
            nn.Conv3d(8, 8, 3, groups=8),
            nn.Dropout(0.2),
            nn.Flatten(),
            nn.Linear(8 * 2 * 6 * 6, classes),
        )
