"""Decisions as texts: whole numbers, order, shortening, escaping."""

import doctest
import math

import pandas as pd

from nas.plots import decisions


def test_the_examples_hold():
    assert not doctest.testmod(decisions).failed


def test_only_decisions_with_an_answer_count():
    table = pd.DataFrame({"decision.a": [1, None], "decision.b": [None, None], "number": [0, 1], 3: [0, 1]})
    assert decisions.columns(table) == ["decision.a"]


def test_every_kind_of_missing_answer_is_empty():
    assert decisions.labels(pd.Series([None, pd.NA, math.nan, pd.NaT, "", False], dtype=object)) == [""] * 5 + ["False"]


def test_numbers_of_an_integer_column_with_gaps():
    assert decisions.numbers(pd.Series([4, None]).convert_dtypes()).tolist()[0] == 4


def test_long_names_keep_both_ends():
    short = decisions.short("x" * 300 + "<end>", 20)
    assert short.startswith("xxx") and short.endswith("&lt;end&gt;") and "…" in short
    assert len(decisions.short("y" * 300, 20)) == 20
