"""The videos of a data set and what they show: `VideoSet`, held column by column, since lists of a million are usual.

Reading a list is `nas.data.formats`; nothing is decoded here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

TEXT = np.dtypes.StringDType()


@dataclass(frozen=True)
class Video:
    """A video file, or a folder of frames, and the numbers of its classes; `start` and `end` cut it, in seconds."""

    path: str
    labels: tuple[int, ...]
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, eq=False)
class Labels:
    """The class numbers of each video: those of video i are `ids[offsets[i]:offsets[i + 1]]`, int32 and int64."""

    offsets: np.ndarray
    ids: np.ndarray

    @classmethod
    def single(cls, ids: Sequence[int] | np.ndarray) -> Labels:
        """One class a video."""
        return cls(np.arange(len(ids) + 1), np.asarray(ids, dtype=np.int32))

    @classmethod
    def several(cls, groups: Iterable[Sequence[int]]) -> Labels:
        """Any number of classes a video.

        >>> Labels.several([(3,), (1, 2)])[1]
        (1, 2)
        """
        groups = list(groups)
        offsets = np.concatenate([[0], np.cumsum([len(group) for group in groups], dtype=np.int64)])
        return cls(offsets, np.array([one for group in groups for one in group], dtype=np.int32))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> tuple[int, ...]:
        return tuple(self.ids[self.offsets[index] : self.offsets[index + 1]].tolist())

    def take(self, indices: np.ndarray) -> Labels:
        """Those of some videos, in their order."""
        sizes = np.diff(self.offsets)[indices]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
        return Labels(offsets, self.ids[np.repeat(self.offsets[indices], sizes) + within])

    def first(self, indices: slice | np.ndarray = slice(None)) -> np.ndarray:
        """The class of each video, or of some, where each has one, int64 (n,)."""
        return self.ids[self.offsets[:-1][indices]].astype(np.int64)

    def hot(self, indices: np.ndarray, classes: int) -> np.ndarray:
        """One row a video with ones at its classes, float32 (n, classes)."""
        some = self.take(indices)
        rows = np.zeros((len(indices), classes), dtype=np.float32)
        rows[np.repeat(np.arange(len(indices)), np.diff(some.offsets)), some.ids] = 1
        return rows


@dataclass(frozen=True, eq=False)
class Videos(Sequence[Video]):
    """The videos of a split: `paths` as TEXT (n,), `labels`, and seconds, float64 (n,), NaN where nothing is cut."""

    paths: np.ndarray
    labels: Labels
    start: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, paths: Iterable[str], labels: Labels, start=None, end=None) -> Videos:
        """From columns; without times, whole files."""
        texts = np.asarray(paths if isinstance(paths, np.ndarray) else list(paths), dtype=TEXT)
        whole = np.full(len(texts), np.nan)
        times = (whole if one is None else np.asarray(one, dtype=np.float64) for one in (start, end))
        return cls(texts, labels, *times)

    @classmethod
    def listed(cls, videos: Iterable[Video]) -> Videos:
        """From single videos."""
        videos = list(videos)
        start, end = [_nan(v.start) for v in videos], [_nan(v.end) for v in videos]
        return cls.of([v.path for v in videos], Labels.several(v.labels for v in videos), start, end)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Video:
        start, end = (None if math.isnan(times[index]) else float(times[index]) for times in (self.start, self.end))
        return Video(str(self.paths[index]), self.labels[index], start, end)

    def __iter__(self) -> Iterator[Video]:
        return (self[index] for index in range(len(self)))

    def take(self, indices: np.ndarray) -> Videos:
        """Some of them, in their order."""
        return Videos(self.paths[indices], self.labels.take(indices), self.start[indices], self.end[indices])


@dataclass(frozen=True, eq=False)
class VideoSet:
    """The videos of a data set.

    `root` is the folder below which all lie, `classes` are in the order of the network's outputs, `missing` are the
    paths that are listed and not there, `notes` is what its user should know, a line each.
    """

    name: str
    root: str
    format: str
    classes: tuple[str, ...]
    train: Videos
    val: Videos
    missing: tuple[str, ...] = ()
    multilabel: bool = False
    notes: tuple[str, ...] = ()


def _nan(seconds: float | None) -> float:
    return math.nan if seconds is None else seconds
