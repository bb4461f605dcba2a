"""What one training may take: its time is watched by the engine, its memory by the process that trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nas.errors import NasError


class TooMuch(NasError):
    """A training took more than it may."""


@dataclass(frozen=True)
class Guard:
    """Seconds and GiB of memory; 0: any amount."""

    seconds: float = 0.0
    memory: float = 0.0

    def overdue(self, seconds: float) -> bool:
        """Whether a training has taken so long that it is to be ended."""
        return 0 < self.seconds < seconds

    @property
    def too_long(self) -> str:
        """Why it was ended.

        >>> Guard(seconds=600).too_long
        'took longer than the 600 s of guard.seconds in the recipe'
        """
        return f"took longer than the {self.seconds:g} s of guard.seconds in the recipe"

    def watching(self, on_step: Callable[[int, int], None]) -> Callable[[int, int], None]:
        """`on_step`, which ends a training of this process that holds too much memory: it raises `TooMuch`."""
        if not self.memory:
            return on_step

        def step(done: int, total: int) -> None:
            if self.exceeded():
                held, most = _held(), self.memory
                raise TooMuch(f"took {held:.2f} GiB of memory, more than the {most:g} of guard.memory in the recipe")
            on_step(done, total)

        return step

    def exceeded(self) -> bool:
        """Whether this process holds too much memory, of whatever training: the next one needs another process."""
        return 0 < self.memory < _held()


def _held() -> float:
    import psutil

    return psutil.Process().memory_info().rss / 2**30
