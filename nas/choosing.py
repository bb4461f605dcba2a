"""Which formulation of a convolution is taken, by its shape: the one place that decides it.

On a CPU it is a rule on sizes alone, so that a run repeats itself bit for bit on any number of workers; the
measurements behind it are those of `tests/benchmarks/bench_formulations.py`. On a GPU, whose kernels differ from one
model to the next, each is timed once per shape in a process, as cuDNN does with its own (written without a GPU at hand:
not measured). Without gradients, in evaluation mode, and where a network is traced or compiled, it is always torch's
own convolution.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.formulations import FORMULATIONS, KERNEL, LAST, ONES, PASSES, Choice, Shape, Triple, convolve

RUNS = 5  # of each formulation when they are timed, after one to warm up
SMALL, MANY = 32_000_000, 8192  # MACs and positions up to which a matrix product costs less than a convolution's call
TINY = 100_000  # MACs below which nothing but the call counts
FEW = 16  # clips, see _few
PLAIN = Choice()
Seconds = Callable[[Callable[[], object], torch.device], float]


def convolution(x: Tensor, k: Tensor, stride: Triple, padding: Triple, groups: int) -> Tensor:
    """The convolution of x (b, c, t, h, w) with k (o, c / groups, t, h, w), in training; in the precision of autocast.

    Differentiable once, where the formulation is not torch's own.
    """
    if torch.is_autocast_enabled(x.device.type):
        dtype = torch.get_autocast_dtype(x.device.type)
        x, k = x.to(dtype), k.to(dtype)
    shape, choice = _planned(x.shape, k.shape, stride, padding, groups, x.dtype, x.device)
    if choice == PLAIN:
        return F.conv3d(x, k, None, stride, padding, 1, groups)
    return convolve(x, k, shape, choice)


def chosen(shape: Shape, dtype: torch.dtype, device: torch.device) -> Choice:
    """What to compute a convolution by on a device.

    >>> chosen(Shape((8, 64, 4, 7, 7), 256), torch.float32, torch.device("cpu"))
    Choice(output='product', input='product', kernel='product')
    """
    if device.type == "cuda":
        return fastest(shape, dtype, device)
    return rule(shape, dtype) if device.type == "cpu" else PLAIN


def rule(shape: Shape, dtype: torch.dtype = torch.float32) -> Choice:
    """What is fastest on a CPU, or within a few per cent of it.

    >>> rule(Shape((8, 64, 8, 14, 14), 64, (3, 3, 3), padding=(1, 1, 1), groups=64))
    Choice(output='plain', input='turned', kernel='taps')
    """
    if dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return PLAIN
    choice = _depthwise(shape) if shape.depthwise else _grouped(shape) if shape.groups > 1 else _few(shape)
    if dtype != torch.float32 and any(n < k for n, k in zip(shape.x[2:], shape.kernel, strict=True)):
        return choice._replace(kernel="single")
    return choice


def _depthwise(shape: Shape) -> Choice:
    """oneDNN has no fast gradients of 3D depthwise convolutions; of 2D ones it has them, the kernel's up to 3 x 3."""
    if shape.macs < (TINY if shape.x[2] > 1 else TINY // 4):  # of one frame, taps are a single call
        return PLAIN
    if _is_line(shape):
        return Choice("lines", "lines", "lines")
    small = max(shape.kernel[1:]) <= 3
    if FORMULATIONS["frames"].fits(shape):
        return Choice("frames", "turned" if shape.stride == ONES else "frames", "frames" if small else "plain")
    return Choice("plain", "turned", "taps" if small and shape.kernel[0] > 1 else "plain")


def _grouped(shape: Shape) -> Choice:
    """Groups of one or two channels leave most of a vector register empty."""
    if shape.macs >= TINY and shape.group_width <= 2 and shape.kernel != ONES and FORMULATIONS["merged"].fits(shape):
        return Choice("merged", "merged", "plain")
    return _few(shape)


def _few(shape: Shape) -> Choice:
    """On one thread, torch sends 3D convolutions of 1 x 1 pixels to a slower library for fewer than 16 clips."""
    if shape.x[0] >= FEW or shape.macs < TINY:
        return PLAIN
    if _is_line(shape):
        return Choice("lines", "lines", "lines")
    if shape.kernel != ONES or shape.stride != ONES or shape.padding != (0, 0, 0):
        return PLAIN
    small = shape.groups == 1 and shape.macs < SMALL and prod(shape.y) // shape.c_out <= MANY
    return Choice("product", "product", "product") if small else Choice("frames", "frames", "frames")


def _is_line(shape: Shape) -> bool:
    return shape.kernel[0] > 1 and FORMULATIONS["lines"].fits(shape)


def fastest(shape: Shape, dtype: torch.dtype, device: torch.device, seconds: Seconds | None = None) -> Choice:
    """What took the least time just now, pass by pass; what the device cannot do, or has no memory for, is left out.

    >>> fastest(Shape((2, 8, 4, 8, 8), 8), torch.float32, torch.device("cpu"))  # doctest: +SKIP
    Choice(output='product', input='frames', kernel='product')
    """
    if device.type == "cuda" and torch.cuda.is_current_stream_capturing():  # a graph that is recorded allows no waiting
        return PLAIN
    try:
        x, k, dy = (_ones(sizes, dtype, device) for sizes in (shape.x, shape.k, shape.y))
    except torch.OutOfMemoryError:
        return PLAIN
    return Choice(*(_fastest(name, x, k, dy, shape, seconds or _median) for name in PASSES))


@torch.no_grad()
def _fastest(name: str, x: Tensor, k: Tensor, dy: Tensor, shape: Shape, seconds: Seconds) -> str:
    times = {}
    for formulation, ways in FORMULATIONS.items():
        if name not in ways.passes or not ways.fits(shape):
            continue
        if name == PASSES[0]:
            compute = lambda ways=ways: ways.output(x, k, shape)  # noqa: E731
        else:
            wanted = name != KERNEL, name == KERNEL
            compute = lambda ways=ways, wanted=wanted: ways.gradients(dy, x, k, shape, wanted)  # noqa: E731
        try:
            times[formulation] = seconds(compute, x.device)
        except RuntimeError:  # no such kernel for this dtype, or no memory
            continue
    return min(times, key=times.get, default="plain")


def _median(compute: Callable[[], object], device: torch.device) -> float:
    taken = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        compute()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - started)
    return sorted(taken[1:])[RUNS // 2]


def _ones(sizes: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.empty(sizes, dtype=dtype, device=device, memory_format=LAST).fill_(1)


@lru_cache(maxsize=1 << 14)
def _planned(
    x: tuple,
    k: tuple,
    stride: Triple,
    padding: Triple,
    groups: int,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Shape, Choice]:
    shape = Shape(tuple(x), k[0], tuple(k[2:]), stride, padding, groups)
    return shape, chosen(shape, dtype, device)
