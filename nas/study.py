"""The store: one SQLite file per study, written by the driver alone, that optuna-dashboard opens too.

A trial is written when it starts and when it ends (its outcome, then its objective values: `settle` finishes what
a kill cut in between), so a kill loses at most the trial in training; that one is trained again under its number
and seed, and comes out as it would have.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
import sqlalchemy.exc
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, TrialState

from nas import recipe as recipes
from nas import user_blocks
from nas.cost import Cost
from nas.errors import NasError
from nas.recipe import Recipe
from nas.records import Record
from nas.search.optuna_samplers import distribution, parameter
from nas.search.sampler import Observation
from nas.search.wrappers import Candidate
from nas.space import Space
from nas.units import OBJECTIVES, UNITS

SCHEMA = 1
DATABASE = "study.db"
LOCK = ".driver.lock"
STATES = {TrialState.COMPLETE: "complete", TrialState.FAIL: "failed", TrialState.RUNNING: "running"}


@dataclass(frozen=True)
class Trial:
    """One genotype of a study and what is known of it."""

    number: int
    state: str  # complete, failed or running
    record: Record
    genotype: str  # canonical YAML
    key: str
    cost: Cost
    attempts: int = 1
    memo: dict[str, Any] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)  # proposals dropped before this one, by reason
    sampler: str = ""
    outcome: dict[str, Any] = field(default_factory=dict)  # accuracy, curve, seconds, device, ... or reason

    @property
    def accuracy(self) -> float | None:
        """Proxy accuracy as a fraction, of complete trials."""
        return self.outcome.get("accuracy") if self.state == "complete" else None

    def value(self, objective: str) -> float | None:
        """The trial's value of an objective, in its unit."""
        return self.accuracy if objective == "accuracy" else UNITS[objective].of(self.cost)


class Study:
    """An open study: its folder, its recipe as it was started with, and its trials."""

    def __init__(self, folder: Path, storage: optuna.storages.RDBStorage):
        self.folder, self.storage = folder, storage
        self.optuna = optuna.load_study(study_name=None, storage=storage)
        attributes = self.optuna.user_attrs
        if attributes.get("schema", 0) > SCHEMA:
            raise NasError(
                f"was written by a newer version (schema {attributes['schema']}, this one knows {SCHEMA})",
                where=str(folder / DATABASE),
                fix="update video-nas",
            )
        if "recipe" not in attributes:
            raise NasError("is no study of this program", where=str(folder / DATABASE), fix="name another study")
        self.attributes = attributes
        self.recipe = Recipe.model_validate(attributes["recipe"])

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    def trials(self) -> list[Trial]:
        """All trials by number."""
        return [_trial(frozen) for frozen in self.optuna.get_trials(deepcopy=False)]

    def trial(self, number: int) -> Trial:
        """One trial; raises NasError when there is none of this number."""
        trials = self.trials()
        if not 0 <= number < len(trials):
            there = f"its trials are 0 to {len(trials) - 1}" if trials else "it has no trial yet"
            raise NasError(f"has no trial {number}", where=str(self.folder), fix=there)
        return trials[number]

    def add(self, candidate: Candidate, space: Space, **attributes: Any) -> int:
        """Write a trial that is about to be trained; returns its number."""
        record = candidate.record
        asked = {name: space.decisions[name] for name in record}
        self.optuna.add_trial(
            optuna.trial.create_trial(
                state=TrialState.RUNNING,
                params={name: parameter(hole, record[name]) for name, hole in asked.items()},
                distributions={name: distribution(hole) for name, hole in asked.items()},
                user_attrs={
                    "key": candidate.key,
                    "cost": candidate.cost._asdict(),
                    "record": record,
                    **attributes,
                },
            )
        )
        return len(self.optuna.get_trials(deepcopy=False)) - 1

    def count_attempts(self, number: int, attempts: int) -> Trial:
        """Write how often a trial was started without an orderly end; returns the trial anew."""
        self.storage.set_trial_user_attr(self._id(number), "attempts", attempts)
        return self.trial(number)

    def complete(self, number: int, outcome: dict[str, Any]) -> None:
        """Write a trial's outcome and its objective values."""
        self.storage.set_trial_user_attr(self._id(number), "outcome", outcome)
        self._tell(number)

    def fail(self, number: int, reason: str) -> None:
        """Write that a trial failed, and why."""
        self.storage.set_trial_user_attr(self._id(number), "outcome", {"reason": reason})
        self.optuna.tell(number, state=TrialState.FAIL)

    def settle(self) -> None:
        """Finish trials whose outcome was written just before the program died."""
        for trial in self.trials():
            if trial.state == "running" and "accuracy" in trial.outcome:
                self._tell(trial.number)
            elif trial.state == "running" and "reason" in trial.outcome:
                self.optuna.tell(trial.number, state=TrialState.FAIL)

    def observations(self, trials: Sequence[Trial]) -> list[Observation]:
        """Finished trials as samplers see them."""
        names = self.recipe.objectives
        return [
            Observation(t.record, tuple(t.value(n) for n in names) if t.state == "complete" else None, t.memo)
            for t in trials
            if t.state != "running"
        ]

    def set(self, name: str, value: Any) -> None:
        """Write a fact about the study."""
        self.optuna.set_user_attr(name, value)
        self.attributes = self.optuna.user_attrs

    def _tell(self, number: int) -> None:
        trial = self.trials()[number]
        accuracy = trial.outcome["accuracy"]
        names = self.recipe.objectives
        self.optuna.tell(number, [accuracy if n == "accuracy" else UNITS[n].of(trial.cost) for n in names])

    def _id(self, number: int) -> int:
        return self.optuna.get_trials(deepcopy=False)[number]._trial_id


