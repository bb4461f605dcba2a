"""Made-up payloads of dashboards for tests: what `nas.dashboard.static` and the page's scripts take."""

import base64
import gzip
import json
import math

import pandas as pd

from nas.plots import style
from nas.plots import trials as frame
from nas.plots.accuracy_over_cost import accuracy_over_cost
from nas.plots.accuracy_over_interactions import accuracy_over_interactions
from tests.study_frame import made_up

COSTS = ("gflops", "ginteractions", "mparams")
HIDDEN = ("genotype", "worker", "started", "ended")


def payload(*studies, figures=2, title="made-up"):
    """The payload of some tables of `made_up`; `figures` of each study, the two that exist again and again."""
    drawn = [one for tables in studies for one in drawings(tables, figures)]
    sections = [
        {"heading": "Fronts", "figures": [one["id"] for place, one in enumerate(drawn) if place % figures < 2]},
        {"heading": "More", "figures": [one["id"] for place, one in enumerate(drawn) if place % figures >= 2]},
    ]
    return {
        "title": title,
        "command": f"nas dashboard studies/{title}",
        "version": "0.1.0",
        "generated": "2026-01-02 03:04 UTC",
        "studies": [study(tables) for tables in studies],
        "figures": drawn,
        "sections": [section for section in sections if section["figures"]],
    }


def study(tables):
    """One study's part."""
    trials = frame.tidy(tables["trials"])
    facts = [[key, str(value)] for key, value in trials.attrs.items()]
    known = {name: plain(trials[name]) for name in trials if name not in HIDDEN and trials[name].notna().any()}
    complete = trials[trials["on_front"]]
    return {
        "name": trials.attrs["study"],
        "target": f"studies/{trials.attrs['study']}",
        "facts": facts,
        "counts": frame.counts(trials),
        "empty": "" if (trials["state"] == "complete").any() else frame.emptiness(trials),
        "objectives": trials.attrs.get("objectives", ["accuracy", "gflops"]),
        "columns": columns(trials),
        "trials": known | {"number": [int(number) for number in trials["number"]]},
        "knee": int(complete["number"].iloc[len(complete) // 2]) if len(complete) else None,
        "details": details(trials, tables["curves"]),
    }


def columns(trials):
    """Accuracy and costs, then what else the table may show."""
    accuracy = {"key": "accuracy", "label": "accuracy", "unit": "top-1", "kind": "percent", "cost": False}
    costs = [
        {"key": key, "label": style.name(key), "unit": style.unit(key, "one 8x224x224 clip"), "kind": "number"}
        | {"cost": True, "direction": "min", "shown": True}
        for key in COSTS
    ]
    more = [
        {"key": key, "label": key, "unit": "", "kind": kind, "cost": False, "direction": None, "shown": key == "epochs"}
        for key, kind in (("seconds", "number"), ("epochs", "integer"), ("key", "text"))
    ]
    return [accuracy | {"direction": "max", "shown": True}, *costs, *more]


def drawings(tables, count):
    """`count` figures of a study."""
    trials, references, name = tables["trials"], tables["references"], tables["trials"].attrs["study"]
    makers = [lambda: accuracy_over_cost(trials, references), lambda: accuracy_over_interactions(trials, references)]
    made = []
    for place in range(count):
        figure = makers[place % 2]()
        note = (figure.layout.title.subtitle.text or "").replace("<br>", " ")
        parts = {"id": f"{place}-{name}", "study": name, "title": figure.layout.title.text, "note": note, "wide": False}
        made.append(parts | {"json": json.loads(figure.to_json())})
    return made


def details(trials, curves):
    """Genotypes, costs and curves, packed."""
    points = {
        int(number): rows[["epoch", "train_error", "val_accuracy"]].astype(float).values.tolist()
        for number, rows in curves.groupby("trial")
    }
    found = {
        str(int(row.number)): {
            "genotype": row.genotype,
            "costs": [[style.name(key), style.number(getattr(row, key))] for key in COSTS],
            "curve": points.get(int(row.number), []),
        }
        for row in trials.itertuples()
    }
    return base64.b64encode(gzip.compress(json.dumps(found).encode(), mtime=0)).decode()


def plain(column):
    """A column as JSON values, None where it is unknown."""
    return [None if pd.isna(value) else value for value in map(_plain, column.tolist())]


def _plain(value):
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def tables(count, *, seed=0, name="made-up"):
    """`made_up`, under a name."""
    made = made_up(count, seed)
    for table in (made["trials"], made["curves"]):
        table.attrs["study"] = name
    return made
