"""Curves of all trials by state, rungs with what ended there, and the words of `nas.fronts.stops`."""

import doctest
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from nas import fronts
from nas.plots import early_stopping as module
from nas.plots import lines
from nas.plots.early_stopping import early_stopping, saved
from tests.study_frame import made_up


def curves(count, **attrs):
    table = made_up(count)["curves"]
    table.attrs |= attrs
    return table


def named(figure, name):
    return next(trace for trace in figure.data if trace.name.startswith(name))


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


@pytest.mark.parametrize("count", [12, 60, 300])
def test_the_words_and_figures_are_those_of_the_study(count):
    table = curves(count)
    groups = [rows for _, rows in table.groupby("trial")]
    stand_ins = [SimpleNamespace(state=rows["state"].iloc[0], curve=list(rows["epoch"])) for rows in groups]
    assert saved(table, 8) == fronts.stops(stand_ins, 8)
    assert saved(table, 8) in early_stopping(table).layout.title.subtitle.text.replace("<br>", " ")


def test_stopped_trials_end_at_their_rung():
    table = curves(60)
    figure = early_stopping(table)
    stopped = sorted(table.loc[table["state"] == "stopped", "trial"].unique())
    crosses = named(figure, "ended at a rung")
    assert list(crosses.customdata) == stopped and set(crosses.x) == {2}
    line = named(figure, "stopped")
    assert set(line.customdata) == set(stopped) and np.nanmax(line.x) == 2
    rows = table[table["trial"] == stopped[0]]
    assert np.allclose(line.y[:2], rows["val_accuracy"]) and np.isnan(line.y[2])


def test_rungs_tell_how_many_ended_there_of_those_that_got_there():
    table = curves(60)
    figure = early_stopping(table)
    lengths = table.groupby("trial")["epoch"].max()
    count = table.loc[table["state"] == "stopped", "trial"].nunique()
    texts = [annotation.text.replace("<br>", " ") for annotation in figure.layout.annotations]
    assert texts == [f"rung 2: {count} of {(lengths >= 2).sum()} stopped",
                     f"rung 4: 0 of {(lengths >= 4).sum()} stopped"]  # fmt: skip
    assert [shape.x0 for shape in figure.layout.shapes] == [2, 4]


def test_many_trials_are_thinned_and_the_legend_says_so():
    rows = pd.DataFrame({"trial": np.repeat(np.arange(5000), 2), "epoch": np.tile([1, 2], 5000), "state": "complete"})
    figure = early_stopping(rows.assign(val_accuracy=0.5))
    assert figure.data[0].name == f"complete (5,000, {lines.MOST} drawn)"
    assert len(set(figure.data[0].customdata)) == lines.MOST


def test_what_a_study_told_goes_first():
    assert (
        "Stopped: 3 &lt;b&gt;"
        in early_stopping(curves(12, stopped="3 <b>", dataset="", proxy="")).layout.title.subtitle.text
    )


def test_without_stopping_and_without_curves():
    table = curves(12, rungs=[])
    table = table[table["state"] == "complete"]
    assert "no trial was stopped: the study has no rungs" in early_stopping(table).layout.title.subtitle.text.replace(
        "<br>", " "
    )
    assert early_stopping(pd.DataFrame()).layout.annotations[0].text == "no epoch finished yet"
    assert not early_stopping(curves(12, rungs=None)).layout.shapes


def test_texts_are_escaped():
    written = early_stopping(curves(12, dataset="<script>", metric="<u>")).to_json(engine="json")
    assert not any(text in written.replace("\\u003c", "<") for text in ("<script>", "<u>"))
