"""The weights of each convolution by temporal offset: how far a layer looks beyond the frame in the middle.

Where the weights off the middle stay small, a layer's kernel could as well be deflated; the S3D paper (Figure 5) shows
that they grow towards the top of I3D.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nas.visualising.filters import Layer

QUANTILES = {"low": 0.01, "q1": 0.25, "median": 0.5, "q3": 0.75, "high": 0.99}


def by_offset(layers: Sequence[Layer]) -> pd.DataFrame:
    """One row a layer with temporal extent and offset, in the network's order.

    Columns: layer, kernel (as text), offset (in frames of the layer's input, 0 the middle), weights (how many), min,
    low (the 1st percentile), q1, median, q3, high (the 99th), max, energy (the share of the layer's squared weights).

    >>> layer = Layer("conv", np.array([1.0, 3.0]).reshape(1, 1, 2, 1, 1), (1, 1, 1), 1)
    >>> by_offset([layer])[["offset", "median", "energy"]].values.tolist()
    [[-1.0, 1.0, 0.1], [0.0, 3.0, 0.9]]
    """
    rows = [row for layer in layers if layer.kernel[0] > 1 for row in _rows(layer)]
    return pd.DataFrame(rows)


def beyond(table: pd.DataFrame) -> pd.Series:
    """Of each layer's squared weights, the share off the middle frame; for weights drawn alike it is 1 - 1/t.

    >>> table = pd.DataFrame({"layer": ["a", "a", "a"], "offset": [-1, 0, 1], "energy": [0.1, 0.7, 0.2]})
    >>> beyond(table).round(3).to_dict()
    {'a': 0.3}
    """
    off = table["energy"].where(table["offset"] != 0, 0.0)
    return off.groupby(table["layer"], sort=False).sum()


def _rows(layer: Layer) -> list[dict]:
    squares = np.square(layer.weight, dtype=np.float64)
    kernel, whole = "x".join(map(str, layer.kernel)), squares.sum() or 1.0
    rows = []
    for t, offset in enumerate(layer.offsets):
        weights = layer.weight[:, :, t].ravel()
        values = np.quantile(weights, list(QUANTILES.values())).tolist()
        told = {"layer": layer.name, "kernel": kernel, "offset": offset, "weights": weights.size}
        told |= {"min": float(weights.min()), **dict(zip(QUANTILES, values, strict=True)), "max": float(weights.max())}
        rows.append(told | {"energy": float(squares[:, :, t].sum() / whole)})
    return rows
