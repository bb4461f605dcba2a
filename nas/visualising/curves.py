"""Training and validation errors of trials and of full trainings, as one table to compare them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from nas import content
from nas.data_settings import METRICS
from nas.errors import NasError
from nas.storage import pointer
from nas.trained import told_apart

CURVE, ABOUT = "curve.csv", "metrics.json"
NEEDED = ("epoch", "train_error", "val_accuracy")


def of_study(folder: Path, trials: Sequence[int]) -> pd.DataFrame:
    """The curves of some trials of a study: columns run, epoch, train_error and val_accuracy.

    The frame's attrs say dataset, clip and metric, as far as they are known. Raises NasError for a trial that there is
    not, and for one without a curve.
    """
    from nas import session
    from nas.study import open_study

    study = open_study(folder)
    if not study.trials():
        raise NasError("has no trial yet", where=str(folder), fix=f"run nas search {folder}")
    tables = []
    for number in trials:
        curve = pd.DataFrame(study.trial(number).outcome.get("curve", ()))
        tables.append(_checked(curve, f"{folder}: trial {number}").assign(run=f"trial {number}"))
    table = pd.concat(tables, ignore_index=True)
    clip = study.recipe.proxy.clip.clip
    metric = METRICS[study.attributes.get("metric", "top1")]
    table.attrs = {"dataset": session.dataset(study.recipe.data), "clip": f"{clip} (proxies)", "metric": metric}
    return table


def of_run(folder: Path) -> pd.DataFrame:
    """The curve of a full training, finished or not, as `of_study` has them."""
    path = folder / CURVE
    if pointer.exists(content.study_folder(str(folder))):
        fix = "add --trial N for each of its trials to compare, or name folders that nas retrain wrote"
        raise NasError("is a study", where=str(folder), fix=fix)
    if not path.exists():
        problem = (
            f"has no {CURVE}: no epoch of a nas retrain was finished there" if folder.is_dir() else "no such folder"
        )
        raise NasError(problem, where=str(folder), fix="name a folder that nas retrain wrote, or a study with --trial")
    try:
        read = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise NasError("cannot be read as a curve", where=str(path)) from error
    about = _about(folder)
    table = _checked(read, str(path)).assign(run=about.pop("name"))
    table.attrs = about
    return table


def together(tables: Sequence[pd.DataFrame], folders: Sequence[Path]) -> pd.DataFrame:
    """Curves of runs in one table; runs of one name have their folders behind it, facts that differ are all told."""
    names = told_apart([table["run"].iloc[0] for table in tables], folders)
    whole = pd.concat([table.assign(run=name) for table, name in zip(tables, names, strict=True)], ignore_index=True)
    facts = {key: [table.attrs[key] for table in tables if table.attrs.get(key)] for key in ("dataset", "clip")}
    metrics = dict.fromkeys(table.attrs.get("metric", METRICS["top1"]) for table in tables)
    whole.attrs = {key: " and ".join(dict.fromkeys(told)) for key, told in facts.items()}
    whole.attrs["metric"] = " or ".join(metrics)
    return whole


def last(curves: pd.DataFrame) -> pd.DataFrame:
    """What each run came to: run, epochs, training, validation (errors of its last epoch) and gap between the two.

    >>> rows = {"run": "a", "epoch": [1, 2], "train_error": [0.5, 0.25], "val_accuracy": [0.25, 0.5]}
    >>> last(pd.DataFrame(rows)).values.tolist()
    [['a', 2, 0.25, 0.5, 0.25]]
    """
    ends = curves.sort_values("epoch").groupby("run", sort=False).tail(1).set_index("run")
    ends = ends.loc[list(curves["run"].unique())].reset_index()
    validation = 1 - ends["val_accuracy"]
    found = {"run": ends["run"], "epochs": ends["epoch"], "training": ends["train_error"], "validation": validation}
    return pd.DataFrame(found | {"gap": validation - ends["train_error"]})


def _checked(table: pd.DataFrame, where: str) -> pd.DataFrame:
    if table.empty:
        raise NasError("has no curve: no epoch of it was finished", where=where, fix="name another one")
    if missing := [column for column in NEEDED if column not in table]:
        raise NasError(f"its curve does not tell {' and '.join(missing)}", where=where, fix="name another one")
    try:
        return table[list(NEEDED)].astype({"epoch": int, "train_error": float, "val_accuracy": float})
    except ValueError as error:
        raise NasError("its curve holds text in place of numbers", where=where, fix="name another one") from error


def _about(folder: Path) -> dict[str, str]:
    """Name, data set, clip and metric of a run, as far as it tells them: metrics.json comes with its end."""
    try:
        told = json.loads((folder / ABOUT).read_text())
        data, clip = told["data"], told["clip"]
        found = {"dataset": Path(data["settings"]["path"]).name, "metric": METRICS[data["metric"]]}
        return {"name": told["name"], "clip": f"{clip['frames']}x{clip['size']}x{clip['size']}", **found}
    except (OSError, ValueError, KeyError, TypeError):
        return {"name": folder.resolve().name}
