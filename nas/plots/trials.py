"""The frame of trials that figures and pages take, and how one trial is told in words.

One row a trial: number, state ('complete' 'stopped' 'failed' 'running'), on_front, accuracy (top-1 as a fraction, NaN
unless complete), the costs of `style.UNITS`, seconds, epochs, reason (of a failure), key, genotype (YAML),
summary (one line) and one column 'decision.<name>' a decision. `frame.attrs` has the study's facts: study,
clip, views, dataset, proxy, seed, budget, objectives, noise, val_clips, latency (on what it was measured). Missing
columns and facts are unknown, never an error: a study has none at its start.
"""

from __future__ import annotations

import textwrap
from html import escape

import numpy as np
import pandas as pd

from nas.data_settings import METRICS
from nas.plots import style

NUMBERS = ("number", "accuracy", "seconds", "epochs", *style.UNITS)
TEXTS = ("state", "reason", "key", "genotype", "summary")
STATES = ("complete", "stopped", "failed", "running")
DECISION = "decision."
# a longer hover text leaves the screen of a telephone
SHOWN_DECISIONS, LINE = 14, 46


def metric(trials: pd.DataFrame) -> str:
    """What the accuracies are, in words: `attrs` may say `metric`."""
    return escape(str(trials.attrs.get("metric") or METRICS["top1"]))


def tidy(trials: pd.DataFrame) -> pd.DataFrame:
    """A copy with every column there, numbers as numbers, texts as texts, and the same attrs."""
    tidied = trials.copy()
    tidied.attrs = {}  # pandas copies them at every step
    for column in (*NUMBERS, *TEXTS, "on_front"):
        if column not in tidied:
            tidied[column] = None
    for column in NUMBERS:
        tidied[column] = pd.to_numeric(tidied[column], errors="coerce").astype(float)
    for column in TEXTS:
        tidied[column] = tidied[column].astype(object).where(tidied[column].notna(), "").astype(str)
    tidied["on_front"] = tidied["on_front"].eq(True).astype(bool)
    tidied.attrs = dict(trials.attrs)
    return tidied


def measured(trials: pd.DataFrame, cost: str) -> pd.DataFrame:
    """The complete trials that have both an accuracy and this cost: what a figure can draw."""
    known = np.isfinite(trials["accuracy"]) & np.isfinite(trials[cost].astype(float))
    return trials[(trials["state"] == "complete") & known]


def noise(trials: pd.DataFrame) -> pd.Series:
    """The standard error of each accuracy from the number of validation clips: sqrt(p (1 - p) / n).

    Says nothing of the spread between seeds, which is usually larger. Falls back to attrs["noise"], the same
    for all trials, then to NaN (unknown).

    >>> frame = pd.DataFrame({"accuracy": [0.5, 0.9]})
    >>> frame.attrs = {"val_clips": 400}
    >>> noise(frame).round(3).tolist()
    [0.025, 0.015]
    """
    clips, constant = trials.attrs.get("val_clips"), trials.attrs.get("noise")
    accuracy = trials["accuracy"].astype(float)
    if clips:
        return np.sqrt(accuracy * (1 - accuracy) / clips)
    return accuracy * 0 + (np.nan if constant is None else float(constant))


def clip(trials: pd.DataFrame) -> str:
    """The input that costs are counted for: 'one 8x224x224 clip'; with several views, all of them."""
    views, size = trials.attrs.get("views") or 1, trials.attrs.get("clip") or "clip of unknown size"
    if "unknown" in size:
        return f"one {size}"
    return f"one {size} clip" if views == 1 else f"{views} clips of {size}"


def counted_for(trials: pd.DataFrame, cost: str) -> str:
    """What a cost is told for: the clip, and for latency the device and how networks ran on it."""
    told = [clip(trials), trials.attrs.get("latency")] if cost == "latency" else [clip(trials)]
    return ", ".join(filter(None, told))


def subtitle(trials: pd.DataFrame) -> str:
    """What the accuracies of a figure mean: data set, proxy, budget, seed and number of trials."""
    facts = trials.attrs
    parts = [
        f"{key} {facts[key]}" for key in ("dataset", "proxy", "budget", "seed") if facts.get(key) not in (None, "")
    ]
    told = "; ".join([*parts, counts(trials)]).replace("dataset ", "data set ", 1)
    return escape(told[0].upper() + told[1:])


def counts(trials: pd.DataFrame) -> str:
    """How many trials there are, by state.

    >>> counts(pd.DataFrame({"state": ["complete", "failed", "complete"]}))
    '3 trials (2 complete, 1 failed)'
    """
    if not len(trials):
        return "no trial yet"
    states = trials["state"].value_counts()
    told = ", ".join(f"{states[state]} {state}" for state in STATES if state in states)
    return f"{len(trials)} trial{'s' * (len(trials) != 1)} ({told})"


def emptiness(trials: pd.DataFrame) -> str:
    """Why there is nothing to draw, for a frame without a measured trial."""
    if not len(trials):
        return "no trial yet"
    if (trials["state"] == "failed").all():
        return "the only trial failed" if len(trials) == 1 else f"all {len(trials)} trials failed"
    if (trials["state"] == "complete").any():
        return f"no accuracy is known of {counts(trials)}"
    return f"no complete trial yet: {counts(trials)}"


def hover(trials: pd.DataFrame) -> list[str]:
    """One hover text a trial: number, design, accuracy, costs with units and clip, decisions; all escaped."""
    decisions = [column for column in trials if str(column).startswith(DECISION)]
    errors = noise(trials)
    plain = trials.copy()
    plain.attrs = {}
    rows = plain.to_dict("records")
    return [_told(row, error, clip(trials), decisions) for row, error in zip(rows, errors, strict=True)]


def _told(row: dict, error: float, clip_text: str, decisions: list[str]) -> str:
    place = ", on the front" if row["on_front"] else ""
    lines = [f"<b>trial {row['number']:.0f}</b>{place}", *_wrapped(row["summary"])]
    lines.append(f"accuracy {style.percent(row['accuracy'], error)}")
    costs = ["gflops", "ginteractions", "mparams", *["latency"] * (not pd.isna(row["latency"]))]
    lines += [f"{style.number(row[cost])} {style.name(cost)}" for cost in costs]
    lines.append(f"<i>{escape(clip_text)}</i>")
    answers = [(column.removeprefix(DECISION), row[column]) for column in decisions if not pd.isna(row[column])]
    for decision, answer in answers[:SHOWN_DECISIONS]:
        lines += _wrapped(f"{decision}: {_plain(answer)}")
    if len(answers) > SHOWN_DECISIONS:
        lines.append(f"and {len(answers) - SHOWN_DECISIONS} more decisions")
    return "<br>".join(line for line in lines if line)


def _plain(answer: object) -> object:
    """An answer as it was given: pandas turns whole numbers into floats where another trial has none."""
    return int(answer) if isinstance(answer, float) and answer.is_integer() else answer


def _wrapped(text: str) -> list[str]:
    return [escape(line) for line in textwrap.wrap(text, LINE)]
