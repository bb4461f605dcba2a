"""Wrong storages: one line each, in seconds, that says what would work."""

import socket
import sys
import time

import pytest
from sqlalchemy import event

from nas import study
from nas.errors import NasError
from nas.storage import address, secrets
from tests.storage import drivers
from tests.storage.test_secrets import nas

SEARCH = ("search", "tiny", "--engine", "table", "--trials", 1)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("studies", "--storage: 'studies' is no URL of a database; write postgresql://USER@HOST/DATABASE"),
        ("postgresql://", "--storage: 'postgresql://' is no URL"),
        ("postgresql://nas@host:port/db", "cannot be read as the URL of a database"),
        ("postgresql://nas@host", "names no database; write postgresql://nas@host/DATABASE"),
        ("postgresq://nas@host/db", "postgresq:// is no kind of database that is known; known are postgresql://,"),
        (
            "mysql://nas@host/db",
            "mysql:// needs the Python package pymysql, which is not installed; pip install 'pymysql'",
        ),
        ("sqlite:///x.db", "SQLite is what a study has by itself, in its folder; leave --storage away"),
    ],
)
def test_urls_that_are_none(tmp_path, url, told):
    with pytest.raises(NasError) as raised:
        address.parse(url)
    assert told in str(raised.value)


def test_without_psycopg(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

    monkeypatch.setattr(PGDialect_psycopg, "import_dbapi", classmethod(lambda cls: __import__("psycopg")))
    with pytest.raises(NasError, match=r"needs the Python package psycopg.*; pip install 'video-nas\[postgres\]'"):
        address.parse("postgresql://nas@host/db")


def test_servers_that_do_not_answer(tmp_path, postgres):
    """Nobody listens; somebody listens and says nothing; a wrong password; no such database."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        quiet = f"postgresql://nas@127.0.0.1:{silent.getsockname()[1]}/db"
        wrong = postgres.url("postgres")
        for url, password, told in (
            ("postgresql://nas@127.0.0.1:1/db", "x", "does not answer (connection to server at"),
            (quiet, "x", "does not answer (connection timeout expired"),
            ("postgresql://nas@no-such-host.invalid/db", "x", "does not answer (failed to resolve host"),
            (wrong, "wrong", "refuses the password (password authentication failed for user"),
            (postgres.url("nothing"), postgres.password, 'has no such database (database "nothing" does not exist)'),
        ):
            started = time.monotonic()
            status, said = nas(tmp_path, *SEARCH, "--storage", url, **{secrets.ANY: password})
            assert status == 1 and f"{url}: the database {told}" in said and said.count("\n") == 1, said
            assert time.monotonic() - started < 30
    assert not list(tmp_path.glob("studies/*"))


def test_a_role_that_may_only_read(tmp_path, postgres):
    """It can look at a study, and neither search it nor begin one."""
    database = postgres.database()
    made = drivers.new(tmp_path / "study", postgres.url(database))
    drivers.search(made, 2)
    reader = f"reader_{database}"
    postgres.execute(f"CREATE ROLE {reader} LOGIN PASSWORD '{postgres.password}'")
    postgres.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}", database)
    pointer = made.folder / "storage.yaml"
    pointer.write_text(pointer.read_text().replace("nas@", f"{reader}@"))
    given = {secrets.ANY: postgres.password}
    status, said = nas(tmp_path, "pareto", "study", **given)
    assert status == 0, said
    opened = study.open_study(made.folder)
    with pytest.raises(
        NasError, match=r"may not do that there \(permission denied for table studies\); name a user who"
    ):
        drivers.search(opened, 3)
    status, said = nas(tmp_path, *SEARCH, "--storage", postgres.url(database, reader), **given)
    assert status == 1 and "may not do that there" in said and said.count("\n") == 1, said
    empty = postgres.database()
    status, said = nas(tmp_path, *SEARCH, "--storage", postgres.url(empty, reader), **given)
    assert status == 1 and "permission denied for schema public" in said, said


def test_databases_of_others(tmp_path, postgres):
    database = postgres.database()
    postgres.execute("CREATE TABLE trials (patient TEXT)", database)
    given = {secrets.ANY: postgres.password}
    status, said = nas(tmp_path, *SEARCH, "--storage", postgres.url(database), **given)
    assert status == 1 and "the database is of another program: it has a table 'trials'" in said, said
    made = drivers.new(tmp_path / "study", postgres.url(postgres.database()))
    postgres.execute("UPDATE alembic_version SET version_num = 'v99'", made.storage.engine.url.database)
    status, said = nas(tmp_path, "pareto", "study", **given)
    assert status == 1 and "another version of Optuna (schema v99" in said and said.count("\n") == 1, said


def test_pointers_that_lead_nowhere(tmp_path, postgres):
    made = drivers.new(tmp_path / "study", postgres.url(postgres.database()))
    pointer = made.folder / "storage.yaml"
    text = pointer.read_text()
    for change, told in (
        (("study: study", "study: studdy"), "has no study 'studdy'; did you mean 'study'?"),
        (("url: ", "place: "), "does not say which database and which study in it"),
    ):
        pointer.write_text(text.replace(*change))
        with pytest.raises(NasError) as raised:
            study.open_study(made.folder)
        assert told in str(raised.value) and "storage.yaml" in str(raised.value)
    pointer.write_text(text)
    (made.folder / "study.db").touch()
    with pytest.raises(NasError, match="has trials of its own, and names a database too"):
        study.open_study(made.folder)


def test_a_study_that_is_elsewhere_names_the_copy(tmp_path, postgres):
    drivers.new(tmp_path / "here")
    url, other = postgres.url(postgres.database()), postgres.url(postgres.database())
    with pytest.raises(
        NasError, match=rf"here: has its trials in its folder .*nas study copy .*here NEW --storage {url}"
    ):
        study.address_of(tmp_path / "here", url)
    drivers.new(tmp_path / "there", url)
    assert str(study.address_of(tmp_path / "there", url.replace("127.0.0.1", "localhost"))) == url
    with pytest.raises(NasError, match=rf"there: has its trials in {url}, not in {other}; copy it"):
        study.address_of(tmp_path / "there", other)


def test_a_recipe_of_another_study_is_refused_before_anything_is_written(tmp_path, postgres):
    url, given = postgres.url(postgres.database()), {secrets.ANY: postgres.password}
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    status, said = nas(first, *SEARCH, "--storage", url, **given)
    assert status == 0, said
    status, said = nas(second, *SEARCH, "--seed", 7, "--storage", url, **given)
    assert status == 1 and "started with another recipe: seed: 0 -> 7" in said, said
    assert not (second / "studies").exists() or not list((second / "studies").iterdir())
    status, said = nas(second, *SEARCH[:-1], 2, "--storage", url, **given)
    assert status == 0 and "all 2 trials are done" in said, said
    assert {"study.yaml", "storage.yaml", "space.yaml"} <= {
        path.name for path in (second / "studies" / "tiny").iterdir()
    }


def test_a_read_only_sqlite_file(tmp_path):
    """As root no file is: the connection is."""
    made = drivers.new(tmp_path / "study")
    made.storage.engine.dispose()
    event.listen(
        made.storage.engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON") and None
    )
    with pytest.raises(NasError, match="study.db: the database cannot be written to; make the file and its folder"):
        drivers.search(made, 1)
