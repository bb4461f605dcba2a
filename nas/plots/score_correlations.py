"""How well scores, rungs and plain costs foretell the final accuracy, over all trials and at equal cost.

The two panels share their rows: what falls from the left panel to the right one was a measure of size.
"""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go

from nas.plots import style

PANELS = {"": "over all trials", "_within": "among trials of equal cost"}
COLOURS = {"score": style.PALETTE[0], "baseline": style.PALETTE[1], "rung": style.PALETTE[2]}
SYMBOLS = {"score": "circle", "baseline": "square", "rung": "triangle-up"}
NAMES = {"score": "scores", "baseline": "baselines", "rung": "rungs"}
ROW = 26  # pixels


def score_correlations(audited: pd.DataFrame) -> go.Figure:
    """Draw the table of `nas.correlation.audit`: Kendall's tau with its interval, Spearman's rho as a hollow mark.

    Rows stand in the table's order, the best at the top. Predictors without a correlation keep an empty row.

    >>> score_correlations(pd.DataFrame()).layout.annotations[0].text
    'no predictor to compare'
    """
    figure = go.Figure(layout=style.layout("Rank correlation with the final accuracy", _explained(audited)))
    if audited.empty:
        figure.update_layout(xaxis=style.axis("Kendall's tau"), yaxis=style.axis("predictor"))
        style.note(figure, "no predictor to compare")
        return figure
    for column, suffix in enumerate(PANELS):
        for kind in COLOURS:
            rows = audited[audited["kind"] == kind]
            if len(rows):
                figure.add_traces([_rhos(rows, suffix, column), _taus(rows, suffix, column)])
    figure.add_traces(_keys())
    _axes(figure, audited)
    return figure


def _taus(rows: pd.DataFrame, suffix: str, column: int) -> go.Scatter:
    kind, taus = rows["kind"].iloc[0], rows[f"tau{suffix}"]
    colour = COLOURS[kind]
    bars = {"type": "data", "symmetric": False, "color": colour, "thickness": 1.6, "width": 0}
    bars |= {"array": rows[f"tau{suffix}_high"] - taus, "arrayminus": taus - rows[f"tau{suffix}_low"]}
    return go.Scatter(
        x=taus,
        y=_labels(rows),
        error_x=bars,
        mode="markers",
        marker={"symbol": SYMBOLS[kind], "color": colour, "size": 10},
        name=NAMES[kind],
        legendgroup=kind,
        showlegend=not column,
        xaxis="x2" if column else "x",
        hovertext=_hover(rows, suffix),
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _rhos(rows: pd.DataFrame, suffix: str, column: int) -> go.Scatter:
    kind = rows["kind"].iloc[0]
    marker = {"symbol": f"{SYMBOLS[kind]}-open", "color": COLOURS[kind], "size": 7, "opacity": 0.75}
    return go.Scatter(
        x=rows[f"rho{suffix}"],
        y=_labels(rows),
        mode="markers",
        marker=marker,
        legendgroup=kind,
        showlegend=False,
        xaxis="x2" if column else "x",
        hoverinfo="skip",
    )


def _keys() -> list[go.Scatter]:
    marks = {"Kendall's tau (95 % interval)": "circle", "Spearman's rho": "circle-open"}
    return [
        go.Scatter(
            x=[None], y=[None], mode="markers", name=name, marker={"symbol": symbol, "color": style.INK, "size": 9}
        )
        for name, symbol in marks.items()
    ]


def _axes(figure: go.Figure, audited: pd.DataFrame) -> None:
    columns = [f"{name}{suffix}{end}" for suffix in PANELS for name, end in (("tau", "_low"), ("tau", "_high"))]
    columns += [f"{name}{suffix}" for suffix in PANELS for name in ("tau", "rho")]
    values = audited[columns].to_numpy(float)
    low, high = min(0.0, pd.Series(values.ravel()).min()), max(0.0, pd.Series(values.ravel()).max())
    pad = 0.05 * max(high - low, 0.2)
    more = {"range": [low - pad, high + pad], "zeroline": True, "zerolinecolor": style.INK, "tickformat": "~g"}
    order = _labels(audited)[::-1]
    rows = {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": order,
        "range": [-0.7, len(order) - 0.3],
        "ticks": "",
    }
    figure.update_layout(
        xaxis=style.axis("rank correlation", domain=[0.0, 0.485], **more),
        xaxis2=style.axis("rank correlation", domain=[0.515, 1.0], **more),
        yaxis=style.axis("", **rows),
        height=figure.layout.margin.t + 130 + ROW * len(order) + 40,
        margin={"t": figure.layout.margin.t + 24},
    )
    for axis, name in zip(("x", "x2"), PANELS.values(), strict=True):
        font = {"size": 13, "color": style.INK}
        place = {"xref": f"{axis} domain", "x": 0, "xanchor": "left", "yref": "y domain", "y": 1, "yanchor": "bottom"}
        figure.add_annotation(text=f"<b>{name}</b>", showarrow=False, font=font, **place)
    if not audited["tau_within"].notna().any():
        place = {"xref": "x2 domain", "x": 0.5, "yref": "y domain", "y": 0.5}
        figure.add_annotation(text="fewer than 16 trials", showarrow=False, font={"size": 14}, **place)


def _labels(rows: pd.DataFrame) -> list[str]:
    """Names for the rows; a score that no interval puts above depth and params is marked."""
    return [
        escape(str(name)) + (" ✗" if str(verdict).startswith("no better") else "")
        for name, verdict in zip(rows["predictor"], _told(rows), strict=True)
    ]


def _told(rows: pd.DataFrame) -> pd.Series:
    """The verdict at equal cost, where there is none the one over all trials."""
    return rows["verdict_within"].where(rows["verdict_within"] != "", rows["verdict"])


def _hover(rows: pd.DataFrame, suffix: str) -> list[str]:
    texts = []
    for row in rows.to_dict("records"):
        lines = [f"<b>{escape(str(row['predictor']))}</b>, {PANELS[suffix]}, n {row['n']}"]
        for figure, name in (("tau", "Kendall's tau"), ("rho", "Spearman's rho")):
            value, low, high = (row[f"{figure}{suffix}{end}"] for end in ("", "_low", "_high"))
            lines.append(f"{name} {value:.2f}" + (f" ({low:.2f} to {high:.2f})" if pd.notna(low) else ""))
        texts.append("<br>".join([*lines, row[f"verdict{suffix}"]] if row[f"verdict{suffix}"] else lines))
    return texts


def _explained(audited: pd.DataFrame) -> str:
    facts = audited.attrs
    said = [f"{key.replace('dataset', 'data set')} {facts[key]}" for key in ("dataset", "proxy") if facts.get(key)]
    if "trials" in facts:
        said.append(f"{facts['trials']} trials")
    if bands := facts.get("bands"):
        said.append(f"equal cost: mean over {len(bands)} bands of equal count by GFLOPs")
    told = escape("; ".join(said))
    crosses = "" if audited.empty or not _told(audited).str.startswith("no better").any() else " "
    marked = "✗: no better than depth or params." if crosses else ""
    return f"{told[:1].upper()}{told[1:]}.{crosses}{marked}" if told else ""
