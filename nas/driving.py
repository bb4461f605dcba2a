"""One driver a study: a lock that ends with its process, and a note beside it of who holds it.

The lock is the operating system's, so a driver that died holds nothing, and its note is out of date: the next driver
writes its own over it.
"""

from __future__ import annotations

import json
import os
import platform
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from nas.errors import NasError

LOCK, NOTE = ".driver.lock", ".driver.json"


@contextmanager
def driving(folder: Path):
    """Hold the study in `folder` for this process; raises NasError, with who holds it, where another one does."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = lock.acquire()
    except Timeout:
        problem = f"another nas command drives this study{_holder(folder / NOTE)}"
        raise NasError(problem, where=str(folder), fix="wait for it, or stop it") from None
    except OSError as error:
        raise NasError(f"cannot be written: {error.strerror}", where=str(folder)) from None
    with held:
        note = {"pid": os.getpid(), "host": platform.node(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        (folder / NOTE).write_text(json.dumps(note), encoding="utf-8")
        try:
            yield
        finally:
            (folder / NOTE).unlink(missing_ok=True)


def _holder(note: Path) -> str:
    """Who wrote the note, in words; nothing where it cannot be read."""
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
        return f": process {told['pid']} on {told['host']}, since {told['since']}"
    except (OSError, ValueError, LookupError, TypeError):
        return ""
