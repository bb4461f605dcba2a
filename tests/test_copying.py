"""Studies that move between SQLite and PostgreSQL and back, whole or not at all."""

import pytest
from rich.console import Console

from nas import copying, study
from nas.driving import driving
from nas.errors import NasError
from nas.storage import transfer
from tests.storage import drivers

QUIET = Console(quiet=True)
SETTINGS = {
    "sampler": {"kind": "tpe", "startup": 4},
    "stopping": {"rungs": [1, 2], "reduction": 2},
    "objectives": "accuracy,gflops",
}


@pytest.fixture
def url(postgres):
    return postgres.url(postgres.database())


def copied(source, target, storage=None):
    copying.copy(str(source), str(target), storage, console=QUIET)
    return study.open_study(target)


def whole(opened):
    """All that is on record, times too."""
    return [(trial, trial.written, trial.ended) for trial in opened.trials()], opened.attributes


def test_there_and_back_it_is_the_same_study(tmp_path, url):
    first = drivers.new(tmp_path / "first", **SETTINGS)
    drivers.search(first, 9)
    drivers.add(first, -1)
    first.note(9, [{"epoch": 1, "val_accuracy": 0.25}])
    (first.folder / "latency.blocks.json").write_text("{}")
    (first.folder / "retrained" / "3").mkdir(parents=True)
    there = copied(first.folder, tmp_path / "there", url)
    back = copied(there.folder, tmp_path / "back")
    assert whole(there) == whole(first) == whole(back)
    assert {trial.state for trial in first.trials()} == {"complete", "stopped", "running"}
    files = {path.name for path in first.folder.iterdir()} - {"retrained", ".driver.lock"}
    assert {path.name for path in back.folder.iterdir()} == files
    assert {path.name for path in there.folder.iterdir()} == files - {"study.db"} | {"storage.yaml"}
    assert [trial.number for trial in there.orphans(())] == [9], "nobody trains it there"


@pytest.mark.parametrize("way", ["to a server", "back"])
def test_a_study_that_moved_goes_on_as_if_it_had_not(tmp_path, url, way):
    stayed = drivers.new(tmp_path / "stayed", **SETTINGS)
    drivers.search(stayed, 12)
    moved = drivers.new(tmp_path / "moved", url if way == "back" else None, **SETTINGS)
    drivers.search(moved, 6)
    moved = copied(moved.folder, tmp_path / "new", None if way == "back" else url)
    (tmp_path / "new" / "tiny.yaml").write_text((tmp_path / "stayed" / "tiny.yaml").read_text())
    drivers.search(moved, 12)
    assert drivers.told(moved) == drivers.told(stayed)


def test_nothing_is_overwritten(tmp_path, url):
    first = drivers.new(tmp_path / "first")
    copied(first.folder, tmp_path / "second", url)
    for target in ("first", "second", "second/storage.yaml"):
        with pytest.raises(NasError, match="is there already; name a new folder"):
            copied(first.folder, tmp_path / target, url)
    with pytest.raises(
        NasError, match=rf"{url}: the database has a study 'second' already; copy to a folder of another"
    ):
        copied(first.folder, tmp_path / "else" / "second", url)
    assert not (tmp_path / "else" / "second").exists() and list((tmp_path / "else").iterdir()) == []
    with pytest.raises(NasError, match="nowhere: no such folder"):
        copied(tmp_path / "nowhere", tmp_path / "third")


def test_while_a_driver_runs_it_stays(tmp_path, url):
    here, there = drivers.new(tmp_path / "here"), drivers.new(tmp_path / "there", url)
    with driving(here.folder), pytest.raises(NasError, match="here: another nas command drives this study: process"):
        copied(here.folder, tmp_path / "new")
    with there.driven():
        drivers.add(there)
        with pytest.raises(
            NasError, match="there: another nas command drives this study: process .* on .*; wait for it"
        ):
            copied(there.folder, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert copied(there.folder, tmp_path / "new").trials()[0].state == "running"


@pytest.mark.parametrize("server", [True, False])
def test_an_error_on_the_way_leaves_nothing(tmp_path, url, postgres, monkeypatch, server):
    first = drivers.new(tmp_path / "first")
    drivers.search(first, 3)
    write = transfer._write

    def fails(target, table, rows):
        if table.name == "trial_values":
            raise KeyboardInterrupt
        write(target, table, rows)

    with monkeypatch.context() as patch:
        patch.setattr(transfer, "_write", fails)
        with pytest.raises(KeyboardInterrupt):
            copied(first.folder, tmp_path / "second", url if server else None)
    assert [path.name for path in tmp_path.iterdir()] == ["first"]
    assert copied(first.folder, tmp_path / "second", url if server else None).trials() == first.trials()


def test_other_studies_of_the_database_stay_where_they_are(tmp_path, url):
    one, other = drivers.new(tmp_path / "one", url), drivers.new(tmp_path / "other", url, objectives="accuracy,depth")
    drivers.search(one, 4)
    drivers.search(other, 6)
    assert copied(other.folder, tmp_path / "back").trials() == other.trials()
    assert len(one.trials()) == 4
