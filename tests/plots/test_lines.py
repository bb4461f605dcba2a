"""Many curves as one line, broken between trials, thinned evenly."""

import doctest

import numpy as np
import pandas as pd

from nas.plots import lines
from tests.study_frame import made_up


def test_the_examples_hold():
    assert not doctest.testmod(lines).failed


def test_a_line_holds_every_epoch_of_every_trial_in_order():
    table = lines.tidy(made_up(30)["curves"].sample(frac=1, random_state=0))
    line = lines.line(table)
    kept = np.isfinite(line.y)
    assert len(line.y) == len(table) + table["trial"].nunique() - 1 and np.isfinite(line.x).sum() == len(table)
    assert np.allclose(line.y[kept], table["val_accuracy"]) and line.trial[kept].tolist() == table["trial"].tolist()
    assert (np.diff(line.x[kept]) == 1).sum() == len(table) - table["trial"].nunique()


def test_rows_without_a_trial_an_epoch_or_an_accuracy_are_left_out():
    table = pd.DataFrame({"trial": [0, None, 1, 1], "epoch": [1, 1, None, 2], "val_accuracy": [0.5, 0.5, 0.5, np.nan]})
    assert lines.tidy(table)["trial"].tolist() == [0] and lines.tidy(pd.DataFrame()).empty


def test_thinning_keeps_whole_curves():
    table = pd.DataFrame({"trial": np.repeat(np.arange(3000), 8), "epoch": np.tile(np.arange(1, 9), 3000)})
    kept = lines.thinned(table)
    assert len(kept) == 8 * lines.MOST and (kept.groupby("trial").size() == 8).all()
    assert lines.thinned(table[table["trial"] < lines.MOST]).equals(table[table["trial"] < lines.MOST])


def test_ends_are_the_last_epochs():
    table = lines.tidy(made_up(20)["curves"])
    assert lines.ends(table)["epoch"].tolist() == table.groupby("trial")["epoch"].max().tolist()
