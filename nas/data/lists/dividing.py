"""The rows of each split: from a list for each, or from one list, whose column `split` may say which is which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from nas.data.lists.listing import Rows
from nas.data.lists.places import KNOWN, Lists
from nas.data.lists.text import shown
from nas.errors import NasError


def divided(lists: Lists, read: Callable[[Path], Rows]) -> tuple[Rows, Rows | None, tuple[str, ...]]:
    """The rows to train and to validate, each list read by `read`, and what to tell the user.

    None to validate where the one list has no column `split`; raises NasError for a split that it does not know.
    """
    if "all" not in lists.paths:
        return read(lists.paths["train"]), read(lists.paths["val"]), lists.notes
    rows = read(lists.paths["all"])
    if rows.splits is None or not len(rows):
        return rows, None, lists.notes
    return _by_column(rows)


def _by_column(rows: Rows) -> tuple[Rows, Rows | None, tuple[str, ...]]:
    import pyarrow.compute as pc

    coded = pc.utf8_lower(rows.splits).dictionary_encode()
    named, indices = coded.dictionary.to_pylist(), coded.indices.to_numpy()
    if named == [""]:
        return rows, None, ()
    for index, name in enumerate(named):
        if name not in KNOWN:
            where = rows.where(int(np.argmax(indices == index)))
            fix = f"write one of {' '.join(KNOWN)}"
            raise NasError(f"the split {shown(name)} of a video is unknown", where=where, fix=fix)
    splits = np.array([KNOWN[name] for name in named])[indices]
    train, val, test = (np.flatnonzero(splits == split) for split in ("train", "val", "test"))
    if len(test):
        told = "not used" if len(val) else "used to validate, as there is none of val"
        notes = (f"clips of the split test, {told}: {len(test):,}",)
        val = val if len(val) else test
    for split, some in (("train", train), ("val", val)):
        if not len(some):
            fix = "name the folder of train.csv and val.csv"
            raise NasError(f"lists no video for {split}", where=rows.source, fix=fix)
    return rows.take(train), rows.take(val), notes if len(test) else ()
