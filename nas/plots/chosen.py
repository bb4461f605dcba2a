"""One trial of a study by its number or its place on the front: knee, best or cheapest.

The names mean what `nas retrain --pick` means (`nas.fronts.pick`), told from the frame of trials alone. A study that
has no such trial, or one whose network cannot be read here (blocks of a file that was not imported), is an error with
its reason, which figures write in place of a drawing.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from html import unescape
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from nas import pareto, strict_yaml
from nas.cost import cost
from nas.errors import NasError
from nas.genotype import Genotype, parse
from nas.pareto import Objective
from nas.plots import trials as frame
from nas.units import OBJECTIVES

# a place on the front, or the number of a trial
Name = Literal["knee", "best", "cheapest"]
Choice = Annotated[int, Field(ge=0, strict=True)] | Name


def objectives(trials: pd.DataFrame) -> list[Objective]:
    """What the study aims at, as far as the frame has a column for it; accuracy and GFLOPs where it does not say.

    >>> trials = pd.DataFrame({"accuracy": [0.5], "gflops": [1.0]})
    >>> trials.attrs["objectives"] = ["accuracy", "gflops", "latency"]
    >>> [aim.name for aim in objectives(trials)]
    ['accuracy', 'gflops']
    """
    told = trials.attrs.get("objectives") or ("accuracy", "gflops")
    names = ["accuracy", *(name for name in told if name != "accuracy" and name in OBJECTIVES)]
    return [Objective(name, OBJECTIVES[name]) for name in dict.fromkeys(names) if name in trials]


def points(trials: pd.DataFrame, aims: list[Objective]) -> np.ndarray:
    """The objectives of the complete trials as (n, d) floats, in the frame's order; NaN for every other trial.

    >>> trials = pd.DataFrame({"state": ["complete", "stopped"], "accuracy": [0.5, 0.4]})
    >>> points(trials, [Objective("accuracy", "max")]).tolist()
    [[0.5], [nan]]
    """
    table = np.column_stack([pd.to_numeric(trials[aim.name], errors="coerce").to_numpy(float) for aim in aims])
    return np.where((trials["state"] == "complete").to_numpy()[:, None], table, np.nan)


def row(trials: pd.DataFrame, how: Choice) -> dict:
    """The row of a tidy frame (`nas.plots.trials.tidy`) that is meant; raises NasError where there is none.

    >>> trials = pd.DataFrame({"number": [0, 1], "state": "complete", "accuracy": [0.5, 0.7], "gflops": [1.0, 4.0]})
    >>> row(frame.tidy(trials), "best")["number"], row(frame.tidy(trials), 0)["number"]
    (1.0, 0.0)
    """
    if not isinstance(how, str):
        found = np.flatnonzero(trials["number"] == how)
        if not len(found):
            raise NasError(f"the study has no trial {how}", fix=_numbers(trials))
        return trials.iloc[found[0]].to_dict()
    aims = objectives(trials)
    values = points(trials, aims)
    if not np.isfinite(values).all(axis=1).any():
        raise NasError(frame.emptiness(trials) if len(trials) else "no trial yet")
    rows = np.flatnonzero(pareto.front(values.tolist(), aims))
    rows = rows[np.argsort(trials["gflops"].to_numpy(float)[rows], kind="stable")]
    return trials.iloc[rows[_place(values[rows], aims, how)]].to_dict()


def _place(front: np.ndarray, aims: list[Objective], how: Name) -> int:
    """Which row of a front, sorted by rising GFLOPs."""
    if how == "knee":
        return pareto.knee(front.tolist(), aims)
    return 0 if how == "cheapest" else int(front[:, 0].argmax())


def network(trial: dict) -> Genotype:
    """The network on a trial's record; raises NasError where it has none, or one that cannot be built here."""
    if not trial["genotype"].strip():
        raise NasError(f"trial {trial['number']:.0f} has no network on record")
    return _read(trial["genotype"])


@lru_cache(maxsize=256)
def _read(text: str) -> Genotype:
    network = parse(strict_yaml.plain(strict_yaml.parse(text, name="the genotype on record")))
    cost(network)  # that it can be built shows here
    return network


def told(trial: dict, how: Choice) -> str:
    """A trial as titles tell it: `trial 17, the knee of the front`.

    >>> told({"number": 17.0}, "knee"), told({"number": 17.0}, 17), told({"number": 2.0}, "best")
    ('trial 17, the knee of the front', 'trial 17', 'trial 2, the most accurate')
    """
    places = {"knee": "the knee of the front", "best": "the most accurate", "cheapest": "the cheapest of the front"}
    return f"trial {trial['number']:.0f}{f', {places[how]}' if isinstance(how, str) else ''}"


def number(trial: dict) -> int | None:
    """The number of a trial; None where it is not known.

    >>> number({"number": 17.0}), number({"number": float("nan")})
    (17, None)
    """
    return int(trial["number"]) if np.isfinite(trial["number"]) else None


def accuracy(trial: dict, trials: pd.DataFrame) -> Iterator[str]:
    """What is known of a trial's accuracy, as one phrase; nothing where nothing is.

    >>> list(accuracy({"accuracy": float("nan"), "state": "failed"}, pd.DataFrame()))
    ['failed']
    """
    if np.isfinite(trial["accuracy"]):
        yield f"{unescape(frame.metric(trials))} {100 * trial['accuracy']:.1f} %"
    elif trial["state"]:
        yield trial["state"]


def _numbers(trials: pd.DataFrame) -> str:
    known = trials["number"].dropna()
    return f"they are numbered {known.min():.0f} to {known.max():.0f}" if len(known) else "it has none yet"
