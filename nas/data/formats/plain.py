"""Plain lists: a path and a class on each line, as PySlowFast and mmaction2 have them."""

from __future__ import annotations

import re
from pathlib import Path

from nas.data.formats import kinetics
from nas.data.formats.registry import list_format
from nas.data.lists import classes, pairs, places, text
from nas.data.lists.dividing import divided
from nas.data.lists.listing import Listing, Rows, Way
from nas.data_settings import DataSettings

COLUMNS = ("path", "label", "time_start", "time_end", "split")
# Lines that are looked at to recognise a list.
LOOKED = 50


def has_header(path: Path) -> bool:
    """Whether the first line names the columns path and label."""
    return {"path", "label"} <= set(text.header(path))


def looks(path: Path) -> bool:
    """Whether a list has these columns, or lines of a video and its class, or of a folder and its class as a number."""
    if has_header(path):
        return True
    lines = text.head(path)[:LOOKED]
    if lines and pairs.VIDEO_LINE.match(lines[0]):
        return True
    found = [pairs.FRAMES_LINE.match(line) for line in lines]
    return bool(found) and all(one and re.fullmatch("-?[0-9]+", one["rest"]) for one in found)


def recognise(path: Path) -> bool:
    return places.exist(path, looks)


@list_format("list", recognise=recognise)
def read(path: Path, settings: DataSettings) -> Listing:
    """Lists with train and val in their names and lines 'path label', 'path,label' or 'folder frames label'.

    Paths are meant below the folder of the lists, or below one folder in it. Classes are names or numbers; a file
    classes.txt, labels.txt or label_map.txt may name the numbers. A first line path,label[,time_start,time_end,split]
    makes the list a CSV table.
    """
    lists = places.find(path, looks)
    train, val, notes = divided(lists, rows)
    named = classes.beside([next(iter(lists.paths.values())).parent, lists.root])
    return Listing(lists.root, train, val, named, notes=notes)


def rows(path: Path) -> Rows:
    """The clips of a list."""
    if has_header(path):
        table = text.table(path, COLUMNS)
        way = Way(table.columns["path"], False, *kinetics.times(table))
        return Rows(table.columns["label"], (way,), table.where, str(path), table.columns.get("split"))
    lines = text.lines(path)
    found = pairs.parts(lines)
    return Rows(found.rest, (found.way,), lines.where, str(path))
