"""What a pass over the data adds up: loss and hits, kept on the device, and the time spent waiting."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from nas.errors import NasError


class Diverged(NasError):
    """The loss is no longer a number."""


class Tally:
    """Sums of loss and hits over steps, fetched from the device every `every` steps.

    Raises Diverged, with the exact step, at the first fetch after a loss that is not finite.
    """

    def __init__(self, where: str, *, every: int = 1):
        self.where, self.every = where, every
        self.count, self.steps, self.sums, self.waiting = 0, 0, [0.0, 0.0, 0.0], []

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor, *, top5: bool = False) -> None:
        """Count a batch: `loss` its mean loss (), `logits` (b, classes), `labels` (b,) or shares (b, classes).

        Where labels are shares, a hit is a class that no other has a larger share than.
        """
        hits = _hits(logits, labels, 1)
        hits5 = _hits(logits, labels, 5) if top5 else torch.zeros_like(hits)
        figures = torch.stack([loss.detach().double() * len(labels), hits.double(), hits5.double()])
        self.waiting.append(figures)
        self.count += len(labels)
        if len(self.waiting) >= self.every:
            self.fetch()

    def fetch(self) -> None:
        """Bring the waiting figures to the host; on a GPU this waits for the steps behind them."""
        for row in torch.stack(self.waiting).tolist() if self.waiting else []:
            self.steps += 1
            if not math.isfinite(row[0]):
                problem = f"training diverged: the loss is {row[0]} in {self.where}, step {self.steps}"
                raise Diverged(problem, fix="lower lr, lengthen warmup, or set clip_gradient")
            self.sums = [total + value for total, value in zip(self.sums, row, strict=True)]
        self.waiting = []

    def means(self, total: Callable[[list[float]], list[float]] = list) -> list[float]:
        """Mean loss, top-1 and top-5 per clip; `total` adds up what several processes counted."""
        self.fetch()
        *sums, count = total([*self.sums, self.count])
        return [one / max(count, 1) for one in sums]


def _hits(logits: Tensor, labels: Tensor, best: int) -> Tensor:
    """For how many one of the `best` classes is right, ()."""
    picks = logits.argmax(1, keepdim=True) if best == 1 else logits.topk(best).indices
    if labels.ndim == 1:
        return (picks == labels[:, None]).any(1).sum()
    largest = labels.amax(1, keepdim=True)
    return ((labels.gather(1, picks) == largest) & (largest > 0)).any(1).sum()


class Waiting:
    """The seconds spent waiting for the next batch; `cropping` of them went into its pixels, the rest into reading.

    `pictures` says that frames are JPEG pictures, which are decoded again.
    """

    def __init__(self) -> None:
        self.seconds, self.cropping, self.pictures = 0.0, 0.0, False

    def iterate(self, batches: Iterable) -> Iterator:
        """The batches, with the time of each `next` added to `seconds`."""
        source = iter(batches)
        while True:
            start = time.perf_counter()
            batch = next(source, None)
            self.seconds += time.perf_counter() - start
            if batch is None:
                return
            yield batch

    def add(self, other: Waiting) -> None:
        """Count another one's time too."""
        self.seconds, self.cropping = self.seconds + other.seconds, self.cropping + other.cropping
        self.pictures = other.pictures

    def cause(self) -> str:
        """What took most of it, and what would help."""
        if self.cropping > self.seconds / 2:
            return "cropping and resizing on this device: pack at the size of the clips, or train a larger network"
        better = "keep raw frames (jpeg: 0)" if self.pictures else "put it on a faster disk (NAS_CACHE)"
        return f"reading the pack: {better}, or free some cores"
