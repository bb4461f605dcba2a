"""Which database: a URL without its password, as `--storage` takes it and as a study's folder keeps it."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy
import sqlalchemy.exc

from nas.errors import NasError
from nas.storage import secrets

# what a plain scheme means here, since these drivers come as wheels; others are as SQLAlchemy has them
DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "mysql": "mysql+pymysql"}
PACKAGES = {"psycopg": "video-nas[postgres]", "MySQLdb": "mysqlclient", "psycopg2": "psycopg2-binary"}
EXAMPLE = "postgresql://USER@HOST/DATABASE"


@dataclass(frozen=True)
class Address:
    """A database of a server.

    >>> address = parse("postgresql://nas@10.0.0.5/studies?sslmode=require")
    >>> str(address), address.scheme
    ('postgresql://nas@10.0.0.5/studies?sslmode=require', 'postgresql')
    """

    url: sqlalchemy.URL

    @property
    def scheme(self) -> str:
        """The kind of database."""
        return self.url.get_backend_name()

    @property
    def password(self) -> str | None:
        """What opens it, as far as this process was told; libpq may know more (~/.pgpass, services)."""
        return secrets.password(str(self), self.scheme)

    def __str__(self) -> str:
        plain = {driver: name for name, driver in DRIVERS.items() if name != "postgres"}
        return self.url.set(drivername=plain.get(self.url.drivername, self.url.drivername)).render_as_string()

    def same(self, other: Address) -> bool:
        """Whether two addresses mean one database, whoever asks there and how."""
        return _place(self.url) == _place(other.url)


def parse(text: str, where: str = "--storage") -> Address:
    """The address that a user wrote; raises NasError for one with a password, and for one that cannot be used."""
    shown, secret = secrets.split(text.strip())
    if secret:
        raise NasError(
            f"{shown} came with a password, which lists of processes and histories of shells would show",
            where=where,
            fix="leave it away, and give it in NAS_STORAGE_PASSWORD, PGPASSWORD or ~/.pgpass, or the whole URL in "
            "NAS_STORAGE",
        )
    scheme, colon, rest = shown.partition("://")
    if not colon or not rest:
        raise NasError(f"'{shown}' is no URL of a database", where=where, fix=f"write {EXAMPLE}")
    if scheme.partition("+")[0] == "sqlite":
        problem = "SQLite is what a study has by itself, in its folder"
        raise NasError(problem, where=where, fix=f"leave --storage away, or name a server's database: {EXAMPLE}")
    try:
        url = sqlalchemy.make_url(f"{DRIVERS.get(scheme, scheme)}://{rest}")
    except (sqlalchemy.exc.ArgumentError, ValueError):
        problem = f"'{shown}' cannot be read as the URL of a database"
        raise NasError(problem, where=where, fix=f"write {EXAMPLE}, with % codes for odd characters") from None
    _require_driver(url, shown, where)
    if not url.database and "service" not in url.query:
        raise NasError(f"'{shown}' names no database", where=where, fix=f"write {shown.rstrip('/')}/DATABASE")
    return Address(url)


def _require_driver(url: sqlalchemy.URL, shown: str, where: str) -> None:
    try:
        url.get_dialect().import_dbapi()
    except sqlalchemy.exc.NoSuchModuleError:
        known = "postgresql://, mysql:// and what SQLAlchemy has besides"
        scheme = shown.partition("://")[0]
        raise NasError(
            f"{scheme}:// is no kind of database that is known", where=where, fix=f"known are {known}"
        ) from None
    except ImportError as error:
        package = PACKAGES.get(error.name or "", error.name or "its driver")
        problem = f"{shown.partition('://')[0]}:// needs the Python package {error.name}, which is not installed"
        raise NasError(problem, where=where, fix=f"pip install '{package}'") from None


def _place(url: sqlalchemy.URL) -> tuple[str, str, int | None, str | None]:
    hosts = {"localhost": "127.0.0.1", "::1": "127.0.0.1", None: "127.0.0.1"}
    ports = {"postgresql": 5432, "mysql": 3306}
    backend, host = url.get_backend_name(), url.host or url.query.get("host")
    return backend, str(hosts.get(host, host)), url.port or ports.get(backend), url.database
