"""Networks that were measured whole, one JSON line each: in a study's folder, or in the cache for all others.

A line says all that a figure needs: the network, the device and how it ran, milliseconds, bytes, versions and date.
What was measured is kept until it is measured anew; a line of another device or version stands beside it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nas import files
from nas.cost import cost
from nas.errors import NasError
from nas.genotype import Genotype
from nas.latency.setting import Setting
from nas.latency.times import Whole
from nas.network import key
from nas.versions import versions

NAME = "latency.jsonl"
VERSIONS = ("python", "torch", "video-nas")
# what tells a measurement from others
IDENTITY = (
    "key", "hardware", "threads", "dtype", "memory_format", "batch", "compiled", "training", "torch", "video-nas",
)  # fmt: skip
Line = dict[str, Any]


class Results:
    """The lines of one file."""

    def __init__(self, path: Path):
        self.path = path
        self.lines: dict[tuple, Line] = {}
        if path.exists():
            self._read()

    def find(self, genotype: Genotype, setting: Setting, *, rounds: int) -> Line | None:
        """What was measured of a network at this setting, with at least so many rounds; None where nothing was."""
        line = self.lines.get(_identity(asked(genotype, setting)))
        return line if line and not line["error"] and line["samples"] >= rounds else None

    def add(self, lines: list[Line]) -> None:
        """Take lines up, and write the file, whole or not at all."""
        self.lines |= {_identity(line): line for line in lines}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        files.write(self.path, "".join(f"{json.dumps(line)}\n" for line in self.lines.values()).encode())

    def _read(self) -> None:
        try:
            for text in self.path.read_text(encoding="utf-8").splitlines():
                line = json.loads(text)
                self.lines[_identity(line)] = line
        except (ValueError, KeyError, TypeError):
            raise NasError(
                "holds no measured latencies, or is damaged", where=str(self.path), fix="move it away"
            ) from None


def asked(genotype: Genotype, setting: Setting) -> Line:
    """What is known of a measurement before it is made."""
    told = versions()
    return {"key": key(genotype), **setting.identity(), **{name: told[name] for name in VERSIONS if name in told}}


def line(
    genotype: Genotype, setting: Setting, whole: Whole | NasError, *, name: str, trial: int | None, pieces: float | None
) -> Line:
    """One measurement, or why there is none; `pieces` are the milliseconds told by the sum of its pieces."""
    gflops = cost(genotype).macs / 1e9
    head = {"name": name, "trial": trial, "clip": str(genotype.input), "classes": genotype.classes, "gflops": gflops}
    figures = {
        "median_ms": None,
        "iqr_ms": None,
        "samples": 0,
        "disturbed": 0,
        "ms_per_gflop": None,
        "activation_bytes": None,
        "weight_bytes": None,
    }
    if isinstance(whole, Whole):
        times = whole.times
        figures = {
            "median_ms": times.median,
            "iqr_ms": times.iqr,
            "samples": times.samples,
            "disturbed": times.disturbed,
            "ms_per_gflop": round(times.median / (gflops * setting.batch), 5),
            "activation_bytes": whole.activations,
            "weight_bytes": whole.weights,
        }
    error = str(whole) if isinstance(whole, NasError) else ""
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {**head, **asked(genotype, setting), **figures, "blocks_ms": pieces, "error": error, "date": date}


def _identity(line: Line) -> tuple:
    return tuple(line[name] for name in IDENTITY)
