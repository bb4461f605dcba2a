"""FineGym: elements of gymnastics, cut out of long videos by the start and end of an event and of an element in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from nas.data.formats.registry import list_format, variant
from nas.data.lists import classes, places, text
from nas.data.lists.listing import Listing, Rows, Way
from nas.data_settings import DataSettings
from nas.errors import NasError

LIST = re.compile(r"(?P<set>gym\d+)_(?P<split>train|val)\w*(?:\.\d+)*\.txt")
LINE = r"^(?P<name>(?P<event>(?P<video>\S+)_(?P<event_id>E_\d+_\d+))_(?P<element_id>A_\d+_\d+))\s+(?P<label>-?\d+)$"
EXPECTED = "<video>_E_001234_001300_A_0003_0005 and a number"


def recognise(path: Path) -> bool:
    return _folder(path) is not None


@list_format("finegym", recognise=recognise, variants="gym99 or gym288, where both are there")
def read(path: Path, settings: DataSettings) -> Listing:
    """gym99_train_element_v1.1.txt and gym99_val_element.txt (or gym288), and finegym_annotation_info_v1.1.json.

    Videos lie anywhere beside the lists: cut to elements, called as in the lists; or to events; or whole, <video>.mp4,
    of which the times in the JSON file cut the elements. gym99_categories.txt may name the classes.
    """
    folder = _folder(path)
    if folder is None:
        raise NasError("no gym99_train_element_v1.1.txt", where=str(path), fix="expected here or in annotations/")
    named = LIST.fullmatch(path.name)
    lists = _lists(folder, variant(settings) or (named["set"] if named else ""))
    name = LIST.fullmatch(lists["train"].name)["set"]
    times, notes = _times(folder)
    train, val = (rows(lists[split], times) for split in ("train", "val"))
    found = classes.beside([folder], (f"{name}_categories*.txt",))
    return Listing(places.root_of(folder / "any"), train, val, found, variant=name, notes=notes)


def rows(path: Path, times: dict[str, Any] | None) -> Rows:
    """The elements of a list: as files of their own, or cut out of that of the event, or out of the whole video."""
    lines = text.lines(path)
    found = text.matched(lines, LINE, EXPECTED)
    ways = [Way(found["name"], anywhere=True)]
    if times is not None:
        cuts = [found[name].to_pylist() for name in ("video", "event_id", "element_id")]
        seconds = np.array([_cut(times, *ids, lines.where(row)) for row, ids in enumerate(zip(*cuts, strict=True))])
        offset, start, end = seconds.reshape(-1, 3).T
        ways.append(Way(found["event"], True, start, end))
        ways.append(Way(found["video"], True, offset + start, offset + end))
    return Rows(found["label"], tuple(ways), lines.where, str(path))


def _cut(times: dict[str, Any], video: str, event: str, element: str, where: str) -> tuple[float, float, float]:
    """The start of an event in its video, and start and end of an element in the event, in seconds."""
    try:
        known = times[video][event]
        begin, parts = known["timestamps"][0][0], known["segments"][element]["timestamps"]
        seconds = float(begin), float(parts[0][0]), float(parts[-1][1])
    except (KeyError, TypeError, IndexError, ValueError):
        raise NasError(f"{video}_{event}_{element} has no times in the JSON file", where=where) from None
    if not 0 <= seconds[1] < seconds[2] or seconds[0] < 0:
        problem = f"{video}_{event}_{element} ends at {seconds[2]:g} s and begins at {seconds[1]:g} s of its event"
        raise NasError(problem, where=where)
    return seconds


def _times(folder: Path) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """What the JSON file says of each video, and a note where there is none."""
    path = next((one for one in sorted(folder.glob("*annotation*.json")) if "event" not in one.name), None)
    if path is None:
        return None, ("there is no finegym_annotation_info_v1.1.json: only files cut to elements are found",)
    found = text.parsed(path)
    if not isinstance(found, dict):
        raise NasError("is no map of videos to events", where=str(path))
    return found, ()


def _lists(folder: Path, wanted: str) -> dict[str, Path]:
    """The lists of one set, to train and to validate."""
    sets: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        if _is_list(path):
            named = LIST.fullmatch(path.name)
            sets.setdefault(named["set"], {})[named["split"]] = path
    if not wanted and len(sets) > 1:
        fix = f"set format: finegym:{next(iter(sets))}, or name a list"
        raise NasError(f"has lists of {' and '.join(sets)}", where=str(folder), fix=fix)
    lists = sets.get(wanted or next(iter(sets)), {})
    for split in ("train", "val"):
        if split not in lists:
            there = " ".join(path.name for some in sets.values() for path in some.values())
            problem = f"no list of {wanted or next(iter(sets))} for {split}"
            raise NasError(problem, where=str(folder), fix=f"there is {there}")
    return lists


def _folder(path: Path) -> Path | None:
    """The folder of the lists."""
    if path.is_file():
        return path.parent if _is_list(path) else None
    return next((one for one in places.folders(path) if any(map(_is_list, one.glob("gym*.txt")))), None)


def _is_list(path: Path) -> bool:
    """Whether a list is called as those of FineGym, and begins as they do: mmaction2 has others of these names."""
    if not LIST.fullmatch(path.name):
        return False
    lines = text.head(path)
    return not lines or re.match(LINE, lines[0]) is not None
