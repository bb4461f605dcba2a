"""What the files of a data set are: each opened once, and files of the same content found.

All of it happens in processes of their own, so a file that hangs or crashes a decoder loses itself alone. Little is
read of a file to know its shape; only readable files of the same size are read whole, for their digests. Everything
is held in columns: a million files take some 200 MB.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sized
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nas.data import pool
from nas.data.decoding import decode, probe
from nas.data.videos import TEXT, Video, Videos, VideoSet
from nas.data_settings import DataSettings

Progress = Callable[[int, int, str], None]
# Why a listed video shows nothing although its file can be read.
BEYOND = "its cut begins after the end of the file (is the file cut already?)"


@dataclass(frozen=True, eq=False)
class Files:
    """The files of a data set, each once, a column a fact, of m entries.

    `looked_at` says which were opened, and `reason` why one of these cannot be read (else ""). Of readable ones,
    `seconds`, `width` and `height` as they are shown, `rate` in frames a second, `frames`, `codec`, whether they are
    `turned` by a flag or have a `variable` rate, and the number of the first file with `same` content (m,).
    """

    paths: np.ndarray
    looked_at: np.ndarray
    reason: np.ndarray
    seconds: np.ndarray
    width: np.ndarray
    height: np.ndarray
    rate: np.ndarray
    frames: np.ndarray
    codec: np.ndarray
    turned: np.ndarray
    variable: np.ndarray
    same: np.ndarray

    @classmethod
    def unknown(cls, paths: np.ndarray) -> Files:
        """Files that nothing is known of."""
        m = len(paths)
        texts = (np.full(m, "", dtype=TEXT) for _ in range(2))
        flags = (np.zeros(m, dtype=bool) for _ in range(3))
        numbers = (np.zeros(m, dtype=np.int32) for _ in range(3))
        times = (np.full(m, np.nan) for _ in range(2))
        return cls(
            paths, next(flags), next(texts), next(times), next(numbers), next(numbers), next(times), next(numbers),
            next(texts), next(flags), next(flags), np.arange(m),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def readable(self) -> np.ndarray:
        """Those that were opened without an error, bool (m,)."""
        return self.looked_at & (self.reason == "")

    def take(self, number: int, found: probe.Probe | str) -> None:
        """Note what became of a file."""
        self.looked_at[number] = True
        if isinstance(found, str):
            self.reason[number] = found
            return
        self.seconds[number], self.rate[number], self.frames[number] = found.seconds, found.rate, found.frames
        self.width[number], self.height[number], self.codec[number] = found.width, found.height, found.codec
        self.turned[number], self.variable[number] = found.rotated, found.variable_rate


@dataclass(frozen=True, eq=False)
class Inspection:
    """A set, its `files`, and for each of its n listed videos, those that train first, the number `of` its file.

    `unhashed` is how many files could not be compared with those of their size.
    """

    set: VideoSet
    settings: DataSettings
    files: Files
    of: np.ndarray
    unhashed: int = 0

    def __len__(self) -> int:
        return len(self.of)

    def split(self, number: int) -> str:
        """Where a listed video is from."""
        return "train" if number < len(self.set.train) else "val"

    def video(self, number: int) -> Video:
        """One of the listed videos."""
        first = len(self.set.train)
        return self.set.train[number] if number < first else self.set.val[number - first]

    def label(self, number: int) -> str:
        """The names of a video's classes."""
        return "; ".join(self.set.classes[label] for label in self.video(number).labels)

    def short(self, path: str) -> str:
        """A path without the set's folder."""
        return path.removeprefix(os.path.join(self.set.root, ""))

    @cached_property
    def looked_at(self) -> np.ndarray:
        """The listed videos whose files were opened, bool (n,)."""
        return self.files.looked_at[self.of]

    @cached_property
    def seconds(self) -> np.ndarray:
        """How long each listed video is, or what is cut of it: float64 (n,), NaN where unknown, 0 if it is beyond."""
        start, end = self.cuts
        whole = self.files.seconds[self.of]
        return np.maximum(0, np.where(np.isnan(end), whole, np.minimum(end, whole)) - np.nan_to_num(start))

    @cached_property
    def cuts(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each listed video starts and ends, in seconds, float64 (n,)."""
        train, val = self.set.train, self.set.val
        return np.concatenate([train.start, val.start]), np.concatenate([train.end, val.end])

    @cached_property
    def problems(self) -> np.ndarray:
        """Why a listed video cannot be used, TEXT (n,), "" where nothing is known against it."""
        found = self.files.reason[self.of]
        found[(found == "") & self.looked_at & (self.seconds == 0) & (self.cuts[0] > 0)] = BEYOND
        return found

    @cached_property
    def duplicate_of(self) -> np.ndarray:
        """The first listed video that has the same content and cut, int64 (n,); each without another has its own."""
        rows = np.flatnonzero(self.looked_at & (self.problems == ""))
        content = self.files.same[self.of][rows]
        times = (np.nan_to_num(column[rows], nan=-1.0) for column in self.cuts)
        keys = np.stack([content, *times], axis=1)
        _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        found = np.arange(len(self))
        found[rows] = rows[first[group.ravel()]]
        return found


def inspect(
    videos: VideoSet,
    settings: DataSettings,
    *,
    progress: Progress,
    sample: int | None = None,
    workers: int | None = None,
) -> Inspection:
    """Open every file of a set once, or `sample` of them that are spread over it, by `workers` processes.

    `progress(done, total, what)` is told how far that is. No file makes it fail.
    """
    paths, of = _files(videos.train, videos.val)
    files, sizes = Files.unknown(paths), np.full(len(paths), -1, dtype=np.int64)
    chosen = np.arange(len(files)) if sample is None else spread(len(files), sample)
    calls = ((str(paths[number]), settings) for number in chosen)
    results = pool.attempts(look, calls, workers=_enough(workers, chosen), timeout=settings.timeout)
    for number, result in _told(results, chosen, "looking into files", progress):
        found, sizes[number] = (result.reason, -1) if isinstance(result, pool.Lost) else result
        files.take(number, found)
    unhashed = _compare(files, sizes, settings, workers, progress)
    return Inspection(videos, settings, files, of, unhashed)


def spread(count: int, sample: int, seed: int = 0) -> np.ndarray:
    """A random number out of each of `sample` equal parts of 0..count: so lists in any order are met everywhere.

    >>> [int(number) // 250 for number in spread(1000, 4)]
    [0, 1, 2, 3]
    """
    edges = np.linspace(0, count, min(sample, count) + 1).astype(np.int64)
    return np.random.default_rng(seed).integers(edges[:-1], edges[1:])


def look(path: str, settings: DataSettings) -> tuple[probe.Probe | str, int]:
    """What a file is, or why it cannot be read, and how many bytes it has."""
    try:
        return probe.probe(path, frames=settings.frames, frame_rate=settings.frame_rate), _size(path)
    except decode.Unreadable as error:
        return str(error), -1
    except OSError as error:
        return error.strerror or str(error), -1


def hashed(path: str) -> str:
    """The digest of a file's content, "" where it cannot be read to its end."""
    try:
        return probe.digest(path)
    except (decode.Unreadable, OSError):
        return ""


def _files(*splits: Videos) -> tuple[np.ndarray, np.ndarray]:
    """Every path once, in the order of the lists, TEXT (m,), and the number of that of each video, int64 (n,)."""
    listed = np.concatenate([split.paths for split in splits])
    paths, first, of = np.unique(listed, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return paths[order], place[of]


def _size(path: str) -> int:
    """The bytes of a file, or of all files in a folder of frames."""
    if not os.path.isdir(path):
        return os.path.getsize(path)
    with os.scandir(path) as entries:
        return sum(entry.stat().st_size for entry in entries if entry.is_file())


def _compare(files: Files, sizes: np.ndarray, settings: DataSettings, workers: int | None, progress: Progress) -> int:
    """Give files of the same content one number; returns how many could not be read for that."""
    readable = np.flatnonzero(files.readable)
    _, group, times = np.unique(sizes[readable], return_inverse=True, return_counts=True)
    alike = readable[times[group] > 1]
    digests = np.full(len(files), "", dtype=TEXT)
    calls = ((str(files.paths[number]),) for number in alike)
    results = pool.attempts(hashed, calls, workers=_enough(workers, alike), timeout=settings.timeout)
    for number, result in _told(results, alike, "comparing files of equal size", progress):
        digests[number] = "" if isinstance(result, pool.Lost) else result
    done = alike[digests[alike] != ""]
    _, first, group = np.unique(digests[done], return_index=True, return_inverse=True)
    files.same[done] = done[first[group]]
    return len(alike) - len(done)


def _enough(workers: int | None, calls: Sized) -> int:
    """No more processes than there are calls."""
    return max(1, min(workers or pool.cores(), len(calls)))


def _told(
    results: Generator[tuple[int, Any]], numbers: np.ndarray, what: str, progress: Progress
) -> Iterator[tuple[int, Any]]:
    """(number of the file, result), as the results come, with word of how many there are."""
    with closing(results):  # its processes end where an error or Ctrl-C ends this
        for done, (place, result) in enumerate(results, 1):
            yield int(numbers[place]), result
            progress(done, len(numbers), what)
