"""What the packets of a video file say before anything is decoded, and which of them the wanted frames need.

Listing packets costs a fiftieth of decoding them. They are kept in memory up to a limit and read again beyond it, in
order: a seek would miss frames in MPEG-TS, AVI and cut files. Only a cut out of an MP4 or Matroska file is sought, so
that it costs as much as the cut is long.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from nas.data.decoding.containers import INDEXED, Film, Unreadable, opened
from nas.data.decoding.timeline import Timeline

# Frames per second of a raw stream that does not say its own.
RATE = 25
# Packets of larger files are read twice rather than kept.
HELD_BYTES = 1 << 26
# Seconds read beyond a cut, since packets are in the order of decoding.
BEYOND = 1.0
# Packets among which the frame that is shown first must be.
FIRST = 250
# The share of its declared duration that a whole file has at least.
WHOLE = 0.9


@dataclass(frozen=True)
class Span:
    """The part of a file to read, in marks: from the last key frame up to `low`, to `high`.

    `origin` is the mark of the file's first frame.
    """

    low: int
    high: float
    origin: int


@dataclass(frozen=True)
class Index:
    """The packets of a file or a span of it, in the order of decoding.

    `places` has the place of each mark's packet, `starts` mark and place of the key frames, both empty where frames
    have numbers only. `held` are the packets themselves, unless they are too large.
    """

    timeline: Timeline
    count: int
    places: dict[int, int]
    starts: list[tuple[int, int]]
    span: Span | None
    held: list | None

    @property
    def numbered(self) -> bool:
        """Whether frames are told by their number, since time stamps are missing or double."""
        return not self.places

    @property
    def everything(self) -> list[tuple[int, int]]:
        """The run of all packets."""
        return [(0, self.count)]

    def runs(self, wanted: Iterable[int]) -> list[tuple[int, int]]:
        """Ranges of packets, each from a key frame, that decode to the wanted marks and as few others as possible.

        A key frame serves the marks from its own on: frames stored after it and shown before it may need what comes
        before it.
        """
        if self.numbered:
            return self.everything
        runs: list[tuple[int, int]] = []
        for begin, stop in sorted((self._start(mark), self.places[mark] + 1) for mark in wanted):
            if runs and begin <= runs[-1][1]:
                runs[-1] = (runs[-1][0], max(runs[-1][1], stop))
            else:
                runs.append((begin, stop))
        return runs

    def _start(self, mark: int) -> int:
        """The place of the last key frame that is shown no later than a mark, or the first packet."""
        known = bisect_right(self.starts, (mark, self.count))
        place = self.starts[known - 1][1] if known else 0
        return place if place <= self.places[mark] else 0

    def sound_from(self, begin: int) -> float:
        """The mark from which frames are whole in a run from `begin`: that of its first key frame."""
        return self._stamps.get(begin, self.starts[0][0] if self.starts else -math.inf)

    @cached_property
    def _stamps(self) -> dict[int, int]:
        return {place: stamp for stamp, place in self.starts}

    def packets(self, film: Film) -> Iterator:
        """All packets again: those held, or read from `film`, which must be newly open."""
        return iter(self.held) if self.held is not None else islice(_read(film, self.span), self.count)


def span_of(path: str, start: float | None, end: float | None) -> Span | None:
    """The part of the file that holds the frames from `start` up to `end` seconds; None: all of it must be read."""
    if start is None and end is None:
        return None
    with opened(path) as film:
        origin = _origin(film) if film.format in INDEXED else None
        if origin is None:
            return None
        low, high = start or 0.0, math.inf if end is None else end + BEYOND
        span = Span(math.floor(origin + low * film.rate), origin + high * film.rate, origin)
        return span if _can_seek(film, span) else None


def _origin(film: Film) -> int | None:
    """The smallest time stamp, found without reading on once no packet to come can have a smaller one."""
    stamps: list[int] = []
    for packet in islice(film.packets(), FIRST):
        if packet.pts is None:
            return None
        if not packet.is_discard:
            stamps.append(packet.pts)
        if stamps and packet.dts is not None and packet.dts >= min(stamps):
            break
    return min(stamps, default=None)


def _can_seek(film: Film, span: Span) -> bool:
    import av

    try:
        first = next(_read(film, span), None)
    except av.error.FFmpegError:  # Matroska without cues: then everything is read, which shows what is broken
        return False
    return first is not None and first.is_keyframe and first.pts is not None and first.pts <= span.low


def _read(film: Film, span: Span | None) -> Iterator:
    if span is not None:
        film.container.seek(span.low, stream=film.stream)
    for packet in film.packets():
        yield packet
        if span is not None and packet.dts is not None and packet.dts >= span.high:
            return


def index(film: Film, span: Span | None = None) -> Index:
    """List the packets of `film`, which must be newly open, or of its `span`.

    Raises `Unreadable` where a packet is damaged or the file ends long before its declared duration.
    """
    listed = _Listed()
    for packet in _read(film, span):
        if packet.is_corrupt:
            raise Unreadable(f"cut short or damaged, first noticed at packet {len(listed.stamps)}")
        listed.take(packet)
    if not listed.tells_time(film):
        timeline = Timeline(range(sum(listed.shown)), listed.frame_rate(film))
        return Index(timeline, len(listed.stamps), {}, [], span, listed.held)
    _check_whole(film, span, listed)
    places = {stamp: i for i, (stamp, shown) in enumerate(zip(listed.stamps, listed.shown, strict=True)) if shown}
    marks = sorted(places)
    last = listed.last or (marks[-1] - marks[0]) / max(1, len(marks) - 1) or film.rate / RATE
    timeline = Timeline(marks, film.rate, last, marks[0] if span is None else span.origin)
    return Index(timeline, len(listed.stamps), places, sorted(listed.starts), span, listed.held)


class _Listed:
    """What is noted of each packet, in the order of decoding, and the packets while they are not too large."""

    def __init__(self):
        self.stamps: list[int | None] = []
        self.shown: list[bool] = []
        self.starts: list[tuple[int, int]] = []
        self.held: list | None = []
        self.size, self.end, self.last, self.duration = 0, -math.inf, 0, 0
        self.decoding: list[int] = []

    def take(self, packet) -> None:
        stamp, place = packet.pts, len(self.stamps)
        self.stamps.append(stamp)
        self.shown.append(not packet.is_discard)
        if stamp is not None and stamp > self.end:
            self.end, self.last = stamp, packet.duration or 0
        if stamp is not None and packet.is_keyframe:
            self.starts.append((stamp, place))
        if packet.dts is not None:
            self.decoding.append(packet.dts)
        self.duration += packet.duration or 0
        self.size += packet.size
        if self.size > HELD_BYTES:
            self.held = None
        if self.held is not None:
            self.held.append(packet)

    def frame_rate(self, film: Film) -> float:
        """Frames a second where time stamps do not tell.

        Times of decoding and durations of packets are better than what is declared: in AVI that may be fields.
        """
        if len(self.decoding) == len(self.stamps) > 1 and self.decoding[-1] > self.decoding[0]:
            return (len(self.decoding) - 1) * film.rate / (self.decoding[-1] - self.decoding[0])
        if self.duration:
            return len(self.stamps) * film.rate / self.duration
        return float(film.stream.average_rate or RATE)

    def tells_time(self, film: Film) -> bool:
        """Whether the time stamps are the frames' own.

        AVI has none; what FFmpeg makes of the order of H.264 packets is wrong where frames are reordered.
        """
        if None in self.stamps or len(set(self.stamps)) < len(self.stamps) or not any(self.shown):
            return False
        return not (film.format == "avi" and film.codec.has_b_frames and self.stamps == sorted(self.stamps))


def _check_whole(film: Film, span: Span | None, listed: _Listed) -> None:
    """Raise `Unreadable` where the packets end long before they should."""
    if film.declared is None or (span is not None and listed.end >= span.high):
        return
    first = min(listed.stamps) if span is None else span.origin
    there = (listed.end + listed.last - first) / film.rate
    if there < WHOLE * film.declared:
        raise Unreadable(f"cut short: {there:.3g} of {film.declared:.3g} seconds are there")