def exists(folder: Path) -> bool:
    """Whether a study was started in this folder."""
    return (folder / DATABASE).exists()


def create(folder: Path, recipe: Recipe, base: Recipe, space: Space, facts: dict[str, Any]) -> Study:
    """Start a study in `folder`; `base` is what study.yaml alone says, `recipe` what flags made of it."""
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
    temporary = folder / f"{DATABASE}.new"
    temporary.unlink(missing_ok=True)
    with _readable(temporary):
        storage = _storage(temporary)
        names = recipe.objectives
        study = optuna.create_study(
            storage=storage,
            study_name=folder.resolve().name,
            directions=["maximize" if OBJECTIVES[name] == "max" else "minimize" for name in names],
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study.set_metric_names(list(names))
        told = {"schema": SCHEMA, "recipe": recipes.to_plain(recipe), "base": recipes.to_plain(base), **facts}
        for name, value in {**told, "space": space.fingerprint}.items():
            study.set_user_attr(name, value)
        storage.engine.dispose()
    temporary.replace(folder / DATABASE)
    return open_study(folder)


def open_study(folder: Path | str) -> Study:
    """Open a study that was started; raises NasError for a missing, damaged or newer one."""
    folder = Path(folder)
    if folder.is_file():
        raise NasError(
            "is a file, a study is a folder", where=str(folder), fix="name the folder, such as studies/motion"
        )
    if not exists(folder):
        raise NasError(
            "has no study.db: nothing was searched there yet",
            where=str(folder),
            fix=f"run nas search {folder}",
        )
    with _readable(folder / DATABASE):
        _check_header(folder / DATABASE)
        study = Study(folder, _storage(folder / DATABASE))
    user_blocks.require(study.attributes.get("imports", {}), str(folder))
    return study


@contextmanager
def driving(folder: Path):
    """Hold the study for one driver; the lock ends with the process, however that ends."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise NasError(
            "another nas search is running this study", where=str(folder), fix="wait for it, or stop it"
        ) from None
    except OSError as error:
        raise NasError(f"cannot be written: {error.strerror}", where=str(folder)) from None
    with lock:
        yield


@contextmanager
def _readable(path: Path):
    try:
        yield
    except sqlalchemy.exc.DatabaseError as error:
        cause = str(error.orig).splitlines()[0]
        raise NasError(
            f"is no study database or is damaged ({cause})",
            where=str(path),
            fix="put a copy in its place, or move it away",
        ) from None
    except (KeyError, ValueError) as error:
        if isinstance(error, NasError):
            raise
        raise NasError("holds no study", where=str(path), fix="move it away to start anew") from None
    except RuntimeError as error:
        raise NasError(f"cannot be read: {str(error).splitlines()[0]}", where=str(path)) from None


def _check_header(path: Path) -> None:
    """Refuse a file that is no database before SQLAlchemy makes one of it."""
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise NasError(
                "is no study database or is damaged",
                where=str(path),
                fix="put a copy in its place, or move it away",
            )


def _storage(path: Path) -> optuna.storages.RDBStorage:
    url = sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string()
    return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": 60}})


def _trial(frozen: FrozenTrial) -> Trial:
    told = frozen.user_attrs
    if "cost" not in told:
        raise NasError(
            f"trial {frozen.number} of this study was not written by nas search", fix="use a study of its own"
        )
    cost = {name: tuple(value) if isinstance(value, list) else value for name, value in told["cost"].items()}
    return Trial(
        number=frozen.number,
        state=STATES[frozen.state],
        record=told["record"],
        genotype=told["genotype"],
        key=told["key"],
        cost=Cost(**cost),
        attempts=told.get("attempts", 1),
        memo=told.get("memo", {}),
        dropped=told.get("dropped", {}),
        sampler=told.get("sampler", ""),
        outcome=told.get("outcome", {}),
    )
