"""Made-up studies for tests of figures and pages: five trials by hand, or any number at random."""

import math
from functools import cache

import numpy as np
import pandas as pd

from nas import strict_yaml
from nas.genotype import parse, to_yaml
from nas.pareto import Objective, front

ROWS = [
    # state, on_front, accuracy, gflops, ginteractions, mparams, block
    ("complete", True, 0.40, 0.5, 0.02, 0.3, "ir"),
    ("complete", True, 0.60, 4.0, 0.40, 2.0, "ip"),
    ("complete", False, 0.30, 2.0, 0.10, 1.0, "ir"),
    ("failed", False, math.nan, 3.0, 0.20, 1.5, "ip"),
    ("running", False, math.nan, 1.0, 0.10, 0.5, "ir"),
]


def trials(count: int = len(ROWS)) -> pd.DataFrame:
    """The first `count` trials, with the columns and attrs that `nas.plots.trials` describes."""
    columns = ("state", "on_front", "accuracy", "gflops", "ginteractions", "mparams", "decision.block")
    frame = pd.DataFrame(ROWS[:count], columns=columns)
    frame.insert(0, "number", range(len(frame)))
    frame["reason"] = ["diverged: the loss is NaN" if state == "failed" else "" for state in frame["state"]]
    frame["genotype"] = [f"nas: 1\ntrial: {number}\n" for number in frame["number"]]
    frame["summary"] = [f"{block} 1-1-1-1 w16" for block in frame["decision.block"]]
    frame.attrs = {"study": "tiny", "clip": "8x224x224", "views": 1, "dataset": "motion", "val_clips": 600}
    frame.attrs |= {"proxy": "width x0.25, 8 epochs", "budget": "at most 35 GFLOPs", "seed": 3, "noise": 0.02}
    return frame


def references() -> pd.DataFrame:
    """Four published networks: two data sets, one without an accuracy."""
    rows = [
        ("ir-csn-50", 10.6, 5.42, 13.1, 0.703, "Kinetics-400"),
        ("ip-csn-50", 11.9, 5.68, 14.4, 0.708, "Kinetics-400"),
        ("home-made", 3.0, 0.30, 1.0, 0.55, "Motion"),
        ("simple-8", 22.5, 0.27, 33.4, math.nan, None),
    ]
    frame = pd.DataFrame(rows, columns=("name", "gflops", "ginteractions", "mparams", "accuracy", "dataset"))
    return frame.assign(clip="8x224x224", views=10, source="CSN, Table 2")


KINDS = ("ir", "ip", "grouped", "simple")


def made_up(count: int, seed: int = 0) -> dict[str, pd.DataFrame]:
    """The tables of a study of `count` trials of a CSN-like space: trials, references, curves and retrained.

    Most are complete; every seventh was stopped, every nineteenth failed, and the last one is running. Accuracy rises
    with interactions, under noise.
    """
    random = np.random.default_rng(seed)
    table = _networks(count, random)
    table["state"] = [_state(number, count) for number in range(count)]
    complete = table["state"] == "complete"
    best = 0.35 + 0.1 * np.log10(1 + 40 * table["ginteractions"]) + random.normal(0, 0.03, count)
    table["last_accuracy"] = best.clip(0.05, 0.95).where(table["state"] != "failed")
    table["accuracy"] = table["last_accuracy"].where(complete)
    points = table.loc[complete, ["accuracy", "gflops", "ginteractions"]].to_numpy().tolist()
    aims = [Objective("accuracy", "max"), Objective("gflops", "min"), Objective("ginteractions", "max")]
    table["on_front"] = False
    table.loc[complete, "on_front"] = front(points, aims) if points else []
    table["epochs"] = table["state"].map({"complete": 8, "stopped": 2, "failed": 0, "running": 3}).astype(int)
    table["seconds"] = table["epochs"] * (1 + table["gflops"])
    table["worker"] = [f"worker {number % 3}" for number in range(count)]
    start = pd.Timestamp("2026-01-01", tz="UTC")
    table["started"] = start + pd.to_timedelta(np.arange(count) * 7.0, unit="s")
    table["ended"] = (table["started"] + pd.to_timedelta(table["seconds"], unit="s")).where(table["state"] != "running")
    reasons = ["diverged: the loss is NaN", "out of memory on cuda:0"]
    failed = table["state"] == "failed"
    table["reason"] = [reasons[number % 2] if one else "" for number, one in enumerate(failed)]
    table["seed"], table["sampler"] = np.arange(count), "front"
    table.attrs = trials(0).attrs | {
        "study": "made-up", "objectives": ["accuracy", "gflops", "ginteractions"], "epochs": 8, "rungs": [2, 4],
        "metric": "top-1 accuracy", "space": "csn", "sampler": "front",
    }  # fmt: skip
    return {"trials": table, "references": references(), "curves": _curves(table), "retrained": _retrained(table)}


