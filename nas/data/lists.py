"""Which videos a data set has, and what each shows: `read` turns a folder into a `VideoSet`.

Three kinds of folder are told apart by what lies in them: annotation files, a folder for each split and
class, or a folder for each class. Nothing is decoded here; a listed video that is not there is missing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nas.data import labels
from nas.data.labels import is_video
from nas.errors import NasError

# How a split's folder and list may be called, the usual name first.
SPLITS = {"train": ("train", "training"), "val": ("val", "validate", "validation", "valid")}
# What a list's name ends in.
LISTS = (".csv", ".txt")
# Share of each class that validates where the folder does not say.
HELD_OUT = 0.2
# How deep below the data folder videos are looked for.
DEPTH = 4


@dataclass(frozen=True)
class Video:
    """One labelled video file; `start` and `end` cut it, in seconds."""

    path: str
    label: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class VideoSet:
    """The videos of a data set; `classes` in the order of the network's outputs, `missing` are not there."""

    name: str
    classes: tuple[str, ...]
    train: tuple[Video, ...]
    val: tuple[Video, ...]
    missing: tuple[str, ...] = ()


def read(path: str | Path, *, seed: int = 0) -> VideoSet:
    """The data set in the folder `path`, or in the one list that `path` names.

    - `train.csv` and `val.csv` with columns `label,youtube_id[,time_start,time_end,split]`; the
      videos `<id>_<start>_<end>.mp4` or `<id>.mp4` anywhere beside them, best below `train/` and `val/`
    - `train.txt` and `val.txt` (or `.csv`) with lines `path label` or `path,label`
    - `train/<class>/*` and `val/<class>/*`
    - `<class>/*`, of which `seed` decides the fifth that validates
    - a list of its own: its column `split` says train or val; without one, `seed` decides as above

    Raises `NasError` for what is none of these, or cannot be read.
    """
    folder = Path(path).expanduser()
    try:
        return _read(folder, seed)
    except PermissionError as error:
        raise NasError("no permission to read this", where=str(error.filename or folder)) from None
    except OSError as error:
        raise NasError(f"cannot be read: {error.strerror}", where=str(folder)[:200]) from None


def _read(folder: Path, seed: int) -> VideoSet:
    if not folder.exists():
        raise NasError("no such data folder", where=str(folder), fix="give a folder of videos, or 'motion'")
    if not folder.is_dir():
        if folder.suffix not in LISTS:
            raise NasError(
                "this is a file; a folder or a list is expected", where=str(folder), fix=f"try {folder.parent}"
            )
        return _listed(folder.parent, _split_lines(folder, seed))
    lists = _splits(folder, LISTS, Path.is_file)
    if lists:
        return _listed(folder, {split: labels.read(path) for split, path in lists.items()})
    folders = _splits(folder, ("",), Path.is_dir)
    named = {split: _classes(path) for split, path in folders.items()}
    return _foldered(folder, named or _held_out(_classes(folder), seed))


def _splits(folder: Path, endings: tuple[str, ...], is_kind: Callable[[Path], bool]) -> dict[str, Path]:
    """The list or folder of each split; none, or both."""
    found = {}
    for split, names in SPLITS.items():
        paths = [folder / f"{name}{ending}" for ending in endings for name in names]
        there = [path for path in paths if is_kind(path)]
        if there:
            found[split] = there[0]
    if len(found) == 1:
        (split, there), *_ = found.items()
        other = "val" if split == "train" else "train"
        raise NasError(f"has {there.name}, but none for {other}", where=str(folder), fix=f"add {other}{there.suffix}")
    return found


# ---- a folder for each class


def _classes(folder: Path) -> dict[str, list[str]]:
    """Class name -> paths of its videos, both sorted."""
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    return {
        name: [str(folder / name / file) for file in sorted(os.listdir(folder / name)) if is_video(file)]
        for name in names
        if not name.startswith((".", "__"))
    }


def _held_out(classes: dict[str, list[str]], seed: int) -> dict[str, dict[str, list[str]]]:
    """Split every class by a hash of the file names: a fifth validates, at least one of two."""
    split: dict[str, dict[str, list[str]]] = {"train": {}, "val": {}}
    for name, paths in classes.items():
        shuffled = sorted(paths, key=lambda path: _hash(f"{seed}/{name}/{os.path.basename(path)}"))
        count = max(1, round(HELD_OUT * len(paths))) if len(paths) > 1 else 0
        split["val"][name], split["train"][name] = sorted(shuffled[:count]), sorted(shuffled[count:])
    return split


