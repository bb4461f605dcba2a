"""A training step of five published networks: as this project computes it, and as plain PyTorch does.

    python tests/benchmarks/bench_step.py                       # a quarter of the width, on a CPU
    python tests/benchmarks/bench_step.py --device cuda --width 1 --size 224 --dtype bf16

A step is forward, backward and the optimiser's. `plain` is the same network of torch's own convolutions in the
contiguous memory format with torch's default SGD, `channels_last` the same in channels_last_3d. The three take turns,
so that a busy machine slows them all down alike; figures are medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from nas import device as devices
from nas import targets
from nas.build import Convolution, build
from nas.genotype import Clip
from nas.optimiser import optimiser
from nas.scale import scale
from nas.train_settings import TrainSettings

NETWORKS = ("ir-csn-50", "ip-csn-50", "sevnet-g8", "ct-net-r50", "s3d-g")
WAYS = ("ours", "plain", "channels_last")
CLASSES = 10


def as_torch_does(model: nn.Module) -> nn.Module:
    """The network with torch's own convolutions."""
    for module in model.modules():
        if isinstance(module, Convolution):
            module.__class__ = nn.Conv3d
    return model


def stepper(way: str, genotype, clips: torch.Tensor, labels: torch.Tensor, dtype: str) -> Callable[[], float]:
    """A function that trains for a step and returns the seconds that it took."""
    layout = torch.contiguous_format if way == "plain" else torch.channels_last_3d
    model = build(genotype, seed=0) if way == "ours" else as_torch_does(build(genotype, seed=0))
    model = model.to(device=clips.device, memory_format=layout).train()
    x, autocast = clips.to(memory_format=layout), devices.autocast(clips.device, dtype)
    if way == "ours":
        optimizer = optimiser(model, TrainSettings())
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9, weight_decay=1e-4)

    def step() -> float:
        started = time.perf_counter()
        with autocast():
            loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if x.is_cuda:
            torch.cuda.synchronize(x.device)
        return time.perf_counter() - started

    return step


def measure(name: str, asked: argparse.Namespace) -> None:
    """Print a row."""
    clip = Clip(frames=asked.frames, size=asked.size)
    genotype, _ = scale(targets.resolve(name).genotype, width=asked.width, depth=1.0, clip=clip, classes=CLASSES)
    clips = torch.randn(asked.batch, 3, asked.frames, asked.size, asked.size, device=asked.device)
    labels = torch.randint(0, CLASSES, (asked.batch,), device=asked.device)
    steps = {way: stepper(way, genotype, clips, labels, asked.dtype) for way in WAYS}
    for step in steps.values():
        step(), step()
    taken = {way: [] for way in WAYS}
    for _ in range(asked.repeats):
        for way, step in steps.items():
            taken[way].append(step())
    ms = {way: 1e3 * statistics.median(times) for way, times in taken.items()}
    told = "  ".join(f"{way} {ms[way]:8.1f} ms" for way in WAYS)
    print(f"{name:<11} {told}  {ms['plain'] / ms['ours']:.2f} times plain", end="  ")
    print(f"{ms['channels_last'] / ms['ours']:.2f} times channels_last", flush=True)


def main() -> None:
    """Measure all networks, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="fp32", choices=["fp32", "bf16", "fp16"])
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=9)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    devices.keep_freed_memory()
    print(f"{devices.text(torch.device(asked.device))}, {asked.dtype}, width x{asked.width:g}, ", end="")
    print(f"batches of {asked.batch}x{asked.frames}x{asked.size}x{asked.size}")
    for name in asked.networks:
        measure(name, asked)


if __name__ == "__main__":
    main()
