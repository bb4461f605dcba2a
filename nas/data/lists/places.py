"""Where lists lie and which split each is of: `find` gives those of a folder, or of the one list that is named."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nas.data.lists.files import entries, is_video
from nas.data.lists.text import LISTS
from nas.errors import NasError

# How a split's folder and list may be called, the usual name first.
SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "validate", "validation", "valid"),
    "test": ("test", "testing"),
}
KNOWN = {name: split for split, names in SPLITS.items() for name in names}
# Such a word in a list's name: kinetics400_train_list_videos, trainingSet, something-something-v1-validation.
WORD = re.compile(rf"(?<![a-z])(?i:{'|'.join(sorted(KNOWN, key=len, reverse=True))})(?![a-z])")
# Folders beside or below the videos that hold nothing but lists, in small letters.
FOLDERS = (
    "annotations", "annotation", "lists", "labels", "splits",
    "ucftraintestlist", "testtrainmulti_7030_splits", "test_train_splits",
)  # fmt: skip

Looks = Callable[[Path], bool]


@dataclass(frozen=True)
class Lists:
    """The lists of a data set: under "train" and "val", or all clips in the one under "all"."""

    root: Path
    paths: dict[str, Path]
    notes: tuple[str, ...] = ()


def split_of(name: str) -> str:
    """The split that a list's name tells, empty where it tells none or several.

    >>> split_of("kinetics400_train_list_videos.txt"), split_of("validationSet.csv"), split_of("trainlist01.txt")
    ('train', 'val', '')
    """
    splits = {KNOWN[word.lower()] for word in WORD.findall(name)}
    return splits.pop() if len(splits) == 1 else ""


def root_of(path: Path) -> Path:
    """The folder below which the videos of a list lie: its own, or the one around a folder of nothing but lists."""
    folder = Path(os.path.abspath(path)).parent
    others = (one.is_dir() or is_video(one.name) for one in entries(folder))
    return folder.parent if folder.name.lower() in FOLDERS and not any(others) else folder


def folders(path: Path, *, beside: bool = False) -> list[Path]:
    """Where the lists of `path` may lie: there, in a folder of lists below, and beside it where that is asked."""
    if not path.is_dir():
        return []
    around = [path, Path(os.path.abspath(path)).parent] if beside else [path]
    inside = (one for place in around for one in entries(place))
    return [path, *(Path(one.path) for one in inside if one.name.lower() in FOLDERS and one.is_dir())]


def named(folder: Path, endings: tuple[str, ...] = LISTS) -> dict[str, list[Path]]:
    """The lists of each split in a folder, the plainest name first."""
    found: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for entry in entries(folder):
        split = split_of(entry.name) if entry.name.lower().endswith(endings) and entry.name[0] != "." else ""
        if split and entry.is_file():
            found[split].append(folder / entry.name)
    return {split: sorted(paths, key=_plainness) for split, paths in found.items()}


def _plainness(path: Path) -> tuple[bool, int, str]:
    """Sorts names that are a split's and nothing else to the front, as train.csv and validate.txt."""
    words = list(KNOWN)
    plain = path.stem.lower() in words
    return not plain, words.index(path.stem.lower()) if plain else 0, path.name


def exist(path: Path, looks: Looks, endings: tuple[str, ...] = LISTS) -> bool:
    """Whether there are lists to train or to validate that `looks` takes for its own."""
    if path.is_file():
        return path.suffix.lower() in endings and looks(path)
    places = (named(folder, endings) for folder in folders(path))
    return any(looks(one) for found in places for split in ("train", "val") for one in found[split])


def find(path: Path, looks: Looks, endings: tuple[str, ...] = LISTS) -> Lists:
    """The lists of the folder `path`, or of the list `path` with what belongs to it.

    Those that `looks` does not take count where there is no other, so that reading them can say what is wrong.
    Raises NasError where there are several of a split, or none for one of them.
    """
    if path.is_file():
        return _around(path, endings)
    for folder in folders(path):
        found = named(folder, endings)
        if found["train"] or found["val"]:
            taken = {split: [one for one in some if looks(one)] or some for split, some in found.items()}
            return _paired(folder, {split: _only(some) for split, some in taken.items() if some})
    fix = f"expected such as train{endings[0]} and val{endings[0]}, here or in annotations/"
    raise NasError("no lists with train and val in their names", where=str(path), fix=fix)


def _only(paths: list[Path]) -> Path:
    if len(paths) > 1 and _plainness(paths[0])[0]:
        names = " ".join(path.name for path in paths)
        fix = f"name the one to use, such as {paths[0]}"
        raise NasError(f"has {len(paths)} lists of one split: {names}", where=str(paths[0].parent), fix=fix)
    return paths[0]


def _paired(folder: Path, paths: dict[str, Path]) -> Lists:
    """Train and val; where there is no val, test validates, and else test is left aside."""
    if "train" not in paths or len(paths) < 2:
        (split, there), *_ = paths.items()
        other = "val" if "train" in paths else "train"
        fix = f"add {WORD.sub(other, there.name, count=1)}"
        raise NasError(f"has {there.name}, but none for {other}", where=str(folder), fix=fix)
    root = root_of(paths["train"])
    if "test" not in paths:
        return Lists(root, paths)
    test = paths.pop("test")
    if "val" in paths:
        return Lists(root, paths, (f"{test.name} is not used: {paths['val'].name} validates",))
    return Lists(root, paths | {"val": test}, (f"{test.name} validates: there is no list for val",))


def _around(path: Path, endings: tuple[str, ...]) -> Lists:
    """The list that was named and those whose names differ in the split alone; alone, it holds all clips."""
    shape = WORD.sub("*", path.name)
    found = named(path.parent, endings) if split_of(path.name) else {}
    same = {split: [one for one in some if WORD.sub("*", one.name) == shape] for split, some in found.items()}
    pairs = {split: some[0] for split, some in same.items() if some} | {split_of(path.name): path}
    if "train" not in pairs or len(pairs) < 2:
        return Lists(root_of(path), {"all": path})
    return _paired(path.parent, pairs)
