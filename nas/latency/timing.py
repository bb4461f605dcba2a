"""Timing: several calls in turn, so that a machine that is busy now and then disturbs all of them alike.

A sample is one call, or as many in a row as last `LEAST` milliseconds. The system tells how often it took the processor
away meanwhile (involuntary context switches): samples are taken until enough were left alone, within a limit, and a
figure is the median, with the interquartile range, of those that were disturbed least. On two cores that three other
programs used, a convolution of 2.6 ms had a median of 10.7 ms over all samples, and of 2.6 ms over those left alone.

Memory is not sampled but counted: every allocation and release of torch's allocators.
"""

from __future__ import annotations

import gc
import os
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from statistics import median, quantiles
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nas import device as devices
from nas.errors import NasError
from nas.latency.setting import LAST, PLAIN, Setting
from nas.latency.times import Times

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
LEAST = 1.0  # milliseconds of a sample
WARM_UP = 3  # calls before the first sample: memory is taken, kernels are chosen, a compiled network is compiled
ROUNDS = 10  # samples that make a figure
PATIENCE = 1.0  # seconds for more samples of what was disturbed; where the first ones took longer, as long as these


class Sample(NamedTuple):
    """Milliseconds of a call, and how often the processor was taken away."""

    ms: float
    switches: int


@dataclass
class Subject:
    """What is timed: a call without arguments, how many of them make a sample, and the samples."""

    call: Callable[[], object]
    setting: Setting
    held: int  # bytes of its weights
    after: str  # the memory layout of what it returns
    repeats: int
    lasts: float  # seconds of a sample, about
    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0  # that the samples took

    def sample(self) -> None:
        """Take one."""
        before = _switches()
        seconds = _seconds(self.call, self.repeats, self.setting)
        self.samples.append(Sample(1e3 * seconds / self.repeats, _switches() - before))
        self.seconds += seconds

    def left_alone(self) -> int:
        """How many samples were not disturbed."""
        return sum(not sample.switches for sample in self.samples)

    def times(self, rounds: int) -> Times:
        """What the least disturbed samples say."""
        chosen = sorted(self.samples, key=lambda sample: sample.switches)[:rounds]
        all_ms = [sample.ms for sample in chosen]
        low, _, high = quantiles(all_ms, n=4, method="inclusive") if len(all_ms) > 1 else (0.0,) * 3
        disturbed = sum(sample.switches > 0 for sample in chosen)
        return Times(round(median(all_ms), 5), round(high - low, 5), len(chosen), disturbed)


def subject(make: Callable[[], nn.Module], shape: Sequence[int], setting: Setting, *, layout: str = "") -> Subject:
    """A network or a piece, warmed up, and the features (c, t, h, w) of each clip that enter it in a memory `layout`.

    The layout is that of the setting unless another is named. Raises NasError where torch does not run it.
    """
    with running(setting):
        module = make().to(setting.device, memory_format=_memory_format(setting.memory_format))
        module = module.train() if setting.training else module.eval().to(TYPES[setting.dtype])
        run = torch.compile(module) if setting.compiled else module
        x = _features(shape, setting, layout or setting.memory_format)
        call = partial(_step, run, module, x, setting) if setting.training else partial(run, x)
        with torch.inference_mode(not setting.training):
            after = layout_of(call())
        seconds = min(_seconds(call, 1, setting) for _ in range(WARM_UP - 1))
        held = sum(tensor.nbytes for tensor in module.state_dict().values())
        repeats = max(1, round(LEAST / 1e3 / max(seconds, 1e-6)))
        return Subject(call, setting, held, after, repeats, repeats * seconds)


def interleaved(
    subjects: Sequence[Subject], *, rounds: int = ROUNDS, tick: Callable[[], None] = lambda: None
) -> list[Times]:
    """Time all in turn, `rounds` samples of each, and more of those that were disturbed.

    Every second round goes backwards, so that no one always runs after the same other. `tick` is called after each of
    the first `rounds`.
    """
    for turn in range(rounds):
        _round(subjects if turn % 2 else subjects[::-1])
        tick()
    limits = [one.seconds + max(PATIENCE, one.seconds) for one in subjects]
    waiting = list(zip(subjects, limits, strict=True))
    while waiting := [(one, limit) for one, limit in waiting if one.left_alone() < rounds and one.seconds < limit]:
        _round([one for one, _ in waiting])
    return [one.times(rounds) for one in subjects]


