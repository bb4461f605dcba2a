"""Budgets and objectives as users write them."""

from types import SimpleNamespace

import pytest

from nas.errors import NasError
from nas.units import Budget, objectives

COST = SimpleNamespace(macs=35_000_000_000, params=25_000_000, weights=24_000_000, interactions=2_000_000_000, depth=50)


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("35gflops", True),
        ("34.9gflops", False),
        ("10..35gflops", True),
        ("36..40gflops", False),
        ("25mparams", True),
        ("2..ginteractions", True),
        ("2.1..ginteractions", False),
        ("..35gflops", True),
        ("10..35gflops,25mparams,2..ginteractions", True),
        ("10..35GFLOPs 24mparams", False),
        ("60depth", True),
    ],
)
def test_budget_limits_costs(text, fits):
    assert Budget.parse(text).fits(COST) is fits


@pytest.mark.parametrize(
    "text",
    ["35gflops", "10..35gflops", "2..ginteractions", "35.1234567gflops", "1234567..250000000kparams", "0.00001gflops"],
)
def test_budget_is_written_as_it_was_read(text):
    assert str(Budget.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("35", "not understood"),
        ("gflops", "not understood"),
        ("..gflops", "not understood"),
        ("35gflop", "did you mean 'gflops'"),
        ("40..35gflops", "no room"),
        ("0gflops", "no room"),
        ("0..gflops", "limits nothing"),
        ("-5gflops", "not understood"),
        ("35gflops,10gmacs", "twice"),
        ("NaNgflops", "not understood"),
    ],
)
def test_bad_budgets_say_what_would_work(text, word):
    with pytest.raises(NasError, match=word):
        Budget.parse(text)


def test_objectives():
    assert objectives("accuracy, gflops") == ("accuracy", "gflops")
    for bad, word in (
        ("accuracy,gflop", "did you mean"),
        ("gflops", "lack accuracy"),
        ("accuracy,accuracy", "repeat"),
    ):
        with pytest.raises(NasError, match=word):
            objectives(bad)
