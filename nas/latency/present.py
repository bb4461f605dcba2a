"""The device that is at hand, as a setting: its model, its threads, and the number formats that it computes in."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from nas import device as devices
from nas.errors import NasError
from nas.latency.setting import DTYPES, Setting
from nas.latency.timing import TYPES


def setting(
    *, device: str = "auto", threads: int = 0, dtype: str = "auto", memory_format: str = "channels_last", batch: int = 1
) -> Setting:
    """The setting on the present device: auto dtypes and 0 threads become what they mean here.

    >>> setting(device="cpu", threads=2).dtype
    'fp32'

    Raises NasError for a device or a number format that is not there.
    """
    place = devices.pick(device)
    own = (threads or torch.get_num_threads()) if place.type == "cpu" else 0
    chosen = _natural(place) if dtype == "auto" else dtype
    found = Setting(str(place), hardware(place), own, chosen, memory_format, batch)
    _require(found)
    return found


def again(shared: dict) -> Setting | None:
    """The setting of a table that was measured earlier, on a device of the same model; None where there is none."""
    kinds = ["cpu"] if shared["threads"] else [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    kind = next((kind for kind in kinds if hardware(torch.device(kind)) == shared["hardware"]), None)
    return kind and Setting(kind, **shared)


def hardware(place: torch.device) -> str:
    """The model of a CPU or GPU, as it calls itself."""
    if place.type == "cuda":
        return torch.cuda.get_device_name(place)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine() or "CPU"


def _natural(place: torch.device) -> str:
    if place.type == "cpu":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def _require(found: Setting) -> None:
    """Raise NasError where the device has no convolutions in this number format."""
    if refused := _refusal(found):
        others = [dtype for dtype in DTYPES if not _refusal(replace(found, dtype=dtype))]
        problem = f"{found.hardware} does not compute {found.dtype} ({refused})"
        raise NasError(problem, fix=f"use {' or '.join(others)}")


def _refusal(found: Setting) -> str:
    """What torch says to a small convolution."""
    dtype = TYPES[found.dtype]
    try:
        with torch.inference_mode():
            layers = nn.Sequential(nn.Conv3d(4, 4, 3), nn.BatchNorm3d(4)).eval().to(found.device, dtype)
            layers(torch.zeros(1, 4, 3, 3, 3, device=found.device, dtype=dtype))
    except (RuntimeError, NotImplementedError) as error:
        return str(error).splitlines()[0]
    return ""
