"""The scores of a study's networks, in scores.csv beside its trials: worked out once, added to by each audit.

Scores of the genotype are of the network at full size; scores that need a model are of the proxy that was trained,
whose accuracy they are to foretell. A row belongs to a network by its key, and a column of one's own score to the
file it came from (`mine@1f3a9c02`), so that what has changed is worked out anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from nas import files, fronts
from nas.errors import NasError
from nas.scores import Score, find, in_study
from nas.study import Study
from nas.trial import Trial

FILE = "scores.csv"
BETWEEN_WRITES = 5.0  # seconds; a kill loses no more


def scores(
    study: Study,
    trials: Sequence[Trial],
    names: Sequence[str],
    *,
    device: str = "auto",
    progress: Callable[[int, int, str], None] = lambda *told: None,
) -> pd.DataFrame:
    """One row a trial (the index is its number) and one column a score; raises NasError for one that has no value.

    What an interruption cuts short is kept up to there.
    """
    path = study.folder / FILE
    columns = {name: _column(find(name)) for name in names}
    table = _known(path, trials).reindex([trial.number for trial in trials])
    table = table.reindex(columns=list(dict.fromkeys([*table.columns, *columns.values()])))
    missing = [(trial, name) for trial in trials for name in names if pd.isna(table.at[trial.number, columns[name]])]
    written = time.monotonic()
    try:
        for done, (trial, name) in enumerate(missing, 1):
            table.loc[trial.number, columns[name]] = _value(study, trial, find(name), device)
            progress(done, len(missing), "scores")
            if time.monotonic() - written > BETWEEN_WRITES:
                _write(path, table, trials)
                written = time.monotonic()
    finally:
        if missing:
            _write(path, table, trials)
    return table[list(columns.values())].set_axis(list(columns), axis=1)


def _value(study: Study, trial: Trial, score: Score, device: str) -> float:
    genotype, settings = fronts.genotype_of(trial), study.recipe
    try:
        return in_study(score.name, genotype, settings.proxy, seed=settings.seed, device=device)
    except NasError as error:
        fix = "; ".join(filter(None, [error.fix, "or leave it out: --score NAME asks for those named alone"]))
        raise NasError(error.problem, where=f"trial {trial.number}", fix=fix) from None


def _column(score: Score) -> str:
    """The score's name, with the digest of the file that it was imported from."""
    module = score.function.__module__
    return f"{score.name}@{module.rpartition('_')[2][:8]}" if module.startswith("nas_import_") else score.name


def _known(path: Path, trials: Sequence[Trial]) -> pd.DataFrame:
    """The values on file of these very networks."""
    if not path.exists():
        return pd.DataFrame(index=pd.Index([], name="trial"), dtype=float)
    try:
        table = pd.read_csv(path, dtype={"trial": int, "key": str}).drop_duplicates("trial").set_index("trial")
        keys = {trial.number: trial.key for trial in trials}
        same = [keys.get(number) == key for number, key in table["key"].items()]
        return table[same].drop(columns="key").astype(float)
    except (ValueError, KeyError, UnicodeDecodeError):
        fix = "delete it: the same command works the scores out anew"
        raise NasError("is no table of scores, or damaged", where=str(path), fix=fix) from None


def _write(path: Path, table: pd.DataFrame, trials: Sequence[Trial]) -> None:
    rows = table.dropna(how="all")
    keys = {trial.number: trial.key for trial in trials}
    rows = rows.assign(key=[keys[number] for number in rows.index])
    rows = rows[["key", *(name for name in rows if name != "key")]].rename_axis("trial")
    files.write(path, rows.to_csv().encode())
