"""Distributions of error: steps from 0 to 1 with a band, one colour a space."""

import pandas as pd
import pytest

from nas.plots import style
from nas.plots.error_distribution import error_distribution
from nas.space_comparison import differences, edf, weights
from tests.test_space_comparison import drawn


def compared():
    frame = drawn(better=0.04)
    frame.attrs = {"dataset": "motion", "proxy": "8 epochs"}
    weighted = weights(frame)
    return edf(weighted, repeats=200), differences(weighted, repeats=200)


def test_steps_are_the_weighted_shares():
    shares, tested = compared()
    figure = error_distribution(shares, tested)
    steps = {trace.name: trace for trace in figure.data if trace.name}
    assert set(steps) == {"a", "b"}
    for name, trace in steps.items():
        rows = shares[shares["space"] == name]
        assert list(trace.x[1:-1]) == rows["error"].tolist() and trace.line.shape == "hv"
        assert list(trace.y) == pytest.approx([0, *rows["share"], 1])
    assert [trace.line.color for trace in steps.values()] == list(style.PALETTE[:2])


def test_bands_lie_around_their_steps_and_share_their_legend_entry():
    figure = error_distribution(compared()[0])
    for low, high, steps in (figure.data[:3], figure.data[3:]):
        assert high.fill == "tonexty" and low.line.shape == high.line.shape == "hv"
        assert low.legendgroup == high.legendgroup == steps.legendgroup
        assert not low.showlegend and not high.showlegend
        assert all(a <= b <= c for a, b, c in zip(low.y, steps.y, high.y, strict=True))


def test_titles_tell_range_bins_and_test():
    shares, tested = compared()
    layout = error_distribution(shares, tested).layout
    told = layout.title.subtitle.text.replace("<br>", " ")
    for part in (
        "Data set motion; proxy 8 epochs",
        "GFLOPs, weighted to equal complexity in",
        "a against b: mean error +",
    ):
        assert part in told
    assert layout.xaxis.title.text == "top-1 error of a network"
    assert "against" not in error_distribution(shares).layout.title.subtitle.text


def test_names_are_escaped():
    frame = drawn().replace({"space": {"a": "<script>"}})
    weighted = weights(frame)
    figure = error_distribution(edf(weighted, repeats=20), differences(weighted, repeats=20))
    assert "<script>" not in figure.to_json(engine="json").replace("\\u003c", "<").replace("\\u003e", ">")


def test_more_spaces_than_colours_and_none():
    frame = pd.DataFrame({"space": [f"s{i}" for i in range(8)] * 6, "error": 0.5, "gflops": 1.0})
    assert len(error_distribution(edf(weights(frame))).data) == 24
    assert error_distribution(pd.DataFrame()).layout.annotations[0].text == "no network with an error yet"
