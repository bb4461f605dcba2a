"""What a database answers when it cannot do something, and what a user can do about it."""

from __future__ import annotations

import re

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from nas.errors import NasError

# SQLSTATE: connections, administrators' shutdown, crash, not yet up, too many clients, a closed session
GONE = ("08", "57P01", "57P02", "57P03", "57P05", "53300", "25P03")
CONFLICT = ("40001", "40P01")  # serialisation, deadlock: nothing was written, the same works a moment later
FORBIDDEN = ("25006", "42501")  # a read-only transaction; a privilege that is missing
FULL = ("53100",)
ROOM = "free some space there; what ended is kept, and the same command goes on"
MYSQL_GONE, MYSQL_CONFLICT, MYSQL_FORBIDDEN = (1040, 1053, 2002, 2003, 2006, 2013), (1205, 1213), (1142, 1290, 1792)
ACCESS = "give it in NAS_STORAGE_PASSWORD, PGPASSWORD or ~/.pgpass"
REASONS = (
    (r"no password supplied", "asks for a password", ACCESS),
    (r"password authentication failed.*?(user \"[^\"]*\")?$|Access denied for user", "refuses the password", ACCESS),
    (r"database \"?[^\"]*\"? does not exist|Unknown database", "has no such database", "make it first: createdb NAME"),
    (r"role \"[^\"]*\" does not exist", "does not know this user", "name another one: postgresql://USER@HOST/DATABASE"),
    (r"no pg_hba.conf entry", "admits nobody from here as this user", "see the server's pg_hba.conf"),
)
ELSE = "see that the server runs and can be reached from here"


def lost(error: DBAPIError) -> bool:
    """Whether the connection is gone, or none is to be had; the database may be back in a moment."""
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError | InterfaceError) or _sqlite(error):
        return False
    state = _state(error)
    if state is None:
        return _number(error) in (None, *MYSQL_GONE)  # libpq tells no state where it got no connection
    return state.startswith(GONE)


def conflict(error: DBAPIError) -> bool:
    """Whether another driver was in the way, so that the same transaction works when it is tried again."""
    return (_state(error) or "").startswith(CONFLICT) or (not _sqlite(error) and _number(error) in MYSQL_CONFLICT)


def told(error: DBAPIError, where: str) -> NasError | None:
    """The error in one line, with what would work; nothing where that is not known."""
    if lost(error):
        return unreachable(error, where)
    if _sqlite(error) and "readonly" in str(error.orig):
        return NasError("the database cannot be written to", where=where, fix="make the file and its folder writable")
    if (_sqlite(error) and "disk is full" in str(error.orig)) or (_state(error) or "").startswith(FULL):
        return NasError(f"the disk is full ({cause(error)})", where=where, fix=ROOM)
    if (_state(error) or "").startswith(FORBIDDEN) or (not _sqlite(error) and _number(error) in MYSQL_FORBIDDEN):
        fix = "name a user who may write there, or have it granted: GRANT ALL ON ALL TABLES IN SCHEMA public TO USER"
        return NasError(f"this user may not do that there ({cause(error)})", where=where, fix=fix)
    return None


def unreachable(error: DBAPIError, where: str) -> NasError:
    """Why no connection is to be had."""
    answer = cause(error)
    for pattern, problem, fix in REASONS:
        if re.search(pattern, answer):
            return NasError(f"the database {problem} ({answer})", where=where, fix=fix)
    return NasError(f"the database does not answer ({answer})", where=where, fix=ELSE)


def cause(error: DBAPIError) -> str:
    """What the driver said, in one line; no driver says the password."""
    text = str(error.orig if error.orig is not None else error).strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error.orig).__name__]
    if "Multiple connection attempts failed" in lines[0]:
        lines = [line.lstrip("- ") for line in lines if line.startswith("- ")][-1:] or lines
    last = re.sub(r"^connection failed: |^connection to server at .*? failed: (?=FATAL|fe_)", "", lines[0])
    last = re.sub(r"^connection to server at .*? failed: (?=FATAL|fe_)", "", last)
    return re.sub(r"^FATAL:\s+", "", last)


def _sqlite(error: DBAPIError) -> bool:
    return type(error.orig).__module__.startswith("sqlite3")


def _state(error: DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _number(error: DBAPIError) -> int | None:
    """MySQL's number of an error."""
    first = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return first if isinstance(first, int) else None
