"""When each frame of a video is shown, and which frames the settings keep of it.

A mark is a frame's time stamp in the units of its file or, where a file has none, its number.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from nas.data.decoding.containers import Unreadable
from nas.data_settings import PackSettings

# Containers round time stamps (Matroska to milliseconds) and lists round seconds, so a frame shown from 67 ms is meant
# at 66.7. A cut takes a frame that begins up to this share of a frame early,
NEAR = 0.05
# and `rate` looks this share of a frame after each instant.
LATER = 0.25
# Distances of frames that differ by more than this share, and by more than rounding does, are a variable rate.
UNEVEN = 0.2


@dataclass(frozen=True)
class Timeline:
    """The `marks` of frames in the order of display, `rate` marks a second.

    `last` marks is how long the last one is shown, and `origin` the mark of second 0: the first frame of the file.

    >>> Timeline(range(30), 30.0).wanted(PackSettings(rate=10, frames=3))
    [9, 12, 15]
    """

    marks: Sequence[int]
    rate: float
    last: float = 1.0
    origin: int = 0

    @property
    def seconds(self) -> float:
        """From the first frame's beginning to the last one's end."""
        return (self.marks[-1] + self.last - self.marks[0]) / self.rate if self.marks else 0.0

    def seconds_of(self, mark: int) -> float:
        """When the frame of a mark is shown."""
        return (mark - self.origin) / self.rate

    @cached_property
    def interval(self) -> float:
        """The median distance of two frames, in marks."""
        steps = sorted(b - a for a, b in pairwise(self.marks))
        return steps[len(steps) // 2] if steps else self.last

    @property
    def is_variable(self) -> bool:
        """Whether some frames are shown clearly longer than others."""
        steps = [b - a for a, b in pairwise(self.marks)]
        return bool(steps) and max(steps) - min(steps) > max(2, UNEVEN * self.interval)

    def wanted(self, settings: PackSettings, start: float | None = None, end: float | None = None) -> list[int]:
        """The marks that `settings` keeps from `start` up to `end` seconds, in order.

        With `rate` they may repeat: where the video has fewer frames a second, each is kept as often as it is
        shown, so that durations stay true.
        """
        if settings.rate:
            return list(middle(self._shown(settings.rate, start, end), settings.frames))
        return list(keep(self.marks[self._after(start, 0) : self._after(end, len(self.marks))], settings))

    def _after(self, seconds: float | None, otherwise: int) -> int:
        """How many marks come before so many seconds."""
        if seconds is None:
            return otherwise
        return bisect_left(self.marks, self.origin + seconds * self.rate - NEAR * self.interval)

    def _shown(self, rate: float, start: float | None, end: float | None) -> list[int]:
        """The mark of the frame that is shown at each instant, `rate` a second."""
        if not self.marks:
            return []
        low = max(self.marks[0], self.origin + (start or 0.0) * self.rate)
        high = self.marks[-1] + self.last
        if end is not None:
            high = min(high, self.origin + end * self.rate)
        later, step = LATER * self.interval, self.rate / rate
        count = max(0, math.ceil((high - low - NEAR * self.interval) / step))
        return [self.marks[bisect_right(self.marks, low + k * step + later) - 1] for k in range(count)]


def chosen(timeline: Timeline, settings: PackSettings, start: float | None, end: float | None) -> list[int]:
    """The wanted marks; raises `Unreadable` where there are none."""
    wanted = timeline.wanted(settings, start, end)
    if not timeline.marks:
        raise Unreadable("no frame can be decoded")
    if not wanted:
        to = "its end" if end is None else f"{end:g}"
        raise Unreadable(f"no frame from {start or 0:g} seconds to {to}: it lasts {timeline.seconds:.4g}")
    return wanted


def keep(marks: Sequence, settings: PackSettings) -> Sequence:
    """One of every `settings.every`, and of those the middle `settings.frames`.

    >>> list(keep(range(10), PackSettings(every=2, frames=3)))
    [2, 4, 6]
    """
    return middle(marks[:: settings.every], settings.frames)


def middle(marks: Sequence, frames: int) -> Sequence:
    """At most so many from the middle; 0: all."""
    if not frames or len(marks) <= frames:
        return marks
    first = (len(marks) - frames) // 2
    return marks[first : first + frames]
