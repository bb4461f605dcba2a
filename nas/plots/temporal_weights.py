"""Box plots of a network's weights by temporal offset, a panel a layer (S3D paper, Figure 5)."""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from nas.plots import style

COLUMNS = 6  # panels side by side
PANEL, ABOVE = 150, 74  # pixels: height of a panel, and what stands between two
LETTERS = 22  # of a layer's name in one line


def temporal_weights(weights: pd.DataFrame, *, title: str = "Weights by temporal offset") -> go.Figure:
    """Draw the table of `nas.visualising.offsets.by_offset`; every panel has a scale of its own.

    `weights.attrs` may say the `network`.

    >>> temporal_weights(pd.DataFrame()).layout.annotations[0].text
    'no convolution with temporal extent'
    """
    layers = list(weights["layer"].unique()) if len(weights) else []
    subtitle = (
        "Boxes: the middle half of a layer's weights at each offset, with their median; whiskers: from the 1st to the "
        "99th percentile. Percentages: how much of the layer's squared weights lies off the middle frame."
    )
    if network := weights.attrs.get("network"):
        subtitle = f"{escape(str(network))}. {subtitle}"
    layout = style.layout(title, subtitle)
    if not layers:
        figure = go.Figure(layout=layout)
        style.note(figure, "no convolution with temporal extent")
        return figure
    rows = -(-len(layers) // COLUMNS)
    height, margin = rows * (PANEL + ABOVE) - ABOVE, {"t": layout.margin.t + 56, "b": 64}
    figure = _panels(weights, layers, rows, height)
    figure.update_layout(layout)
    figure.update_layout(showlegend=False, margin=margin, height=sum(margin.values()) + height)
    return figure


def _panels(weights: pd.DataFrame, layers: list[str], rows: int, height: int) -> go.Figure:
    """A panel a layer in `rows` that are as full as possible, of a `height` in pixels."""
    columns = -(-len(layers) // rows)
    tables = {layer: table for layer, table in weights.groupby("layer", sort=False)}
    figure = make_subplots(
        rows=rows, cols=columns, subplot_titles=[_heading(tables[layer]) for layer in layers],
        vertical_spacing=ABOVE / height if rows > 1 else 0, horizontal_spacing=0.3 / columns,
    )  # fmt: skip
    for number, layer in enumerate(layers):
        row, column = divmod(number, columns)
        place = {"row": row + 1, "col": column + 1}
        for box in _boxes(tables[layer]):
            figure.add_trace(box, **place)
        last = number + columns >= len(layers)
        across = {"title": {"text": "offset (frames)", "standoff": 4, "font": {"size": 11}}} if last else {}
        figure.update_xaxes(style.axis("", tickmode="linear", dtick=1, zeroline=False) | across, **place)
        along = {"title": {"text": "weight", "standoff": 4, "font": {"size": 11}}} if column == 0 else {}
        figure.update_yaxes(style.axis("", nticks=5, zeroline=True, zerolinecolor=style.GRID) | along, **place)
    figure.update_annotations(font={"size": 11, "color": style.INK}, yshift=4)
    figure.update_xaxes(tickfont={"size": 10})
    figure.update_yaxes(tickfont={"size": 10})
    return figure


def _boxes(rows: pd.DataFrame) -> list[go.Box]:
    """The box of each offset of a layer; that of the middle frame stands out."""
    return [
        go.Box(
            x=[row["offset"]], q1=[row["q1"]], median=[row["median"]], q3=[row["q3"]], lowerfence=[row["low"]],
            upperfence=[row["high"]], width=0.6, name=f"offset {row['offset']:+d}", line={"width": 1.5},
            marker={"color": style.PALETTE[0] if row["offset"] == 0 else style.ACCENT}, hoverinfo="text",
            hovertext=_told(row),
        )
        for row in rows.to_dict("records")
    ]  # fmt: skip


def _told(row: dict) -> str:
    return (
        f"{escape(row['layer'])}, offset {row['offset']:+d}<br>{row['weights']:,} weights from {row['min']:.3g} to "
        f"{row['max']:.3g}<br>median {row['median']:.3g}, middle half {row['q1']:.3g} to {row['q3']:.3g}"
        f"<br>{row['energy']:.0%} of the layer's squared weights"
    )


def _heading(rows: pd.DataFrame) -> str:
    """Name, kernel, and the share of squared weights off the middle; a long name takes two lines."""
    name, off = rows["layer"].iloc[0], rows["energy"][rows["offset"] != 0].sum()
    if len(name) > LETTERS and "." in name:
        cut = min((place for place, letter in enumerate(name) if letter == "."), key=lambda at: abs(at - len(name) / 2))
        lines = name[:cut], name[cut:]
    else:
        lines = (name,)
    return "<br>".join([*map(escape, lines), f"{rows['kernel'].iloc[0]}, {off:.0%} off the middle"])
