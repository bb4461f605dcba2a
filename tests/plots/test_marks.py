"""Marks: whole hover texts for few trials, numbers alone for many; every mark knows its trial."""

import doctest

import numpy as np

from nas.plots import marks
from nas.plots import trials as frame
from tests.study_frame import made_up


def test_the_examples_hold():
    assert not doctest.testmod(marks).failed


def test_few_trials_are_told_in_full_and_many_in_short():
    rows = frame.tidy(made_up(12)["trials"])
    few, many = (marks.scatter(rows, "gflops", many=many, across="GFLOPs") for many in (False, True))
    assert (few.type, many.type) == ("scatter", "scattergl")
    assert "stages.1.depth" in few.hovertext[0] and many.hovertext is None
    assert "%{customdata}" in many.hovertemplate and "GFLOPs" in many.hovertemplate
    for trace in (few, many):
        assert trace.customdata.tolist() == list(range(12)) and trace.customdata.dtype.kind == "i"
        np.testing.assert_allclose(trace.x, rows["gflops"], rtol=1e-6)


def test_a_line_of_its_own_follows_the_hover_text():
    rows = frame.tidy(made_up(2)["trials"])
    told = marks.scatter(rows, "gflops", many=False, across="GFLOPs", told=["stopped early", ""]).hovertext
    assert told[0].endswith("<br>stopped early") and "stopped" not in told[1]


def test_a_trial_without_a_number_has_none_that_exists():
    assert marks.numbers(frame.tidy(made_up(2)["trials"].drop(columns="number"))).tolist() == [-1, -1]
