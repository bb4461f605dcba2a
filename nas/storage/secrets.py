"""Passwords of databases: taken out of the environment as the program starts, so that nothing it starts inherits them.

They are then known to this process alone, and reach a connection as it is made (see `database`): no URL, file, message
or attribute ever holds one.
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

URL = "NAS_STORAGE"
ANY, LIBPQ = "NAS_STORAGE_PASSWORD", "PGPASSWORD"
IN_PLACE = re.compile(r"^(?P<before>[^/?#]+://[^:/?#]*):(?P<secret>.*)(?P<after>@[^@]*)$", re.DOTALL)
IN_QUERY = re.compile(r"(?P<before>[?&])password=(?P<secret>[^&]*)&?", re.IGNORECASE)

_known: dict[str, str] = {}


def take() -> None:
    """Remember what the environment has of passwords, and clear it there."""
    for name in (ANY, LIBPQ):
        if os.environ.get(name):
            _known[name] = os.environ.pop(name)
    if given := os.environ.get(URL):
        os.environ[URL], secret = split(given)
        if secret:
            _known[_place(os.environ[URL])] = secret


def forget() -> None:
    """Know none any more."""
    _known.clear()


def password(url: str, scheme: str) -> str | None:
    """The password for a database: that of its own URL in NAS_STORAGE, else the one that is for any."""
    for name in (_place(url), ANY, *([LIBPQ] if scheme == "postgresql" else [])):
        if name in _known:
            return _known[name]
    return None


def _place(url: str) -> str:
    """User, host and database of a URL."""
    return url.partition("://")[2].partition("?")[0]


def split(url: str) -> tuple[str, str]:
    """A URL without its password, and the password ('' where it has none).

    >>> split("postgresql://nas:a%40b@host/db?sslmode=require")
    ('postgresql://nas@host/db?sslmode=require', 'a@b')
    >>> split("postgresql://nas@host/db?password=x&sslmode=require")
    ('postgresql://nas@host/db?sslmode=require', 'x')
    >>> split("postgresql://nas@host:5432/db")
    ('postgresql://nas@host:5432/db', '')
    """
    secret = ""
    if found := IN_PLACE.match(url):
        url, secret = found["before"] + found["after"], unquote(found["secret"])
    if found := IN_QUERY.search(url):
        url, secret = (
            (url[: found.start()] + found["before"] + url[found.end() :]).rstrip("?&"),
            unquote(found["secret"]),
        )
    return url, secret
