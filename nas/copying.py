"""`nas study copy`: a study in a new folder, and its trials in that folder or in a database, all of it or nothing."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp

from rich.console import Console
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from nas import content
from nas.console import count, say
from nas.driving import LOCK, NOTE, driving
from nas.errors import NasError
from nas.storage import address as addresses
from nas.storage import holds, opening, pointer, tables, transfer
from nas.storage.address import Address
from nas.storage.database import Database, of_address, of_file
from nas.storage.opening import Opened
from nas.study import Study

OWN = (pointer.DATABASE, pointer.POINTER, LOCK, NOTE)  # files that belong to where the trials are
RETRAINED = "retrained"


def copy(source: str, target: str, storage: str | None, *, console: Console) -> None:
    """Copy a study; raises NasError where the new one is there already, or while the old one is searched."""
    folder = Path(target)
    address = addresses.parse(storage) if storage else None
    opened = opening.existing(content.study_folder(source))
    Study(opened)  # of this program, and not of a newer one
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NasError("is there already", where=target, fix="name a new folder")
    with _resting(opened), _made(folder) as made:
        _files(opened.folder, made)
        number = _to_server(opened, made, folder.resolve().name, address) if address else _to_file(opened, made, folder)
    where = f"in {address}" if address else f"in {folder / pointer.DATABASE}"
    say(console, f"{folder}: {count(number, 'trial')} of {opened.folder}, {where}")
    if kept := [path.name for path in (opened.folder / RETRAINED).glob("*") if path.is_dir()]:
        say(console, f"{count(len(kept), 'full training')} stay in {opened.folder / RETRAINED}")


@contextmanager
def _resting(opened: Opened):
    """Within it, nobody searches the study."""
    with ExitStack() as stack:
        if not opened.database.shared:
            if os.access(opened.folder, os.W_OK):  # else nobody searches there
                stack.enter_context(driving(opened.folder))
        elif drivers := opened.database.read(lambda connection: holds.alive(connection, opened.study)):
            problem = f"another nas command drives this study: {', '.join(drivers)}"
            raise NasError(problem, where=str(opened.folder), fix="wait for it, or stop it")
        yield


@contextmanager
def _made(folder: Path):
    """A folder that takes its place once all is in it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.resolve().parent))
    except OSError as error:
        raise NasError(f"cannot be written: {error.strerror}", where=str(folder)) from None
    try:
        made.chmod(0o755)
        yield made
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _files(source: Path, made: Path) -> None:
    """Recipe, space, tables and exports; not what belongs to the former place of the trials."""
    for path in source.iterdir():
        if path.is_file() and path.name not in OWN and not path.name.startswith((f"{pointer.DATABASE}-", ".")):
            shutil.copy2(path, made / path.name)


def _to_file(opened: Opened, made: Path, folder: Path) -> int:
    path = made / pointer.DATABASE
    with opening.readable(folder / pointer.DATABASE):
        return _moved(opened, of_file(path), folder.resolve().name)


def _to_server(opened: Opened, made: Path, name: str, address: Address) -> int:
    pointer.write(made, str(address), name)
    try:
        return _moved(opened, of_address(address), name)
    except IntegrityError:
        fix = "copy to a folder of another name: that is the study's name in the database"
        raise NasError(f"the database has a study '{name}' already", where=str(address), fix=fix) from None


def _moved(opened: Opened, database: Database, name: str) -> int:
    def work(target: Connection, again: bool) -> int:
        tables.check(target, database.where)
        tables.make(target)
        with opened.database.snapshot() as source:
            return transfer.copy(source, opened.study, target, name)

    try:
        return database(work)
    finally:
        database.close()
