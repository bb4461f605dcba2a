"""A pack of random clips that keeps the contract of `nas.data.pack` without any video: for training tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nas.data import shards
from nas.data.clips import Split
from nas.data.journal import Journal
from nas.data.shards import Store
from nas.data.task import Task
from nas.data.videos import Labels
from nas.data_settings import ClipSettings, ViewSettings


@dataclass(frozen=True)
class FakeSplit:
    """Clips of a few patterns under noise; `poison` is the clip that holds a NaN, if any."""

    clips: int
    classes: int = 6
    poison: int = -1

    def __len__(self) -> int:
        return self.clips

    @property
    def task(self) -> Task:
        """Classes by number."""
        return Task(tuple(map(str, range(self.classes))))

    @property
    def labels(self) -> Labels:
        """The class of each clip."""
        return Labels.single(np.arange(self.clips) % self.classes)

    def views(
        self, clip: ClipSettings, views: ViewSettings, *, batch: int, device: torch.device, reverse: bool, **_: object
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Every view of a clip shows the same."""
        first = 0
        for x, y in self.batches(clip, batch=batch, seed=0, epoch=0, train=False, device=device):
            videos = torch.arange(first, first + len(y)).repeat_interleave(views.clips)
            first += len(y)
            yield (x.flip(2) if reverse else x).repeat_interleave(views.clips, 0), videos

    def steps(self, batch: int, *, train: bool) -> int:
        return max(1, self.clips // batch) if train else -(-self.clips // batch)

    def batches(
        self,
        clip: ClipSettings,
        *,
        batch: int,
        seed: int,
        epoch: int,
        train: bool,
        device: torch.device,
        share: tuple[int, int] = (0, 1),
        **_: object,
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
            rank, size = share
            if train:
                x, some = x.tensor_split(size)[rank], some.tensor_split(size)[rank]
            elif step % size != rank:
                continue
            yield x.to(device, memory_format=torch.channels_last_3d), (some % self.classes).to(device)


@dataclass(frozen=True)
class FakePack:
    """Two splits, as `nas.data.pack.Pack` has them."""

    train: FakeSplit = FakeSplit(42)
    val: FakeSplit = FakeSplit(30)
    task: Task = Task(tuple("abcdef"))
    fingerprint: str = "random clips"
    skipped: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the network's outputs."""
        return self.task.classes


CLIP = ClipSettings(frames=4, size=8, scale=1.0)


def packed(folder: Path, videos: Sequence[np.ndarray], labels: Labels, task: Task, *, jpeg: int = 0) -> Split:
    """Videos uint8 (t, h, w, 3) as one split of a pack in `folder`, without any file to decode."""
    with Journal(folder / "journal.jsonl", len(videos)) as journal:
        for number, video in enumerate(videos):
            journal.add(number, shards.append(str(folder), video, jpeg))
        shards.close()
        table, rows = journal.table()
    return Split(Store(folder, table), rows, labels, task)


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
