"""Frames of a video, exactly those that are asked for.

The packets of a file are listed first (`packets`: cheap, nothing is decoded), so the wanted frames are known by time
stamp (`timeline`). Then the runs of packets that they need are decoded, without the frames among them that no other
frame refers to. Folders of frames are `stills`. PyAV is imported when first needed.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain, count, islice

import numpy as np

from nas.data.decoding import packets, stills
from nas.data.decoding.containers import Film, Unreadable, opened, reason
from nas.data.decoding.packets import Index
from nas.data.decoding.pictures import Resizer, stacked
from nas.data.decoding.timeline import Timeline, chosen
from nas.data_settings import DataSettings, PackSettings

__all__ = ["Unreadable", "attempt", "decode", "first"]

# Codecs of which FFmpeg knows for sure which frames no other refers to. HEVC is none: its mark speaks of one temporal
# layer only.
SKIPPABLE = ("h264", "mpeg4", "mpeg2video", "mpeg1video", "vp8")


def decode(
    path: str,
    settings: PackSettings,
    start: float | None = None,
    end: float | None = None,
    *,
    frames: str = "",
    frame_rate: float = 25.0,
    decoder: str = "pyav",
) -> np.ndarray:
    """The frames of the video `path` that `settings` keeps, from `start` up to `end` seconds: uint8 (t, h, w, 3), RGB.

    Seconds count from the first frame. The short side is resized to `settings.size`, the other by the same factor;
    frames are turned upright. A folder is a video too, of the pictures called `frames`, `frame_rate` of them a
    second. Raises `Unreadable` for every kind of broken video, and NasError where `decoder` is not installed.
    """
    if os.path.isdir(path):
        return stills.decode(path, settings, start, end, frames=frames, frame_rate=frame_rate)
    if decoder == "torchcodec":
        from nas.data.decoding import torchcodec_reader

        return torchcodec_reader.decode(path, settings, start, end)
    span = packets.span_of(path, start, end)
    with opened(path) as film:
        index = packets.index(film, span)
        if span is None or not index.numbered:
            return _decode(path, film, index, settings, start, end)
    with opened(path) as film:  # numbers count from the beginning
        return _decode(path, film, packets.index(film), settings, start, end)


def _decode(
    path: str, film: Film, index: Index, settings: PackSettings, start: float | None, end: float | None
) -> np.ndarray:
    wanted = chosen(index.timeline, settings, start, end)
    pictures = _quickly(path, film, index, wanted, settings)
    if len(pictures) < len(set(wanted)):
        wanted = chosen(_come_out(path, film, index), settings, start, end)
        pictures = _pictures(_frames(path, film, index, index.everything), wanted, settings)
    return stacked(pictures, wanted)


def attempt(settings: DataSettings, path: str, start: float | None, end: float | None) -> np.ndarray | str:
    """What a recipe keeps of a video, or the reason why nothing: what a worker process can send back."""
    how = {"frames": settings.frames, "frame_rate": settings.frame_rate, "decoder": settings.decoder}
    try:
        return decode(path, settings.pack, start, end, **how)
    except Unreadable as error:
        return str(error)


def first(path: str, film: Film, index: Index):
    """PyAV's first frame of an open film; raises `Unreadable` where there is none."""
    for runs in (index.runs(index.timeline.marks[:1]), index.everything):
        for _, frame in _frames(path, film, index, runs):
            return frame
    raise Unreadable("no frame can be decoded")


def _quickly(path: str, film: Film, index: Index, wanted: list[int], settings: PackSettings) -> dict[int, np.ndarray]:
    """The wanted pictures by their marks, from no more packets than needed; fewer where that does not work.

    Known cases: key frames that are none, recovery points, files that begin between key frames.
    """
    try:
        return _pictures(_frames(path, film, index, index.runs(wanted), frozenset(wanted)), wanted, settings)
    except Unreadable:  # what is truly broken fails again when all of it is decoded
        return {}


def _come_out(path: str, film: Film, index: Index) -> Timeline:
    """The timeline of those frames that a decoding of all packets gives."""
    marks = sorted(mark for mark, _ in _frames(path, film, index, index.everything))
    return replace(index.timeline, marks=marks)


def _pictures(frames: Iterator[tuple], wanted: list[int], settings: PackSettings) -> dict[int, np.ndarray]:
    make, left = Resizer(settings.size), set(wanted)
    pictures = {}
    for mark, frame in frames:
        if mark in left:
            pictures[mark] = make(frame)
            left.remove(mark)
        if not left:
            break
    return pictures


def _frames(
    path: str, film: Film, index: Index, runs: list[tuple[int, int]], needed: Collection[int] | None = None
) -> Iterator[tuple]:
    """Marks and frames of runs of packets, in the order of display."""
    if index.held is not None:
        yield from _decoded(film, index, runs, needed)
        return
    with opened(path) as again:
        yield from _decoded(again, index, runs, needed)


def _decoded(film: Film, index: Index, runs: list[tuple[int, int]], needed: Collection[int] | None) -> Iterator[tuple]:
    """The same; where only some frames are needed, others that no frame refers to are left out."""
    codec, source, numbers, place = film.codec, index.packets(film), count(), 0
    skips = needed is not None and not index.numbered and codec.name in SKIPPABLE
    codec.skip_frame = "DEFAULT"
    for begin, stop in runs:
        codec.flush_buffers()
        sound = index.sound_from(begin)
        for packet in chain(islice(source, begin - place, stop - place), (None,)):
            if skips:
                codec.skip_frame = "DEFAULT" if packet is None or packet.pts in needed else "NONREF"
            for frame in _out(codec, packet, index):
                mark = next(numbers) if index.numbered else frame.pts
                if mark is None:  # of no packet: what a decoder makes up for a lost one
                    continue
                if frame.is_corrupt and mark >= sound:
                    raise Unreadable(f"damaged at {index.timeline.seconds_of(mark):.4g} seconds")
                yield mark, frame
        place = stop


def _out(codec, packet, index: Index) -> list:
    """The frames that a packet brings out; None: those left."""
    import av

    try:
        return codec.decode(packet)
    except av.error.FFmpegError as error:
        at = f" at {index.timeline.seconds_of(packet.pts):.4g} seconds" if packet and not index.numbered else ""
        raise Unreadable(f"damaged{at} ({reason(error)})") from error
