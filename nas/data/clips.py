"""Clips of packed videos: which frames, in which order, as batches on the device.

Everything random about an epoch comes from the seed, the epoch's and the batch's number alone, so batches do not
depend on timing. Threads read ahead; pixels are worked on in batches, on the device.
"""

from __future__ import annotations

import time as clock
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nas.data import augment, mirror, pool, sampling
from nas.data.shards import Store
from nas.data.task import Task
from nas.data.videos import Labels
from nas.data_settings import ClipSettings, ViewSettings
from nas.tally import Waiting

# Batches read ahead: enough to hide an uneven disk, little enough for memory.
AHEAD = 3
# Threads that read, at most: they copy, or decode pictures, without Python's lock.
READERS = 4
# Sets the numbers that place a clip's frames within its segments apart from those that crop it.
SEGMENTS = 2


@dataclass(frozen=True)
class Plan:
    """What an epoch reads: the `order` of videos, and for each of them where its clip lies in time, and which crop."""

    order: np.ndarray
    time: np.ndarray
    crops: augment.Crops


@dataclass(frozen=True)
class _Batch:
    """The frames that a reader cut out, uint8 (b, t, h, w, 3), the sizes of the boxes (b, 2), and how they go on."""

    frames: torch.Tensor
    sizes: np.ndarray
    crops: augment.Crops
    videos: np.ndarray


