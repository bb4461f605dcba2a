"""Annotation files: lists of videos with labels, as Kinetics publishes them or as plain `path label` lines.

`read` gives one `Line` for each video, and an error with file and line where the text makes no sense; where
the videos lie is not known here.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from nas.errors import NasError

EXTENSIONS = frozenset(
    (
        ".3gp",
        ".avi",
        ".flv",
        ".gif",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogv",
        ".ts",
        ".webm",
    )
)
COLUMNS = "label,youtube_id[,time_start,time_end,split] or path,label, or lines 'path label' without a header"


@dataclass(frozen=True)
class Line:
    """One video of a list: either its `file`, or the `names` (without extension) that its file may have."""

    label: str
    file: str = ""
    names: tuple[str, ...] = ()
    start: float | None = None
    end: float | None = None
    # what the column of this name says, if there is one
    split: str = ""


def read(path: Path) -> list[Line]:
    """The videos of the list at `path`; raises `NasError` naming the line that is wrong.

    A file named by its path is looked for below the folder of the list, and never outside of it.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            return list(_lines(path, text.read().splitlines()))
    except UnicodeDecodeError:
        raise NasError("this list is not UTF-8 text", where=str(path)) from None
    except csv.Error as error:
        raise NasError(f"not a readable list: {error}", where=str(path)) from None


def is_video(name: str) -> bool:
    """Whether a file of this name is taken for a video."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS and not name.startswith(".")


def _lines(path: Path, texts: list[str]) -> Iterator[Line]:
    numbered = [(number, text) for number, text in enumerate(texts, 1) if text.strip()]
    if not numbered:
        return
    header = [column.strip().lower() for column in next(csv.reader([numbered[0][1]]))]
    table = "label" in header and ("youtube_id" in header or "path" in header)
    if not table and not is_video(os.path.basename(_plain(numbered[0][1])[0])):
        raise NasError(f"has the columns {','.join(header)}", where=str(path), fix=f"expected {COLUMNS}")
    for number, text in numbered[1:] if table else numbered:
        try:
            yield _row(path, dict(zip(header, next(csv.reader([text])), strict=False)) if table else text)
        except NasError as error:
            raise error.at(f"{path}:{number}") from None


def _plain(text: str) -> tuple[str, str]:
    """`path label` or `path,label`; a label with spaces needs the comma."""
    file, _, label = text.rpartition(",") if "," in text else text.strip().rpartition(" ")
    return file.strip(), label.strip()


def _row(path: Path, row: dict[str, str] | str) -> Line:
    if isinstance(row, str):
        file, label = _plain(row)
        row = {"path": file, "label": label}
    label = row.get("label", "").strip()
    if not label:
        raise NasError("no label")
    split = (row.get("split") or "").strip().lower()
    if "path" in row:
        return Line(label, file=_inside(path.parent, row["path"].strip()), split=split)
    clip = _clip(label, row.get("youtube_id", "").strip(), row.get("time_start"), row.get("time_end"))
    return replace(clip, split=split)


def _inside(folder: Path, file: str) -> str:
    whole, root = os.path.abspath(folder / file), os.path.abspath(folder)
    if not whole.startswith(root + os.sep):
        raise NasError(f"{file!r} lies outside of the data folder", fix=f"keep the videos below {root}")
    return whole


def _clip(label: str, name: str, start: str | None, end: str | None) -> Line:
    if not name or "/" in name or "\\" in name or name in (".", ".."):
        raise NasError(f"youtube_id {name!r} cannot be a file name")
    if not start or not end:
        return Line(label, names=(name,))
    first, last = _seconds(start), _seconds(end)
    if last <= first:
        raise NasError(f"time_end {end} is not after time_start {start}")
    return Line(label, names=(f"{name}_{int(first):06d}_{int(last):06d}", name), start=first, end=last)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise NasError(f"{text!r} is not a time in seconds")
    return value
