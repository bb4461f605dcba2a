"""What lies below the data folder, by the keys with which rows look for it.

Folders are listed once each instead of asking for every file. A row that names a path is looked for in the folders
that are named; one that names a file alone, in all folders.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nas.data.lists.files import ENDINGS, Folder, folder
from nas.data.lists.places import KNOWN
from nas.data.videos import TEXT

if TYPE_CHECKING:
    import pyarrow

# How deep below the data folder videos are looked for.
DEPTH = 4
# Rows by which a folder is judged: whether the paths of a list are meant below it.
JUDGED = 1000
# So many folders are tried for that at most; a folder of more holds classes or frames.
TRIED = 200
# Paths that are made into texts at a time, to keep their copies small.
PART = 1 << 16


def without_ending(files: pyarrow.StringArray) -> pyarrow.StringArray:
    """Paths without the ending of a video, where they have one."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(files, ENDINGS + "$", "")


@dataclass(frozen=True, eq=False)
class Files:
    """Videos below the folder `root`: the keys by which rows find them, and their paths from there."""

    root: str
    keys: pyarrow.StringArray
    files: pyarrow.StringArray

    def index(self, wanted: pyarrow.StringArray) -> np.ndarray:
        """Where each wanted key is, int32 (n,), -1 where it is not; the first of equal keys counts."""
        import pyarrow.compute as pc

        return pc.fill_null(pc.index_in(wanted, value_set=self.keys), -1).to_numpy()

    def holds(self, few: pyarrow.StringArray) -> np.ndarray:
        """Which of a few different keys are there, bool (n,): quicker than `index`, which sorts in all that are."""
        import pyarrow.compute as pc

        flags = np.zeros(len(few), dtype=bool)
        flags[pc.unique(pc.index_in(self.keys, value_set=few)).drop_null().to_numpy()] = True
        return flags

    def paths(self, index: np.ndarray) -> np.ndarray:
        """The whole paths of some, TEXT (n,)."""
        import pyarrow as pa

        distinct, each = np.unique(index, return_inverse=True)
        texts = np.empty(len(distinct), dtype=TEXT)
        for start in range(0, len(distinct), PART):
            some = self.files.take(pa.array(distinct[start : start + PART])).to_pylist()
            texts[start : start + PART] = [f"{self.root}/{file.lstrip('/')}" for file in some]
        return texts[each]


class Disk:
    """The videos below `root`; each folder is listed when it is first asked for, and once."""

    def __init__(self, root: Path):
        self.root = str(root)
        self._listed: dict[str, Folder] = {}
        self._named: dict[str, Files] = {}

    def named(self, split: str) -> Files:
        """All videos by their names without ending; of one name, those below the folder of `split` come first."""
        if split not in self._named:
            near = sorted(self._walked, key=lambda pair: _distance(pair[0], split))
            keys = without_ending(_concatenated([names for _, names in near]))
            self._named[split] = Files(self.root, keys, _joined(near))
        return self._named[split]

    @cached_property
    def _walked(self) -> list[tuple[str, pyarrow.StringArray]]:
        """Each folder below the root with the videos and the folders of frames in it."""
        return [(os.path.relpath(path, self.root), names) for path, names in _walk(folder(self.root), DEPTH)]

    def below(self, base: str, folders: Sequence[str]) -> Files:
        """All that the folders `base`/`folders` hold, by "folder/name"."""
        found = _joined([(one, self._folder(base, one).names) for one in folders])
        return Files(os.path.join(self.root, base).rstrip("/"), found, found)

    def stems(self, base: str, folders: Sequence[str]) -> Files:
        """Their videos and their folders, by "folder/name" without the ending of a video."""
        import pyarrow as pa

        pairs = []
        for one in folders:
            held = self._folder(base, one)
            pairs.append((one, pa.concat_arrays([held.videos(), pa.array(held.seen(), pa.string())])))
        found = _joined(pairs)
        return Files(os.path.join(self.root, base).rstrip("/"), without_ending(found), found)

    def base(self, files: pyarrow.StringArray) -> str:
        """The folder below the root where the `files`, "folder/name" each, are meant: "" for the root itself.

        Lists of mmaction2 name paths below videos_train, those of UCF101 below UCF-101. Where less than half of a
        sample lies at the root, the folder with the most of it counts.
        """
        sample = files.take(np.linspace(0, len(files) - 1, min(JUDGED, len(files))).astype(np.int64)).unique()
        best, most = "", self._count("", sample)
        for level in self._levels() if 2 * most < len(sample) else ():
            for base in level:
                count = self._count(base, sample)
                best, most = (base, count) if count > most else (best, most)
            if most:
                break
        return best

    def _count(self, base: str, sample: pyarrow.StringArray) -> int:
        """How many of the different `sample` are there, with their own ending or another."""
        folders = sorted({file.rpartition("/")[0] for file in sample.to_pylist()})
        found = int(self.below(base, folders).holds(sample).sum())
        if 2 * found >= len(sample):
            return found
        return max(found, int(self.stems(base, folders).holds(without_ending(sample).unique()).sum()))

    def _levels(self) -> Iterator[list[str]]:
        """The folders in the root, then those in them."""
        level = [""]
        for _ in range(2):
            level = [os.path.join(base, name) for base in level for name in self._folder(base, "").seen()][:TRIED]
            yield level

    def _folder(self, base: str, name: str) -> Folder:
        path = os.path.join(self.root, base, name)
        if path not in self._listed:
            self._listed[path] = folder(path)
        return self._listed[path]


def _joined(pairs: Sequence[tuple[str, pyarrow.StringArray]]) -> pyarrow.StringArray:
    """ "folder/name" of all names of some folders, one after another."""
    import pyarrow.compute as pc

    return _concatenated([pc.binary_join_element_wise(one, names, "/") for one, names in pairs])


def _concatenated(columns: Sequence[pyarrow.StringArray]) -> pyarrow.StringArray:
    import pyarrow as pa

    return pa.concat_arrays([*columns, pa.array([], pa.string())])


def _walk(held: Folder, depth: int) -> Iterator[tuple[str, pyarrow.StringArray]]:
    """Each folder with the videos and the folders of frames in it."""
    names = held.all_videos()
    yield held.path, names
    frames = set(names.to_pylist()) & held.folders if held.folders else ()
    for name in held.seen() if depth else ():
        if name not in frames:
            yield from _walk(folder(os.path.join(held.path, name)), depth - 1)


def _distance(path: str, split: str) -> int:
    """0 below the folder of `split`, 1 below no split's, 2 below the other one's."""
    splits = {KNOWN[part] for part in path.split(os.sep) if part in KNOWN}
    return 0 if split in splits else 2 if splits else 1
