"""The folder of an export: built beside its place, moved there when it is whole, and never in place of other files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from nas.errors import NasError
from nas.exporting import about

LOCK = ".lock"
CACHES = ("__pycache__",)  # what Python leaves beside a file that is imported


@contextmanager
def fresh(target: Path, *, force: bool) -> Iterator[Path]:
    """An empty folder which becomes `target` at the end; after an error it is gone, and `target` as it was.

    Raises NasError where `target` exists: without `force` always, with it unless it is an export and holds nothing
    else; and where another process writes the same export.
    """
    target = target.resolve()
    check(target, force=force)
    part = target.with_name(f".{target.name}.part")
    try:
        part.mkdir(parents=True, exist_ok=True)
        with _alone(part, target):
            yield part
            check(target, force=force)
            _put(part, target)
    except OSError as error:
        problem = f"cannot be written ({error.strerror})"
        fix = "free some space there, or choose another folder with --out"
        raise NasError(problem, where=str(target), fix=fix) from error


def check(target: Path, *, force: bool) -> None:
    """Raise NasError where an export cannot be written to `target`."""
    if not target.exists():
        return
    if not target.is_dir():
        raise NasError("is a file", where=str(target), fix="choose another folder with --out")
    if not force:
        fix = "add --force to replace it, or choose another folder with --out"
        raise NasError("exists already", where=str(target), fix=fix)
    if foreign := strangers(target):
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        problem = f"holds what no export wrote: {foreign[0]}{more}"
        raise NasError(problem, where=str(target), fix="move that away, or choose another folder with --out")


def strangers(folder: Path) -> list[str]:
    """What lies in `folder` and is of no export, by name; all of it where there is none."""
    files = listed(folder)
    known = {about.NAME, *CACHES, *files} if files else set()
    return sorted(path.name for path in folder.iterdir() if path.name not in known)


def listed(folder: Path) -> set[str]:
    """The files that an export in `folder` lists; none where there is no export."""
    found = (about.raw(folder) or {}).get("files")
    return set(found) if isinstance(found, dict) else set()


@contextmanager
def _alone(part: Path, target: Path) -> Iterator[None]:
    """Within it, `part` is empty and this process's own; what a killed one left there is deleted."""
    lock = FileLock(part / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        problem = "another process is writing this export"
        raise NasError(problem, where=str(target), fix="wait for it, or choose another folder with --out") from None
    try:
        _empty(part)
        yield
    finally:
        lock.release()
        shutil.rmtree(part, ignore_errors=True)
        (target / LOCK).unlink(missing_ok=True)  # it moved with the folder


def _empty(part: Path) -> None:
    for path in part.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK:
            path.unlink()


def _put(part: Path, target: Path) -> None:
    """Move the folder to its place; what stands there is moved out of the way first, and deleted at the end."""
    former = target.with_name(f".{target.name}.former")
    shutil.rmtree(former, ignore_errors=True)
    if target.exists():
        os.replace(target, former)
    os.replace(part, target)
    shutil.rmtree(former, ignore_errors=True)
