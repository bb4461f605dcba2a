"""Clips of packed videos: which frames, in which order, as batches on the device.

Everything random about an epoch is drawn before it starts, from the seed and the epoch's number alone, so
batches do not depend on timing. One thread reads ahead; pixels are worked on in batches, on the device.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nas.data import augment
from nas.recipe import ClipSettings

# Batches read ahead: enough to hide an uneven disk, little enough for memory.
AHEAD = 3


@dataclass(frozen=True)
class Plan:
    """What an epoch reads: the `order` of videos, and for each when its clip begins and which square it sees.

    `time` and `place` are shares in 0..1 of the room there is, along the frames and along the long side.
    """

    order: np.ndarray
    time: np.ndarray
    place: np.ndarray
    crops: augment.Crops


class Split:
    """The packed videos of one split, in the order of the index.

    `store` is the flat uint8 file, `shapes` holds frames, height and width of each video, int64 (n, 3), and
    `labels` their classes, int64 (n,).
    """

    def __init__(self, store: np.ndarray, shapes: np.ndarray, labels: np.ndarray):
        self.store, self.shapes, self.labels = store, shapes, labels
        # short side of all frames
        self.side = int(shapes[:, 1:].min()) if len(shapes) else 0
        self._ends = np.cumsum(shapes.prod(axis=1) * 3)

    def __len__(self) -> int:
        return len(self.labels)

    def video(self, index: int) -> np.ndarray:
        """All packed frames of a video, uint8 (t, h, w, 3), read when they are touched."""
        shape = (*self.shapes[index], 3)
        end = self._ends[index]
        return self.store[end - np.prod(shape) : end].reshape(shape)

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
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches (x, y) on `device`: x float32 (b, 3, t, h, w), normalised, channels_last_3d; y int64 (b,).

        Training shuffles, and takes a random window of time, a random place and a random scale; otherwise the
        middle of the video and the whole middle square of its frames. The same seed and epoch give the same
        batches. A video shorter than the window stands still on its last frame at the end: playing it again
        from the start would show another action.
        """
        device = torch.device(device)
        plan = self.plan(clip, seed=seed, epoch=epoch, train=train)
        parts = [slice(i * batch, (i + 1) * batch) for i in range(self.steps(batch, train=train))]
        pin = device.type == "cuda"
        for part, frames in _read_ahead(lambda part: (part, self.gather(plan, part, clip, pin=pin)), parts):
            # not in the thread: a second team of OpenMP threads slows a CPU's training more than this takes
            x = augment.apply(frames.to(device, non_blocking=pin), plan.crops[part], clip.size)
            yield x, torch.from_numpy(self.labels[plan.order[part]]).to(device)

    def plan(self, clip: ClipSettings, *, seed: int, epoch: int, train: bool) -> Plan:
        """Everything random about an epoch, drawn at once."""
        count = len(self)
        if not train:
            middle = np.full(count, 0.5)
            return Plan(np.arange(count), middle, middle, augment.whole(count))
        rng = np.random.default_rng([seed, epoch])
        order, (time, place) = rng.permutation(count), rng.random((2, count))
        return Plan(order, time, place, augment.jittered(rng, count, clip.scale, clip.flip))

    def gather(self, plan: Plan, part: slice, clip: ClipSettings, *, pin: bool = False) -> torch.Tensor:
        """Copy the frames of a batch out of the store: uint8 (b, t, h, h, 3)."""
        videos = plan.order[part]
        frames = torch.empty((len(videos), clip.frames, self.side, self.side, 3), dtype=torch.uint8, pin_memory=pin)
        for target, index, time, place in zip(frames.numpy(), videos, plan.time[part], plan.place[part], strict=True):
            video = self.video(index)
            top, left = (round(place * (length - self.side)) for length in video.shape[1:3])
            chosen = moments(len(video), clip.frames, clip.stride, time)
            target[:] = video[chosen, top : top + self.side, left : left + self.side]
        return frames


def moments(length: int, frames: int, stride: int, time: float) -> slice | np.ndarray:
    """Which of `length` frames a clip takes; `time` from 0 (the first possible) to 1 (the last possible).

    >>> moments(20, 4, 2, 0.5)
    slice(7, 14, 2)
    >>> moments(5, 4, 2, 0.5)
    array([0, 2, 4, 4])
    """
    span = (frames - 1) * stride + 1
    if length < span:
        return np.minimum(np.arange(frames) * stride, length - 1)
    first = min(int(time * (length - span + 1)), length - span)
    return slice(first, first + span, stride)


def _read_ahead(make: Callable[[slice], Any], parts: list[slice]) -> Iterator:
    """Yield `make(part)` for each part, made by a thread that stays `AHEAD` of the reader.

    An error in the thread is raised here; when the reader stops early, so does the thread.
    """
    ready: queue.Queue = queue.Queue(AHEAD)
    stopped = threading.Event()

    def fill() -> None:
        try:
            for part in parts:
                _put(ready, make(part), stopped)
                if stopped.is_set():
                    return
        except BaseException as error:
            _put(ready, error, stopped)

    thread = threading.Thread(target=fill, name="clips", daemon=True)
    thread.start()
    try:
        for _ in parts:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()


def _put(ready: queue.Queue, item, stopped: threading.Event) -> None:
    """Put, but give up when nobody reads any more."""
    while not stopped.is_set():
        try:
            ready.put(item, timeout=0.1)
            break
        except queue.Full:
            continue
