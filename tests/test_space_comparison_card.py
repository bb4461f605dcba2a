"""What `nas compare` prints: tables that fit, and sentences that claim no more than the tests show."""

import io

import pandas as pd
import pytest
from rich.console import Console

from nas import space_comparison_card as card
from nas.space_comparison import balance, decisions, differences, weights
from tests.test_space_comparison import decided, drawn


def printed(what, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(what)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("better", "told"),
    [
        (0.04, "b has lower errors than a at equal complexity"),
        (-0.04, "a has lower errors than b at equal complexity"),
        (0.0, "a against b: no difference that chance does not explain"),
    ],
)
def test_the_verdict_names_the_better_space(better, told):
    (line,) = card.verdicts(differences(weights(drawn(better=better)), repeats=500))
    assert line.startswith(told) and ", p " in line


def test_other_distributions_of_the_same_mean():
    row = {"space": "a", "other": "b", "difference": 0.001, "low": -0.01, "high": 0.01, "p_holm": 0.001}
    assert "distributed otherwise, their means not" in card.verdicts(pd.DataFrame([row]))[0]


def test_the_decisive_decision_is_told_with_its_ends():
    (line,) = card.decisive(decisions(weights(decided()), repeats=50, permutations=500))
    assert line.startswith("a: block moves the error most, ") and "from ir (best) to ip (worst)" in line
    idle = decided()[["space", "gflops", "error", "decision.idle"]]
    lines = card.decisive(decisions(weights(idle), repeats=50, permutations=500))
    assert lines == ["a: no decision moves the error more than chance does"]


def test_all_tables_fit_80_columns():
    long = {"a": "space/csn-with-a-long-name.yaml", "b": "space/ctnet.yaml"}
    frame = drawn(better=0.04).replace({"space": long})
    frame["decision.stages.2.block=grouped.groups"] = ["dense", "depthwise"] * 150
    frame.loc[:2, "error"] = None
    weighted = weights(frame)
    tested, decided_by = differences(weighted, repeats=100), decisions(weighted, repeats=50, permutations=100)
    console = Console(file=io.StringIO(), width=80)
    card.show(balance(weighted), tested, decided_by, console)
    told = console.file.getvalue()
    assert "…" not in told
    for part in (
        "effective",
        "error differs by",
        "by chance",
        "left out: 3 networks without an error",
        "compared from",
    ):
        assert part in told


def test_many_decisions_are_cut_and_counted():
    frame = decided().assign(**{f"decision.more{i}": ["x", "y"] * 150 for i in range(5)})
    rows = decisions(weights(frame), repeats=20, permutations=50)
    assert "and 3 more decisions" in printed(card.space_decisions("a", rows))


def test_names_are_not_markup():
    frame = drawn(better=0.04).replace({"space": {"a": "[red]a"}})
    weighted = weights(frame)
    assert "[red]a" in printed(card.spaces(balance(weighted)))
    assert "[red]a" in printed(card.pairs(differences(weighted, repeats=50)))
