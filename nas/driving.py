"""One driver a study: a lock that ends with its process, and a note beside it of who holds it."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from pathlib import Path

from filelock import FileLock, Timeout

from nas import locks
from nas.errors import NasError

LOCK, NOTE = ".driver.lock", ".driver.json"


@contextmanager
def driving(folder: Path, *, shared: bool = False):
    """Hold the study in `folder` for this process; raises NasError, with who holds it, where another one does.

    One whose trials are in a `shared` database is held by nobody.
    """
    lock = nullcontext() if shared else FileLock(folder / LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = lock if shared else lock.acquire()
    except Timeout:
        who = locks.holder(folder / NOTE)
        problem = f"another nas command drives this study{who and f': {who}'}"
        raise NasError(problem, where=str(folder), fix="wait for it, or stop it") from None
    except OSError as error:
        fix = f"make it writable, or copy it to where you may write: nas study copy {folder} NEW"
        raise NasError(f"cannot be written: {error.strerror}", where=str(folder), fix=fix) from None
    with held, nullcontext() if shared else locks.noted(folder / NOTE):
        yield
