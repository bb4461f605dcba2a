"""What a pass over the data adds up: loss and hits, kept on the device, and the time spent waiting."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator

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
        """Count a batch: `loss` its mean loss (), `logits` (b, classes), `labels` (b,)."""
        hits = (logits.argmax(1) == labels).sum()
        hits5 = (logits.topk(5).indices == labels[:, None]).sum() if top5 else torch.zeros_like(hits)
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

    def means(self) -> list[float]:
        """Mean loss, top-1 and top-5 per clip."""
        self.fetch()
        return [total / max(self.count, 1) for total in self.sums]


class Waiting:
    """The seconds spent waiting for the next batch."""

    def __init__(self) -> None:
        self.seconds = 0.0

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
