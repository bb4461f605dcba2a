"""Studies that begin in a database, from one host or from several at once."""

import os
import subprocess
import sys

from nas import study
from nas.storage import secrets
from tests.storage import drivers


def test_hosts_that_begin_one_study_at_once_search_it_together(tmp_path, postgres):
    """Each with a folder of its own; the database is empty before."""
    url, hosts = postgres.url(postgres.database()), []
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        command = ["search", "tiny", "--engine", "table", "--trials", "30", "--storage", url]
        hosts.append(
            subprocess.Popen(
                [sys.executable, "-m", "nas", *command], cwd=tmp_path / name, stdout=-1, stderr=-2, text=True,
                env={**os.environ, secrets.ANY: postgres.password},
            )
        )  # fmt: skip
    said = [host.communicate(timeout=200)[0] for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0, 0], said
    seen = [study.open_study(tmp_path / name / "studies" / "tiny").trials() for name in ("one", "two", "three")]
    assert seen[0] == seen[1] == seen[2] and [trial.number for trial in seen[0]] == list(range(30))
    assert len({trial.key for trial in seen[0]}) == 30 and {trial.state for trial in seen[0]} <= {"complete", "stopped"}
    assert [trial.attempts for trial in seen[0]] == [1] * 30
    assert all("trials in postgresql://nas@127.0.0.1" in one for one in said)


def test_the_second_one_to_begin_finds_the_first_one_s(tmp_path, postgres):
    url = postgres.url(postgres.database())
    drivers.new(tmp_path / "one" / "study", url)
    try:
        drivers.new(tmp_path / "two" / "study", url)
    except study.Taken:
        pass
    else:
        raise AssertionError("begun twice")
    assert not study.exists(tmp_path / "two" / "study")
