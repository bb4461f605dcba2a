"""Trials by number, and by their place on the front as `nas.fronts.pick` has it."""

import doctest
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from nas import fronts
from nas.errors import NasError
from nas.plots import chosen
from nas.plots.trials import tidy
from tests.study_frame import made_up, trials


def test_the_examples_hold():
    assert not doctest.testmod(chosen).failed


@pytest.mark.parametrize("how", ["knee", "best", "cheapest"])
@pytest.mark.parametrize("names", [("accuracy", "gflops"), ("accuracy", "gflops", "ginteractions"), ("accuracy",)])
@pytest.mark.parametrize("seed", [0, 1])
def test_names_mean_what_retraining_means_by_them(how, names, seed):
    table = made_up(80, seed)["trials"]
    table.attrs["objectives"] = list(names)
    stand_ins = [_trial(row) for row in table.to_dict("records")]
    assert chosen.row(tidy(table), how)["number"] == fronts.pick(stand_ins, names, how).number


def _trial(row):
    values = {"accuracy": row["accuracy"], "gflops": row["gflops"], "ginteractions": row["ginteractions"]}
    cost = SimpleNamespace(macs=row["gflops"])
    more = {"state": row["state"], "accuracy": row["accuracy"], "cost": cost, "value": values.__getitem__}
    return SimpleNamespace(number=row["number"], **more)


def test_stopped_trials_and_those_without_a_value_are_never_picked():
    table = tidy(trials())
    table.loc[1, "gflops"] = np.nan
    assert chosen.row(table, "best")["number"] == 0
    table["state"] = "stopped"
    with pytest.raises(NasError, match="no complete trial yet"):
        chosen.row(table, "best")


def test_unknown_objectives_do_not_count():
    table = tidy(trials())
    table.attrs["objectives"] = ["accuracy", "beauty", "mweights"]
    assert [aim.name for aim in chosen.objectives(table)] == ["accuracy"]


def test_a_number_that_no_trial_has():
    with pytest.raises(NasError, match="no trial 9; they are numbered 0 to 4"):
        chosen.row(tidy(trials()), 9)
    with pytest.raises(NasError, match="no trial 0; it has none yet"):
        chosen.row(tidy(pd.DataFrame()), 0)


def test_a_network_that_cannot_be_built_is_told():
    row = {
        "number": 3.0,
        "genotype": "stages: [{depth: 1, width: 7, block: {kind: plain, conv: {kind: grouped, group_width: 9}}}]",
    }
    with pytest.raises(NasError, match="group_width"):
        chosen.network(row)