class Split:
    """The packed videos of one split: `rows` of the `store`, in the order of the list, with their `labels`."""

    def __init__(self, store: Store, rows: np.ndarray, labels: Labels, task: Task):
        self.store, self.rows, self.labels, self.task = store, rows, labels, task

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shapes(self) -> np.ndarray:
        """Frames, height and width of each video, int64 (n, 3)."""
        return self.store.table.shapes[self.rows]

    def video(self, index: int) -> np.ndarray:
        """All packed frames of a video, uint8 (t, h, w, 3), read when they are touched."""
        return self.store.frames(int(self.rows[index]))

    def steps(self, batch: int, *, train: bool) -> int:
        """Batches in an epoch. Training drops an incomplete last one, unless it is the only one."""
        return max(1, len(self) // batch) if train else -(-len(self) // batch)

    def batches(
        self,
        clip: ClipSettings,
        *,
        batch: int,
        seed: int,
        epoch: int,
        train: bool,
        device: torch.device | str,
        waiting: Waiting | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches (x, y) on `device`: x float32 (b, 3, t, h, w), normalised, channels_last_3d; y int64 (b,), or for
        videos with several labels ones and zeros, float32 (b, classes).

        Training shuffles, and samples, crops, mirrors and colours at random, as `clip` says; otherwise the middle of
        the video and of its frames. The same seed and epoch give the same batches. `share` (r, n) gives part r of n
        equal ones of each batch in training, and otherwise every nth batch from r on. `waiting` is told how long pixels
        took. Raises NasError where `clip.flip` asks for labels that the classes do not have.
        """
        device = torch.device(device)
        flip, swap, _ = mirror.resolve(clip.flip, self.task.mirror, "clip")
        plan = self.plan(clip, seed=seed, epoch=epoch, train=train, flip=flip)
        number_of, (rank, size) = self.steps(batch, train=train), share
        parts = [np.arange(len(self))[i * batch : (i + 1) * batch] for i in range(number_of)]
        pin = device.type == "cuda"

        def read(number: int) -> _Batch:
            inner = np.random.default_rng([seed, epoch, SEGMENTS, number]) if train else None
            shares = self._shares(clip, inner, len(parts[number]))
            mine = np.array_split(np.arange(len(parts[number])), size)[rank] if train else slice(None)
            return self._planned(plan, parts[number][mine], clip, None if shares is None else shares[mine], pin=pin)

        for cut in _read_ahead(read, range(number_of) if train else range(rank, number_of, size)):
            x = _finished(cut, clip.size, device, waiting, self.store.jpeg)
            yield x, self._labels(cut, swap).to(device)

    def views(
        self,
        clip: ClipSettings,
        views: ViewSettings,
        *,
        batch: int,
        device: torch.device | str,
        reverse: bool = False,
        waiting: Waiting | None = None,
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches (x, videos) of each video's clips and crops: x as above, videos int64 (b,) on the CPU.

        With `views.clips` at all, a clip is the whole video: those of a batch have one length, which need not be that
        of the next batch, and hold as many frames as batches of other clips do.
        """
        device = torch.device(device)
        count = 1 if views.clips == "all" else views.clips
        crops = augment.views(len(self) * count, clip, views)
        size, pin = views.size or clip.size, device.type == "cuda"
        parts = list(self._groups(clip, views, batch))

        def read(number: int) -> _Batch:
            rows = parts[number]  # (video, clip, crop), one number each
            videos, which = np.divmod(rows // views.crops, count)
            moments = [self._view(int(video), clip, views, int(one)) for video, one in zip(videos, which, strict=True)]
            return self._cut(videos, [some[::-1] if reverse else some for some in moments], crops[rows], pin=pin)

        for cut in _read_ahead(read, range(len(parts))):
            yield _finished(cut, size, device, waiting, self.store.jpeg), torch.from_numpy(cut.videos)

    def plan(self, clip: ClipSettings, *, seed: int, epoch: int, train: bool, flip: bool = False) -> Plan:
        """Everything random about an epoch but the frames within segments, drawn at once."""
        count = len(self)
        if not train:
            return Plan(np.arange(count), np.full(count, 0.5), augment.views(count, clip))
        rng = np.random.default_rng([seed, epoch])
        order, time = rng.permutation(count), rng.random(count)
        return Plan(order, time, augment.draw(rng, count, clip, flip=flip))

    @staticmethod
    def _shares(clip: ClipSettings, inner: np.random.Generator | None, count: int) -> np.ndarray | None:
        """Where within its segments each frame of `count` clips lies, (count, t), if chance decides it."""
        segments = clip.sampling == "segments" and inner is not None
        return inner.random((count, clip.frames)) if segments else None

    def _planned(self, plan: Plan, part: np.ndarray, clip: ClipSettings, shares, *, pin: bool) -> _Batch:
        videos, times = plan.order[part], plan.time[part]
        lengths = self.store.table.shapes[self.rows[videos], 0]
        shares = [None] * len(videos) if shares is None else shares
        moments = [
            sampling.moments(int(length), clip, float(time), share)
            for length, time, share in zip(lengths, times, shares, strict=True)
        ]
        return self._cut(videos, moments, plan.crops[part], pin=pin)

    def _cut(self, videos: np.ndarray, moments: Sequence, crops: augment.Crops, *, pin: bool) -> _Batch:
        """Copy the frames and the boxes of a batch out of the store."""
        rows = self.rows[videos]
        boxes = crops.boxes(self.store.table.shapes[rows, 1:])
        height, width = boxes[:, 2:].max(axis=0)
        length = _length(moments[0])
        frames = torch.empty((len(videos), length, height, width, 3), dtype=torch.uint8, pin_memory=pin)
        for target, row, which, (top, left, h, w) in zip(frames.numpy(), rows, moments, boxes, strict=True):
            box = slice(top, top + h), slice(left, left + w)
            target[:, :h, :w] = self.store.frames(int(row), which, *box)
        return _Batch(frames, boxes[:, 2:], crops, videos)

    def _labels(self, cut: _Batch, swap: tuple[int, ...] | None) -> torch.Tensor:
        """The labels of a batch; `swap` is what mirrored clips show."""
        if self.task.multilabel:
            hot = self.labels.hot(cut.videos, len(self.task.classes))
            if swap:
                hot[cut.crops.mirror] = hot[cut.crops.mirror][:, np.argsort(swap)]
            return torch.from_numpy(hot)
        labels = self.labels.first(cut.videos)
        return torch.from_numpy(np.where(cut.crops.mirror, np.array(swap)[labels], labels) if swap else labels)

    def _groups(self, clip: ClipSettings, views: ViewSettings, batch: int) -> Iterator[np.ndarray]:
        """The rows (video, clip, crop) of each batch."""
        if views.clips != "all":
            rows = np.arange(len(self) * views.clips * views.crops)
            yield from (rows[first : first + batch] for first in range(0, len(rows), batch))
            return
        lengths = np.maximum(self.shapes[:, 0], clip.frames)
        for length in np.unique(lengths):
            videos = np.flatnonzero(lengths == length)
            rows = (videos[:, None] * views.crops + np.arange(views.crops)).ravel()
            many = max(1, batch * clip.frames // int(length))
            yield from (rows[first : first + many] for first in range(0, len(rows), many))

    def _view(self, video: int, clip: ClipSettings, views: ViewSettings, number: int) -> np.ndarray:
        """The frames of one of a video's test clips; one shorter than a network's clip stands still at its end."""
        length = int(self.store.table.shapes[self.rows[video], 0])
        which = np.arange(length)[sampling.views(length, clip, views)[number]]
        return np.pad(which, (0, max(0, clip.frames - len(which))), mode="edge")


def _length(moments: sampling.Moments) -> int:
    """How many frames these are."""
    if isinstance(moments, slice):
        return len(range(moments.start, moments.stop, moments.step or 1))
    return len(moments)


def _finished(cut: _Batch, size: int, device: torch.device, waiting: Waiting | None, pictures: bool) -> torch.Tensor:
    """A batch as the network takes it.

    Not in the threads that read: a second team of OpenMP threads slows a CPU's training more than this takes.
    """
    began = clock.perf_counter()
    x = augment.apply(cut.frames.to(device, non_blocking=True), cut.sizes, cut.crops, size)
    if waiting:
        waiting.cropping += clock.perf_counter() - began
        waiting.pictures = pictures
    return x


def _read_ahead(read: Callable[[int], Any], numbers: Sequence[int]) -> Iterator:
    """Yield `read(number)` for each number, in order, made by threads that stay `AHEAD` of the reader.

    An error in a thread is raised here; when the reader stops early, so do the threads.
    """
    readers = max(1, min(READERS, pool.cores() // 2))
    threads = ThreadPoolExecutor(readers, thread_name_prefix="clips")
    coming: deque = deque()
    try:
        for number in numbers:
            coming.append(threads.submit(read, number))
            if len(coming) > AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)
