"""HMDB51: a folder a class, and for each class three lists that say which of its videos train and which test."""

from __future__ import annotations

import re
from pathlib import Path

from nas.data.formats.registry import list_format, variant
from nas.data.lists import places, text
from nas.data.lists.listing import Listing, Rows, Way
from nas.data_settings import DataSettings
from nas.errors import NasError

LIST = re.compile(r"(?P<label>.+)_test_split(?P<split>\d)\.txt")
LINE = r"^(?P<file>[^/]*\S)\s+(?P<use>[012])$"
# What the number behind a file says; 0 is for neither.
TRAIN, TEST = "1", "2"


def recognise(path: Path) -> bool:
    return _folder(path) is not None


@list_format("hmdb51", recognise=recognise, variants="the number of the split: 1, 2 or 3")
def read(path: Path, settings: DataSettings) -> Listing:
    """<class>_test_split1.txt of each class with lines 'file.avi 1': 1 trains, 2 tests; hmdb51:2 takes the second.

    The lists lie in the folder, or in a folder of lists there or beside it; naming one of them takes its split.
    """
    folder = _folder(path)
    if folder is None:
        fix = "expected here, or in testTrainMulti_7030_splits there or beside it"
        raise NasError("no <class>_test_split1.txt", where=str(path), fix=fix)
    named = LIST.fullmatch(path.name)
    split = variant(settings) or (named["split"] if named else "1")
    there = ((one, LIST.fullmatch(one.name)) for one in sorted(folder.iterdir()))
    lists = [one for one, found in there if found and found["split"] == split]
    if not lists:
        raise NasError(f"has no lists of split {split}", where=str(folder), fix="write 1, 2 or 3")
    return Listing(places.root_of(folder / "any"), *(rows(lists, use) for use in (TRAIN, TEST)), variant=split)


def rows(lists: list[Path], use: str) -> Rows:
    """The clips of all classes that have this use."""
    import pyarrow as pa
    import pyarrow.compute as pc

    files, places_of = [], []
    for path in lists:
        label, lines = LIST.fullmatch(path.name)["label"], text.lines(path)
        found = text.matched(lines, LINE, "'file.avi 0', 1 or 2")
        chosen = pc.equal(found["use"], use)
        files += [(f"{label}/{name}", label) for name in found["file"].filter(chosen).to_pylist()]
        places_of += [lines.where(row) for row in pc.indices_nonzero(chosen).to_pylist()]
    names, labels = (pa.array([pair[which] for pair in files], pa.string()) for which in (0, 1))
    return Rows(labels, (Way(names),), places_of.__getitem__, str(lists[0].parent))


def _folder(path: Path) -> Path | None:
    """The folder of the lists."""
    if path.is_file():
        return path.parent if LIST.fullmatch(path.name) else None
    found = (one for one in places.folders(path, beside=True) if any(one.glob("*_test_split[0-9].txt")))
    return next(found, None)
