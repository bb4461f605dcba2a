"""A driver as a process: how it is named on record, and whether one of this machine is gone."""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_driving: set[str] = set()  # drivers of this process that run now


@dataclass(frozen=True)
class Process:
    """A driver; `place` is a machine since its start, and a container on it: within it a pid means something."""

    id: str
    host: str
    pid: int
    began: str  # when the process began, in the machine's own count: a pid is used again
    place: str

    @staticmethod
    def this() -> Process:
        """A new driver of this process."""
        return Process(uuid.uuid4().hex[:12], platform.node(), os.getpid(), _began(os.getpid()), _place())

    def told(self) -> dict[str, Any]:
        """Itself as plain data."""
        return asdict(self)

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Within it, this driver is alive."""
        _driving.add(self.id)
        try:
            yield
        finally:
            _driving.discard(self.id)

    def saw_end_of(self, other: Mapping[str, Any]) -> bool:
        """Whether another driver is known to be gone: it was on this machine, and its process is not there any more."""
        if not self.place or other.get("place") != self.place:
            return False
        if other["pid"] == self.pid and other["began"] == self.began:
            return other["id"] not in _driving and other["id"] != self.id
        return _began(other["pid"]) != other["began"]


def _began(pid: int) -> str:
    """When a process began; '' for one that is not there, or is dead and not yet buried."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if told[0] in "ZX" else told[19]


def _place() -> str:
    """This machine since its start, and this container; '' where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""
