"""On what, and how, a network runs when it is timed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

DTYPES = ("fp32", "bf16", "fp16")
LAST, PLAIN = "channels_last", "contiguous"
FORMATS = (LAST, PLAIN)


@dataclass(frozen=True)
class Setting:
    """A device and a way to run: eager inference unless `compiled` or `training`; batch norms are not folded.

    In inference weights and clips are of `dtype`; in training (forward and backward) torch's autocast sees to it.
    """

    device: str  # as torch names it: cpu, cuda:0
    hardware: str  # the model of CPU or GPU
    threads: int = 0  # of a CPU; 0 on a GPU
    dtype: str = "fp32"
    memory_format: str = LAST
    batch: int = 1
    compiled: bool = False
    training: bool = False

    @property
    def predictable(self) -> bool:
        """Whether pieces are measured for it: not for compiled networks, which are fused across pieces."""
        return not self.compiled and not self.training

    def identity(self) -> dict[str, Any]:
        """What two measurements share that can be compared: all but the number of the device."""
        return {name: value for name, value in asdict(self).items() if name != "device"}

    def place(self) -> str:
        """The device in words.

        >>> Setting("cpu", "A CPU", threads=2).place()
        'A CPU, 2 threads'
        """
        return f"{self.hardware}, {self.threads} thread{'s' * (self.threads != 1)}" if self.threads else self.hardware

    def __str__(self) -> str:
        ways = [self.dtype, self.memory_format, f"batch {self.batch}"]
        return ", ".join([self.place(), *ways, *["compiled"] * self.compiled, *["training"] * self.training])
