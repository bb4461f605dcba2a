"""What an inspection comes to: counts, shares and examples, and the list of all its videos as CSV."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.data.inspection import Inspection
from nas.data.videos import Videos
from nas.errors import NasError

COLUMNS = (
    "split", "path", "label", "start", "end", "seconds", "width", "height", "rate", "codec", "problem", "duplicate_of",
)  # fmt: skip
MISSING = "not there"


@dataclass(frozen=True)
class Problem:
    """Why so many listed videos cannot be used, and one of them."""

    reason: str
    count: int
    example: str


@dataclass(frozen=True)
class Duplicates:
    """Videos of the same content: how many `groups`, and how many videos `more` than groups.

    `crossing` are groups that are in both splits, `leaked` the validation videos among these, and `disagreeing` the
    videos that have other labels than the first of their group. `example` is a pair of paths.
    """

    groups: int
    more: int
    crossing: int
    leaked: int
    disagreeing: int
    example: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Durations:
    """Of the videos that can be used, in seconds; `total` is that of all listed videos, from the mean of these."""

    least: float
    low: float
    median: float
    high: float
    most: float
    total: float


def problems(found: Inspection) -> list[Problem]:
    """Why videos cannot be used, the most frequent reason first."""
    bad = np.flatnonzero(found.problems != "")
    reasons, first, times = np.unique(found.problems[bad], return_index=True, return_counts=True)
    rows = [
        Problem(str(reason), int(count), found.video(int(bad[place])).path)
        for reason, place, count in zip(reasons, first, times, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row.count, row.reason))


def duplicates(found: Inspection) -> Duplicates:
    """Videos of different files that show the same, by the content of these and what is cut of them.

    A file that is listed twice is told by the notes on the lists.
    """
    copies = np.flatnonzero(found.of != found.of[found.duplicate_of])
    firsts = found.duplicate_of[copies]
    leaked = (firsts < len(found.set.train)) & (copies >= len(found.set.train))
    pairs = list(zip(copies.tolist(), firsts.tolist(), strict=True))
    other = sum(found.video(copy).labels != found.video(first).labels for copy, first in pairs)
    shown = pairs[int(np.argmax(leaked))] if pairs else ()
    return Duplicates(
        len(np.unique(firsts)), len(copies), len(np.unique(firsts[leaked])), int(leaked.sum()), other,
        tuple(found.video(number).path for number in shown) or ("", ""),
    )  # fmt: skip


def durations(found: Inspection, which: slice = slice(None)) -> Durations | None:
    """How long the videos are; None where none can be used."""
    there = found.looked_at[which]
    seconds = found.seconds[which][there & (found.problems[which] == "")]
    seconds = seconds[~np.isnan(seconds)]
    if not len(seconds):
        return None
    standing = len(there) * len(seconds) / there.sum()  # how many could be used if all had been opened
    return Durations(*np.quantile(seconds, (0, 0.05, 0.5, 0.95, 1)).tolist(), float(seconds.mean() * standing))


def common(values: np.ndarray) -> list[tuple[str, int]]:
    """What is there how often, the most frequent first."""
    names, times = np.unique(values, return_counts=True)
    return sorted(((str(name), int(count)) for name, count in zip(names, times, strict=True)), key=_often)


def _often(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


def resolutions(found: Inspection) -> list[tuple[str, int]]:
    """Width x height as the files are shown."""
    files, readable = found.files, found.files.readable
    sides = np.stack([files.width[readable], files.height[readable]], axis=1)
    shapes, times = np.unique(sides, axis=0, return_counts=True)
    named = ((f"{width}x{height}", int(count)) for (width, height), count in zip(shapes, times, strict=True))
    return sorted(named, key=_often)


def rates(found: Inspection) -> list[tuple[str, int]]:
    """Frames per second, to two decimals."""
    known = found.files.rate[found.files.readable]
    values, times = np.unique(known[~np.isnan(known)].round(2), return_counts=True)
    return sorted(((f"{rate:g}", int(count)) for rate, count in zip(values, times, strict=True)), key=_often)


def per_class(videos: Videos, classes: Sequence[str]) -> np.ndarray:
    """How many videos each class has, int64 (classes,)."""
    return np.bincount(videos.labels.ids, minlength=len(classes))


def write(path: Path, found: Inspection) -> None:
    """The list of all missing videos and all whose files were opened, as CSV, whole or not at all.

    Raises NasError where it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(COLUMNS)
            lines.writerows(rows(found))
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        fix = "give --out a folder that can be written to"
        raise NasError(f"cannot be written ({error.strerror})", where=str(path), fix=fix) from None


def rows(found: Inspection) -> Iterator[tuple]:
    """The lines of the list, with `COLUMNS`; what is unknown is empty."""
    yield from (("", path, *[""] * 8, MISSING, "") for path in found.set.missing)
    for number in np.flatnonzero(found.looked_at).tolist():
        yield _row(found, number)


def _row(found: Inspection, number: int) -> tuple:
    video, problem = found.video(number), str(found.problems[number])
    place = (found.split(number), video.path, found.label(number), _cell(video.start), _cell(video.end))
    if found.files.reason[found.of[number]]:
        return (*place, *[""] * 5, problem, "")
    files, at, first = found.files, found.of[number], int(found.duplicate_of[number])
    shape = (_cell(found.seconds[number]), files.width[at], files.height[at], _cell(files.rate[at]), files.codec[at])
    return (*place, *shape, problem, found.video(first).path if first != number else "")


def _cell(number: float | None) -> str:
    return "" if number is None or math.isnan(number) else f"{number:.6g}"
