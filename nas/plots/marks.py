"""Marks of trials: with the whole hover text where they are few, WebGL and numbers alone where they are many.

A page holds some fifteen figures of the same trials: beyond MANY, a text a mark in each would be most of the page.
Each mark carries the number of its trial, so that a page can link selections and open the trial.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.plots import trials as frame

# so many marks SVG draws without delay
MANY = 2000


def scatter(
    rows: pd.DataFrame,
    x: str,
    *,
    many: bool,
    across: str,
    y: str = "accuracy",
    told: Sequence[str] = (),
    **more: object,
) -> go.Scatter | go.Scattergl:
    """Trials as markers of two columns of a tidy frame; `across` is what x counts, for short hover texts.

    `told` adds a line to each long hover text (escaped by the caller); `more` goes to the trace.

    >>> rows = frame.tidy(pd.DataFrame({"number": [7], "accuracy": [0.5], "gflops": [2.0]}))
    >>> trace = scatter(rows, "gflops", many=False, across="GFLOPs")
    >>> trace.type, trace.customdata.tolist(), trace.x.tolist()
    ('scatter', [7], [2.0])
    """
    given = {"mode": "markers", "showlegend": False, "customdata": numbers(rows)} | more
    if many:
        template = f"trial %{{customdata}}<br>accuracy %{{y:.1%}}<br>%{{x:.3~g}} {across}<extra></extra>"
        return go.Scattergl(x=small(rows[x]), y=small(rows[y]), hovertemplate=template, **given)
    lines = frame.hover(rows)
    if len(told):
        lines = [
            f"{line}<br>{more_of_it}" if more_of_it else line for line, more_of_it in zip(lines, told, strict=True)
        ]
    template = "%{hovertext}<extra></extra>"
    x, y = (rows[column].to_numpy(float) for column in (x, y))
    return go.Scatter(x=x, y=y, hovertext=lines, hovertemplate=template, **given)


def numbers(rows: pd.DataFrame) -> np.ndarray:
    """The numbers of trials as whole numbers, which no trial lacks; -1 where a damaged table has none."""
    return rows["number"].fillna(-1).to_numpy().astype(np.int32)


def small(values: pd.Series | np.ndarray) -> np.ndarray:
    """Seven digits of each value: half the bytes in a page."""
    return np.asarray(values, dtype=np.float32)
