"""The distribution of error in several spaces at equal complexity, as steps with bootstrap bands.

The method is that of "On Network Design Spaces for Visual Recognition" (2019): the higher and farther left, the more of
a space's networks are good.
"""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from nas.plots import style


def error_distribution(edf: pd.DataFrame, differences: pd.DataFrame | None = None) -> go.Figure:
    """Draw the table of `nas.space_comparison.edf`; that of `differences` adds its tests to the subtitle.

    >>> error_distribution(pd.DataFrame()).layout.annotations[0].text
    'no network with an error yet'
    """
    figure = go.Figure(layout=style.layout("Error at equal complexity", _explained(edf, differences)))
    figure.update_layout(
        xaxis=style.axis("top-1 error of a network", tickformat="~%"),
        yaxis=style.axis("share of the space's networks<br>with this error or less", tickformat=".0%"),
    )
    if edf.empty:
        style.note(figure, "no network with an error yet")
        return figure
    low, high = edf["error"].min(), edf["error"].max()
    pad = max(0.03 * (high - low), 0.002)
    for index, (name, rows) in enumerate(edf.groupby("space", sort=False)):
        colour = style.PALETTE[index % len(style.PALETTE)]
        figure.add_traces(_space(str(name), rows, (low - pad, high + pad), colour))
    figure.update_xaxes(range=[low - pad, high + pad])
    figure.update_yaxes(range=[-0.02, 1.02])
    return figure


def _space(name: str, rows: pd.DataFrame, ends: tuple[float, float], colour: str) -> list[go.Scatter]:
    """One space's band and, over it, its steps; both reach from 0 to 1 across the figure."""
    x = [ends[0], *rows["error"], ends[1]]
    steps = {column: [0.0, *rows[column], 1.0] for column in ("share", "low", "high")}
    shared = {"x": x, "mode": "lines", "legendgroup": escape(name)}
    band = {**shared, "line": {"shape": "hv", "width": 0}, "showlegend": False, "hoverinfo": "skip"}
    tint = f"rgba{(*hex_to_rgb(colour), 0.2)}"
    return [
        go.Scatter(y=steps["low"], **band),
        go.Scatter(y=steps["high"], fill="tonexty", fillcolor=tint, **band),
        go.Scatter(
            y=steps["share"],
            name=escape(name),
            line={"shape": "hv", "color": colour, "width": 2},
            hovertemplate="%{fullData.name}<br>%{y:.0%} have an error of %{x:.1%} or less<extra></extra>",
            **shared,
        ),
    ]


def _explained(edf: pd.DataFrame, differences: pd.DataFrame | None) -> str:
    facts = edf.attrs
    said = [f"{key.replace('dataset', 'data set')} {facts[key]}" for key in ("dataset", "proxy") if facts.get(key)]
    if "gflops" in facts:
        low, high = map(style.number, facts["gflops"])
        clip = f" of one {facts['clip']} clip" if facts.get("clip") else ""
        said.append(f"{low} to {high} GFLOPs{clip}, weighted to equal complexity in {facts['bins']} bins")
    told = "; ".join(said)
    parts = [f"{told[:1].upper()}{told[1:]}."] if told else []
    if len(edf):
        parts.append("Bands: 95 % at each error.")
    for row in [] if differences is None else differences.to_dict("records"):
        p = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {row['p_holm']:.3f}"
        parts.append(f"{row['space']} against {row['other']}: mean error {100 * row['difference']:+.1f} %, {p}.")
    return escape(" ".join(parts))
