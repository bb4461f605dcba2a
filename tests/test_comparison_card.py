"""The printed tables: they fit 80 columns, cut nothing and tell a bound from a mean."""

import io
import math

import pandas as pd
import pytest
from rich.console import Console

from nas.comparison import Estimate, Speedup, Stopping
from nas.comparison_card import change, counted, levels_table, ratio, speedup_table, stopping_table

MEAN, BOUND = Estimate(1234.4, 998.0, 1500.2), Estimate(1786.8, math.nan, math.nan, bound=True)
RATIO = Estimate(0.412, 0.35, 0.507)


def printed(table) -> list[str]:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table)
    return [line.rstrip() for line in console.export_text().splitlines()]


def needed(**reached):
    rows = []
    for level in (0.9, 0.99):
        for sampler, count in reached.items():
            estimate = MEAN if count == 20 else BOUND
            row = {"level": level, "sampler": sampler.replace("_", ", "), "repeats": 20, "reached": count}
            for along in ("trials", "epochs"):
                row |= {along: estimate.mean, f"{along}_low": estimate.low, f"{along}_high": estimate.high}
            rows.append(row)
    return pd.DataFrame(rows)


def test_levels():
    lines = printed(levels_table(needed(front_none=20, uniform=12), whole="pooled"))
    assert max(map(len, lines)) <= 80 and "all runs together" in lines[0] + lines[1]
    told = [line.split() for line in lines]
    mean = ["1,234", "(998", "to", "1,500)"]
    assert ["90", "%", "front,", "none", *mean, *mean, "20", "of", "20"] in told
    assert told.count(["uniform", ">", "1,786", ">", "1,786", "12", "of", "20"]) == 2
    assert "lower bound" in lines[-1]


@pytest.mark.parametrize("estimate, share", [(MEAN, RATIO), (BOUND, Estimate(1.0666, math.nan, math.nan, bound=True))])
def test_speedup(estimate, share):
    four = [estimate, estimate, share, share]
    told = Speedup("front", "evolution", 150, 0.9541, 1800.0, 13, 20, *four, *four)
    lines = printed(speedup_table(told))
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "95.4 % of the true hypervolume that evolution" in text and "13 of 20 repeats of front have it" in text
    assert f"trials, mean of repeats 150 {counted(estimate)} {ratio(share)}" in text
    assert f"epochs, mean curve 1,800 {counted(estimate)} {ratio(share)}" in text


def test_stopping():
    final = Estimate(-0.0123, -0.02, 0.0041)
    lines = printed(stopping_table(Stopping("front", "front, no stopping", 0.942, MEAN, MEAN, RATIO, final)))
    assert max(map(len, lines)) <= 80 and len(lines) == 6 and "94.2 %" in lines[0]
    assert lines[-1].split("end")[1].strip() == "-1.2 % (-2.0 to +0.4)"
    assert lines[3].startswith("epochs, front, no stopping")


def test_bounds_are_rounded_down_and_means_to_the_nearest():
    assert counted(BOUND) == "> 1,786" and counted(Estimate(1786.8, 1786.8, 1786.8)) == "1,787 (1,787 to 1,787)"
    assert ratio(Estimate(0.29, math.nan, math.nan, bound=True)) == "> 0.29"
    assert change(Estimate(0.0, 0.0, 0.0)) == "+0.0 % (+0.0 to +0.0)"
