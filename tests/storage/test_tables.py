"""What Optuna reads is what it would have written itself: on SQLite and on PostgreSQL."""

import math
from datetime import UTC, datetime, timedelta

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import TrialState, create_trial
from sqlalchemy import URL, text

from nas.errors import NasError
from nas.search.optuna_samplers import distribution, parameter
from nas.storage import tables
from nas.storage.database import of_file
from tests.storage import drivers


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request, tmp_path):
    """A study, and Optuna's own storage on the same database."""
    if request.param == "sqlite":
        made = drivers.new(tmp_path / "study")
        yield made, f"sqlite:///{made.folder / 'study.db'}"
        return
    postgres = request.getfixturevalue("postgres")
    made = drivers.new(tmp_path / "study", postgres.url(postgres.database()))
    url: URL = made.storage.engine.url.set(password=postgres.password)
    yield made, url.render_as_string(hide_password=False)


def read(url: str) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="study", storage=RDBStorage(url)).trials


def test_the_schema_is_the_one_that_optuna_checks(opened):
    _, url = opened
    storage = RDBStorage(url)
    assert storage.get_current_version() == storage.get_head_version() == tables.HEAD


def test_every_part_of_a_trial_comes_back_as_if_optuna_had_written_it(opened):
    made, url = opened
    before = datetime.now()
    trials = [drivers.add(made, number) for number in range(4)]
    made.note(3, [{"epoch": 1, "val_accuracy": 0.1}])
    made.complete(0, drivers.outcome(0.2, 0.6))
    made.stop(1, drivers.outcome(0.3))
    made.fail(2, "diverged")
    storage, found = RDBStorage(url), drivers.space_of(made)
    directions = optuna.load_study(study_name="study", storage=storage).directions
    other = storage.create_new_study(directions, "optuna's own")
    for trial, state in zip(trials, ("COMPLETE", "PRUNED", "FAIL", "RUNNING"), strict=True):
        asked = {name: found.decisions[name] for name in trial.record}
        attributes = {"key": trial.key, "cost": trial.cost.known(), "record": trial.record, "memo": trial.memo}
        attributes |= {"genotype": trial.genotype, "dropped": {}, "sampler": "uniform"}
        values = {"values": [0.6, trial.cost.params / 1e6]} if state == "COMPLETE" else {}
        told = create_trial(
            state=TrialState[state],
            params={name: parameter(hole, trial.record[name]) for name, hole in asked.items()},
            distributions={name: distribution(hole) for name, hole in asked.items()},
            user_attrs=attributes,
            **values,
        )
        storage.create_new_trial(other, told)
    theirs = optuna.load_study(study_name="optuna's own", storage=RDBStorage(url)).trials
    for ours, own in zip(read(url), theirs, strict=True):
        assert (ours.number, ours.state, ours.values) == (own.number, own.state, own.values)
        assert list(ours.params.items()) == list(own.params.items()) and ours.distributions == own.distributions
        assert ours.user_attrs.items() >= own.user_attrs.items() and ours.system_attrs == own.system_attrs
        assert before - timedelta(seconds=1) <= ours.datetime_start <= datetime.now() + timedelta(seconds=1)
        assert (ours.datetime_complete is None) == (own.state == TrialState.RUNNING)
    ours = read(url)
    assert ours[0].user_attrs["outcome"] == made.trials()[0].outcome
    assert ours[3].user_attrs["so_far"] == [{"epoch": 1, "val_accuracy": 0.1}]
    assert abs(made.trials()[0].ended - ours[0].datetime_complete.astimezone(UTC)) < timedelta(milliseconds=1)


def test_the_study_itself(opened):
    made, url = opened
    seen = optuna.load_study(study_name="study", storage=RDBStorage(url))
    assert [one.name for one in seen.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert seen.metric_names == ["accuracy", "mparams"]
    assert seen.user_attrs == made.attributes
    made.set("note", {"a": math.pi})
    made.set("note", {"a": 1})
    assert optuna.load_study(study_name="study", storage=RDBStorage(url)).user_attrs["note"] == {"a": 1}


def test_optuna_goes_on_with_a_trial_that_we_began(opened):
    made, url = opened
    drivers.add(made)
    seen = optuna.load_study(study_name="study", storage=RDBStorage(url))
    seen.tell(0, [0.5, 0.1])
    assert made.trials()[0].state == "complete"


def test_times_are_those_of_utc_wherever_a_driver_is(opened, monkeypatch):
    import time

    made, url = opened
    drivers.add(made)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        (trial,) = drivers.again(made).trials()
        assert abs(trial.written - datetime.now(UTC)) < timedelta(seconds=30)
        assert abs(read(url)[0].datetime_start - datetime.now()) < timedelta(seconds=30)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()


def test_tables_of_another_version_or_program_are_refused(tmp_path):
    made = drivers.new(tmp_path / "study")
    with made.storage.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'v9.0.0'"))
    with pytest.raises(NasError, match=r"study.db: its tables are of another version .*v9.0.0.*; update Optuna"):
        drivers.again(made)
    other = of_file(tmp_path / "other.db")
    with other.engine.begin() as connection:
        connection.execute(text("CREATE TABLE trials (name TEXT)"))
    with pytest.raises(NasError, match="of another program: it has a table 'trials'"):
        other(lambda connection, _: tables.check(connection, "other.db"))
    assert models.SCHEMA_VERSION == 12
