"""The store: an Optuna study per study, in a SQLite file that one driver writes, or in a database that several share.

A trial is written when it starts and when it ends, each in one transaction, so a kill loses at most the trial in
training; that one is trained again under its number and seed, and comes out as it would have.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import Connection

from nas import recipe as recipes
from nas import user_blocks
from nas.cost import Cost
from nas.errors import NasError
from nas.recipe import Recipe
from nas.search.optuna_samplers import distribution, parameter
from nas.search.sampler import Observation, observation
from nas.search.wrappers import Candidate
from nas.space import Space
from nas.storage import opening, pointer, tables, trials
from nas.storage.address import Address
from nas.storage.database import PATIENCE
from nas.storage.holds import Holds
from nas.storage.opening import Opened, Taken, address_of
from nas.storage.pointer import exists
from nas.storage.trials import Row
from nas.trial import Trial
from nas.units import OBJECTIVES, UNITS

__all__ = [
    "DATABASE", "SCHEMA", "STATES", "Study", "Taken", "address_of", "beside", "create", "exists", "join", "open_study",
]  # fmt: skip
DATABASE = pointer.DATABASE
SCHEMA = 1
# states as Optuna writes them
STATES = {"COMPLETE": "complete", "PRUNED": "stopped", "FAIL": "failed", "RUNNING": "running"}
# what is written of a trial besides its cost
KNOWN = ("record", "genotype", "key", "attempts", "memo", "dropped", "sampler", "summary", "so_far", "outcome")
LEAVING = 10.0  # seconds that a driver waits for its database as it ends


class Study:
    """An open study: its folder, its recipe as it was started with, and its trials."""

    def __init__(self, opened: Opened):
        self.folder, self.storage, self.attributes = opened.folder, opened.database, opened.attributes
        if self.attributes.get("schema", 0) > SCHEMA:
            raise NasError(
                f"was written by a newer version (schema {self.attributes['schema']}, this one knows {SCHEMA})",
                where=opened.where,
                fix="update video-nas",
            )
        if "recipe" not in self.attributes:
            raise NasError("is no study of this program", where=opened.where, fix="name another study")
        self.recipe = Recipe.model_validate(self.attributes["recipe"])
        self._study = opened.study
        self._holds = Holds(self.storage, self._study) if self.storage.shared else None
        self._known: list[Trial] = []  # all trials as they were last read
        self._ids: list[int] = []  # Optuna's ids of them
        self._keys: set[str] = set()  # their networks
        self._running: dict[int, dict[str, Any]] = {}  # what is on record of those that run, by id
        self._open: set[int] = set()  # their numbers
        self._observed: dict[int, Observation] = {}  # trials that ended, as samplers see them
        self._stale: set[int] | None = None  # what a lone driver has written since; None: anybody may have

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    @property
    def shared(self) -> bool:
        """Whether several drivers may search at once."""
        return self.storage.shared

    def trials(self) -> list[Trial]:
        """All trials by number; those that ended are read once, and others where they may have changed."""
        if self._stale is not None and not self._stale:
            return list(self._known)
        after = self._ids[-1] if self._ids else -1
        running = {trial: told for trial, told in self._running.items() if self._stale is None or trial in self._stale}
        for row in self.storage.read(lambda connection: trials.read(connection, self._study, after, running)):
            self._take_in(row)
        if self._stale:
            self._stale.clear()
        return list(self._known)

    @property
    def keys(self) -> Set[str]:
        """Networks of all trials, as they were last read."""
        return self._keys

    def changes(self) -> tuple[int, int]:
        """Two numbers of which one grows or shrinks whenever something happens to a trial."""
        return self.storage.read(lambda connection: trials.changes(connection, self._study))

    def trial(self, number: int) -> Trial:
        """One trial; raises NasError when there is none of this number."""
        known = self.trials()
        if not 0 <= number < len(known):
            there = f"its trials are 0 to {len(known) - 1}" if known else "it has no trial yet"
            raise NasError(f"has no trial {number}", where=str(self.folder), fix=there)
        return known[number]

    @contextmanager
    def driven(self) -> Iterator[None]:
        """Within it, this driver is alive for others, and waits for a database that goes away."""
        if self._holds is None:
            with self._alone():
                yield
            return
        self.storage(lambda connection, _: trials.lock(connection, self._study))  # whether it may write there
        self.storage.patience = PATIENCE
        try:
            with self._holds.beating():
                yield
        finally:
            self.storage.patience = 0.0

    @property
    def driver(self) -> str:
        """A name that no other driver has, while others search beside this one; '' for a lone one."""
        return "" if self._holds is None or self._holds.alone() else self._holds.process.id

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Within it, nobody else writes the file: a search of 200 workers need not read 200 trials at every event."""
        self.trials()
        self._stale = set()
        try:
            yield
        finally:
            self._stale = None

    def _wrote(self, trial: int) -> None:
        if self._stale is not None:
            self._stale.add(trial)

    def add(self, candidate: Candidate, space: Space, *, limit: int, **attributes: Any) -> Trial | None:
        """Write a trial that is about to be trained; None where the network or the last trial came from elsewhere."""
        record = candidate.record
        asked = {name: space.decisions[name] for name in record}
        parameters = [(name, distribution(hole), parameter(hole, record[name])) for name, hole in asked.items()]
        told = {"key": candidate.key, "cost": candidate.cost.known(), "record": record, **attributes}
        after, begun, key = self._ids[-1] if self._ids else -1, len(self._ids), json.dumps(candidate.key)

        def work(connection: Connection, again: bool) -> int | None:
            trials.lock(connection, self._study)
            newer = trials.newer(connection, self._study, after)
            same = next((trial for trial, known in newer if known == key), None)
            if again and same is not None and self._holds.has(connection, same):
                return same  # the commit before had happened
            if self.shared and (same is not None or candidate.key in self._keys or begun + len(newer) >= limit):
                return None
            own = {"driver": self._holds.process.told()} if self._holds else {}
            trial = trials.add(connection, self._study, begun + len(newer), parameters, {**told, **own})
            if self._holds:
                self._holds.begin(connection, trial)
            return trial

        trial = self.storage(work)
        if trial is None:
            return None
        if self._holds:
            self._holds.mine.add(trial)
        self._wrote(trial)
        known = self.trials()
        return known[self._ids.index(trial, begun)]

    def orphans(self, active: Collection[int]) -> list[Trial]:
        """Running trials that nobody trains any more; this driver trains the `active` ones."""
        known = self.trials()
        if self._holds is None:
            return [known[number] for number in sorted(self._open.difference(active))]
        return [known[number] for number in self._holds.orphans(active) if number < len(known)]

    def take(self, number: int) -> Trial | None:
        """An orphan that is trained from now on, with an attempt more on record; None where another driver has it."""
        if self._holds is None:
            return self._count_attempts(number, 1)
        return self.trial(number) if self._holds.take(number) else None

    def release(self, number: int) -> None:
        """Write that a trial's attempt came to an orderly end, and does not count."""
        if self._holds:
            try:
                self._holds.release(self._ids[number], patience=min(self.storage.patience, LEAVING))
            except NasError:  # whoever ends because of something else shall say that
                self.storage.tell(f"trial {number} could not be given back: its attempt counts")
        elif self.trial(number).state == "running":
            self._count_attempts(number, -1)

    def note(self, number: int, rows: list[dict[str, Any]]) -> None:
        """Write the curve so far of a trial in training, for whoever looks."""
        trial = self._ids[number]

        def work(connection: Connection, again: bool) -> None:
            if self._holds is None or self._holds.has(connection, trial):
                tables.put(connection, tables.ATTRIBUTES, {"trial_id": trial}, "so_far", rows)

        self.storage(work)
        self._wrote(trial)

    def complete(self, number: int, outcome: dict[str, Any]) -> None:
        """Write a trial's outcome and its objective values."""
        cost = self._known[number].cost
        names = self.recipe.objectives
        values = [outcome["accuracy"] if name == "accuracy" else UNITS[name].of(cost) for name in names]
        self._end(number, TrialState.COMPLETE, outcome, values)

    def stop(self, number: int, outcome: dict[str, Any]) -> None:
        """Write the outcome of a trial that was stopped at a rung; Optuna hears of it as pruned, without values."""
        self._end(number, TrialState.PRUNED, outcome | {"stopped": len(outcome["curve"])})

    def fail(self, number: int, reason: str, told: dict[str, Any] | None = None) -> None:
        """Write that a trial failed, why, and what else is `told` of it."""
        self._end(number, TrialState.FAIL, {"reason": reason, **(told or {})})

    def observations(self, known: Sequence[Trial], curves: Mapping[int, Sequence[float]]) -> list[Observation]:
        """Trials as samplers see them; `curves` has the accuracies so far of those in training."""
        return [self._observed.get(trial.number) or self._observation(trial, curves) for trial in known]

    def _observation(self, trial: Trial, curves: Mapping[int, Sequence[float]]) -> Observation:
        made = observation(trial, self.recipe.objectives, curves)
        if trial.state != "running" and trial.number not in curves:
            self._observed[trial.number] = made
        return made

    def set(self, name: str, value: Any) -> None:
        """Write a fact about the study."""
        owner = {"study_id": self._study}
        self.storage(lambda connection, _: tables.put(connection, tables.STUDY_USER, owner, name, value))
        self.attributes = {**self.attributes, name: value}

    def _end(self, number: int, state: TrialState, outcome: dict[str, Any], values: Sequence[float] = ()) -> None:
        """Write how a trial ended, unless another driver that had taken it was first: then its result stands."""
        trial = self._ids[number]

        def work(connection: Connection, again: bool) -> bool:
            if self._holds and state == TrialState.FAIL and not self._holds.has(connection, trial):
                return again and trials.attribute(connection, trial, "outcome") == outcome
            ended = trials.end(connection, trial, state, outcome, values)
            return ended or (again and trials.attribute(connection, trial, "outcome") == outcome)

        written = self.storage(work)
        self._wrote(trial)
        if self._holds:
            self._holds.mine.discard(trial)
        if not written:
            self.storage.tell(f"trial {number}: another driver has it by now, so this result of it is dropped")

    def _count_attempts(self, number: int, more: int) -> Trial:
        attempts = self.trial(number).attempts + more
        owner = {"trial_id": self._ids[number]}
        self.storage(lambda connection, _: tables.put(connection, tables.ATTRIBUTES, owner, "attempts", attempts))
        self._wrote(self._ids[number])
        return self.trial(number)

    def _take_in(self, row: Row) -> None:
        """Keep a trial as it was read."""
        trial = _trial(row)
        if row.number < len(self._known):
            self._known[row.number] = trial
        else:
            self._known.append(trial)
            self._ids.append(row.trial)
            self._keys.add(trial.key)
        if row.state == "RUNNING":
            self._running[row.trial] = row.told
            self._open.add(row.number)
        else:
            self._running.pop(row.trial, None)
            self._open.discard(row.number)