def _hash(text: str) -> bytes:
    return hashlib.sha256(os.fsencode(text)).digest()


def _foldered(folder: Path, splits: dict[str, dict[str, list[str]]]) -> VideoSet:
    classes = tuple(sorted({name for named in splits.values() for name in named}))
    videos = {
        split: tuple(Video(path, name) for name, paths in named.items() for path in paths)
        for split, named in splits.items()
    }
    if not any(videos.values()):
        expected = "<class>/*.mp4, train/<class>/*.mp4 with val/<class>/*.mp4, or train.csv with val.csv"
        raise NasError("no video in this folder", where=str(folder), fix=f"expected {expected}")
    return VideoSet(folder.resolve().name, classes, videos["train"], videos["val"])


# ---- annotation files


def _split_lines(path: Path, seed: int) -> dict[str, list[labels.Line]]:
    """The lines of one list by split: as its column says, or a fifth of each label held out."""
    lines = labels.read(path)
    if not any(line.split for line in lines):
        return _held_out_lines(lines, seed)
    known = {name: split for split, names in SPLITS.items() for name in names}
    found: dict[str, list[labels.Line]] = {"train": [], "val": []}
    for line in lines:
        if line.split in known:
            found[known[line.split]].append(line)
        elif line.split != "test":
            fix = f"write one of {' '.join(known)} test"
            raise NasError(f"the split {line.split!r} of a video is unknown", where=str(path), fix=fix)
    if not all(found.values()):
        empty = next(split for split, some in found.items() if not some)
        raise NasError(f"lists no video for {empty}", where=str(path), fix="name the folder of train.csv and val.csv")
    return found


def _held_out_lines(lines: list[labels.Line], seed: int) -> dict[str, list[labels.Line]]:
    by_name = {line.file or line.names[0]: line for line in lines}
    classes: dict[str, list[str]] = {}
    for name, line in by_name.items():
        classes.setdefault(line.label, []).append(name)
    split = _held_out(classes, seed)
    return {one: [by_name[name] for names in named.values() for name in names] for one, named in split.items()}


def _listed(folder: Path, lines: dict[str, list[labels.Line]]) -> VideoSet:
    here = _videos_below(folder)
    videos: dict[str, list[Video]] = {split: [] for split in lines}
    missing = []
    for split, line in ((name, line) for name in lines for line in lines[name]):
        video = _locate(line, here, split)
        if video:
            videos[split].append(video)
        else:
            missing.append(line.file or f"{split}/{line.names[0]}.mp4")
    if not any(videos.values()):
        problem = f"none of the {len(missing)} listed videos is there" if missing else "the lists are empty"
        raise NasError(problem, where=str(folder), fix=f"expected such as {missing[0]}" if missing else "")
    classes = _in_order({line.label for split in lines.values() for line in split})
    return VideoSet(folder.resolve().name, classes, tuple(videos["train"]), tuple(videos["val"]), tuple(missing))


def _videos_below(folder: Path) -> dict[str, list[str]]:
    """File name without extension -> paths of that name below `folder`: one walk instead of many guesses."""
    found: dict[str, list[str]] = {}
    for place, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        below = os.path.relpath(place, folder)
        folders[:] = sorted(folders) if below.count(os.sep) < DEPTH - 1 else []
        for file in sorted(filter(is_video, files)):
            path = os.path.join(place, file)
            found.setdefault(os.path.splitext(file)[0], []).append(path)
    return found


def _raise(error: OSError) -> None:
    raise error


def _locate(line: labels.Line, here: dict[str, list[str]], split: str) -> Video | None:
    """The video of a line. A file whose name has the times is cut already; another is cut at decoding."""
    if line.file:
        return Video(line.file, line.label) if os.path.isfile(line.file) else None
    for name in line.names:
        if name in here:
            path = min(here[name], key=lambda path: _distance(path, split))
            cut = (line.start, line.end) if name == line.names[-1] else (None, None)
            return Video(path, line.label, *cut)
    return None


def _distance(path: str, split: str) -> int:
    """0 below the folder of `split`, 1 below no split's, 2 below the other one's."""
    parts = set(path.split(os.sep)[:-1])
    mine = [name in parts for name in SPLITS[split]]
    others = [name in parts for key, names in SPLITS.items() if key != split for name in names]
    return 0 if any(mine) else 2 if any(others) else 1


def _in_order(labels: set[str]) -> tuple[str, ...]:
    """Numbers in the order of numbers, names in that of letters."""
    return tuple(sorted(labels, key=int if all(label.isdecimal() for label in labels) else str))
