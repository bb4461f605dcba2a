"""From rows of a list to videos on the disk: the first of a row's ways whose file is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nas.data.lists.disk import Disk, Files, without_ending
from nas.data.lists.listing import Rows, Way
from nas.data.lists.text import first, shown
from nas.data.videos import TEXT
from nas.errors import NasError

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True, eq=False)
class Located:
    """Which rows have a video, bool (n,); its path and cut, for those; and what the others were looked for as."""

    there: np.ndarray
    paths: np.ndarray
    start: np.ndarray
    end: np.ndarray
    missing: tuple[str, ...]


def locate(rows: Rows, disk: Disk, split: str) -> Located:
    """The videos of `rows`; raises NasError for a name that leaves the data folder."""
    size = len(rows)
    paths, there = np.empty(size, dtype=TEXT), np.zeros(size, dtype=bool)
    start, end = np.full((2, size), np.nan)
    for way, files, keys in _found(rows, disk, split):
        index = files.index(keys)
        new = ~there & (index >= 0)
        paths[new] = files.paths(index[new])
        start[new], end[new] = (np.nan if times is None else times[new] for times in (way.start, way.end))
        there |= new
        if there.all():
            break
    names = rows.ways[0].names.filter(_column(~there)).to_pylist()
    missing = tuple(f"{split}/{name}.mp4" if rows.ways[0].anywhere else name for name in names)
    return Located(there, paths[there], start[there], end[there], missing)


def _column(flags: np.ndarray) -> pyarrow.BooleanArray:
    import pyarrow as pa

    return pa.array(flags)


def _found(rows: Rows, disk: Disk, split: str) -> Iterator[tuple[Way, Files, pyarrow.StringArray]]:
    """Each way with sets of files and the keys of the rows in them, the best first."""
    for way in rows.ways:
        if way.anywhere:
            yield way, disk.named(split), _file_names(way.names, rows)
            continue
        keys, folders = _below(way.names, rows, disk.root)
        base = disk.base(keys)
        yield way, disk.below(base, folders), keys
        # a set may be there with other endings than listed (webm as mp4), or as folders of frames without any
        yield way, disk.stems(base, folders), without_ending(keys)


def _file_names(names: pyarrow.StringArray, rows: Rows) -> pyarrow.StringArray:
    import pyarrow.compute as pc

    bad = pc.match_substring_regex(names, r"[/\\]|^\.{0,2}$")
    if pc.any(bad).as_py():
        row = first(bad)
        raise NasError(f"{shown(names[row].as_py())} cannot be a file name", where=rows.where(row))
    return names


def _below(names: pyarrow.StringArray, rows: Rows, root: str) -> tuple[pyarrow.StringArray, list[str]]:
    """Paths as "folder/name" with folders free of dots and doubled slashes, and all these folders."""
    import pyarrow.compute as pc

    parts = pc.extract_regex(pc.utf8_rtrim(names, "/"), r"(?s)^(?P<folder>/?(?:.*/)?)(?P<name>[^/]*)$")
    folders, files = parts.field("folder").dictionary_encode(), parts.field("name")
    inside = [_inside(folder, root) for folder in folders.dictionary.to_pylist()]
    left = pc.is_null(_texts(inside).take(folders.indices))
    bad = pc.or_(left, pc.match_substring_regex(files, r"^\.{0,2}$"))
    if pc.any(bad).as_py():
        row = first(bad)
        problem = f"{shown(names[row].as_py())} lies outside of the data folder"
        fix = f"keep the videos below {root}, or name their folder as data.videos"
        raise NasError(problem, where=rows.where(row), fix=fix)
    texts = _texts(inside).take(folders.indices)
    return pc.binary_join_element_wise(texts, files, "/"), sorted(set(inside))


def _texts(values: list[str | None]) -> pyarrow.StringArray:
    import pyarrow as pa

    return pa.array(values, pa.string())


def _inside(folder: str, root: str) -> str | None:
    """A listed folder relative to the root, "" for itself; None where it lies outside."""
    below = os.path.relpath(os.path.join(root, folder), root)
    return None if below.split(os.sep)[0] == os.pardir else "" if below == os.curdir else below
