"""Rows of trials: written in a transaction an operation, read by two queries however many there are."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages._rdb.models import TrialValueModel
from optuna.trial import TrialState
from sqlalchemy import Connection, case, delete, func, insert, select, update

from nas.storage.tables import ATTRIBUTES, PARAMETERS, STUDIES, TRIALS, VALUES

# what may change of a trial while it runs
RUNNING = ("attempts", "so_far", "outcome")
MANY = 500  # trials that a query names one by one; for more, it asks for all


class Row(NamedTuple):
    """A trial as it is on record."""

    trial: int  # Optuna's id of it
    number: int
    state: str
    written: datetime | None
    ended: datetime | None
    told: dict[str, Any]


def lock(connection: Connection, study: int) -> None:
    """Let other drivers wait until this transaction ends; SQLite has one driver."""
    connection.execute(select(STUDIES.c.study_id).where(STUDIES.c.study_id == study).with_for_update())


def lock_trial(connection: Connection, trial: int) -> TrialState:
    """The trial's state, which stays until this transaction ends."""
    return connection.execute(select(TRIALS.c.state).where(TRIALS.c.trial_id == trial).with_for_update()).scalar_one()


def newer(connection: Connection, study: int, after: int) -> list[tuple[int, str | None]]:
    """Id and network key (as JSON) of the trials behind one of them; ids rise as numbers do."""
    named = (ATTRIBUTES.c.trial_id == TRIALS.c.trial_id) & (ATTRIBUTES.c.key == "key")
    query = select(TRIALS.c.trial_id, ATTRIBUTES.c.value_json).outerjoin_from(TRIALS, ATTRIBUTES, named)
    return [tuple(row) for row in connection.execute(query.where(_behind(study, after)).order_by(TRIALS.c.trial_id))]


def add(
    connection: Connection,
    study: int,
    number: int,
    parameters: Sequence[tuple[str, BaseDistribution, Any]],
    attributes: Mapping[str, Any],
) -> int:
    """Write a running trial; returns its id."""
    told = {"study_id": study, "number": number, "state": TrialState.RUNNING, "datetime_start": now()}
    trial = connection.execute(insert(TRIALS), told).inserted_primary_key[0]
    rows = [
        {
            "trial_id": trial,
            "param_name": name,
            "param_value": asked.to_internal_repr(value),
            "distribution_json": distribution_to_json(asked),
        }
        for name, asked, value in parameters
    ]
    if rows:
        connection.execute(insert(PARAMETERS), rows)
    rows = [{"trial_id": trial, "key": key, "value_json": json.dumps(value)} for key, value in attributes.items()]
    connection.execute(insert(ATTRIBUTES), rows)
    return trial


def end(
    connection: Connection, trial: int, state: TrialState, outcome: Mapping[str, Any], values: Sequence[float]
) -> bool:
    """Write how a running trial ended; False, and nothing, where it does not run any more."""
    where = (TRIALS.c.trial_id == trial) & (TRIALS.c.state == TrialState.RUNNING)
    if not connection.execute(update(TRIALS).where(where).values(state=state, datetime_complete=now())).rowcount:
        return False
    former = (ATTRIBUTES.c.trial_id == trial) & ATTRIBUTES.c.key.in_(("so_far", "outcome"))
    connection.execute(delete(ATTRIBUTES).where(former))
    connection.execute(insert(ATTRIBUTES), {"trial_id": trial, "key": "outcome", "value_json": json.dumps(outcome)})
    if values:
        kept = [TrialValueModel.value_to_stored_repr(float(value)) for value in values]
        rows = [
            {"trial_id": trial, "objective": place, "value": value, "value_type": kind}
            for place, (value, kind) in enumerate(kept)
        ]
        connection.execute(insert(VALUES), rows)
    return True


def changes(connection: Connection, study: int) -> tuple[int, int]:
    """How many states trials have been in, and how much there is on record of those that run."""
    ended = func.sum(case((TRIALS.c.state == TrialState.RUNNING, 1), else_=2))
    states = connection.execute(select(ended).where(TRIALS.c.study_id == study)).scalar()
    running = (TRIALS.c.study_id == study) & (TRIALS.c.state == TrialState.RUNNING)
    told = select(func.sum(func.length(ATTRIBUTES.c.value_json))).join_from(TRIALS, ATTRIBUTES).where(running)
    return int(states or 0), int(connection.execute(told).scalar() or 0)


def attribute(connection: Connection, trial: int, key: str) -> Any:
    """One attribute, None where there is none."""
    where = (ATTRIBUTES.c.trial_id == trial) & (ATTRIBUTES.c.key == key)
    text = connection.execute(select(ATTRIBUTES.c.value_json).where(where)).scalar()
    return None if text is None else json.loads(text)


def read(connection: Connection, study: int, after: int, running: Mapping[int, dict[str, Any]]) -> list[Row]:
    """The trials behind one of them, and those that were `running`, of which what was told is given by id."""
    columns = TRIALS.c.trial_id, TRIALS.c.number, TRIALS.c.state, TRIALS.c.datetime_start, TRIALS.c.datetime_complete
    heads = connection.execute(select(*columns).where(_behind(study, after)).order_by(TRIALS.c.trial_id)).all()
    told: dict[int, dict[str, Any]] = {head.trial_id: {} for head in heads}
    if heads:
        _fill(connection, told, _behind(study, after))
    if running:
        among = _among(study, running)
        known = connection.execute(select(*columns).where(among)).all()
        known = [head for head in known if head.trial_id in running]
        told |= {head.trial_id: _lasting(running[head.trial_id]) for head in known}
        _fill(connection, told, among & ATTRIBUTES.c.key.in_(RUNNING), only=running)
        heads = [*known, *heads]
    return [
        Row(head.trial_id, head.number, head.state.name, utc(head[3]), utc(head[4]), told[head.trial_id])
        for head in heads
    ]


def _fill(connection: Connection, told: dict[int, dict], where: Any, only: Collection[int] | None = None) -> None:
    query = select(ATTRIBUTES.c.trial_id, ATTRIBUTES.c.key, ATTRIBUTES.c.value_json).join_from(TRIALS, ATTRIBUTES)
    for trial, key, value in connection.execute(query.where(where)):
        if trial in told and (only is None or trial in only):  # others may have been added since their heads were read
            told[trial][key] = json.loads(value)


def _lasting(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key not in RUNNING}


def _behind(study: int, after: int) -> Any:
    return (TRIALS.c.study_id == study) & (TRIALS.c.trial_id > after)


def _among(study: int, trials: Collection[int]) -> Any:
    if len(trials) > MANY:
        return (TRIALS.c.study_id == study) & (TRIALS.c.trial_id >= min(trials))
    return TRIALS.c.trial_id.in_(list(trials))


def now() -> datetime:
    """The time as Optuna keeps it: UTC, without saying so."""
    return datetime.now(UTC).replace(tzinfo=None)


def utc(moment: datetime | None) -> datetime | None:
    """A time that Optuna kept."""
    return moment.replace(tzinfo=UTC) if moment else None
