"""Where a network is trained: the device, its number format, its random state and its memory."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys
from collections.abc import Callable, Iterator

import numpy as np
import torch

from nas.errors import NasError

# Of glibc's mallopt: from which size on memory is mapped for itself, how much may lie free, and their largest value.
MMAP_THRESHOLD, TRIM_THRESHOLD, LARGEST = -3, -1, 2**31 - 1


def pick(device: str | torch.device = "auto") -> torch.device:
    """The device to train on; auto is the GPU where there is one.

    >>> pick("cpu")
    device(type='cpu')
    """
    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
    except RuntimeError:
        place = None
    if place is None or place.type not in ("cpu", "cuda"):
        raise NasError(f"device '{device}' is not known", fix="use auto, cpu, cuda or cuda:0")
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise NasError(f"device '{device}' is not on this machine", fix="use auto or cpu")
    return place


def peak_memory(device: torch.device) -> int:
    """The most bytes held at once: by tensors on a GPU since `fit` began, by this process (ever) on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def text(device: torch.device) -> str:
    """The device in words, for results: 'CPU, 2 threads'."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"


def autocast(device: torch.device, precision: str) -> Callable[[], contextlib.AbstractContextManager]:
    """Makes the context in which forward passes run in `precision` (auto, bf16, fp16 or fp32).

    >>> with autocast(device, "bf16")():  # doctest: +SKIP
    ...     logits = model(clips)
    """
    if precision == "auto":
        precision = "bf16" if device.type == "cuda" else "fp32"
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": None}[precision]
    return lambda: torch.autocast(device.type, dtype=dtype, enabled=dtype is not None)


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error of torch says that the device's memory is full."""
    told = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(text in str(error) for text in told)


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees for the next step, where the C library is glibc.

    By default glibc hands every block above 32 MB back to the system, which then clears its pages anew: with batches of
    that size, a third to a half of a training step on a CPU.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_THRESHOLD, LARGEST)
        library.mallopt(TRIM_THRESHOLD, LARGEST)


@contextlib.contextmanager
def seeded(seed: int, epoch: int, device: torch.device) -> Iterator[None]:
    """Torch's generators (dropout) seeded for this epoch, and given back as they were."""
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(state[0]))
        yield


@contextlib.contextmanager
def tuned_kernels(device: torch.device) -> Iterator[None]:
    """Let cuDNN time its kernels once per shape: clips have few shapes, 3D kernels differ widely."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = before or device.type == "cuda"
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
