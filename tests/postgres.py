"""A real PostgreSQL for tests: a private cluster in a temporary folder, with passwords, that a test may stop and start.

    def test_something(postgres):          # the fixture; an empty database for each test
        postgres.url("study")              # postgresql://nas@127.0.0.1:40123/study, without a password
        postgres.password                  # what NAS_STORAGE_PASSWORD takes
        postgres.restart()                 # also stop(), start(), kill()

Debian's packages keep the programs out of the path, and PostgreSQL refuses to run as root: it runs as `postgres` then.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from nas.storage import secrets

USER, PASSWORD = "nas", "s3cret-Pa$$/w@rd:%20"
_databases = count(1)
# a test run that is killed takes nothing down itself: this waits for its end, and does
WATCH = """while kill -0 "$1" 2>/dev/null; do sleep 2; done
kill -QUIT "$(head -n 1 "$2/data/postmaster.pid")" 2>/dev/null; sleep 1; rm -rf "$2" """


def programs() -> Path | None:
    """Where initdb and pg_ctl are; nothing where PostgreSQL is not installed."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return known[-1].parent if known else None


class Postgres:
    """A cluster of its own, at a port of 127.0.0.1, whose user `nas` may do all and has a password."""

    password = PASSWORD

    def __init__(self, *, durable: bool = False):
        """`durable` writes to the disk as a real one does: for measurements."""
        self.folder = Path(tempfile.mkdtemp(prefix="nas-postgres-", dir="/tmp"))
        self.data, self.port = self.folder / "data", _free_port()
        self.fsync = "on" if durable else "off"
        secret = self.folder / "password"
        secret.write_text(self.password)
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            for path in (self.folder, secret):
                os.chown(path, account.pw_uid, account.pw_gid)
        told = ["--auth=scram-sha-256", f"--pwfile={secret}", f"--username={USER}", "--no-sync", "--encoding=UTF8"]
        self._call("initdb", "--pgdata", self.data, *told, "--locale=C")
        secret.unlink()
        self.watch = subprocess.Popen(
            ["sh", "-c", WATCH, "watch", str(os.getpid()), str(self.folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it; returns when it answers."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync={self.fsync}"
        self._control("start", "-w", "-t", "60", "-l", self.folder / "log", "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """Stop it; its connections are cut. `immediate` is like a crash of the host."""
        self._control("stop", "-w", "-m", mode)

    def restart(self, pause: float = 0.0, mode: str = "fast") -> None:
        """Stop it, and start it after so many seconds."""
        self.stop(mode)
        time.sleep(pause)
        self.start()

    def remove(self) -> None:
        """Stop it, and take its files away."""
        try:
            self.stop("immediate")
        finally:
            self.watch.kill()
            self.watch.wait()
            shutil.rmtree(self.folder, ignore_errors=True)

    def database(self, name: str = "") -> str:
        """A new, empty database; returns its name."""
        name = name or f"studies_{next(_databases)}"
        self.execute(f'CREATE DATABASE "{name}"')
        return name

    def url(self, database: str, user: str = USER) -> str:
        """The database as `--storage` takes it."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple]:
        """Run a statement as the user who may do all."""
        import psycopg

        place = {"host": "127.0.0.1", "port": self.port, "user": USER, "password": self.password}
        with psycopg.connect(dbname=database, autocommit=True, **place) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    def log(self) -> str:
        """What the server wrote."""
        return (self.folder / "log").read_text(errors="replace")

    def _control(self, *arguments: object) -> None:
        self._call("pg_ctl", "--pgdata", self.data, *arguments)

    def _call(self, program: str, *arguments: object) -> None:
        as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        with tempfile.TemporaryFile() as told:  # a pipe would stay open in the server
            done = subprocess.run(
                [*as_postgres, str(programs() / program), *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=told, stderr=told, cwd=self.folder, check=False,
            )  # fmt: skip
            told.seek(0)
            assert done.returncode == 0, f"{program} {arguments}: {told.read().decode(errors='replace')}"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of a process; skipped by name where there is none."""
    if programs() is None:
        pytest.skip("needs PostgreSQL (Debian: apt-get install postgresql): no initdb is there")
    made = Postgres()
    yield made
    made.remove()


@pytest.fixture
def postgres(cluster: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Postgres]:
    """The cluster, running, and its password in NAS_STORAGE_PASSWORD; tests make databases of their own in it."""
    for name in ("NAS_STORAGE", "PGPASSWORD", "PGPASSFILE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NAS_STORAGE_PASSWORD", cluster.password)
    secrets.forget()
    monkeypatch.setitem(
        secrets._known, secrets.ANY, cluster.password
    )  # for this process; the variable, for its children
    yield cluster
    secrets.forget()
    if not _answers(cluster):
        cluster.start()


def _answers(cluster: Postgres) -> bool:
    try:
        cluster.execute("SELECT 1")
    except Exception:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
