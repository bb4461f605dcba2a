"""The tables that figures draw: of one study, and of several beside each other.

`trials` has a row a trial (`nas.plots.trials`), `references` a row a published network (`nas.plots.references`),
`curves` a row a trained epoch (trial, epoch, train_error, val_accuracy, state, on_front), `retrained` a row a full
training (trial, proxy, retrained), `studies` the trials of all studies that are shown, with a column `study`.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import pandas as pd

from nas import fronts
from nas.latency import costing
from nas.study import Study

Tables = dict[str, pd.DataFrame]
# the clocks of a record and of its training are read one after the other
SLACK = pd.Timedelta("50ms")
CURVES = ("trial", "epoch", "train_error", "val_accuracy", "state", "on_front")


def of_studies(studies: Sequence[Study]) -> list[Tables]:
    """All tables of each study; `studies` in each of them has all of them, told apart by their names."""
    several = [of_study(study) for study in studies]
    for tables, name in zip(several, names(studies), strict=True):
        tables["trials"].attrs["study"] = name
    return [tables | {"studies": together([one["trials"] for one in several])} for tables in several]


def names(studies: Sequence[Study]) -> list[str]:
    """The folders' names, with as many of the folders above them as tell all of them apart.

    >>> from pathlib import Path
    >>> from types import SimpleNamespace as Named
    >>> names([Named(folder=Path("/a/k400")), Named(folder=Path("/b/k400")), Named(folder=Path("/b/ucf101"))])
    ['a/k400', 'b/k400', 'ucf101']
    """
    parts = [study.folder.resolve().parts for study in studies]
    lengths = [
        next(n for n in range(1, len(one) + 1) if all(other[-n:] != one[-n:] for other in parts if other != one))
        for one in parts
    ]
    return ["/".join(one[-length:]) for one, length in zip(parts, lengths, strict=True)]


def of_study(study: Study) -> Tables:
    """All tables of one study but `studies`."""
    trials = fronts.frame(study)
    trials["worker"] = workers(study, trials) if len(trials) else None
    first = fronts.genotype_of(study.trials()[0]) if len(trials) else None
    references = pd.DataFrame()
    if first:
        latency = costing.known(study.folder, first)
        references = fronts.references(first.input, trials.attrs["dataset"], latency=latency)
    retrained = pd.DataFrame(fronts.retrained(study), columns=["trial", "proxy", "retrained"])
    return {"trials": trials, "references": references, "curves": curves(study, trials), "retrained": retrained}


def together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The trials of several studies in one frame, with a column `study`.

    Facts are those of the first; `attrs["each"]` has those of every study by its name.
    """
    named = [frame.assign(study=frame.attrs["study"]).astype(object) for frame in frames if len(frame)]
    table = pd.concat(named, ignore_index=True) if named else pd.DataFrame({"study": []})
    table.attrs = frames[0].attrs | {"each": {frame.attrs["study"]: dict(frame.attrs) for frame in frames}}
    return table


def curves(study: Study, trials: pd.DataFrame) -> pd.DataFrame:
    """A row an epoch of each of the `trials`; a search may have added others meanwhile."""
    on_front = dict(zip(trials["number"], trials["on_front"], strict=True)) if len(trials) else {}
    rows = [
        (trial.number, epoch, row.get("train_error"), row.get("val_accuracy"), trial.state, on_front[trial.number])
        for trial in study.trials()
        if trial.number in on_front
        for epoch, row in enumerate(trial.rows, 1)
    ]
    table = pd.DataFrame(rows, columns=list(CURVES))
    table.attrs = dict(trials.attrs)
    return table


def workers(study: Study, trials: pd.DataFrame) -> list[str | None]:
    """Where each trial was trained: its worker, of a cluster, or else its lane."""
    known = {trial.number: trial.outcome.get("worker") for trial in study.trials()}
    return [known.get(number) or lane for number, lane in zip(trials["number"], lanes(trials), strict=True)]


def lanes(trials: pd.DataFrame) -> list[str | None]:
    """Which of the trainings side by side each one was: the lowest lane that is free when it starts.

    A search with N workers on one machine, which are not on record, has N lanes.

    >>> times = pd.to_datetime(["2026-01-01 00:00", "2026-01-01 00:01", "2026-01-01 00:03"], utc=True)
    >>> lanes(pd.DataFrame({"started": times, "ended": times + pd.Timedelta("2min")}))
    ['lane 1', 'lane 2', 'lane 1']
    """
    free: list[int] = []
    busy: list[tuple[pd.Timestamp, int]] = []
    found: dict[int, str] = {}
    for place, row in trials.sort_values("started", kind="stable").iterrows():
        if pd.isna(row["started"]):
            continue
        while busy and busy[0][0] <= row["started"] + SLACK:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy) + 1
        found[place] = f"lane {lane}"
        heapq.heappush(busy, (pd.Timestamp.max.tz_localize("UTC") if pd.isna(row["ended"]) else row["ended"], lane))
    return [found.get(place) for place in trials.index]
