"""The store: one SQLite file per study, written by the driver alone, that optuna-dashboard opens too.

A trial is written when it starts and when it ends (its outcome, then its state and objective values: `settle` finishes
what a kill cut in between), so a kill loses at most the trial in training; that one is trained again under its number
and seed, and comes out as it would have.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
import sqlalchemy.exc
from optuna.trial import TrialState

from nas import content, user_blocks
from nas import recipe as recipes
from nas.cost import Cost
from nas.errors import NasError, nearest
from nas.recipe import Recipe
from nas.search.optuna_samplers import distribution, parameter
from nas.search.sampler import Observation, observation
from nas.search.wrappers import Candidate
from nas.space import Space
from nas.trial import Trial
from nas.units import OBJECTIVES, UNITS

SCHEMA = 1
DATABASE = "study.db"
# states as Optuna writes them
STATES = {"COMPLETE": "complete", "PRUNED": "stopped", "FAIL": "failed", "RUNNING": "running"}
# what an outcome holds that is not of a complete trial
ENDS = {"reason": TrialState.FAIL, "stopped": TrialState.PRUNED}
# what is written of a trial besides its cost
KNOWN = ("record", "genotype", "key", "attempts", "memo", "dropped", "sampler", "summary", "so_far", "outcome")


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
        self._study_id = storage.get_study_id_from_name(self.optuna.study_name)
        self._known: list[Trial] = []  # all trials as they were last read

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    def trials(self) -> list[Trial]:
        """All trials by number; those that ended are read once."""
        first = next((trial.number for trial in self._known if trial.state == "running"), len(self._known))
        self._known[first:] = _read(self.storage, first)
        return list(self._known)

    def trial(self, number: int) -> Trial:
        """One trial; raises NasError when there is none of this number."""
        trials = self.trials()
        if not 0 <= number < len(trials):
            there = f"its trials are 0 to {len(trials) - 1}" if trials else "it has no trial yet"
            raise NasError(f"has no trial {number}", where=str(self.folder), fix=there)
        return trials[number]

    @property
    def driver(self) -> str:
        """Nobody else drives a study in a folder: see `driving`."""
        return ""

    def add(self, candidate: Candidate, space: Space, *, limit: int, **attributes: Any) -> Trial | None:
        """Write a trial that is about to be trained."""
        record = candidate.record
        asked = {name: space.decisions[name] for name in record}
        self.storage.create_new_trial(
            self._study_id,
            optuna.trial.create_trial(
                state=TrialState.RUNNING,
                params={name: parameter(hole, record[name]) for name, hole in asked.items()},
                distributions={name: distribution(hole) for name, hole in asked.items()},
                user_attrs={
                    "key": candidate.key,
                    "cost": candidate.cost.known(),
                    "record": record,
                    **attributes,
                },
            ),
        )
        return self.trials()[-1]

    def orphans(self, active: Collection[int]) -> list[Trial]:
        """Running trials that nobody trains any more; this driver trains the `active` ones."""
        return [trial for trial in self.trials() if trial.state == "running" and trial.number not in active]

    def take(self, number: int) -> Trial:
        """An orphan that is trained from now on, with an attempt more on record."""
        return self._count_attempts(number, 1)

    def release(self, number: int) -> None:
        """Write that a trial's attempt came to an orderly end, and does not count."""
        self._count_attempts(number, -1)

    def _count_attempts(self, number: int, more: int) -> Trial:
        attempts = self.trial(number).attempts + more
        self.storage.set_trial_user_attr(self._id(number), "attempts", attempts)
        return self.trial(number)

    def note(self, number: int, rows: list[dict[str, Any]]) -> None:
        """Write the curve so far of a trial in training, for whoever looks."""
        self.storage.set_trial_user_attr(self._id(number), "so_far", rows)

    def complete(self, number: int, outcome: dict[str, Any]) -> None:
        """Write a trial's outcome and its objective values."""
        self._end(number, outcome)

    def stop(self, number: int, outcome: dict[str, Any]) -> None:
        """Write the outcome of a trial that was stopped at a rung; Optuna hears of it as pruned, without values."""
        self._end(number, outcome | {"stopped": len(outcome["curve"])})

    def fail(self, number: int, reason: str, told: dict[str, Any] | None = None) -> None:
        """Write that a trial failed, why, and what else is `told` of it."""
        self._end(number, {"reason": reason, **(told or {})})

    def settle(self) -> None:
        """Finish trials whose outcome was written just before the program died."""
        for trial in self.trials():
            if trial.state == "running" and trial.outcome:
                self._tell(trial)

    def observations(self, trials: Sequence[Trial], curves: Mapping[int, Sequence[float]]) -> list[Observation]:
        """Trials as samplers see them; `curves` has the accuracies so far of those in training."""
        return [observation(trial, self.recipe.objectives, curves) for trial in trials]

    def set(self, name: str, value: Any) -> None:
        """Write a fact about the study."""
        self.optuna.set_user_attr(name, value)
        self.attributes = self.optuna.user_attrs

    def _end(self, number: int, outcome: dict[str, Any]) -> None:
        self.storage.set_trial_user_attr(self._id(number), "outcome", outcome)
        self._tell(self.trials()[number])

    def _tell(self, trial: Trial) -> None:
        """Give Optuna the state that follows from a trial's outcome."""
        state = next((state for key, state in ENDS.items() if key in trial.outcome), TrialState.COMPLETE)
        values = None
        if state == TrialState.COMPLETE:
            accuracy = trial.outcome["accuracy"]
            names = self.recipe.objectives
            values = [accuracy if name == "accuracy" else UNITS[name].of(trial.cost) for name in names]
        self.storage.set_trial_state_values(self._id(trial.number), state, values)

    def _id(self, number: int) -> int:
        return self.storage.get_trial_id_from_study_id_trial_number(self._study_id, number)


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
    if not folder.exists() and folder.name not in content.names("studies"):
        known = [str(path.parent) for pattern in ("*", "studies/*") for path in Path().glob(f"{pattern}/{DATABASE}")]
        fix = nearest(str(folder), known) if known else "start a study with nas search"
        raise NasError("no such folder", where=str(folder), fix=fix)
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
def _readable(path: Path):
    try:
        yield
    except sqlalchemy.exc.OperationalError as error:  # the file may well be whole: a full disk, a lock
        cause = str(error.orig).splitlines()[0]
        raise NasError(f"the database cannot be used: {cause}", where=str(path)) from None
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


