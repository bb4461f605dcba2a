"""Frames of a video file, exactly those that are asked for, with PyAV.

The packets are listed first (cheap: nothing is decoded), so the wanted frames are known by time stamp; then
the file is decoded from the key frame before them, seeking over longer gaps. Where seeking misses a frame
(MPEG-TS, AVI and cut files) it is decoded from its beginning instead. PyAV is imported when first needed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np

from nas.recipe import PackSettings

# A seek must save the decoding of at least so many frames to be worth it.
GAP = 12
# Frames per second of a raw stream that does not say its own.
RATE = 25


class Unreadable(Exception):
    """A video file that cannot be decoded; its text is the reason, on one line."""


def decode(path: str, settings: PackSettings, start: float | None = None, end: float | None = None) -> np.ndarray:
    """The frames of `path` that `settings` keeps, between `start` and `end` seconds: uint8 (t, h, w, 3), RGB.

    The short side is resized to `settings.size`, the other by the same factor. Raises `Unreadable` for every
    kind of broken file; one cut short gives the frames it still holds if they decode without an error. Known
    limit: rotation and pixel-shape flags in the file are ignored.
    """
    import av

    try:
        frames = _pick(path, settings, start, end)
        if not frames:
            raise ValueError("no frame can be decoded")
        return np.stack(frames)
    except (av.error.FFmpegError, OSError, IndexError, ValueError, TypeError, ArithmeticError) as error:
        raise Unreadable(_reason(error)) from error


def attempt(*call) -> np.ndarray | str:
    """What `decode` gives, or the reason why it cannot: what a worker process sends back."""
    try:
        return decode(*call)
    except Unreadable as error:
        return str(error)


def _reason(error: Exception) -> str:
    if isinstance(error, IndexError):
        return "no video stream"
    return getattr(error, "strerror", None) or " ".join(str(error).split())


def _pick(path: str, settings: PackSettings, start: float | None, end: float | None) -> list[np.ndarray]:
    import av

    with av.open(path) as container:
        stream = _stream(container)
        marks, keys, rate = _packets(container, stream)
        wanted = keep(_inside(marks, rate, start, end), settings)
        try:
            frames = list(_resized(_jump(container, stream, wanted, marks, keys), settings.size))
        except av.error.FFmpegError:  # not all formats can seek; what is truly broken fails again below
            frames = []
    if len(frames) == len(wanted):
        return frames
    with av.open(path) as container:
        stamped = _walk(container.decode(_stream(container)), numbered=not keys)
        return list(_resized(_among(stamped, wanted), settings.size))


def _stream(container):
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise ValueError("no decoder for its codec")
    stream.codec_context.thread_count = 1  # one process a core decodes already
    return stream


def _packets(container, stream) -> tuple[Sequence[int], list[int], float]:
    """A mark for each frame in the order of display, the marks of key frames, and marks per second.

    Marks are time stamps. Where some are missing or double, they are frame numbers, without key frames.
    """
    packets = [p for p in container.demux(stream) if p.size and not p.is_discard]
    stamps = {p.pts for p in packets}
    if None in stamps or len(stamps) < len(packets):
        return range(len(packets)), [], float(stream.average_rate or RATE)
    return sorted(stamps), sorted(p.pts for p in packets if p.is_keyframe), float(1 / stream.time_base)


def _inside(marks: Sequence[int], rate: float, start: float | None, end: float | None) -> Sequence[int]:
    """The marks from `start` up to `end` seconds after the first one."""
    if not marks:
        return marks
    low = 0 if start is None else bisect_left(marks, marks[0] + start * rate)
    high = len(marks) if end is None else bisect_left(marks, marks[0] + end * rate)
    return marks[low:high]


def keep(marks: Sequence, settings: PackSettings) -> Sequence:
    """One of every `settings.every`, and of those the middle `settings.frames`.

    >>> list(keep(range(10), PackSettings(every=2, frames=3)))
    [2, 4, 6]
    """
    marks = marks[:: settings.every]
    if not settings.frames or len(marks) <= settings.frames:
        return marks
    first = (len(marks) - settings.frames) // 2
    return marks[first : first + settings.frames]


def _jump(container, stream, wanted: Sequence[int], marks: Sequence[int], keys: list[int]) -> Iterator:
    """The wanted frames, decoded from the key frame before; seeks where it saves over `GAP` frames."""
    for key, group in _groups(wanted, marks, keys):
        container.seek(key, stream=stream)
        yield from _among(_walk(container.decode(stream)), group)


def _groups(wanted: Sequence[int], marks: Sequence[int], keys: list[int]) -> list[tuple[int, list[int]]]:
    groups: list[tuple[int, list[int]]] = []
    for mark in wanted if keys else ():
        key = keys[max(0, bisect_right(keys, mark) - 1)]
        if not groups or bisect_left(marks, key) - bisect_left(marks, groups[-1][1][-1]) > GAP:
            groups.append((key, []))
        groups[-1][1].append(mark)
    return groups


def _walk(frames: Iterable, *, numbered: bool = False) -> Iterator[tuple]:
    for number, frame in enumerate(frames):
        yield (number if numbered else frame.pts), frame


def _among(stamped: Iterable[tuple], wanted: Collection[int]) -> Iterator:
    left = set(wanted)
    for mark, frame in stamped if left else ():
        if mark in left:
            left.remove(mark)
            yield frame
        if not left:
            return


def _resized(frames: Iterable, size: int) -> Iterator[np.ndarray]:
    from av.video.reformatter import VideoReformatter

    reformatter = VideoReformatter()  # one for all frames: it keeps its tables
    for frame in frames:
        factor = size / min(frame.width, frame.height)
        width, height = (max(size, round(side * factor)) for side in (frame.width, frame.height))
        small = reformatter.reformat(frame, width, height, "rgb24", interpolation="BILINEAR")
        yield small.to_ndarray()
