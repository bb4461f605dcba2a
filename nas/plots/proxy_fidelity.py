"""Accuracy after full training over accuracy by the proxy: does the order hold, and does it hold at each cost?

The two accuracies are on other scales (another schedule, often smaller clips), so there is no diagonal to be on.
"""

from __future__ import annotations

import math
from html import escape

import pandas as pd
import plotly.graph_objects as go

from nas.fidelity import Fidelity
from nas.plots import style
from nas.plots.trials import metric


def proxy_fidelity(pairs: pd.DataFrame, found: Fidelity) -> go.Figure:
    """Draw the networks of `nas.fidelity`, coloured by GFLOPs; those on either front are outlined.

    `pairs.attrs` may say `dataset`, `proxy` and `clip`.

    >>> from nas.fidelity import fidelity
    >>> none = pd.DataFrame({"trial": [], "proxy": [], "full": [], "gflops": []})
    >>> proxy_fidelity(none, fidelity(none)).layout.annotations[0].text
    'no network trained in full yet'
    """
    figure = go.Figure(layout=style.layout("Full training over the proxy", _explained(pairs, found)))
    pairs = pairs[pairs["proxy"].notna() & pairs["full"].notna()]
    groups = {
        "front of full training, picked by the proxy": set(found.front) & set(found.picked),
        "front of full training, missed by the proxy": set(found.missed),
        "picked by the proxy, behind the front": set(found.picked) - set(found.front),
    }
    placed = set().union(*groups.values())
    groups["on neither front"] = set(pairs["trial"]) - placed
    for (name, trials), (symbol, outline) in zip(groups.items(), MARKS, strict=True):
        rows = pairs[pairs["trial"].isin(trials)]
        if len(rows):
            figure.add_trace(_points(rows, symbol, outline))
            style.key(figure, name, symbol=symbol, outline=outline)
    clip = escape(str(pairs.attrs.get("clip") or "one clip"))
    unit = style.unit("gflops", clip)
    figure.update_layout(
        xaxis=style.accuracy_axis(f"{metric(pairs)} by the proxy", pairs["proxy"].min(), pairs["proxy"].max()),
        yaxis=style.accuracy_axis(f"{metric(pairs)} after full training", pairs["full"].min(), pairs["full"].max()),
        coloraxis=style.colour_axis(pairs["gflops"], f"GFLOPs ({unit})"),
        margin={"t": figure.layout.margin.t + style.COLOUR_BAR * len(pairs.head(1))},
    )
    if pairs.empty:
        style.note(figure, "no network trained in full yet")
    return figure


# symbol and outline of each group of networks
MARKS = (
    ("circle", style.ACCENT),
    ("triangle-up", style.ACCENT),
    ("square", style.INK),
    ("circle", style.INK),
)


def _points(rows: pd.DataFrame, symbol: str, outline: str) -> go.Scatter:
    marker = {"symbol": symbol, "size": 13, "color": style.log10(rows["gflops"]), "coloraxis": "coloraxis"}
    marker["line"] = {"color": outline, "width": 1.8 if outline == style.ACCENT else 0.8}
    texts = [
        f"<b>trial {row['trial']:.0f}</b><br>proxy {style.percent(row['proxy'])}<br>full {style.percent(row['full'])}"
        f"<br>{style.number(row['gflops'])} GFLOPs"
        for row in rows.to_dict("records")
    ]
    return go.Scatter(
        x=rows["proxy"],
        y=rows["full"],
        mode="markers",
        marker=marker,
        showlegend=False,
        customdata=rows["trial"],
        hovertext=texts,
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _explained(pairs: pd.DataFrame, found: Fidelity) -> str:
    facts = pairs.attrs
    said = [f"{key.replace('dataset', 'data set')} {facts[key]}" for key in ("dataset", "proxy") if facts.get(key)]
    said.append(f"{found.networks} network{'s' * (found.networks != 1)} trained in full")
    told = escape("; ".join(said))
    figures = [f"{told[0].upper()}{told[1:]}."]
    if not math.isnan(found.tau[0]):
        tau, low, high = found.tau
        interval = "" if math.isnan(low) else f" ({low:.2f} to {high:.2f})"
        figures.append(f"Kendall's tau {tau:.2f}{interval}.")
    if not math.isnan(found.regret):
        figures.append(f"Front regret {found.regret:.1%}; at most {found.lost:.1%} accuracy lost at any cost.")
    return " ".join(figures)
