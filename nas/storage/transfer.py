"""All rows of a study from one database to another, in bulk and in one transaction.

Numbers, states, times, parameters, values and attributes stay as they are; ids are the new database's own. A trial in
training has no driver in its new place, so whoever searches there trains it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy
from optuna.trial import TrialState
from sqlalchemy import Connection, insert, select

from nas.storage.tables import (
    ATTRIBUTES,
    DIRECTIONS,
    OF_TRIALS,
    STUDIES,
    STUDY_SYSTEM,
    STUDY_USER,
    TRIALS,
)

BATCH = 20_000  # rows that are held and sent at once
OF_STUDY = (DIRECTIONS, STUDY_USER, STUDY_SYSTEM)


def copy(source: Connection, study: int, target: Connection, name: str) -> int:
    """Copy a study under a new `name`; returns its number of trials. Raises IntegrityError where the name is taken."""
    new = target.execute(insert(STUDIES), {"study_name": name}).inserted_primary_key[0]
    for table in OF_STUDY:
        found = source.execute(_columns(table).where(table.c.study_id == study)).mappings().all()
        _write(target, table, [{**row, "study_id": new} for row in found])
    trials = source.execute(select(TRIALS).where(TRIALS.c.study_id == study).order_by(TRIALS.c.number)).mappings().all()
    _write(target, TRIALS, [{**row, "study_id": new} for row in map(_without_id(TRIALS), trials)])
    numbers = select(TRIALS.c.number, TRIALS.c.trial_id).where(TRIALS.c.study_id == new)
    made = dict(tuple(row) for row in target.execute(numbers))
    ids = {row["trial_id"]: made[row["number"]] for row in trials}
    running = {row["trial_id"] for row in trials if row["state"] == TrialState.RUNNING}
    for table in OF_TRIALS:
        query = _columns(table).join(TRIALS, TRIALS.c.trial_id == table.c.trial_id).where(TRIALS.c.study_id == study)
        order = next(iter(table.primary_key.columns))
        for batch in source.execute(query.order_by(order)).mappings().partitions(BATCH):
            kept = [row for row in batch if table is not ATTRIBUTES or not _driver(row, running)]
            _write(target, table, [{**row, "trial_id": ids[row["trial_id"]]} for row in kept])
    return len(trials)


def _driver(row: Mapping[str, Any], running: set[int]) -> bool:
    return row["key"] == "driver" and row["trial_id"] in running


def _columns(table: sqlalchemy.Table) -> sqlalchemy.Select:
    """Everything but the table's own ids."""
    return select(*(column for column in table.columns if not column.primary_key))


def _without_id(table: sqlalchemy.Table):
    keys = {column.name for column in table.columns if column.primary_key}
    return lambda row: {key: value for key, value in row.items() if key not in keys}


def _write(target: Connection, table: sqlalchemy.Table, rows: list[dict[str, Any]]) -> None:
    for batch in _batches(rows):
        target.execute(insert(table), batch)


def _batches(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