def _round(subjects: Sequence[Subject]) -> None:
    for one in subjects:
        with running(one.setting):
            one.sample()


@contextmanager
def running(setting: Setting) -> Iterator[None]:
    """Within it, torch runs as the setting says; raises NasError for what it cannot run, or has no memory for."""
    threads, collecting = torch.get_num_threads(), gc.isenabled()
    gc.disable()
    if setting.threads and setting.threads != threads:
        torch.set_num_threads(setting.threads)
    try:
        with devices.tuned_kernels(torch.device(setting.device)):
            yield
    except (RuntimeError, MemoryError) as error:  # without their frames, which hold on to the memory that was short
        if devices.is_out_of_memory(error):
            raise NasError("out of memory", fix="use a smaller batch or clip") from None
        raise NasError(f"does not run in this way: {str(error).strip().splitlines()[0]}") from None
    finally:
        if setting.threads and setting.threads != threads:
            torch.set_num_threads(threads)
        if collecting:
            gc.enable()


def peak(one: Subject) -> int:
    """The most bytes that a call holds at once besides the weights and its input."""
    with running(one.setting), torch.inference_mode(not one.setting.training):
        return _peak_on_gpu(one) if one.setting.device.startswith("cuda") else _peak_on_cpu(one.call)


def _peak_on_gpu(one: Subject) -> int:
    place = torch.device(one.setting.device)
    torch.cuda.synchronize(place)
    torch.cuda.reset_peak_memory_stats(place)
    before = torch.cuda.memory_allocated(place)
    one.call()
    torch.cuda.synchronize(place)
    return torch.cuda.max_memory_allocated(place) - before


def _peak_on_cpu(call: Callable[[], object]) -> int:
    """From torch's own record of its allocator, which counts the work space of its kernels too, but not oneDNN's."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # or the profiler writes about itself
    with torch.autograd.profiler.profile(profile_memory=True) as found:
        call()
    changes = [event for event in found.kineto_results.events() if event.name() == "[memory]"]
    return max(accumulate(event.nbytes() for event in sorted(changes, key=lambda one: one.start_ns())), default=0)


def layout_of(x: Tensor) -> str:
    """The memory layout of features; what is both is told as channels_last."""
    if x.ndim != 5 or x.is_contiguous(memory_format=torch.channels_last_3d):
        return LAST
    return PLAIN


def _seconds(call: Callable[[], object], calls: int, setting: Setting) -> float:
    place = torch.device(setting.device)
    with torch.inference_mode(not setting.training):
        _settle(place)
        began = time.perf_counter()
        for _ in range(calls):
            call()
        _settle(place)
        return time.perf_counter() - began


def _switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _settle(place: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if place.type == "cuda":
        torch.cuda.synchronize(place)


def _step(run: Callable[[Tensor], Tensor], module: nn.Module, x: Tensor, setting: Setting) -> Tensor:
    """Forward and backward, without an optimiser."""
    with devices.autocast(x.device, setting.dtype)():
        y = run(x)
    y.float().square().mean().backward()
    module.zero_grad(set_to_none=True)
    return y.detach()


def _features(shape: Sequence[int], setting: Setting, layout: str) -> Tensor:
    """Random features (b, c, t, h, w), half of them zero, as behind a ReLU."""
    dtype = torch.float32 if setting.training else TYPES[setting.dtype]
    x = torch.randn(setting.batch, *shape, device=setting.device).relu_().to(dtype)
    return x.contiguous(memory_format=_memory_format(layout))


def _memory_format(layout: str) -> torch.memory_format:
    return torch.channels_last_3d if layout == LAST else torch.contiguous_format
