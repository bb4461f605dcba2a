"""What the training loop adds to bare forward, backward and step: a ratio, both measured in turns in one run.

    python tests/benchmarks/bench_train.py

The split that feeds `fit` takes a bare step of its own, on a twin network, between any two steps of the
loop: so both see the same machine, however busy it is. On a GPU each step is waited for, which gives an
upper bound of what the loop adds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas import device as devices
from nas import genotype as genotypes
from nas.build import build
from nas.data.task import Task
from nas.data_settings import ClipSettings
from nas.optimiser import optimiser
from nas.train import fit
from nas.train_settings import TrainSettings

BATCH, STEPS = 32, 80
CLIP = ClipSettings(frames=8, size=40)
TASK = Task(tuple("abcdefghij"))
SETTINGS = TrainSettings(epochs=1, batch=BATCH, warmup=0.0)


def network() -> nn.Module:
    """A small ir-CSN: four stages of bottlenecks with depthwise convolutions."""
    block = {"kind": "bottleneck", "conv": {"kind": "depthwise"}}
    stages = [{"depth": 1, "width": width, "stride": [1, 2, 2], "block": block} for width in (8, 16, 32, 64)]
    stem = {"width": 16, "stride": [1, 2, 2], "pool": None}
    return build(genotypes.parse({"classes": 10, "stem": stem, "stages": stages}), seed=0)


class Bare:
    """Forward, backward and step, without anything around them."""

    def __init__(self, device: torch.device):
        self.model = network().to(device).train()
        self.optimizer = optimiser(self.model, SETTINGS)
        self.autocast = devices.autocast(device, SETTINGS.precision)

    def step(self, x: Tensor, y: Tensor) -> None:
        with self.autocast():
            loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


class Alternating:
    """A split in memory that times the loop's steps, and a bare step after each."""

    task = TASK

    def __init__(self, steps: int, device: torch.device):
        shape = (BATCH, 3, CLIP.frames, CLIP.size, CLIP.size)
        self.x = torch.randn(shape).to(device, memory_format=torch.channels_last_3d)
        self.y, self.count = torch.randint(0, 10, (BATCH,)).to(device), steps
        self.bare, self.seconds = Bare(device), {"bare": [], "loop": []}

    def __len__(self) -> int:
        return self.count * BATCH

    def steps(self, batch: int, *, train: bool) -> int:
        return self.count

    def batches(self, clip: ClipSettings, *, device: torch.device, train: bool, **_: object) -> Iterator:
        if not train:
            yield self.x, self.y
            return
        for _step in range(self.count):
            start = now(device)
            yield self.x, self.y
            middle = now(device)
            self.bare.step(self.x, self.y)
            self.seconds["loop"].append(middle - start)
            self.seconds["bare"].append(now(device) - middle)


@dataclass(frozen=True)
class Pack:
    """Two splits."""

    train: Alternating
    val: Alternating
    task: Task = TASK


def now(device: torch.device) -> float:
    """The time when the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def main() -> None:
    device = devices.pick()
    pack = Pack(Alternating(STEPS, device), Alternating(1, device))
    fit(network(), pack, SETTINGS, CLIP, seed=0, device=device)
    loop, bare = (pack.train.seconds[side][5:] for side in ("loop", "bare"))
    ratios = [ours / theirs for ours, theirs in zip(loop, bare, strict=True)]
    print(f"{devices.text(device)}; {BATCH} clips of {CLIP.frames}x{CLIP.size}x{CLIP.size} a step")
    for name, seconds in (("bare", bare), ("loop", loop)):
        low, middle = 1000 * min(seconds), 1000 * statistics.median(seconds)
        print(f"{name}: {low:.2f} ms the fastest step, {middle:.2f} ms the median")
    print(f"loop / bare: {statistics.median(ratios):.3f}, the median of {len(ratios)} pairs")


if __name__ == "__main__":
    main()
