"""Files that are whole or not there: written beside their place, synced, then moved."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas.errors import NasError


class NotWritten(NasError):
    """A file could not be written."""


@contextmanager
def tidied(folder: Path, lock: str) -> Iterator[None]:
    """Take a folder away again where an error left nothing but its lock file in it."""
    new = not folder.exists()
    try:
        yield
    except NasError:
        if new and folder.is_dir() and not {path.name for path in folder.iterdir()} - {lock}:
            shutil.rmtree(folder)
        raise


def write(path: Path, data: bytes) -> None:
    """Replace the file at `path` by `data` in one step: a reader or a crash sees the old or the new file.

    Raises NotWritten when the folder is full, read-only or gone; the old file is then still there.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        fix = "free some space there, or choose a folder that can be written to"
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            fix = "choose a folder that can be written to"
        if not path.parent.is_dir():
            fix = f"make the folder {path.parent} first"
        elif path.is_dir():
            fix = "it is a folder: name a file in it"
        raise NotWritten(f"cannot be written ({error.strerror})", where=str(path), fix=fix) from error


def _sync(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, not only a crash of this process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
