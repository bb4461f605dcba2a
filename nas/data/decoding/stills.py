"""A video kept as a folder of frames, one JPEG or PNG picture each.

The names are all that is read to know which frames there are; only the wanted ones are decoded.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np

from nas.data.decoding.containers import Unreadable, reason
from nas.data.decoding.pictures import Resizer, stacked
from nas.data.decoding.timeline import Timeline, chosen
from nas.data_settings import PackSettings
from nas.errors import NasError

PICTURES = (".jpg", ".jpeg", ".png")
# JPEG's marks of the beginning of pixels and of their end: FFmpeg fills up what is missing without a word.
PIXELS, END = b"\xff\xda", b"\xff\xd9"
# What a picture file begins with, and FFmpeg's decoder of it.
MAGIC = {b"\xff\xd8\xff": "mjpeg", b"\x89PNG": "png"}


def decode(
    folder: str,
    settings: PackSettings,
    start: float | None = None,
    end: float | None = None,
    *,
    frames: str = "",
    frame_rate: float = 25.0,
) -> np.ndarray:
    """The pictures of `folder` that `settings` keeps, from `start` up to `end` seconds: uint8 (t, h, w, 3), RGB.

    Raises `Unreadable` where pictures are missing, broken or of several sizes, with the name of the first one, and
    NasError where the pattern `frames` is none.
    """
    names = listed(folder, frames)
    timeline = Timeline(range(len(names)), frame_rate)
    wanted = chosen(timeline, settings, start, end)
    make, kept = Resizer(settings.size), list(dict.fromkeys(wanted))
    found = decoded(folder, [names[number] for number in kept])
    return stacked({number: make(frame) for number, frame in zip(kept, found, strict=True)}, wanted)


def listed(folder: str, frames: str = "") -> list[str]:
    """The names of the pictures in a folder, in the order of their numbers.

    `frames` is `img_{:05d}.jpg` (numbers that must follow one another), a pattern such as `flow_x_*.jpg`, or empty
    for every picture. Raises `Unreadable` where a number is missing or no file fits.
    """
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except OSError as error:
        raise Unreadable(reason(error)) from error
    if "{" in frames:
        found = _numbered(names, frames)
    elif frames:
        found = sorted(fnmatch.filter(names, frames), key=_natural)
    else:
        found = _every(names)
    if not found:
        raise Unreadable(f"no picture called {frames}" if frames else "a folder without JPEG or PNG pictures")
    return found


def _numbered(names: Iterable[str], pattern: str) -> list[str]:
    """The names that a pattern gives for a row of numbers."""
    parts = re.fullmatch(r"([^{}/]*)\{:?0?\d*d?\}([^{}/]*)", pattern)
    if not parts:
        fix = "write one number, as in img_{:05d}.jpg, or a pattern such as img_*.jpg"
        raise NasError(f"frames = {pattern!r} is no name of pictures", fix=fix)
    fits = re.compile(re.escape(parts[1]) + r"(\d+)" + re.escape(parts[2]))
    there = set(names)
    numbers = sorted({int(match[1]) for match in map(fits.fullmatch, names) if match})
    found = [number for number in numbers if pattern.format(number) in there]
    _check_row(found, 1, pattern.format)
    return [pattern.format(number) for number in found]


def _every(names: Iterable[str]) -> list[str]:
    """All pictures: where all are numbered, they must be of one kind, with one distance between their numbers."""
    found = sorted((name for name in names if name.lower().endswith(PICTURES)), key=_natural)
    parts = [re.fullmatch(r"(.*?)(\d+)(\D*)", name) for name in found]
    if not all(parts):
        return found
    kinds = {(part[1], part[3]): part[0] for part in parts}
    if len(kinds) > 1:
        some = " and ".join(list(kinds.values())[:2])
        raise Unreadable(f"pictures of several kinds, such as {some}; set frames to the name of one")
    by_number = {int(part[2]): part[0] for part in parts}
    if len(by_number) > 1:
        numbers, one = sorted(by_number), parts[0]
        step = min(b - a for a, b in pairwise(numbers))
        _check_row(numbers, step, lambda number: f"{one[1]}{number:0{len(one[2])}d}{one[3]}")
    return found


def _check_row(numbers: Iterable[int], step: int, name: Callable[[int], str]) -> None:
    """Raise `Unreadable` with the name of the first picture that is missing."""
    for one, following in pairwise(numbers):
        if following - one != step:
            raise Unreadable(f"{name(one + step)} is missing")


def _natural(name: str) -> list:
    """A key that sorts 2 before 10."""
    return [(not part.isdigit(), int(part) if part.isdigit() else part) for part in re.split(r"(\d+)", name)]


def decoded(folder: str, names: Iterable[str]) -> Iterator:
    """The frames of some pictures; raises `Unreadable` with the name of the first that is broken or of another size."""
    codecs, sizes = {}, {}
    for name in names:
        try:
            with open(os.path.join(folder, name), "rb") as file:
                frame = _frame(file.read(), codecs)
        except (OSError, Unreadable) as error:
            raise Unreadable(f"{name}: {reason(error)}") from error
        sizes.setdefault((frame.width, frame.height), name)
        if len(sizes) > 1:
            told = " and ".join(f"{name} of {width}x{height}" for (width, height), name in sizes.items())
            raise Unreadable(f"pictures of several sizes: {told}")
        yield frame


def _frame(content: bytes, codecs: dict):
    """The one frame of a picture; `codecs` keeps the decoders by name."""
    import av

    kind = next((kind for magic, kind in MAGIC.items() if content.startswith(magic)), None)
    if kind is None:
        raise Unreadable("neither JPEG nor PNG" if content else "an empty file")
    if kind == "mjpeg" and content.rfind(END) < content.rfind(PIXELS):
        raise Unreadable("cut short")
    if kind not in codecs:
        codecs[kind] = av.CodecContext.create(kind, "r")
        codecs[kind].thread_count = 1
    packet = av.Packet(content)
    packet.is_keyframe = True  # else a PNG picture is added to the one before
    try:
        frames = codecs[kind].decode(packet)
    except av.error.FFmpegError as error:
        raise Unreadable(reason(error)) from error
    if not frames or frames[0].is_corrupt:
        raise Unreadable("damaged")
    return frames[0]