def _read(storage: optuna.storages.RDBStorage, first: int) -> list[Trial]:
    """The trials from number `first` on, by one query: Optuna's own way reads every parameter as an object of its own
    (10,000 trials: tests/benchmarks/bench_study.py).
    """
    query = sqlalchemy.text(
        "SELECT trials.number, trials.state, trials.datetime_start, trials.datetime_complete, "
        "trial_user_attributes.key, trial_user_attributes.value_json "
        "FROM trials LEFT JOIN trial_user_attributes ON trials.trial_id = trial_user_attributes.trial_id "
        "WHERE trials.number >= :first ORDER BY trials.number"
    )
    with storage.engine.connect() as connection:
        rows = connection.execute(query, {"first": first}).all()
    told: dict[int, dict[str, Any]] = {}
    heads = {}
    for number, state, written, ended, key, value in rows:
        heads[number] = state, written, ended
        told.setdefault(number, {})[key] = json.loads(value) if key is not None else None
    return [_trial(number, *heads[number], told[number]) for number in sorted(told)]


def _trial(number: int, state: str, written: str | None, ended: str | None, told: dict[str, Any]) -> Trial:
    if "cost" not in told or state not in STATES:
        raise NasError(f"trial {number} of this study was not written by nas search", fix="use a study of its own")
    cost = {name: tuple(value) if isinstance(value, list) else value for name, value in told["cost"].items()}
    known = {name: told[name] for name in KNOWN if name in told}
    moments = {"written": _moment(written), "ended": _moment(ended)}
    return Trial(number=number, state=STATES[state], cost=Cost(**cost), **moments, **known)


def _moment(text: str | None) -> datetime | None:
    """A time in UTC: Optuna writes the local one of the machine that searches."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
