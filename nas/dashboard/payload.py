"""What a page shows, as plain JSON values: trials column by column, figures as plotly JSON, details packed.

The browser's code in `client/` and this file agree on it; nothing in it is markup. Genotypes and curves of 10,000
trials are the bulk of a page, and alike: gzip makes a thirtieth of them, and the browser unpacks them when one is asked
for.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import plotly.io

import nas
from nas import fronts
from nas.dashboard import tables as made
from nas.dashboard.board import Board, Shown
from nas.dashboard.facts import facts, fidelity
from nas.dashboard.tables import Tables
from nas.errors import NasError
from nas.plots import registry, style
from nas.plots import trials as frame
from nas.study import Study

DIGITS = 6  # significant ones of a number in the table
ALWAYS = ("number", "state", "on_front", "accuracy", "last_accuracy")
COSTS = ("gflops", "ginteractions", "mparams", "latency", "activations", "depth")
TEXTS = ("seconds", "epochs", "seed", "sampler", "started", "worker", "summary", "reason", "key")
# what the table shows at first, besides the study's objectives
FIRST = ("number", "state", "accuracy", "gflops", "ginteractions", "mparams", "summary")
LABELS = {
    "number": "trial",
    "on_front": "front",
    "last_accuracy": "last accuracy",
    "worker": "lane",
    "summary": "network",
}


def payload(studies: Sequence[Study], board: Board, *, title: str = "", figures: bool = True) -> dict[str, Any]:
    """All of a page of some studies: what `nas.dashboard.static` and the live page show.

    Without `figures` it has no figures and sections, and takes a tenth of the time.
    """
    several = made.of_studies(studies)
    told = [_study(study, tables) for study, tables in zip(studies, several, strict=True)]
    drawn = dict(zip(("figures", "sections"), _figures(board, several, told), strict=True)) if figures else {}
    names = " ".join(shlex.quote(str(study.folder)) for study in studies)
    return {
        "title": title or " and ".join(one["name"] for one in told),
        "about": board.about,
        "command": f"nas dashboard {names}",
        "version": nas.__version__,
        "generated": datetime.now(UTC).isoformat(timespec="seconds"),
        "studies": told,
        **drawn,
    }


def _study(study: Study, tables: Tables) -> dict[str, Any]:
    """One study: facts, table and details."""
    trials = tables["trials"]
    tidied = frame.tidy(trials)
    columns = [_column(name, trials) for name in _columns(trials)]
    shown = set(trials.get("number", ()))  # a search may have added others meanwhile
    picked = [trial for trial in study.trials() if trial.number in shown]
    measured = any(trial.state == "complete" for trial in picked)
    return {
        "name": trials.attrs["study"],
        "target": shlex.quote(str(study.folder)),
        "facts": [list(pair) for pair in (*facts(trials), ("proxy and full training", fidelity(tables["retrained"])))],
        "counts": frame.counts(tidied),
        "empty": "" if measured else frame.emptiness(tidied),
        "objectives": list(study.recipe.objectives),
        "columns": columns,
        "trials": {column["key"]: _values(trials[column["key"]]) for column in columns},
        "knee": fronts.pick(picked, study.recipe.objectives, "knee").number if measured else None,
        "details": _packed(_details(trials, tables["curves"])),
    }


def _columns(trials: pd.DataFrame) -> list[str]:
    """The columns of the table: all that is known of any trial."""
    decisions = [name for name in trials if str(name).startswith(frame.DECISION)]
    return [name for name in (*ALWAYS, *COSTS, *decisions, *TEXTS) if name in trials and trials[name].notna().any()]


def _column(name: str, trials: pd.DataFrame) -> dict[str, Any]:
    """What a column is called, counts and holds."""
    cost = name in COSTS
    kind = "percent" if name.endswith("accuracy") else "number" if pd.api.types.is_float_dtype(trials[name]) else "text"
    if pd.api.types.is_integer_dtype(trials[name]):
        kind = "integer"
    directions = {one.name: one.direction for one in fronts.named(tuple(trials.attrs["objectives"]))}
    return {
        "key": name,
        "label": style.name(name) if cost else LABELS.get(name, name.removeprefix(frame.DECISION)),
        "unit": style.unit(name, frame.counted_for(trials, name)) if cost else "",
        "kind": kind,
        "cost": cost,
        "direction": directions.get(name),
        "shown": name in FIRST or name in directions,
    }


def _values(column: pd.Series) -> list[Any]:
    """A column as JSON values: numbers rounded, times as text, None where unknown."""
    return [_value(value) for value in column.astype(object)]


def _value(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def _details(trials: pd.DataFrame, curves: pd.DataFrame) -> dict[str, Any]:
    """What the page tells of a trial that was clicked."""
    rows: dict[int, list] = {}
    for row in curves[["trial", "epoch", "train_error", "val_accuracy"]].itertuples(index=False):
        rows.setdefault(int(row.trial), []).append([_value(value) for value in row[1:]])
    costs = [name for name in (*COSTS, "weights", "norm_elements") if name in trials]
    return {
        str(trial["number"]): {
            "genotype": trial["genotype"],
            "costs": [[style.name(name), _written(name, trial[name])] for name in costs if pd.notna(trial[name])],
            "curve": rows.get(trial["number"], []),
        }
        for trial in trials.to_dict("records")
    }


def _written(cost: str, value: float) -> str:
    """Layers are counted, all else is told with three digits."""
    return f"{value:.0f}" if cost == "depth" else style.number(value)


def _packed(told: dict[str, Any]) -> str:
    """JSON as base64 of gzip; the same bytes for the same trials."""
    return base64.b64encode(gzip.compress(json.dumps(told, separators=(",", ":")).encode(), 6, mtime=0)).decode()


def _figures(board: Board, several: Sequence[Tables], told: Sequence[dict]) -> tuple[list[dict], list[dict]]:
    """All figures, once a study (once in all where they show several studies), and the sections that name them."""
    figures: list[dict] = []
    sections = []
    for section in board.sections:
        ids = []
        for shown in section.figures:
            for number, (tables, one) in enumerate(_of(shown, several, told), len(figures)):
                figures.append(_figure(shown, tables, one, f"{shown.name}-{number}"))
                ids.append(figures[-1]["id"])
        sections.append({"heading": section.heading, "figures": ids})
    return figures, sections


def _of(shown: Shown, several: Sequence[Tables], told: Sequence[dict]) -> Iterable[tuple[Tables, str | None]]:
    """The tables that a figure is drawn from, each with the study's name; None where it shows all of them."""
    if registry.find(shown.figure).tables == ("studies",):
        return [(several[0], None)]
    pairs = zip(several, told, strict=True)
    return [(tables, one["name"]) for tables, one in pairs if not shown.needs or shown.needs in one["trials"]]


def _figure(shown: Shown, tables: Tables, study: str | None, name: str) -> dict[str, Any]:
    """A figure, with its title as text: the page sets it so that it wraps on narrow screens."""
    try:
        figure = registry.drawn(shown.figure, tables, shown.options)
    except NasError as error:
        raise error.at(f"the figure {shown.figure}") from None
    title, note = figure.layout.title.text or "", figure.layout.title.subtitle.text or ""
    drawn = json.loads(plotly.io.to_json(figure, engine="json"))
    how = (figure.layout.meta or {}).get("how", "")
    told = {"title": unescape(title), "note": " ".join([unescape(note.replace("<br>", " ")), how]).strip()}
    return {"id": name, "study": study, **told, "wide": shown.wide, "json": drawn}
