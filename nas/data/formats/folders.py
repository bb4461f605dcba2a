"""A folder for each class, in a folder for each split or not: no list at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nas.data.formats.registry import list_format
from nas.data.lists.files import entries, folder, is_text, is_video
from nas.data.lists.listing import Classes, Listing, Rows, Way
from nas.data.lists.places import SPLITS
from nas.data_settings import DataSettings
from nas.errors import NasError

if TYPE_CHECKING:
    import pyarrow


def recognise(path: Path) -> bool:
    return path.is_dir() and (bool(_splits(path)) or any(len(_videos(path / name)) for name in _folders(path)))


@list_format("folders", recognise=recognise)
def read(path: Path, settings: DataSettings) -> Listing:
    """<class>/*.mp4, or train/<class>/*.mp4 and val/<class>/*.mp4; a folder of frames is a video, too.

    Without splits, a fifth of each class validates.
    """
    splits = _paired(path, _splits(path)) or {"train": ""}
    rows = {split: _rows(path, name) for split, name in splits.items()}
    if not any(len(some) for some in rows.values()):
        expected = "<class>/*.mp4, train/<class>/*.mp4 with val/<class>/*.mp4, or train.csv with val.csv"
        raise NasError("no video in this folder", where=str(path), fix=f"expected {expected}")
    for split, some in rows.items():
        if not len(some):
            raise NasError("no video in this folder", where=str(path / splits[split]), fix="expected <class>/*.mp4")
    classes = Classes(tuple(sorted({name for one in splits.values() for name in _folders(path / one)})))
    return Listing(Path(os.path.abspath(path)), rows["train"], rows.get("val"), classes, notes=_notes(path, splits))


def _splits(path: Path) -> dict[str, str]:
    """The folder of each split that has one."""
    there = set(_folders(path))
    found = {split: next((name for name in names if name in there), "") for split, names in SPLITS.items()}
    return {split: name for split, name in found.items() if name} if found["train"] or found["val"] else {}


def _paired(path: Path, found: dict[str, str]) -> dict[str, str]:
    """Train and val; where there is no val, test validates."""
    if "val" not in found and "test" in found:
        found["val"] = found["test"]
    if len(found.keys() & {"train", "val"}) == 1:
        (split, there), *_ = found.items()
        other = "val" if split == "train" else "train"
        raise NasError(f"has {there}, but none for {other}", where=str(path), fix=f"add {other}")
    return {split: found[split] for split in ("train", "val") if found}


def _notes(path: Path, splits: dict[str, str]) -> tuple[str, ...]:
    test = _splits(path).get("test")
    if not test:
        return ()
    return (f"{test}/ validates: there is no folder for val" if splits["val"] == test else f"{test}/ is not used",)


def _rows(path: Path, split: str) -> Rows:
    """The videos of a split's folder, class by class, both in the order of their names."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = _folders(path / split)
    videos = [_videos(path / split / name) for name in names]
    paths = [
        pc.binary_join_element_wise(os.path.join(split, name), some, "/")
        for name, some in zip(names, videos, strict=True)
    ]
    empty = pa.array([], pa.string())
    labels = pa.array(names, pa.string()).take(pa.array(np.repeat(np.arange(len(names)), list(map(len, videos)))))
    files = pa.concat_arrays([empty, *paths])
    return Rows(labels, (Way(files),), lambda row: str(path / files[row].as_py()), str(path))


def _folders(path: Path) -> list[str]:
    names = [one.name for one in entries(path) if not one.name.startswith((".", "__")) and one.is_dir()]
    for name in names:
        _refuse(path, name)
    return names


def _videos(path: Path) -> pyarrow.StringArray:
    held = folder(path)
    for name in filter(is_video, held.odd):
        _refuse(path, name)
    return held.all_videos()


def _refuse(path: Path, name: str) -> None:
    if not is_text(name):
        raise NasError(f"the name {name!a} is not UTF-8", where=str(path), fix="rename it")
