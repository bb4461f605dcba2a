"""Optuna's own tables, as Optuna 5 declares them, so that a study is an ordinary Optuna study for every other tool.

They are written through SQLAlchemy Core, with a transaction an operation: Optuna's own storage takes tens of
milliseconds for what takes two this way (tests/benchmarks/bench_study.py). What Optuna reads back is compared in
tests/storage/test_tables.py, and HEAD with the schema version that Optuna checks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
import sqlalchemy
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from sqlalchemy import Connection, insert, select

from nas.errors import NasError

HEAD = "v3.2.0.a"  # Optuna 5's schema
LOCK = 5_771_913  # PostgreSQL's advisory lock under which tables are made: two drivers may begin at once

STUDIES = models.StudyModel.__table__
DIRECTIONS = models.StudyDirectionModel.__table__
STUDY_USER, STUDY_SYSTEM = models.StudyUserAttributeModel.__table__, models.StudySystemAttributeModel.__table__
TRIALS = models.TrialModel.__table__
ATTRIBUTES, SYSTEM = models.TrialUserAttributeModel.__table__, models.TrialSystemAttributeModel.__table__
PARAMETERS, VALUES = models.TrialParamModel.__table__, models.TrialValueModel.__table__
STEPS, HEARTBEATS = models.TrialIntermediateValueModel.__table__, models.TrialHeartbeatModel.__table__
VERSION = models.VersionInfoModel.__table__
OF_TRIALS = (ATTRIBUTES, SYSTEM, PARAMETERS, VALUES, STEPS)  # rows that belong to a trial, and outlive its driver
ALEMBIC = sqlalchemy.Table(
    "alembic_version", sqlalchemy.MetaData(), sqlalchemy.Column("version_num", sqlalchemy.String(32), primary_key=True)
)
METRICS = "study:metric_names"  # where Optuna looks for the names of objectives


def check(connection: Connection, where: str) -> bool:
    """Whether the tables are there; raises NasError where they are of another version or another program."""
    there = set(sqlalchemy.inspect(connection).get_table_names())
    if {"alembic_version", "version_info", "studies", "trials"} <= there:
        version = connection.execute(select(ALEMBIC.c.version_num)).scalar()
        if version != HEAD:
            known = f"schema {version}, Optuna {optuna.__version__} has {HEAD}"
            problem = f"its tables are of another version of Optuna ({known})"
            fix = "update Optuna, or the tables: optuna storage upgrade --storage URL"
            raise NasError(problem, where=where, fix=fix)
        return True
    if others := sorted(there & {table.name for table in models.BaseModel.metadata.sorted_tables}):
        problem = f"the database is of another program: it has a table '{others[0]}', but no Optuna study"
        raise NasError(problem, where=where, fix="name another database")
    return False


def make(connection: Connection) -> None:
    """Make the tables, unless another driver just did."""
    if connection.dialect.name == "postgresql":
        connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    models.BaseModel.metadata.create_all(connection)
    ALEMBIC.create(connection, checkfirst=True)
    if connection.execute(select(VERSION.c.version_info_id)).first() is None:
        told = {"version_info_id": 1, "schema_version": models.SCHEMA_VERSION, "library_version": optuna.__version__}
        connection.execute(insert(VERSION), told)
    if connection.execute(select(ALEMBIC.c.version_num)).first() is None:
        connection.execute(insert(ALEMBIC), {"version_num": HEAD})


def start(
    connection: Connection, name: str, directions: Sequence[str], metrics: Sequence[str], attributes: Mapping[str, Any]
) -> int:
    """A new study; raises IntegrityError where one of this name is there."""
    study = connection.execute(insert(STUDIES), {"study_name": name}).inserted_primary_key[0]
    told = {"maximize": StudyDirection.MAXIMIZE, "minimize": StudyDirection.MINIMIZE}
    rows = [{"study_id": study, "objective": n, "direction": told[text]} for n, text in enumerate(directions)]
    connection.execute(insert(DIRECTIONS), rows)
    connection.execute(
        insert(STUDY_SYSTEM), {"study_id": study, "key": METRICS, "value_json": json.dumps(list(metrics))}
    )
    rows = [{"study_id": study, "key": key, "value_json": json.dumps(value)} for key, value in attributes.items()]
    connection.execute(insert(STUDY_USER), rows)
    return study


def find(connection: Connection, name: str) -> int | None:
    """The study of a name."""
    return connection.execute(select(STUDIES.c.study_id).where(STUDIES.c.study_name == name)).scalar()


def only(connection: Connection) -> tuple[int, str] | None:
    """The study of a database that holds one."""
    rows = connection.execute(select(STUDIES.c.study_id, STUDIES.c.study_name).limit(2)).all()
    return tuple(rows[0]) if len(rows) == 1 else None


def names(connection: Connection) -> list[str]:
    """All studies of a database."""
    return list(connection.execute(select(STUDIES.c.study_name).order_by(STUDIES.c.study_name)).scalars())


def attributes(connection: Connection, study: int) -> dict[str, Any]:
    """What is on record of a study."""
    rows = connection.execute(select(STUDY_USER.c.key, STUDY_USER.c.value_json).where(STUDY_USER.c.study_id == study))
    return {key: json.loads(value) for key, value in rows}


def put(connection: Connection, table: sqlalchemy.Table, owner: Mapping[str, int], key: str, value: Any) -> None:
    """Write an attribute of the study or trial that `owner` names, in place of its former value."""
    where = [table.c[name] == number for name, number in owner.items()]
    text = json.dumps(value)
    changed = connection.execute(table.update().where(*where, table.c.key == key).values(value_json=text))
    if not changed.rowcount:
        connection.execute(insert(table), {**owner, "key": key, "value_json": text})
