"""Lists with several classes a video, as those of Multi-Moments in Time and Sports-1M."""

from __future__ import annotations

import re
from pathlib import Path

from nas.data.formats.registry import list_format
from nas.data.lists import classes, pairs, places, text
from nas.data.lists.dividing import divided
from nas.data.lists.listing import Listing, Rows
from nas.data_settings import DataSettings

SEVERAL = re.compile(r"-?[0-9]+([\s,]+-?[0-9]+)+|[^,]+(,[^,]+)+")


def looks(path: Path) -> bool:
    """Whether a line at the start of a list has several classes behind a video: numbers, or names with commas."""
    lines = text.head(path)
    found = [pairs.VIDEO_LINE.match(line) for line in lines]
    return bool(found) and bool(found[0]) and any(one and SEVERAL.fullmatch(one["rest"]) for one in found)


def recognise(path: Path) -> bool:
    return places.exist(path, looks)


@list_format("multilabel", recognise=recognise)
def read(path: Path, settings: DataSettings) -> Listing:
    """Lists with train and val in their names and lines 'path,label,label' or 'path label label' of several labels.

    A path may be an address at YouTube: the file is called as the video's id. A file moments_categories.txt (or
    classes.txt, labels.txt) may name the numbers.
    """
    lists = places.find(path, looks)
    train, val, notes = divided(lists, rows)
    named = classes.beside([next(iter(lists.paths.values())).parent, lists.root])
    return Listing(lists.root, train, val, named, multilabel=True, notes=notes)


def rows(path: Path) -> Rows:
    """The clips of a list, each with one class or several: between commas where it has some, or else spaces."""
    import pyarrow.compute as pc

    lines = text.lines(path)
    found = pairs.parts(lines)
    labels = pc.split_pattern_regex(found.rest, r"\s*,\s*" if found.commas else r"\s+")
    return Rows(labels, (found.way,), lines.where, str(path))
