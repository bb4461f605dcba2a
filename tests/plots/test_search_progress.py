"""The hypervolume after each trial that matters, against that of all points up to there, worked out anew."""

import doctest

import numpy as np
import pandas as pd
import pytest

from nas import pareto
from nas.pareto import Objective
from nas.plots import search_progress as module
from nas.plots.search_progress import entering, in_order, progress, search_progress
from nas.plots.trials import tidy
from tests.study_frame import made_up, trials

AIMS = [Objective("accuracy", "max"), Objective("gflops", "min"), Objective("ginteractions", "max")]


def points_of(ended, aims):
    table = ended[[aim.name for aim in aims]].astype(float)
    return table.where(ended["state"] == "complete", np.nan).to_numpy().tolist()


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


@pytest.mark.parametrize("aims", [AIMS[:1], AIMS[:2], AIMS, [*AIMS, Objective("mparams", "min")]])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_step_is_the_hypervolume_of_all_trials_so_far(aims, seed):
    ended = in_order(tidy(made_up(60, seed)["trials"]))
    points = points_of(ended, aims)
    reference = pareto.reference_point(points, aims)
    found = progress(ended, aims).set_index("trials")["hypervolume"]
    last = 0.0
    for count in range(1, len(ended) + 1):
        last = found.get(count, last)
        assert last == pytest.approx(pareto.hypervolume(points[:count], aims, reference), rel=1e-12)


def test_the_last_value_is_the_hypervolume_of_the_study():
    table = made_up(300)["trials"]
    complete = table[table["state"] == "complete"]
    points = complete[[aim.name for aim in AIMS]].to_numpy().tolist()
    whole = pareto.hypervolume(points, AIMS, pareto.reference_point(points, AIMS))
    for panel in search_progress(table).data:
        assert panel.y[-1] == pytest.approx(whole, rel=1e-12)


def test_epochs_count_stopped_and_failed_trials_but_no_running_one():
    table = made_up(40)["trials"]
    over_trials, over_epochs = search_progress(table).data
    ended = table[table["state"] != "running"]
    assert over_trials.x[-1] == len(ended) == 39
    assert over_epochs.x[-1] == ended["epochs"].sum() and (over_epochs.xaxis, over_epochs.yaxis) == ("x2", "y2")
    spent = in_order(table)["epochs"].cumsum().to_numpy()
    assert list(over_epochs.x) == [spent[count - 1] for count in over_trials.x]
    numbers = in_order(table)["number"].to_numpy()
    assert list(over_trials.customdata[:, 0]) == [numbers[count - 1] for count in over_trials.x]


def test_the_order_is_that_of_the_ends_where_all_are_known():
    table = tidy(made_up(20)["trials"])
    assert in_order(table)["ended"].is_monotonic_increasing
    table.loc[3, "ended"] = pd.NaT
    assert in_order(table)["number"].is_monotonic_increasing


def test_only_points_that_enter_the_front_count():
    points = np.array([[0.5, 2.0], [0.4, 3.0], [0.5, 2.0], [np.nan, 1.0], [0.6, 1.0]])
    found = entering(points, AIMS[:2])
    assert [row for row, _ in found] == [0, 4] and found[-1][1].tolist() == [[0.6, 1.0]]


def test_marks_are_the_trials_that_entered():
    figure = search_progress(made_up(200)["trials"])
    line = figure.data[0]
    sizes = list(line.marker.size)
    assert all(sizes[:-1]) and f"{sum(size > 0 for size in sizes)} trials entered" in figure.layout.title.subtitle.text
    assert line.customdata[-1][1] == 1.0 and "(accuracy × GFLOPs × Ginteractions)" in figure.layout.yaxis.title.text


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pd.DataFrame(), "no trial yet"),
        (trials().assign(state="failed"), "all 5 trials failed"),
        (trials().assign(accuracy=np.nan), "no accuracy is known"),
    ],
)
def test_nothing_to_draw_is_said(table, says):
    assert says in search_progress(table).layout.annotations[0].text


def test_one_trial_and_equal_trials():
    assert list(search_progress(trials(1)).data[0].x) == [1]
    same = trials().assign(state="complete", accuracy=0.5, gflops=1.0)
    assert list(search_progress(same).data[0].x) == [1, 5]


def test_texts_are_escaped():
    table = trials()
    table.attrs["dataset"] = "<script>"
    assert "<script>" not in search_progress(table).to_json(engine="json").replace("\\u003c", "<")
