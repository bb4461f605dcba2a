"""Which of the listed videos a pack holds: those that could be decoded, in the order of its splits.

Packs that hold the same videos with other frames need not have lost the same ones, so that splits are compared and
joined by what their videos are, never by where they stand.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nas.data.clips import Split
from nas.data.pack import Pack, skipped
from nas.data.packing import KEPT
from nas.data.videos import Videos, VideoSet
from nas.errors import NasError

# What a video is known by: its file, the cut in seconds, and which of those with the same file and cut it is.
Key = tuple[str, float | None, float | None, int]


@dataclass(frozen=True, eq=False)
class Kept:
    """A split of a pack and its videos, in the same order; all lie below the folder `root`."""

    split: Split
    videos: Videos
    root: str

    def __len__(self) -> int:
        return len(self.split)

    def take(self, rows: np.ndarray) -> Kept:
        """Some of them, int64 (n,), in the order of `rows`."""
        old = self.split
        split = Split(old.store, old.rows[rows], old.labels.take(rows), old.task)
        return Kept(split, self.videos.take(rows), self.root)

    def names(self) -> list[str]:
        """Their paths below the root."""
        return [path.removeprefix(self.root).lstrip(os.sep) for path in self.videos.paths.tolist()]

    def keys(self) -> list[Key]:
        """What each video is known by; a file that is listed several times has several."""
        root, often = os.path.realpath(self.root), Counter()
        keys = []
        for name, video in zip(self.names(), self.videos, strict=True):
            same = os.path.join(root, name), video.start, video.end
            keys.append((*same, often[same]))
            often[same] += 1
        return keys


def kept(pack: Pack, videos: VideoSet, split: Literal["train", "val"]) -> Kept:
    """A split of the `pack` that was made of `videos`, with these; raises NasError where it does not tell its own."""
    numbers, first = _numbers(pack, videos), len(videos.train)
    train = int((numbers < first).sum())
    if (train, len(numbers) - train) != (len(pack.train), len(pack.val)):
        problem = "was made by an earlier version, which did not write down all of what it skipped"
        raise NasError(problem, where=str(pack.folder), fix="delete the folder: the videos are decoded again")
    if split == "train":
        return Kept(pack.train, videos.train.take(numbers[:train]), videos.root)
    return Kept(pack.val, videos.val.take(numbers[train:] - first), videos.root)


def joined(parts: Sequence[Kept]) -> tuple[list[Kept], list[str]]:
    """The videos that all `parts` hold, in the order of the first, and the names of those that some of them lack.

    Raises NasError where they have none in common, or where labels of one video differ.
    """
    keys = [part.keys() for part in parts]
    places = [{key: row for row, key in enumerate(some)} for some in keys]
    common = [key for key in keys[0] if all(key in place for place in places)]
    if not common:
        roots = " and ".join(dict.fromkeys(part.root for part in parts))
        problem = f"the networks have no videos in common (theirs lie in {roots})"
        raise NasError(problem, fix="name videos for all of them with --data")
    taken = [part.take(np.array([place[key] for key in common])) for part, place in zip(parts, places, strict=True)]
    for part in taken[1:]:
        _check_labels(taken[0], part)
    known, left = set(common), {}
    for part, some in zip(parts, keys, strict=True):
        left |= {key: name for key, name in zip(some, part.names(), strict=True) if key not in known}
    return taken, list(left.values())


def _numbers(pack: Pack, videos: VideoSet) -> np.ndarray:
    """The places in the lists, those to train on first, of the videos that the pack holds, int64 (n,)."""
    if (pack.folder / KEPT).exists():
        try:
            return np.load(pack.folder / KEPT)
        except (OSError, ValueError, EOFError):
            problem = f"this pack is damaged ({KEPT} cannot be read)"
            raise NasError(problem, where=str(pack.folder), fix="delete the folder") from None
    # of before they were written down: all but those whose files were skipped
    lost = {path for path, _ in skipped(pack)}
    paths = [*videos.train.paths.tolist(), *videos.val.paths.tolist()]
    return np.array([number for number, path in enumerate(paths) if path not in lost], dtype=np.int64)


def _check_labels(one: Kept, other: Kept) -> None:
    for row, name in enumerate(one.names()):
        first, second = one.split.labels[row], other.split.labels[row]
        if set(first) != set(second):
            classes = one.split.task.classes
            told = [", ".join(classes[number] for number in labels) for labels in (first, second)]
            problem = f"is '{told[0]}' in the data of one network and '{told[1]}' in that of another"
            raise NasError(problem, where=name, fix="name one list for all of them with --data")
