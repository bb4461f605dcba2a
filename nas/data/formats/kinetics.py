"""Kinetics: a CSV with the YouTube id of each video and the times of its clip."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nas.data.formats.registry import list_format
from nas.data.lists import classes, places, text
from nas.data.lists.dividing import divided
from nas.data.lists.listing import Listing, Rows, Way
from nas.data_settings import DataSettings
from nas.errors import NasError

if TYPE_CHECKING:
    import pyarrow

# No video lasts so long, in seconds; later times are mistakes.
LATEST = 1e9
COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")


def looks(path: Path) -> bool:
    """Whether a list has the columns of Kinetics."""
    return {"label", "youtube_id"} <= set(text.header(path))


def recognise(path: Path) -> bool:
    return places.exist(path, looks)


@list_format("kinetics", recognise=recognise)
def read(path: Path, settings: DataSettings) -> Listing:
    """train.csv and val.csv with columns label,youtube_id[,time_start,time_end,split]; videos anywhere beside them.

    A file `<id>_<start>_<end>.mp4`, the seconds with six digits, is a clip; of `<id>.mp4` the clip is cut. A file
    classes.txt may name more classes than are listed, and their order.
    """
    lists = places.find(path, looks)
    train, val, notes = divided(lists, rows)
    named = classes.beside([next(iter(lists.paths.values())).parent, lists.root], ("classes.txt",))
    return Listing(lists.root, train, val, named, notes=notes)


def rows(path: Path) -> Rows:
    """The clips of a CSV file with the columns of Kinetics."""
    if not looks(path):
        raise text.misfit(path, "label,youtube_id[,time_start,time_end,split]")
    table = text.table(path, COLUMNS)
    ids = table.columns["youtube_id"]
    start, end = times(table)
    whole = Way(ids, anywhere=True, start=start, end=end)
    cut = () if start is None else (Way(_file_names(ids, start, end), anywhere=True),)
    return Rows(table.columns["label"], (*cut, whole), table.where, str(path), table.columns.get("split"))


def times(table: text.Table) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    """The columns time_start and time_end in seconds, NaN where one is empty; None where a column is not there.

    Raises NasError for what is no time, and for an end that is not after its start.
    """
    if not {"time_start", "time_end"} <= set(table.columns):
        return None, None
    start, end = (_seconds(table, name) for name in ("time_start", "time_end"))
    start, end = (np.where(np.isnan(other), np.nan, one) for one, other in ((start, end), (end, start)))
    if (end <= start).any():
        row = int(np.argmax(end <= start))
        first, last = (table.columns[name][row].as_py() for name in ("time_start", "time_end"))
        raise NasError(f"time_end {last} is not after time_start {first}", where=table.where(row))
    return start, end


def _seconds(table: text.Table, name: str) -> np.ndarray:
    coded = table.columns[name].dictionary_encode()
    indices = coded.indices.to_numpy()
    values = np.array([_value(one) for one in coded.dictionary.to_pylist()], dtype=np.float64)[indices]
    bad = values < 0
    if bad.any():
        row = int(np.argmax(bad))
        told = text.shown(table.columns[name][row].as_py())
        raise NasError(f"{told} is not a time in seconds", where=table.where(row))
    return values


def _value(seconds: str) -> float:
    """Seconds; NaN for none, and -1 for what is no time."""
    if not seconds:
        return math.nan
    try:
        value = float(seconds)
    except ValueError:
        return -1
    return value if 0 <= value < LATEST else -1


def _file_names(ids: pyarrow.StringArray, start: np.ndarray, end: np.ndarray) -> pyarrow.StringArray:
    """<id>_<start>_<end>, as the official downloader calls clips; the id alone where there are no times."""
    import pyarrow as pa
    import pyarrow.compute as pc

    timed = pc.binary_join_element_wise(ids, *(_digits(times) for times in (start, end)), "_")
    return pc.if_else(pa.array(~np.isnan(start)), timed, ids)


def _digits(times: np.ndarray) -> pyarrow.StringArray:
    """Whole seconds as six digits or more."""
    import pyarrow as pa

    seconds, indices = np.unique(np.nan_to_num(times).astype(np.int64), return_inverse=True)
    return pa.array([f"{one:06d}" for one in seconds.tolist()], pa.string()).take(pa.array(indices))
