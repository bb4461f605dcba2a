"""Learning curves: training dotted, validation solid, one colour a run."""

import math

import pandas as pd

from nas.plots.learning_curves import learning_curves

ROWS = [
    {"epoch": 2, "train_error": 0.6, "val_accuracy": 0.5},
    {"epoch": 1, "train_error": 0.8, "val_accuracy": math.nan},
]


def test_one_run():
    training, validation = learning_curves(pd.DataFrame(ROWS)).data
    assert (list(training.x), list(training.y), training.line.dash) == ([1, 2], [0.8, 0.6], "dot")
    assert (list(validation.x), list(validation.y), validation.line.dash) == ([2], [0.5], "solid")


def test_several_runs_share_a_colour_within_a_run_only():
    runs = pd.concat([pd.DataFrame(ROWS).assign(run=f"trial {i}") for i in range(9)])
    traces = learning_curves(runs).data
    assert len(traces) == 18 and len({trace.line.color for trace in traces}) == 9
    assert [trace.name for trace in traces[:2]] == ["trial 0, training", "trial 0, validation"]


def test_units_and_escaping():
    curves = pd.DataFrame(ROWS).assign(run="<script>%{x}")
    curves.attrs = {"dataset": "<b>motion", "clip": "8x40x40"}
    figure = learning_curves(curves)
    assert figure.layout.xaxis.title.text.startswith("epoch (") and figure.layout.yaxis.tickformat == ".0%"
    assert figure.layout.title.subtitle.text == "data set &lt;b&gt;motion; clip 8x40x40"
    assert figure.data[0].name == "&lt;script&gt;%{x}, training"
    assert "script" not in figure.data[0].hovertemplate


def test_few_epochs_are_marked_one_by_one():
    assert learning_curves(pd.DataFrame(ROWS)).layout.xaxis.dtick == 1
    long = pd.DataFrame({"epoch": range(1, 100), "train_error": 0.5, "val_accuracy": 0.5})
    assert learning_curves(long).layout.xaxis.dtick is None


def test_no_epoch_yet():
    assert learning_curves(pd.DataFrame()).layout.annotations[0].text == "no epoch finished yet"
