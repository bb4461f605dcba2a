"""Box plots by temporal offset: the boxes are the table's, a panel a layer however many there are."""

import numpy as np
import pandas as pd

from nas.plots import style
from nas.plots.temporal_weights import temporal_weights
from nas.visualising.filters import Layer
from nas.visualising.offsets import by_offset


def table(count, kernel=(3, 3, 3), name="stages.0.{}.conv_b"):
    rng = np.random.default_rng(0)
    return by_offset(
        [Layer(name.format(n), rng.normal(size=(8, 1, *kernel)) * (n + 1), (1, 1, 1), 8) for n in range(count)]
    )


def test_boxes_are_those_of_the_table():
    weights = table(2)
    figure = temporal_weights(weights)
    assert len(figure.data) == 6
    for box, row in zip(figure.data, weights.to_dict("records"), strict=True):
        drawn = (box.x[0], box.lowerfence[0], box.q1[0], box.median[0], box.q3[0], box.upperfence[0])
        assert drawn == tuple(row[name] for name in ("offset", "low", "q1", "median", "q3", "high"))
        assert (box.marker.color == style.PALETTE[0]) == (row["offset"] == 0)
        assert f"{row['weights']:,} weights" in box.hovertext
    off = 1 - weights["energy"][1]
    assert figure.layout.annotations[0].text == f"stages.0.0.conv_b<br>3x3x3, {off:.0%} off the middle"


def test_many_layers_have_a_panel_each_with_a_scale_of_its_own():
    figure = temporal_weights(table(43, kernel=(3, 1, 1)))
    assert len(figure.data) == 3 * 43 and len({(box.xaxis, box.yaxis) for box in figure.data}) == 43
    assert not any(axis.matches for axis in figure.select_yaxes())
    tops = sorted({axis.domain for axis in figure.select_yaxes()})
    assert len(tops) == 8 and all(low[1] < high[0] for low, high in zip(tops, tops[1:], strict=False))
    titled = [axis.title.text for axis in figure.select_xaxes() if axis.title.text]
    assert titled == ["offset (frames)"] * 6
    short, long = temporal_weights(table(3)), figure
    assert long.layout.height > 4 * (short.layout.height - 200)


def test_names_are_escaped_and_long_ones_take_two_lines():
    weights = table(1, name="stages.{}.1.conv_b.axis1<i>.temporal.gate.reduce")
    weights.attrs = {"network": "<b>net"}
    figure = temporal_weights(weights)
    assert figure.layout.annotations[0].text.startswith("stages.0.1.conv_b.axis1&lt;i&gt;<br>.temporal.gate.reduce<br>")
    assert "<i>" not in figure.data[0].hovertext and "&lt;b&gt;net" in figure.layout.title.subtitle.text


def test_none():
    assert temporal_weights(pd.DataFrame()).layout.annotations[0].text == "no convolution with temporal extent"
