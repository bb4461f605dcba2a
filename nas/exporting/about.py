"""What an export says of itself, in `export.json`: all that a stranger needs to use it, and that `nas predict` reads.

The file names every other file of the folder with its size and digest, so that what is cut off or altered is found
before it is used, and what an export did not write is never deleted with it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from nas import files
from nas.data_settings import ClipSettings, DataSettings, ViewSettings
from nas.errors import NasError
from nas.schema import SchemaError, Settings, validate

SCHEMA = 1
KIND = "nas export"
NAME = "export.json"
AGAIN = "export it again"


class Stamp(Settings):
    """What a file of the export is known by."""

    bytes: int
    sha256: str


class Format(Settings):
    """One form of the network: its main file, and what was measured of it."""

    file: str
    # the largest difference from PyTorch's scores, in shares of the largest score; None: computed with other numbers
    difference: float | None
    # the numbers of clips at once with which that was measured
    batches: tuple[int, ...]
    # what else there is to know of it
    facts: dict[str, Any] = {}


class Seen(Settings):
    """The settings of the run that decide what the network sees of a video."""

    data: DataSettings
    clip: ClipSettings
    test: ViewSettings


class Export(Settings):
    """All of export.json besides its kind and schema version."""

    name: str
    labels: tuple[str, ...]
    multilabel: bool
    # top1, mean_class or map: what `accuracy` stands for
    metric: str
    input: dict[str, Any]
    output: dict[str, Any]
    # for readers without this project; made from `settings`
    preprocessing: dict[str, Any]
    settings: Seen
    # the test of the run
    test: dict[str, Any]
    costs: dict[str, Any]
    formats: dict[str, Format]
    files: dict[str, Stamp]
    # which weights these are
    weights: dict[str, Any]
    versions: dict[str, str]


def stamp(path: Path) -> Stamp:
    """Size and digest of a file as it is now."""
    with path.open("rb") as file:
        return Stamp(bytes=path.stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())


def write(folder: Path, export: Export) -> None:
    """Write export.json into `folder`."""
    told = {"format": KIND, "schema": SCHEMA, **export.model_dump(mode="json")}
    files.write(folder / NAME, (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode())


def read(folder: Path) -> Export:
    """What the export in `folder` says of itself.

    >>> read(Path("studies/motion/retrained/4/export")).labels  # doctest: +SKIP
    ('appear', 'approach', ...)

    Raises NasError where there is none, where it is damaged, and where a newer version wrote it.
    """
    path = folder / NAME
    found = raw(folder)
    if found is None:
        raise NasError("is no export", where=str(folder), fix="name a folder that nas export wrote")
    schema = found.pop("schema", None)
    if not isinstance(schema, int) or schema < 1:
        raise _damaged(path, f"its schema is {schema}")
    if schema > SCHEMA:
        problem = f"was written by a newer nas (schema {schema}; this one reads up to {SCHEMA})"
        raise NasError(problem, where=str(path), fix="upgrade nas")
    try:
        export = validate(Export, {key: value for key, value in found.items() if key != "format"})
    except SchemaError as error:
        raise _damaged(path, error.problem) from None
    if export.output.get("shape") != [None, len(export.labels)]:
        raise _damaged(path, f"it names {len(export.labels)} classes, and scores are {export.output.get('shape')}")
    return export


def raw(folder: Path) -> dict[str, Any] | None:
    """The export.json in `folder` as it stands there; None where there is no export. Raises NasError where damaged."""
    path = folder / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(path, "cannot be read") from error
    return found if isinstance(found, dict) and found.get("format") == KIND else None


def checked(folder: Path, export: Export, name: str) -> Path:
    """The path of a file of the export; raises NasError where it is gone, cut off or altered."""
    path, known = folder / name, export.files.get(name)
    if known is None:
        raise _damaged(folder / NAME, f"it does not list {name}")
    if not path.is_file():
        raise NasError("is not there", where=str(path), fix=AGAIN)
    if (size := path.stat().st_size) != known.bytes:
        cut = "is cut off" if size < known.bytes else "was altered"
        raise NasError(f"{cut}: it has {size:,} bytes of {known.bytes:,}", where=str(path), fix=AGAIN)
    if stamp(path) != known:
        raise NasError("was altered after it was written", where=str(path), fix=AGAIN)
    return path


def _damaged(path: Path, problem: str) -> NasError:
    return NasError(f"is damaged: {problem}", where=str(path), fix=AGAIN)
