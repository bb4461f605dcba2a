"""A small made-up study for tests of figures and pages: five trials, four published networks."""

import math

import pandas as pd

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
