"""One measurement at a time on a machine: two would disturb each other."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nas import locks

Tell = Callable[[str], None]


def cache() -> Path:
    """Where tables of pieces, and networks that belong to no study, are kept."""
    from nas.data import cache_folder

    folder = cache_folder() / "latency"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def alone(tell: Tell) -> Iterator[None]:
    """Within it, no other nas command of this user measures here; `tell` hears of one that has to be waited for."""
    name = f".measuring-{platform.node()}"
    lock, note = FileLock(cache() / f"{name}.lock"), cache() / f"{name}.json"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = locks.holder(note)
        tell(f"waiting for another nas command that measures on this machine{who and f': {who}'}")
        lock.acquire()
    try:
        with locks.noted(note):
            yield
    finally:
        lock.release()
