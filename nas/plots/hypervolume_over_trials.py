"""Share of the hypervolume over trials, and beside it over training epochs spent, a line and a band per sampler.

What matters are the last percents, so the vertical axis is logarithmic in what is missing to the whole: 90, 99 and
99.9 % are equally far apart.
"""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from nas.plots import style

# the panels, side by side: horizontal axis -> its title and its part of the width
PANELS = {
    "trials": ("trials", (0.0, 0.475)),
    "epochs": ("training epochs spent<br>(of all trials, also of stopped ones)", (0.525, 1.0)),
}
TICKS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
FLOOR = 0.001  # missing shares below it are drawn here: a logarithm has no zero
BAND = 0.16  # opacity
# the palette, its strongest colour before its second blue: front is the fifth in `nas compare`'s own order
COLOURS = (*style.PALETTE[:4], style.PALETTE[5], style.PALETTE[4])
DASHES = ("solid", "dash", "dot", "dashdot")
WHOLE = {"true": "the true hypervolume", "pooled": "the hypervolume of all runs together"}


def hypervolume_over_trials(
    summary: pd.DataFrame, *, title: str = "Hypervolume over trials and over epochs"
) -> go.Figure:
    """Draw `nas.comparison.summary`: columns sampler, along, x, mean, low, high, repeats (shares from 0 to 1).

    `attrs` may say `whole` ("true" or "pooled": what the shares are of) and `source` (where the accuracies come
    from). A label "front, no stopping" has the colour of "front", dashed.

    >>> row = {"sampler": "front", "x": 1, "mean": 0.9, "low": 0.8, "high": 0.95, "repeats": 2}
    >>> figure = hypervolume_over_trials(pd.DataFrame([row | {"along": along} for along in ("trials", "epochs")]))
    >>> [(trace.name, trace.mode) for trace in figure.data if trace.mode]
    [('front', 'lines+markers'), ('front', 'lines+markers')]
    """
    whole = WHOLE[summary.attrs.get("whole", "true")]
    figure = go.Figure(layout=style.layout(escape(title), _explained(summary, whole)))
    _axes(figure, summary, whole)
    looks = _looks(summary["sampler"].unique())
    for panel, along in enumerate(PANELS):
        for sampler, (colour, dash) in looks.items():
            rows = summary[(summary["sampler"] == sampler) & (summary["along"] == along)].sort_values("x")
            place = {"xaxis": "x2" if panel else "x", "yaxis": "y2" if panel else "y"}
            figure.add_trace(_band(rows, sampler, colour).update(place))
            figure.add_trace(_line(rows, sampler, colour, dash, along).update(place | {"showlegend": not panel}))
    return figure


def _line(rows: pd.DataFrame, sampler: str, colour: str, dash: str, along: str) -> go.Scatter:
    """The mean; its true shares stand in the hover text, also where the drawn line is at the floor."""
    return go.Scatter(
        x=rows["x"],
        y=_missing(rows["mean"]),
        mode="lines" if len(rows) > 1 else "lines+markers",
        line={"color": colour, "width": 2, "dash": dash},
        name=escape(sampler),
        legendgroup=sampler,
        customdata=rows[["mean", "low", "high"]],
        hovertemplate=f"%{{fullData.name}}<br>%{{x:,.0f}} {along}: %{{customdata[0]:.2%}}"
        "<br>95 % interval %{customdata[1]:.2%} to %{customdata[2]:.2%}<extra></extra>",
    )


def _band(rows: pd.DataFrame, sampler: str, colour: str) -> go.Scatter:
    """The interval as one closed area, there along its upper end and back along its lower."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return go.Scatter(
        x=[*rows["x"], *rows["x"][::-1]],
        y=[*_missing(rows["high"]), *_missing(rows["low"])[::-1]],
        fill="toself",
        fillcolor=f"rgba({red}, {green}, {blue}, {BAND})",
        line={"width": 0},
        legendgroup=sampler,
        showlegend=False,
        hoverinfo="skip",
    )


def _missing(share: pd.Series) -> np.ndarray:
    return np.maximum(1 - share.to_numpy(dtype=float), FLOOR)


def _axes(figure: go.Figure, summary: pd.DataFrame, whole: str) -> None:
    """Both panels on the same vertical axis, which is upside down: little missing is at the top."""
    worst, best = _missing(summary["low"]).max(), _missing(summary["high"]).min()
    high, low = min(np.log10(worst) + 0.05, 0.02), np.log10(best) - 0.05
    ticks = [share for share in TICKS if low <= np.log10(1 - share) <= high]
    named = [f"{'≥ ' if share == TICKS[-1] else ''}{100 * share:g} %" for share in ticks]
    missing = {"type": "log", "range": [high, low], "tickvals": [1 - share for share in ticks], "ticktext": named}
    for panel, (along, (title, domain)) in enumerate(PANELS.items()):
        ends = summary.loc[summary["along"] == along, "x"]
        number = panel + 1 if panel else ""
        figure.layout[f"xaxis{number}"] = style.axis(
            title, domain=domain, anchor=f"y{number}", range=[0, 1.01 * ends.max()], tickformat=",d"
        )
        side = {"showticklabels": False, "matches": "y"} if panel else {}
        figure.layout[f"yaxis{number}"] = (
            style.axis(
                "" if panel else f"share of {whole}<br>(logarithmic in what is missing)", anchor=f"x{number}", **missing
            )
            | side
        )
    figure.update_layout(height=520)


def _explained(summary: pd.DataFrame, whole: str) -> str:
    """The subtitle: the repeats, where the accuracies come from, what lines and bands are."""
    repeats = sorted(set(summary["repeats"]))
    many = str(repeats[0]) if len(repeats) == 1 else f"{repeats[0]} to {repeats[-1]}"
    source = summary.attrs.get("source")
    said = [f"Simulated searches, {many} repeats a sampler{f', {escape(source)}' if source else ''}."]
    said.append(f"Line: mean share of {whole} by completed trials; band: its 95 % bootstrap interval over repeats.")
    return " ".join(said)


def _looks(samplers: list[str]) -> dict[str, tuple[str, str]]:
    """A colour for each sampler and a dash for each variant of it, the text before and after the comma."""
    bases = list(dict.fromkeys(sampler.split(",")[0] for sampler in samplers))
    looks, taken = {}, dict.fromkeys(bases, 0)
    for sampler in samplers:
        base = sampler.split(",")[0]
        rank = bases.index(base)
        # past the palette's end colours come again with another dash
        dash = taken[base] + rank // len(COLOURS)
        looks[sampler] = (COLOURS[rank % len(COLOURS)], DASHES[dash % len(DASHES)])
        taken[base] += 1
    return looks
