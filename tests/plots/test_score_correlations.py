"""Rank correlations: each predictor once a panel, coloured by kind, with its interval."""

import numpy as np
import pandas as pd
import pytest

from nas.correlation import audit
from nas.plots import style
from nas.plots.score_correlations import score_correlations
from tests.test_correlation import BASELINES, study


def audited(trials=120):
    frame = study(trials)
    noise = np.random.default_rng(3).normal(size=len(frame))
    frame = frame.assign(deep=frame["depth"] + noise, good=frame["accuracy"] + 0.01 * noise, idle=1.0)
    frame["epoch 2"] = frame["accuracy"] + 0.02 * noise
    kinds = {"deep": "score", "good": "score", "idle": "score", "epoch 2": "rung"}
    frame.attrs = {"dataset": "motion", "proxy": "width x0.25, 8 epochs"}
    return audit(frame, BASELINES | kinds, repeats=200)


def taus(figure):
    return [trace for trace in figure.data if trace.error_x.array is not None]


def test_each_predictor_has_its_tau_and_interval_in_both_panels():
    table = audited()
    figure, rows = score_correlations(table), table.set_index("predictor")
    for axis, suffix in (("x", ""), ("x2", "_within")):
        for trace in (trace for trace in taus(figure) if trace.xaxis == axis):
            for label, x, up, down in zip(trace.y, trace.x, trace.error_x.array, trace.error_x.arrayminus, strict=True):
                row = rows.loc[label.removesuffix(" ✗")]
                drawn = [x, x - down, x + up]
                expected = row[[f"tau{suffix}", f"tau{suffix}_low", f"tau{suffix}_high"]].to_list()
                assert drawn == pytest.approx(expected, nan_ok=True)
    assert sorted(len(trace.y) for trace in taus(figure)) == [1, 1, 3, 3, 3, 3]


def test_kinds_have_colours_and_one_legend_entry_each():
    figure = score_correlations(audited())
    assert {trace.name: trace.marker.color for trace in taus(figure)} == {
        "scores": style.PALETTE[0],
        "baselines": style.PALETTE[1],
        "rungs": style.PALETTE[2],
    }
    assert [trace.name for trace in taus(figure) if trace.showlegend] == ["scores", "baselines", "rungs"]
    assert len({trace.marker.symbol for trace in taus(figure)}) == 3


def test_the_best_stands_at_the_top_and_measures_of_depth_are_marked():
    figure = score_correlations(audited())
    order = figure.layout.yaxis.categoryarray
    assert order[-1] in ("good", "epoch 2") and order[0] == "idle"
    assert "deep ✗" in order and "good" in order and "depth" in order
    assert "✗: no better than depth or params" in figure.layout.title.subtitle.text
    told = next(text for trace in taus(figure) for text in trace.hovertext if "<b>deep</b>" in text)
    assert "no better than depth" in told and "over all trials, n 120" in told


def test_too_few_trials_for_bands_say_so():
    texts = [note.text for note in score_correlations(audited(12)).layout.annotations]
    assert "fewer than 16 trials" in texts
    assert "fewer than 16 trials" not in [note.text for note in score_correlations(audited()).layout.annotations]


def test_names_are_escaped():
    frame = study(30).assign(**{"<script>x": 2.0, "<b>": range(30)})
    frame.attrs = {"dataset": "<u>"}
    figure = score_correlations(audit(frame, {"<script>x": "score", "<b>": "score"}, repeats=20))
    plain = figure.to_json(engine="json").replace("\\u003c", "<").replace("\\u003e", ">")
    assert "<script>" not in plain and "<u>" not in plain and "<b><b>" not in plain


def test_nothing_to_draw():
    assert score_correlations(audit(study(5), {})).layout.annotations[0].text == "no predictor to compare"
    assert score_correlations(pd.DataFrame()).layout.annotations
    assert score_correlations(audit(study(2), {"depth": "baseline"})).layout.yaxis.categoryarray == ("depth",)
