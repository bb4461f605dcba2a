"""Two panels of lines and bands on an axis that spreads the last percents."""

import doctest

import numpy as np
import pandas as pd

from nas.plots import hypervolume_over_trials as module
from nas.plots import style
from nas.plots.hypervolume_over_trials import hypervolume_over_trials


def summary(samplers=("uniform", "front", "front, no stopping"), last=0.99, **attrs):
    rows = []
    for sampler in samplers:
        for along, scale in (("trials", 1), ("epochs", 12)):
            mean = np.linspace(0.3, last, 5)
            part = pd.DataFrame({"x": scale * np.arange(1, 6), "mean": mean, "low": mean - 0.05, "repeats": 20})
            rows.append(part.assign(high=np.minimum(mean + 0.05, 1.0), sampler=sampler, along=along))
    found = pd.concat(rows, ignore_index=True)
    found.attrs = attrs
    return found


def lines(figure):
    return [trace for trace in figure.data if trace.mode]


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_a_line_and_a_band_for_each_sampler_in_each_panel():
    figure = hypervolume_over_trials(summary())
    assert len(figure.data) == 12 and len(lines(figure)) == 6
    assert [trace.xaxis for trace in lines(figure)] == ["x"] * 3 + ["x2"] * 3
    assert [trace.name for trace in figure.data if trace.showlegend] == ["uniform", "front", "front, no stopping"]
    line, band = lines(figure)[0], figure.data[0]
    assert list(line.x) == [1, 2, 3, 4, 5] and np.allclose(1 - np.array(line.y), np.linspace(0.3, 0.99, 5))
    assert list(band.x) == [1, 2, 3, 4, 5, 5, 4, 3, 2, 1] and band.y[0] < line.y[0] < band.y[-1]


def test_variants_share_a_colour_and_differ_in_dash():
    _, front, variant = lines(hypervolume_over_trials(summary()))[:3]
    assert front.line.color == variant.line.color and (front.line.dash, variant.line.dash) == ("solid", "dash")


def test_many_samplers_all_look_different():
    looks = module._looks([f"sampler {i}" for i in range(13)])
    assert len(set(looks.values())) == 13 and {colour for colour, _ in looks.values()} == set(style.PALETTE)


def test_the_axis_spreads_the_last_percents_upwards():
    figure = hypervolume_over_trials(summary())
    axis = figure.layout.yaxis
    assert axis.type == "log" and axis.range[0] > axis.range[1] and figure.layout.yaxis2.range == axis.range
    shares = dict(zip(axis.ticktext, axis.tickvals, strict=True))
    assert np.isclose(shares["90 %"], 0.1) and np.isclose(shares["99 %"], 0.01) and "≥ 99.9 %" in shares


def test_the_whole_is_drawn_at_the_floor_and_told_exactly():
    line = lines(hypervolume_over_trials(summary(last=1.0)))[0]
    assert line.y[-1] == module.FLOOR and line.customdata[-1][0] == 1.0


def test_what_the_reader_is_told():
    figure = hypervolume_over_trials(summary(whole="pooled", source="surrogate <objectives>"), title="<b>")
    told = figure.layout.title.subtitle.text.replace("<br>", " ")
    assert "20 repeats a sampler, surrogate &lt;objectives&gt;." in told and "95 % bootstrap interval" in told
    assert "of all runs together" in told and "all runs together" in figure.layout.yaxis.title.text
    assert figure.layout.title.text == "&lt;b&gt;"
    assert figure.layout.xaxis.title.text == "trials" and "epochs spent" in figure.layout.xaxis2.title.text