def create(
    folder: Path,
    recipe: Recipe,
    base: Recipe,
    space: Space,
    facts: dict[str, Any],
    address: Address | None = None,
) -> Study:
    """Start a study in `folder`; `base` is what study.yaml alone says, `recipe` what flags made of it.

    Its trials go to a file in the folder, or to the database at `address`; raises Taken where that has a study of the
    folder's name by now.
    """
    _write_folder(folder, base, space)
    names = recipe.objectives
    directions = ["maximize" if OBJECTIVES[name] == "max" else "minimize" for name in names]
    told = {"schema": SCHEMA, "recipe": recipes.to_plain(recipe), "base": recipes.to_plain(base), **facts}
    opening.begin(folder, address, directions, names, {**told, "space": space.fingerprint})
    return open_study(folder)


def open_study(folder: Path | str) -> Study:
    """Open a study that was started; raises NasError for a missing, damaged or newer one."""
    return _opened(opening.existing(Path(folder)))


def beside(folder: Path, address: Address | None) -> Study | None:
    """The study of the folder's name that another driver has started in a database; None where there is none."""
    found = opening.shared(folder, address, folder.resolve().name) if address else None
    return found and _opened(found)


def join(study: Study, address: Address, space: Space) -> None:
    """Let the folder be one of a study that another driver started."""
    _write_folder(study.folder, Recipe.model_validate(study.attributes["base"]), space)
    pointer.write(study.folder, str(address), study.name)


def _opened(found: Opened) -> Study:
    study = Study(found)
    user_blocks.require(study.attributes.get("imports", {}), str(found.folder))
    return study


def _write_folder(folder: Path, base: Recipe, space: Space) -> None:
    if folder.exists() and not folder.is_dir():
        raise NasError("is a file, a study needs a folder", where=str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in space.texts().items():
            (folder / path).write_text(text, encoding="utf-8")
        if not (folder / "study.yaml").exists():
            (folder / "study.yaml").write_text(recipes.to_yaml(base), encoding="utf-8")
    except OSError as error:
        raise NasError(f"cannot be written: {error.strerror}", where=str(folder)) from None


def _trial(row: Row) -> Trial:
    told = row.told
    if "cost" not in told or row.state not in STATES:
        raise NasError(f"trial {row.number} of this study was not written by nas search", fix="use a study of its own")
    cost = {name: tuple(value) if isinstance(value, list) else value for name, value in told["cost"].items()}
    known = {name: told[name] for name in KNOWN if name in told}
    moments = {"written": row.written, "ended": row.ended}
    return Trial(number=row.number, state=STATES[row.state], cost=Cost(**cost), **moments, **known)
