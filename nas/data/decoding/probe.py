"""What a video is, without decoding more than its first frame, and what tells copies of it: `probe` and `digest`."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from nas.data.decoding import decode, packets, stills
from nas.data.decoding.containers import Unreadable, opened, reason
from nas.data.decoding.pictures import turn
from nas.data.decoding.timeline import Timeline

# Bytes that are read at once.
CHUNK = 1 << 20


@dataclass(frozen=True)
class Probe:
    """A video: how long it is shown, and its frames.

    `width` and `height` are pixels once it is upright, `rate` is frames a second on average, `rotated` tells that it
    had to be turned or mirrored for that, `variable_rate` that some frames are shown longer than others.
    """

    seconds: float
    width: int
    height: int
    rate: float
    frames: int
    codec: str
    rotated: bool
    variable_rate: bool


def probe(path: str, *, frames: str = "", frame_rate: float = 25.0) -> Probe:
    """What the video `path` is, a file or a folder of pictures called `frames`, `frame_rate` of them a second.

    Raises `Unreadable` where its packets or its first frame are broken; later frames are not looked at.
    """
    if os.path.isdir(path):
        names = stills.listed(path, frames)
        timeline = Timeline(range(len(names)), frame_rate)
        return _told(timeline, next(stills.decoded(path, names[:1])), os.path.splitext(names[0])[1][1:].lower())
    with opened(path) as film:
        index = packets.index(film)
        return _told(index.timeline, decode.first(path, film, index), film.codec.name)


def _told(timeline: Timeline, frame, codec: str) -> Probe:
    signs = turn(frame)
    width, height = (frame.width, frame.height) if signs is None or signs[0] else (frame.height, frame.width)
    seconds, count = timeline.seconds, len(timeline.marks)
    return Probe(
        seconds=seconds,
        width=width,
        height=height,
        rate=count / seconds,
        frames=count,
        codec=codec,
        rotated=signs is not None,
        variable_rate=timeline.is_variable,
    )


def digest(path: str) -> str:
    """32 hexadecimal digits of the content of a file, or of the names and contents of the files in a folder.

    Raises `Unreadable` where it cannot be read.
    """
    try:
        if not os.path.isdir(path):
            return _hash(path).hexdigest()
        whole = hashlib.blake2b(digest_size=16)
        for name in sorted(entry.name for entry in os.scandir(path) if entry.is_file()):
            whole.update(
                f"{len(os.fsencode(name))} ".encode() + os.fsencode(name) + _hash(os.path.join(path, name)).digest()
            )
        return whole.hexdigest()
    except OSError as error:
        raise Unreadable(reason(error)) from error


def _hash(path: str):
    found = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found
