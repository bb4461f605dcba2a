"""Finding a study's trials from its folder, and beginning a new study: in the folder, or in a database.

A study of a database is begun in one transaction, so of two drivers that begin it at once, one finds it made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from nas import content
from nas.errors import NasError, nearest
from nas.storage import address as addresses
from nas.storage import pointer, tables
from nas.storage.address import Address
from nas.storage.database import Database, of_address, of_file

REPLACE = "put a copy in its place, or move it away"


class Taken(Exception):
    """Another driver has begun a study of this name."""


@dataclass(frozen=True)
class Opened:
    """A study's database, and which of its studies it is."""

    folder: Path
    database: Database
    study: int
    name: str
    attributes: dict[str, Any]

    @property
    def where(self) -> str:
        """How errors call it."""
        return f"{self.database.where} ({self.name})" if self.database.shared else self.database.where


def address_of(folder: Path, given: str | None) -> Address | None:
    """The database of a study that is in the folder, or that `given` (of --storage) asks for; None for a SQLite file.

    Raises NasError where the study is elsewhere than asked for.
    """
    asked = addresses.parse(given) if given is not None else None
    known = pointer.read(folder)
    there = addresses.parse(known[0], where=str(folder / pointer.POINTER)) if known else None
    if asked is None or (there is None and not pointer.exists(folder)):
        return asked or there
    if there is None or not asked.same(there):
        where = f"in {there}" if there else f"in its folder ({pointer.DATABASE})"
        fix = f"copy it: nas study copy {folder} NEW --storage {asked}, or leave --storage (NAS_STORAGE) away"
        raise NasError(f"has its trials {where}, not in {asked}", where=str(folder), fix=fix)
    return there


def existing(folder: Path) -> Opened:
    """The study of a folder; raises NasError for a missing, damaged or newer one."""
    _require_folder(folder)
    if told := pointer.read(folder):
        address = addresses.parse(told[0], where=str(folder / pointer.POINTER))
        if found := shared(folder, address, told[1]):
            return found
        database = of_address(address)
        known = database(lambda connection, _: tables.names(connection) if tables.check(connection, "") else [])
        database.close()
        problem = f"the database {address} has no study '{told[1]}'"
        raise NasError(problem, where=str(folder / pointer.POINTER), fix=nearest(told[1], known))
    path = folder / pointer.DATABASE
    if not path.exists():
        fix = f"run nas search {folder}"
        raise NasError("has no study.db: nothing was searched there yet", where=str(folder), fix=fix)
    with readable(path):
        _check_header(path)
        database = of_file(path)
        found = database(_only(str(path)))
        if found is None:
            raise NasError("holds no study", where=str(path), fix="move it away to start anew")
        return Opened(folder, database, *found)


def shared(folder: Path, address: Address, name: str) -> Opened | None:
    """The study of a name in a database; None where there is none."""
    database = of_address(address)

    def look(connection: Connection, again: bool) -> tuple[int, dict[str, Any]] | None:
        found = tables.find(connection, name) if tables.check(connection, str(address)) else None
        return None if found is None else (found, tables.attributes(connection, found))

    found = database(look)
    if found is None:
        database.close()
        return None
    return Opened(folder, database, found[0], name, found[1])


def begin(
    folder: Path,
    address: Address | None,
    directions: Sequence[str],
    metrics: Sequence[str],
    attributes: Mapping[str, Any],
) -> None:
    """A new study; raises Taken where the database has one of the folder's name, and NasError."""
    name = folder.resolve().name

    def work(connection: Connection, again: bool) -> None:
        tables.check(connection, database.where)
        tables.make(connection)
        tables.start(connection, name, directions, metrics, attributes)

    if address is None:
        temporary = folder / f"{pointer.DATABASE}.new"
        temporary.unlink(missing_ok=True)
        database = of_file(temporary)
        with readable(temporary):
            database(work)
        database.close()
        temporary.replace(folder / pointer.DATABASE)
        return
    database = of_address(address)
    try:
        database(work)
    except IntegrityError:
        raise Taken from None
    finally:
        database.close()
    pointer.write(folder, str(address), name)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Within it, what SQLite says of a file becomes a NasError."""
    try:
        yield
    except OperationalError as error:  # the file may well be whole: a full disk, a lock
        cause = str(error.orig).splitlines()[0]
        raise NasError(f"the database cannot be used: {cause}", where=str(path)) from None
    except DatabaseError as error:
        cause = str(error.orig).splitlines()[0]
        raise NasError(f"is no study database or is damaged ({cause})", where=str(path), fix=REPLACE) from None
    except (KeyError, ValueError) as error:
        if isinstance(error, NasError):
            raise
        raise NasError("holds no study", where=str(path), fix="move it away to start anew") from None


def _only(where: str):
    """What looks for the one study of a file."""

    def look(connection: Connection, again: bool) -> tuple[int, str, dict[str, Any]] | None:
        found = tables.only(connection) if tables.check(connection, where) else None
        return found and (*found, tables.attributes(connection, found[0]))

    return look


def _require_folder(folder: Path) -> None:
    if folder.is_file():
        fix = "name the folder, such as studies/motion"
        raise NasError("is a file, a study is a folder", where=str(folder), fix=fix)
    if not folder.exists() and folder.name not in content.names("studies"):
        places = [path for pattern in ("*", "studies/*") for path in Path().glob(pattern) if pointer.exists(path)]
        fix = nearest(str(folder), map(str, places)) if places else "start a study with nas search"
        raise NasError("no such folder", where=str(folder), fix=fix)


def _check_header(path: Path) -> None:
    """Refuse a file that is no database before SQLAlchemy makes one of it."""
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise NasError("is no study database or is damaged", where=str(path), fix=REPLACE)
