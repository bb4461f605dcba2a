"""Passwords are in no file, message, process title, child's environment, traceback or database."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from nas.storage import address, secrets
from tests.postgres import PASSWORD

SPELLINGS = {PASSWORD, quote(PASSWORD, safe=""), quote(PASSWORD), "hush-wrong", "Pa$$"}


def nas(folder, *arguments, **environment):
    """The command line in a process of its own: exit status, and all that it said."""
    kept = {name: value for name, value in os.environ.items() if name not in (secrets.URL, secrets.ANY, secrets.LIBPQ)}
    done = subprocess.run(
        [sys.executable, "-m", "nas", *map(str, arguments)],
        cwd=folder, env={**kept, **environment}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def dumped(postgres, database):
    """All that the database holds, as text."""
    names = postgres.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'", database)
    return "".join(str(postgres.execute(f'SELECT * FROM "{name}"', database)) for (name,) in names)


@pytest.fixture
def folder(tmp_path):
    return tmp_path


WAYS = {
    "for any database": lambda url: {secrets.ANY: PASSWORD},
    "libpq's own": lambda url: {secrets.LIBPQ: PASSWORD},
    "the whole URL": lambda url: {secrets.URL: url.replace("nas@", f"nas:{quote(PASSWORD, safe='')}@")},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_search_leaves_no_password_anywhere(folder, postgres, way):
    database = postgres.database()
    url = postgres.url(database)
    given = WAYS[way](url)
    search = ["search", "tiny", "--engine", "table", "--trials", 3]
    status, said = nas(folder, *search, *(() if secrets.URL in given else ("--storage", url)), **given)
    assert status == 0 and "all 3 trials are done" in said, said
    status, more = nas(folder, "pareto", "studies/tiny", **given)
    assert status == 0, more
    said += more
    for command in (["--debug", "pareto", "studies/tiny"], ["pareto", "studies/tiny"], ["--debug", *search]):
        status, more = nas(folder, *command, **{secrets.ANY: "hush-wrong"})
        assert status == 1 and ("refuses the password" in more or "Traceback" in more), more
        said += more
    written = "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())
    assert "storage.yaml" in {path.name for path in folder.rglob("*")}
    for spelling in SPELLINGS:
        assert spelling not in said
        assert spelling not in written
        assert spelling not in dumped(postgres, database)
        assert spelling not in postgres.log()


def test_pgpass_is_libpq_s_own_matter(folder, postgres):
    url = postgres.url(postgres.database())
    own = folder / "pgpass"
    own.write_text(f"127.0.0.1:{postgres.port}:*:nas:{PASSWORD.replace(':', chr(92) + ':')}\n")
    own.chmod(0o600)
    status, said = nas(
        folder, "search", "tiny", "--engine", "table", "--trials", 1, "--storage", url, PGPASSFILE=str(own)
    )
    assert status == 0, said


def test_a_password_on_the_command_line_is_refused_and_not_repeated(folder):
    for url in ("postgresql://nas:hush-wrong@127.0.0.1/x", "postgresql://nas@127.0.0.1/x?password=hush-wrong"):
        for command in (["search", "tiny"], ["study", "copy", "tiny", "other"]):
            status, said = nas(folder, "--debug", *command, "--storage", url)
            assert status == 1 and "hush-wrong" not in said
            assert "came with a password" in said and "NAS_STORAGE_PASSWORD, PGPASSWORD or ~/.pgpass" in said
    assert list(folder.iterdir()) == []


def test_children_inherit_nothing(monkeypatch):
    for name in (secrets.ANY, secrets.LIBPQ):
        monkeypatch.setenv(name, PASSWORD)
    monkeypatch.setenv(secrets.URL, f"postgresql://nas:{quote(PASSWORD, safe='')}@db/studies?sslmode=require")
    secrets.take()
    try:
        child = subprocess.run([sys.executable, "-c", "import os; print(os.environ)"], stdout=-1, text=True, check=True)
        assert not any(spelling in child.stdout for spelling in SPELLINGS)
        assert os.environ[secrets.URL] == "postgresql://nas@db/studies?sslmode=require"
        known = address.parse(os.environ[secrets.URL])
        assert known.password == PASSWORD and PASSWORD not in repr(known) + str(known)
    finally:
        secrets.forget()


def test_a_url_s_password_is_for_that_database_alone(monkeypatch):
    monkeypatch.setenv(secrets.URL, "postgresql://nas:hush@db/studies")
    monkeypatch.delenv(secrets.ANY, raising=False)
    monkeypatch.delenv(secrets.LIBPQ, raising=False)
    secrets.forget()
    secrets.take()
    try:
        assert address.parse("postgresql+psycopg://nas@db/studies").password == "hush"
        assert address.parse("postgresql://nas@elsewhere/studies").password is None
    finally:
        secrets.forget()


def test_the_workers_of_a_search_have_no_password(folder, postgres, videos):
    """Their environments and command lines, as others on the machine may see them, while they train."""
    study = folder / "studies" / "small"
    study.mkdir(parents=True)
    told = {
        "nas": 1, "space": "tiny", "objectives": ["accuracy", "gflops"], "trials": 2, "sampler": {"kind": "uniform"},
        "data": {"path": str(videos), "pack": {"every": 1, "frames": 8, "size": 24}},
        "proxy": {"clip": {"frames": 4, "size": 20, "stride": 2}, "train": {"epochs": 1, "batch": 8}},
    }  # fmt: skip
    (study / "study.yaml").write_text(yaml.safe_dump(told))
    environment = {**os.environ, secrets.ANY: PASSWORD, "NAS_CACHE": str(folder / "cache")}
    search = subprocess.Popen(
        [sys.executable, "-m", "nas", "search", "studies/small", "--workers", "2",
         "--storage", postgres.url(postgres.database())],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    seen: dict[int, str] = {}
    while search.poll() is None:
        for pid in children(search.pid):
            try:
                command, environ = (Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
            except OSError:
                continue
            if b"search" not in command:  # a copy of the search itself, which becomes a program of its own in a moment
                seen[pid] = (command + environ).replace(b"\0", b" ").decode(errors="replace")
    out = search.communicate()[0]
    assert search.returncode == 0, out
    shown = [told for told in seen.values() if PASSWORD in told]
    assert len(seen) >= 2 and not shown, shown[0][-300:]


def children(pid):
    """Processes below one, however deep."""
    try:
        own = [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()]
    except OSError:
        return []
    return own + [below for child in own for below in children(child)]
