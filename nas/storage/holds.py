"""Which driver trains which trial, where several share a database, and which trials nobody trains any more.

Each running trial names its driver and has a heartbeat, which a thread of the driver renews by the database's clock:
clocks of hosts do not matter. A trial whose heartbeat is older than GRACE is an orphan; one whose driver gave it
back, or was a process of this machine that is gone, is one at once. The first driver to `take` an orphan has it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy
from optuna.trial import TrialState
from sqlalchemy import Connection, and_, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from nas.errors import NasError
from nas.storage import trials
from nas.storage.database import Database
from nas.storage.process import Process
from nas.storage.tables import ATTRIBUTES, HEARTBEATS, TRIALS, put

GRACE = 60.0  # seconds without a heartbeat after which a driver is held for gone
BEAT = 10.0  # seconds between two heartbeats
LOOKED = 1.0  # seconds for which it is believed who else is there
CLOCK = {  # the database's own clock, in UTC
    "postgresql": sqlalchemy.text("timezone('utc', clock_timestamp())"),
    "mysql": sqlalchemy.text("utc_timestamp(6)"),
    "mariadb": sqlalchemy.text("utc_timestamp(6)"),
}


class Hold(NamedTuple):
    """A running trial, and who trains it since when."""

    number: int
    trial: int
    driver: str  # as JSON
    attempts: int
    beat: datetime | None
    age: float  # seconds since the last heartbeat


class Holds:
    """The trials of a study that this driver trains, beside those of others."""

    def __init__(self, database: Database, study: int):
        self.database, self.study = database, study
        self.process = Process.this()
        self.text = json.dumps(self.process.told())  # how this driver is written down
        self.mine: set[int] = set()  # ids of the trials that it trains
        self.seen: dict[int, Hold] = {}  # running trials as they were last looked at, by number
        self.looked = float("-inf")

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Within it, this driver is alive for others."""
        over = threading.Event()
        thread = threading.Thread(target=self._beat, args=(over,), name="heartbeat", daemon=True)
        with self.process.driving():
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join(timeout=2.0)  # it may be waiting for a database that is away

    def alone(self) -> bool:
        """Whether no other driver is alive."""
        if time.monotonic() - self.looked > LOOKED:
            self.look()
        return all(hold.driver == self.text or self._left(hold) for hold in self.seen.values())

    def look(self) -> dict[int, Hold]:
        """All running trials of the study, by number."""
        self.seen = self.database.read(lambda connection: _running(connection, self.study))
        self.looked = time.monotonic()
        return self.seen

    def orphans(self, active: Collection[int]) -> list[int]:
        """Numbers of the trials that nobody trains."""
        free = [hold for hold in self.look().values() if hold.number not in active]
        return sorted(hold.number for hold in free if hold.driver == self.text or self._left(hold))

    def begin(self, connection: Connection, trial: int) -> None:
        """The first heartbeat of a new trial."""
        connection.execute(insert(HEARTBEATS).values(trial_id=trial, heartbeat=_clock(connection)))

    def take(self, number: int) -> bool:
        """Have an orphan, an attempt more on record; False where another driver was first, or its own is back."""
        seen = self.seen[number]

        def work(connection: Connection, again: bool) -> bool:
            if trials.lock_trial(connection, seen.trial) != TrialState.RUNNING:
                return False
            now = _running(connection, self.study, seen.trial)[number]
            if again and (now.driver, now.attempts) == (self.text, seen.attempts + 1):
                return True  # the commit before had happened
            own = seen.driver == self.text
            if (now.driver, now.attempts) != (seen.driver, seen.attempts) or (now.beat != seen.beat and not own):
                return False
            put(connection, ATTRIBUTES, {"trial_id": seen.trial}, "attempts", seen.attempts + 1)
            put(connection, ATTRIBUTES, {"trial_id": seen.trial}, "driver", self.process.told())
            connection.execute(delete(HEARTBEATS).where(HEARTBEATS.c.trial_id == seen.trial))
            self.begin(connection, seen.trial)
            return True

        if taken := self.database(work):
            self.mine.add(seen.trial)
        return taken

    def release(self, trial: int, patience: float) -> None:
        """Leave a trial to whoever comes, an attempt less on record."""

        def work(connection: Connection, again: bool) -> None:
            if self.has(connection, trial):
                attempts = trials.attribute(connection, trial, "attempts")
                put(connection, ATTRIBUTES, {"trial_id": trial}, "attempts", (1 if attempts is None else attempts) - 1)
                put(connection, ATTRIBUTES, {"trial_id": trial}, "driver", None)

        self.mine.discard(trial)
        self.database(work, patience=patience)

    def has(self, connection: Connection, trial: int) -> bool:
        """Whether the trial runs, and is this driver's, until this transaction ends."""
        running = trials.lock_trial(connection, trial) == TrialState.RUNNING
        return running and trials.attribute(connection, trial, "driver") == self.process.told()

    def _left(self, hold: Hold) -> bool:
        """Whether the driver of a trial is gone."""
        told = json.loads(hold.driver)
        if told is None or hold.beat is None or self.process.saw_end_of(told):
            return True
        # while the database was away nobody's heart could beat: others get their time to come back
        return hold.age > GRACE and time.monotonic() - self.database.back > GRACE

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(BEAT):
            try:
                self.database(self._beat_all, patience=0.0)
            except (NasError, DBAPIError):
                continue  # the driver itself tells of a database that is away, and waits for it

    def _beat_all(self, connection: Connection, again: bool) -> None:
        mine = list(self.mine)
        if not mine:
            return
        named = and_(ATTRIBUTES.c.key == "driver", ATTRIBUTES.c.value_json == self.text)
        held = select(ATTRIBUTES.c.trial_id).where(ATTRIBUTES.c.trial_id.in_(mine), named)
        connection.execute(
            update(HEARTBEATS).where(HEARTBEATS.c.trial_id.in_(held)).values(heartbeat=_clock(connection))
        )


