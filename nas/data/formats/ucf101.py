"""UCF101: a folder a class, and three divisions into lists to train and to test."""

from __future__ import annotations

import re
from pathlib import Path

from nas.data.formats.registry import list_format, variant
from nas.data.lists import classes, places, text
from nas.data.lists.listing import Classes, Listing, Rows, Way
from nas.data_settings import DataSettings
from nas.errors import NasError

LIST = re.compile(r"(?:train|test)list(?P<split>\d\d)\.txt")
LINE = r"^(?P<path>(?P<label>[^/]+)/.*?)(?:\s+[0-9]+)?$"


def recognise(path: Path) -> bool:
    return _folder(path) is not None


@list_format("ucf101", recognise=recognise, variants="the number of the split: 1, 2 or 3")
def read(path: Path, settings: DataSettings) -> Listing:
    """trainlist01.txt and testlist01.txt with lines Class/v_x.avi, and classInd.txt; format ucf101:2 takes the second.

    The lists lie in the folder, in ucfTrainTestlist there or beside it; naming one of them takes its split.
    """
    folder = _folder(path)
    if folder is None:
        fix = "expected here, or in ucfTrainTestlist there or beside it"
        raise NasError("no trainlist01.txt", where=str(path), fix=fix)
    named = LIST.fullmatch(path.name)
    split = variant(settings) or (str(int(named["split"])) if named else "1")
    train, test = (rows(_list(folder, f"{kind}list{split.zfill(2)}.txt")) for kind in ("train", "test"))
    return Listing(places.root_of(folder / "any"), train, test, _classes(folder), variant=split)


def rows(path: Path) -> Rows:
    """The clips of a list; their class is the folder."""
    lines = text.lines(path)
    found = text.matched(lines, LINE, "Class/file.avi, with a number behind it or without")
    return Rows(found["label"], (Way(found["path"]),), lines.where, str(path))


def _folder(path: Path) -> Path | None:
    """The folder of the lists."""
    if path.is_file():
        return path.parent if LIST.fullmatch(path.name) else None
    found = (one for one in places.folders(path, beside=True) if any(one.glob("trainlist[0-9][0-9].txt")))
    return next(found, None)


def _list(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        there = " ".join(sorted(one.name for one in folder.glob("t*list[0-9][0-9].txt")))
        raise NasError(f"has no {name}", where=str(folder), fix=f"there is {there}")
    return path


def _classes(folder: Path) -> Classes | None:
    """The classes of classInd.txt in their order; lists call them by their names, which are those of the folders."""
    found = classes.beside([folder], ("classInd.txt",))
    return found and Classes(found.names, source=found.source)
