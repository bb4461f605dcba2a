"""From labels to class numbers: those that a file of class names gives, or the labels that are listed, in order."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nas.data.lists import text
from nas.data.lists.listing import Classes, Listing, Rows
from nas.data.videos import Labels
from nas.errors import NasError, nearest

# How a file of class names may be called, the most telling first.
NAMES = ("classes.txt", "labels.txt", "label_map*.txt", "classInd.txt", "*categories*.txt")
# How its lines may look: FineGym's, "3 name" (UCF101), or "name,3" (Moments); else each line is a name.
NUMBERED = (
    re.compile(r"Clabel:\s*(?P<number>\d+);.*?Glabel:\s*\d+;\s*(?P<name>.+)"),
    re.compile(r"(?P<number>\d+)(?:\s*[,:\t]\s*|\s+)(?P<name>.+)"),
    re.compile(r"(?P<name>.+?)\s*,\s*(?P<number>\d+)"),
)
NUMBER = re.compile(r"[+-]?[0-9]+")


def beside(folders: Iterable[Path], names: tuple[str, ...] = NAMES) -> Classes | None:
    """The classes that a file in one of `folders` names; None where there is no such file."""
    paths = (path for folder in folders for name in names for path in sorted(folder.glob(name)))
    path = next(paths, None)
    return read(path) if path else None


def read(path: Path) -> Classes:
    """The classes of a file with a name a line, with or without its number; raises NasError where two share one."""
    lines = text.lines(path).texts.to_pylist()
    for form in NUMBERED:
        found = [form.fullmatch(line) for line in lines]
        if lines and all(found):
            return numbered([(int(one["number"]), one["name"]) for one in found], path)
    return numbered(list(enumerate(lines)), path)


def numbered(names: list[tuple[int, str]], path: Path) -> Classes:
    """Classes in the order of their numbers; raises NasError where two share one, or none is there."""
    if not names:
        raise NasError("names no class", where=str(path), fix="write one a line")
    if len(dict(names)) < len(names):
        raise NasError("two classes have the same number", where=str(path))
    return Classes(tuple(name for _, name in sorted(names)), tuple(sorted(dict(names))), str(path))


def number(listing: Listing) -> tuple[tuple[str, ...], dict[str, Labels]]:
    """The classes in the order of the network's outputs, and those of each row by split.

    Raises NasError naming the first row whose label is none of them.
    """
    columns = {"train": _Column.of(listing.train)} | (
        {"val": _Column.of(listing.val)} if listing.val is not None else {}
    )
    by_number = _by_number(listing, columns["train"])
    keys = {split: column.each(lambda label: _key(label, by_number)) for split, column in columns.items()}
    classes = listing.classes or _listed({key for some in keys.values() for key in some}, by_number)
    places = {key: place for place, key in enumerate(classes.numbers if by_number else classes.names)}
    ids = {
        split: column.each(lambda label: _place(_key(label, by_number), places, classes))
        for split, column in columns.items()
    }
    return classes.names, {split: column.labels(ids[split]) for split, column in columns.items()}


@dataclass(frozen=True, eq=False)
class _Column:
    """The labels of a split: the different ones, which of them stand one after another, and where each row begins."""

    rows: Rows
    distinct: list[str]
    indices: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, rows: Rows) -> _Column:
        import pyarrow as pa

        several = pa.types.is_list(rows.labels.type)
        coded = (rows.labels.flatten() if several else rows.labels).dictionary_encode()
        offsets = rows.labels.offsets.to_numpy().astype(np.int64) if several else np.arange(len(rows) + 1)
        return cls(rows, coded.dictionary.to_pylist(), coded.indices.to_numpy(), offsets - offsets[0])

    def each(self, task: Callable[[str], Any]) -> list[Any]:
        """What `task` makes of the different labels; an error of its gets the file and line of the first such row."""
        return [self._told(task, index) for index in range(len(self.distinct))]

    def _told(self, task: Callable[[str], Any], index: int) -> Any:
        try:
            return task(self.distinct[index])
        except NasError as error:
            place = int(np.argmax(self.indices == index))
            raise error.at(self.rows.where(int(np.searchsorted(self.offsets, place, "right")) - 1)) from None

    def labels(self, ids: list[int]) -> Labels:
        """The labels as numbers, where those of the different ones are known."""
        return Labels(self.offsets, np.array(ids, dtype=np.int32)[self.indices])


def _by_number(listing: Listing, train: _Column) -> bool:
    """Whether labels are numbers: the first one is, and no format says that they are names."""
    first = next(iter(train.distinct), "")
    return bool(NUMBER.fullmatch(first)) and (listing.classes is None or bool(listing.classes.numbers))


def _key(label: str, by_number: bool) -> int | str:
    if not label:
        raise NasError("no label")
    if not by_number:
        return label
    if not NUMBER.fullmatch(label):
        raise NasError(f"the label {text.shown(label)} is no number, and others are", fix="number all, or name all")
    if int(label) < 0:
        raise NasError(f"the label {label} is negative", fix="number the classes from 0")
    return int(label)


def _listed(keys: set[int | str], by_number: bool) -> Classes:
    """Numbers in the order of numbers, names in that of letters."""
    return Classes(tuple(str(key) for key in sorted(keys)), tuple(sorted(keys)) if by_number else ())


def _place(key: int | str, places: dict[int | str, int], classes: Classes) -> int:
    if key in places:
        return places[key]
    problem = f"the label {text.shown(str(key))} is none of the {len(places)} of {os.path.basename(classes.source)}"
    raise NasError(problem, fix=nearest(str(key), map(str, places)))
