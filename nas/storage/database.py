"""Transactions on a study's database, which may go away and come back.

A transaction is a function that is called with a connection, and again on a new one while the database is away: for
`patience` seconds, with a line when that begins and one when it is back. It is told that it is called again, since a
commit whose answer was lost may have happened; then it finds what it wrote, and leaves it at that.

SQLite writes with its rollback journal and `synchronous = FULL`: a transaction that has returned survives a kill and a
power cut. (Its write-ahead log would save two thirds of a millisecond, and does not work on network drives.)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from nas.console import duration
from nas.storage import faults
from nas.storage.address import Address

Found = TypeVar("Found")
PATIENCE = 300.0  # seconds that a search waits for its database
PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0)  # seconds before it asks again; the last one from then on
BUSY = 60.0  # seconds for which SQLite waits for another process' transaction
# of connections to PostgreSQL, unless the URL says otherwise: a host that is gone is noticed in seconds, not minutes
LIBPQ = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "nas",
}
# a driver that stops within a transaction, or whose host is gone, shall not hold its locks for hours
SESSION = "SET idle_in_transaction_session_timeout = '60s'; SET tcp_keepalives_idle = '10s'"


def of_file(path: Path) -> Database:
    """The SQLite file of a study that one driver writes."""
    url = sqlalchemy.URL.create("sqlite", database=str(path))
    engine = sqlalchemy.create_engine(url, connect_args={"timeout": BUSY})
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = FULL") and None)
    return Database(engine, str(path), shared=False)


def of_address(address: Address) -> Database:
    """A server's database, that several drivers share."""
    engine = sqlalchemy.create_engine(address.url, pool_pre_ping=True, hide_parameters=True)

    @event.listens_for(engine, "do_connect")
    def with_password(dialect: Any, record: Any, arguments: list, options: dict) -> None:
        """The password is put in here, so that neither the engine nor its URL hold it."""
        if secret := address.password:
            options["password"] = secret
        if address.scheme == "postgresql" and "psycopg" in dialect.driver:
            options.update({name: value for name, value in LIBPQ.items() if name not in options})

    if address.scheme == "postgresql" and address.url.drivername.endswith("psycopg"):

        @event.listens_for(engine, "connect")
        def with_timeouts(connection: Any, record: Any) -> None:
            connection.execute(SESSION)
            connection.commit()

    return Database(engine, str(address), shared=True)


class Database:
    """A database, and how long to wait for it."""

    def __init__(self, engine: Engine, where: str, *, shared: bool):
        self.engine, self.where, self.shared = engine, where, shared
        self.reader = engine.execution_options(isolation_level="AUTOCOMMIT") if shared else engine
        self.patience = 0.0  # a command that begins says at once what is wrong
        self.tell: Callable[[str], None] = lambda text: print(text, file=sys.stderr)
        self.back = float("-inf")  # when it was last back after it was away, on this process' clock

    def __repr__(self) -> str:
        return f"Database({self.where})"

    def __call__(self, work: Callable[[Connection, bool], Found], *, patience: float | None = None) -> Found:
        """What `work(connection, again)` returns, as one transaction; raises NasError where the database stays away."""
        return self._done(self.engine.begin, work, patience)

    def read(self, work: Callable[[Connection], Found]) -> Found:
        """What `work(connection)` finds, each query by itself: a transaction would be two more journeys to a server."""
        return self._done(self.reader.connect, lambda connection, _: work(connection), None)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection on which everything is as it was at the first query."""
        level = {"isolation_level": "REPEATABLE READ"} if self.shared else {}
        with self.engine.connect().execution_options(**level) as connection:
            yield connection

    def close(self) -> None:
        """Give its connections back."""
        self.engine.dispose()

    def _done(self, connect: Callable, work: Callable[[Connection, bool], Found], patience: float | None) -> Found:
        outage = None
        while True:
            try:
                with connect() as connection:
                    found = work(connection, outage is not None)
            except DBAPIError as error:
                outage = outage or _Outage(self, self.patience if patience is None else patience)
                if not outage.goes_on(error):
                    if clear := faults.told(error, self.where):
                        raise clear from None
                    raise
            else:
                if outage:
                    outage.over()
                return found


class _Outage:
    """A time in which the database does not answer."""

    def __init__(self, database: Database, patience: float):
        self.database, self.patience = database, patience
        self.began, self.tries, self.told = time.monotonic(), 0, False

    def goes_on(self, error: DBAPIError) -> bool:
        """Wait a little and return True, where it is worth trying again."""
        if faults.conflict(error):
            self.tries += 1
            time.sleep(PAUSES[min(self.tries, len(PAUSES) - 2)] / 10)
            return self.tries < 100
        if not faults.lost(error) or time.monotonic() - self.began >= self.patience:
            if self.told:  # whoever comes after this one shall not wait as long again
                self.database.patience = 0.0
            return False
        if self.tries == 1:
            self._say(error)
        pause = PAUSES[min(self.tries, len(PAUSES) - 1)]
        self.tries += 1
        try:
            time.sleep(pause)
        except KeyboardInterrupt:
            self.database.patience = 0.0
            raise
        return True

    def over(self) -> None:
        """It answers again."""
        if self.told:
            self.database.back = time.monotonic()
            self.database.tell(f"{self.database.where}: back after {duration(time.monotonic() - self.began)}")

    def _say(self, error: DBAPIError) -> None:
        self.told = True
        why, limit = faults.cause(error), duration(self.patience)
        self.database.tell(f"{self.database.where}: the database is away ({why}); trying again for {limit}")