def _state(number: int, count: int) -> str:
    if number == count - 1 and count > 2:
        return "running"
    return "failed" if number % 19 == 5 else "stopped" if number % 7 == 3 else "complete"


def _networks(count: int, random: np.random.Generator) -> pd.DataFrame:
    """Records and costs that go together."""
    kinds, depth = random.choice(KINDS, count), random.integers(1, 7, count)
    groups, kept = random.choice([1, 2, 4, 8, 16], count), random.choice([0, 25, 50, 75, 100], count)
    size = depth * np.where(kinds == "ip", 1.3, 1.0) / np.where(kinds == "simple", 1, np.sqrt(groups))
    macs = size * random.uniform(0.8, 1.2, count)
    table = pd.DataFrame({"number": np.arange(count), "gflops": 2.0 * macs})
    table["ginteractions"] = 0.2 * size**1.5 * np.where(kinds == "ir", 0.2, 1.0)
    table["mparams"] = 3.0 * size
    table["macs"], table["depth"] = (2e9 * macs).round(), 3 * depth + 2
    table["decision.block"], table["decision.stages.1.depth"] = kinds, depth
    table["decision.grouped.groups"] = pd.Series(groups).where(pd.Series(kinds) == "grouped").convert_dtypes()
    table["decision.deflation.keep"] = kept
    table["decision.deflation.end"] = random.choice(["top", "bottom"], count)
    table["key"] = [f"{number:08x}" for number in range(count)]
    table["summary"] = [f"{kind} depth {deep} g{group}" for kind, deep, group in zip(kinds, depth, groups, strict=True)]
    table["genotype"] = [_genotype(kind, int(deep)) for kind, deep in zip(kinds, depth, strict=True)]
    return table


@cache
def _genotype(kind: str, depth: int) -> str:
    """A real genotype in YAML, as a study has it on record."""
    conv = {"ir": "{kind: depthwise}", "ip": "{kind: separated}", "grouped": "{kind: grouped, groups: 2}"}
    block = f"{{kind: bottleneck, conv: {conv[kind]}}}" if kind in conv else "{kind: simple}"
    stages = [f"{{depth: {depth}, width: {width}, block: {block}}}" for width in (64, 128)]
    text = f"nas: 1\nclasses: 10\ninput: {{frames: 8, size: 64}}\nstages: [{', '.join(stages)}]\n"
    return to_yaml(parse(strict_yaml.plain(strict_yaml.parse(text))))


def _curves(table: pd.DataFrame) -> pd.DataFrame:
    """A row an epoch of each trial that was trained."""
    rows = [
        {"trial": row.number, "epoch": epoch, "state": row.state, "on_front": row.on_front}
        | {"train_error": 0.9 - 0.6 * epoch / 8, "val_accuracy": row.last_accuracy * epoch / max(row.epochs, 1)}
        for row in table[["number", "state", "on_front", "last_accuracy", "epochs"]].itertuples()
        for epoch in range(1, row.epochs + 1)
    ]
    columns = ["trial", "epoch", "train_error", "val_accuracy", "state", "on_front"]
    curves = pd.DataFrame(rows, columns=columns)
    curves.attrs = dict(table.attrs)
    return curves


def _retrained(table: pd.DataFrame) -> pd.DataFrame:
    """The first five trials of the front, better in full."""
    rows = table[table["on_front"]].head(5)
    return pd.DataFrame({"trial": rows["number"], "proxy": rows["accuracy"], "retrained": rows["accuracy"] + 0.1})