def alive(connection: Connection, study: int) -> list[str]:
    """Drivers that train trials of a study just now, in words."""
    held = [hold for hold in _running(connection, study).values() if hold.beat is not None and hold.age <= GRACE]
    drivers = [json.loads(text) for text in dict.fromkeys(hold.driver for hold in held)]
    gone = Process.this()
    return [f"process {told['pid']} on {told['host']}" for told in drivers if told and not gone.saw_end_of(told)]


def _running(connection: Connection, study: int, trial: int | None = None) -> dict[int, Hold]:
    named = [ATTRIBUTES.alias(name) for name in ("driver", "attempts")]
    joined = TRIALS.outerjoin(HEARTBEATS, HEARTBEATS.c.trial_id == TRIALS.c.trial_id)
    for table, name in zip(named, ("driver", "attempts"), strict=True):
        joined = joined.outerjoin(table, and_(table.c.trial_id == TRIALS.c.trial_id, table.c.key == name))
    told = TRIALS.c.number, TRIALS.c.trial_id, *(table.c.value_json for table in named), HEARTBEATS.c.heartbeat
    query = select(*told, _clock(connection)).select_from(joined)
    query = query.where(TRIALS.c.study_id == study, TRIALS.c.state == TrialState.RUNNING)
    rows = connection.execute(query if trial is None else query.where(TRIALS.c.trial_id == trial))
    return {
        number: Hold(number, trial, driver or "null", int(attempts or 1), beat, _seconds(now, beat))
        for number, trial, driver, attempts, beat, now in rows
    }


def _clock(connection: Connection) -> Any:
    return CLOCK.get(connection.dialect.name, func.now())


def _seconds(now: datetime, beat: datetime | None) -> float:
    return 0.0 if beat is None else (now.replace(tzinfo=None) - beat).total_seconds()
