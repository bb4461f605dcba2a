"""Who holds a lock: a note beside it, which says so to whoever finds the lock taken.

Locks are the operating system's, so a process that died holds nothing, and its note is out of date: the next holder
writes its own over it.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path


@contextmanager
def noted(note: Path) -> Iterator[None]:
    """Within it, the file `note` names this process."""
    told = {"pid": os.getpid(), "host": platform.node(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
    note.write_text(json.dumps(told), encoding="utf-8")
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def holder(note: Path) -> str:
    """Who wrote the note, in words; nothing where it cannot be read."""
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
        return f"process {told['pid']} on {told['host']}, since {told['since']}"
    except (OSError, ValueError, LookupError, TypeError):
        return ""
