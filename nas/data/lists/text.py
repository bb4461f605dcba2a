"""Lists as text: their first lines, their lines or their CSV table as columns, and errors that name file and line.

A million lines are one call of pyarrow each for splitting, stripping and matching, and never a loop.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.errors import NasError

if TYPE_CHECKING:
    import pyarrow

# What a list's name ends in.
LISTS = (".csv", ".txt", ".tsv")
# How much of a file is looked at to recognise it, in bytes.
PEEK = 1 << 16

Where = Callable[[int], str]


def head(path: Path) -> list[str]:
    """The lines at the start of a file that hold something, stripped; bytes that are no text are shown as such."""
    with path.open("rb") as file:
        start = file.read(PEEK)
    texts = start.decode("utf-8-sig", errors="replace").splitlines()
    return [text.strip() for text in (texts if len(start) < PEEK else texts[:-1]) if text.strip()]


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of a list that hold something, stripped, as a column of texts, and their numbers from 1."""

    path: Path
    texts: pyarrow.StringArray
    numbers: np.ndarray

    def where(self, row: int) -> str:
        """File and line of a row."""
        return f"{self.path}:{self.numbers[row]}"


def lines(path: Path) -> Lines:
    """The lines of a list; raises NasError, with the line, where it is not UTF-8 text."""
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(pc.split_pattern(_checked(path), "\n").flatten())
    filled = pc.not_equal(texts, "")
    return Lines(path, texts.filter(filled), np.flatnonzero(filled.to_numpy(zero_copy_only=False)) + 1)


def _checked(path: Path) -> pyarrow.StringArray:
    """The text of a whole file, as one value; raises NasError where it is not UTF-8."""
    import pyarrow as pa

    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        return pa.array([data], pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        raise _not_text(path, data) from None


def _not_text(path: Path, data: bytes) -> NasError:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return NasError("this list is not UTF-8 text", where=f"{path}:{line}", fix="save it as UTF-8")
    raise AssertionError("decodes, and pyarrow says it does not")


def matched(found: Lines, pattern: str, expected: str) -> dict[str, pyarrow.StringArray]:
    """The named groups of `pattern` as columns; raises NasError naming the first line that has another form."""
    import pyarrow.compute as pc

    groups = pc.extract_regex(found.texts, pattern)
    if groups.null_count:
        row = first(pc.is_null(groups))
        problem = f"{shown(found.texts[row].as_py())} is no line of this list"
        raise NasError(problem, where=found.where(row), fix=f"expected {expected}")
    names = [field.name for field in groups.type]
    return {name: groups.field(name) for name in names}


def shown(text: str) -> str:
    """A text as errors quote it: no longer than fits."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def first(flags: pyarrow.BooleanArray) -> int:
    """The index of the first that is true."""
    return int(np.argmax(flags.to_numpy(zero_copy_only=False)))


# ---- tables


def misfit(path: Path, expected: str) -> NasError:
    """The error for a list with other columns than expected, or with none; raises the one for what is no text."""
    _checked(path)
    if not head(path):
        return NasError("this list is empty", where=str(path))
    names = "".join(letter if letter.isprintable() else "?" for letter in ",".join(header(path))[:80])
    return NasError(f"has the columns {names}", where=str(path), fix=f"expected {expected}")


def header(path: Path) -> tuple[str, ...]:
    """The columns that the first line of a CSV file names, in small letters; empty for an empty file."""
    texts = head(path)
    try:
        return tuple(name.strip().lower() for name in next(csv.reader(texts[:1]))) if texts else ()
    except csv.Error:
        return ()


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of a CSV file, stripped."""

    path: Path
    columns: dict[str, pyarrow.StringArray]

    def where(self, row: int) -> str:
        """File and line of a row; the file is read again, since only an error asks."""
        return _line_of(self.path, row + 1)


def _line_of(path: Path, row: int) -> str:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.reader(file)
        filled = (reader.line_num for cells in reader if len(cells) > 1 or "".join(cells).strip())
        line = next(islice(filled, row, None), 0)
    # none where a quote is not closed: pyarrow ends it elsewhere
    return f"{path}:{line}" if line else str(path)


def table(path: Path, columns: Sequence[str]) -> Table:
    """Those of `columns` that a CSV file with a header has; raises NasError naming a line with too many or too few."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow

    names = header(path)
    wanted = [name for name in columns if name in names]
    if len(set(names)) < len(names):
        raise NasError(f"has two columns of one name: {','.join(names)}", where=str(path), fix="rename one")
    if len(head(path)) < 2:
        return Table(path, {name: pa.array([], pa.string()) for name in wanted})
    bad: list[Any] = []
    try:
        found = arrow.read_csv(
            pa.BufferReader(_checked(path).buffers()[2]),
            # without threads, so that a bad row knows its number
            arrow.ReadOptions(use_threads=False, skip_rows=_blank(path) + 1, column_names=names),
            arrow.ParseOptions(invalid_row_handler=lambda row: bad.append(row) or "error"),
            arrow.ConvertOptions(include_columns=wanted, column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid as error:
        raise _broken(path, bad, str(error)) from None
    texts = {name: pa.concat_arrays(found[name].chunks) for name in wanted}
    return Table(path, {name: pc.utf8_trim_whitespace(column) for name, column in texts.items()})


def _blank(path: Path) -> int:
    """The number of empty lines in front of the header."""
    with path.open("rb") as file:
        return next((number for number, line in enumerate(file) if line.strip(b"\xef\xbb\xbf \t\r\n")), 0)


def _broken(path: Path, bad: list[Any], told: str) -> NasError:
    if bad:
        row = bad[0]
        problem = f"has {row.actual_columns} columns where the header has {row.expected_columns}"
        return NasError(f"{problem}: {shown(row.text)}", where=_line_of(path, row.number - 1 - _blank(path)))
    return NasError(f"not a readable list: {told}", where=str(path))


# ---- JSON


def parsed(path: Path) -> Any:
    """What a JSON file holds; raises NasError with the line where it is none."""
    try:
        return json.loads(path.read_bytes())
    except UnicodeDecodeError:
        raise _not_text(path, path.read_bytes()) from None
    except json.JSONDecodeError as error:
        raise NasError(f"not readable as JSON: {error.msg}", where=f"{path}:{error.lineno}") from None
