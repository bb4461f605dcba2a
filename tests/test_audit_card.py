"""What `nas audit` prints fits a narrow terminal and names the scores that measure depth."""

import io

import numpy as np
import pandas as pd
from rich.console import Console

from nas import audit_card
from nas.correlation import audit
from nas.fidelity import fidelity
from tests.test_correlation import BASELINES, study


def printed(what, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(what)
    return console.file.getvalue()


def audited(trials=120):
    frame = study(trials)
    rng = np.random.default_rng(3)
    frame["negative"] = -frame["accuracy"]
    frame["deep"] = frame["depth"] + rng.normal(size=len(frame))
    frame["part"] = frame["accuracy"].where(frame.index >= 3)
    frame["interaction field"] = 1.0
    kinds = {"negative": "score", "deep": "score", "part": "score", "interaction field": "baseline"}
    return audit(frame, BASELINES | kinds, repeats=200)


def test_the_table_is_readable_at_80_columns():
    lines = printed(audit_card.table(audited())).splitlines()
    rows = {line.split("  ")[0].strip(): line for line in lines}
    assert "…" not in "".join(lines) and max(map(len, lines)) <= 80
    assert {"deep", "negative"} <= {name.split(" ")[0] for name in rows}
    assert lines[2].startswith("part") and "1.00 [1.00, 1.00]" in lines[2]


def test_rows_come_by_falling_tau_within_bands():
    found = audited()
    assert found["tau_within"].dropna().is_monotonic_decreasing
    lines = printed(audit_card.table(found), width=120).splitlines()[2:]
    assert [line.split()[0] for line in lines] == [name.split()[0] for name in found["predictor"]]


def test_verdicts_and_gaps_are_told():
    lines = audit_card.lines(audited())
    text = "\n".join(lines)
    assert "over 120 trials; within: the mean over 5 bands of equal cost" in lines[0]
    assert "interaction field: constant, so there is no correlation" in text
    assert "part: has a value in 117 of 120 trials" in text
    assert "deep: no better than depth" in text and "part: better than depth and params (" in text
    assert "depth: " not in text, "baselines are not judged"


def test_too_few_trials_for_bands():
    lines = audit_card.lines(audited(10))
    assert "missing: fewer than 16 trials" in lines[0]
    assert "at equal cost" not in "".join(lines)


def test_show_prints_both(capsys):
    audit_card.show(audited(), Console(width=80))
    told = capsys.readouterr().out
    assert "rank correlation with the final accuracy" in told and "no better than depth" in told


def test_the_card_of_a_proxy():
    pairs = pd.DataFrame({"trial": [3, 5, 8], "gflops": [1.0, 2.0, 4.0], "proxy": [0.3, 0.5, 0.4]})
    told = printed(audit_card.fidelity(fidelity(pairs.assign(full=[0.4, 0.6, 0.8]))))
    for part in ("3 networks", "Kendall's tau", "front regret", "20.0%", "at 4 GFLOPs", "2 of 3", "missed: 8"):
        assert part in told
    assert "missed: none" in printed(audit_card.fidelity(fidelity(pairs[:0].assign(full=[]))))
