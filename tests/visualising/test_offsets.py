"""Statistics of weights by temporal offset: numpy's own, of all layers with temporal extent."""

import numpy as np
import pytest

from nas.visualising.filters import Layer
from nas.visualising.offsets import beyond, by_offset

WEIGHT = np.random.default_rng(0).normal(size=(6, 4, 3, 3, 3)).astype(np.float32)


def test_statistics_are_numpy_s():
    table = by_offset([Layer("a", WEIGHT, (1, 1, 1), 1)])
    assert table["offset"].tolist() == [-1, 0, 1] and table["kernel"].unique().tolist() == ["3x3x3"]
    for t, row in enumerate(table.to_dict("records")):
        part = WEIGHT[:, :, t]
        told = [row[name] for name in ("min", "low", "q1", "median", "q3", "high", "max")]
        assert told == pytest.approx(np.quantile(part, [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1]).tolist())
        assert row["weights"] == part.size == 6 * 4 * 9
        assert row["energy"] == pytest.approx((part**2).sum() / (WEIGHT**2).sum())
    assert table["energy"].sum() == pytest.approx(1)
    assert beyond(table)["a"] == pytest.approx(1 - table["energy"][1])


def test_layers_without_temporal_extent_are_left_out():
    layers = [Layer("flat", WEIGHT[:, :, :1], (1, 1, 1), 1), Layer("long", np.zeros((2, 1, 4, 1, 1)), (1, 1, 1), 2)]
    table = by_offset(layers)
    assert table["layer"].unique().tolist() == ["long"] and table["offset"].tolist() == [-2, -1, 0, 1]
    assert (table["energy"] == 0).all()  # all of its weights are 0
    assert by_offset(layers[:1]).empty
