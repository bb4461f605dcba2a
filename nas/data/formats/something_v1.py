"""Something-Something v1 and Jester: a folder of frames for each video, called by its number, and lists `id;label`."""

from __future__ import annotations

import re
from pathlib import Path

from nas.data.formats.registry import list_format
from nas.data.lists import places, text
from nas.data.lists.dividing import divided
from nas.data.lists.listing import Classes, Listing, Rows, Way
from nas.data_settings import DataSettings

LINE = r"^(?P<id>[\w-]+)\s*;\s*(?P<label>.+)$"


def looks(path: Path) -> bool:
    """Whether a list begins with a line `id;label`."""
    lines = text.head(path)
    return bool(lines) and re.match(LINE, lines[0]) is not None


def recognise(path: Path) -> bool:
    return places.exist(path, looks)


@list_format("something-v1", recognise=recognise)
def read(path: Path, settings: DataSettings) -> Listing:
    """something-something-v1-train.csv and -validation.csv with lines id;label, and a folder of frames for each id.

    The folders lie beside the lists, or together in a folder there. The classes are those of the list *labels.csv,
    one a line, in its order, where there is one.
    """
    lists = places.find(path, looks)
    train, val, notes = divided(lists, rows)
    return Listing(lists.root, train, val, _classes(next(iter(lists.paths.values())).parent), notes=notes)


def rows(path: Path) -> Rows:
    """The clips of a list."""
    lines = text.lines(path)
    found = text.matched(lines, LINE, "id;label")
    return Rows(found["label"], (Way(found["id"]),), lines.where, str(path))


def _classes(folder: Path) -> Classes | None:
    paths = [path for path in sorted(folder.glob("*labels.csv")) if not places.split_of(path.name)]
    return Classes(tuple(text.lines(paths[0]).texts.to_pylist()), source=str(paths[0])) if paths else None
