"""One HTML page that tells a whole study: what was searched, the front, how to get each network, what failed.

The page is one file that needs no server and no network: plotly.js stands in it once, figures are JSON beside
it. Whatever a study contains is shown as text: Jinja escapes it, and the page's content security policy runs
only the two scripts whose hashes it names, so that even a slip in the escaping would run nothing.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Mapping
from html import unescape
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from nas import files
from nas.plots import references as published
from nas.plots import style
from nas.plots import trials as frame
from nas.plots.accuracy_over_cost import accuracy_over_cost
from nas.plots.accuracy_over_interactions import accuracy_over_interactions

HERE = Path(__file__).parent
COSTS = ("gflops", "ginteractions", "mparams", "latency")
# attrs of the trials' frame that the page's head shows, and what it calls them
FACTS = {
    "space": "space",
    "budget": "budget",
    "objectives": "objectives",
    "dataset": "data set",
    "val_clips": "validation clips",
    "proxy": "proxy",
    "clip": "costs counted for",
    "latency": "latency measured on",
    "sampler": "sampler",
    "seed": "seed",
    "engine": "accuracies from",
    "stopped": "stopped early",
    "dropped": "draws not trained",
    "skipped_videos": "videos skipped",
    "versions": "versions",
}
# a rank correlation of fewer pairs says nothing
PAIRS = 3


def write_page(
    path: str | Path,
    trials: pd.DataFrame,
    references: pd.DataFrame | None = None,
    *,
    facts: Mapping[str, object] | None = None,
    retrained: pd.DataFrame | list[dict] | None = None,
    target: str | None = None,
    knee: int | None = None,
) -> Path:
    """Write the page of a study to `path`, whole or not at all, and return the path.

    `trials` is described in `nas.plots.trials`, `references` in `nas.plots.references`. `facts` adds lines to
    the head ({"space": "csn", "records": 96}). `retrained` has a row a retraining with trial, proxy and
    retrained (both accuracies as fractions). `target` is what the user calls the study on the command line,
    `knee` the number of the trial at the front's knee. Raises NasError where the file cannot be written.

    >>> write_page("studies/csn-35gflops/pareto.html", trials)        # doctest: +SKIP
    PosixPath('studies/csn-35gflops/pareto.html')
    """
    path = Path(path)
    text = render(trials, references, facts=facts, retrained=retrained, target=target, knee=knee)
    files.write(path, text.encode())
    return path


def render(
    trials: pd.DataFrame,
    references: pd.DataFrame | None = None,
    *,
    facts: Mapping[str, object] | None = None,
    retrained: pd.DataFrame | list[dict] | None = None,
    target: str | None = None,
    knee: int | None = None,
) -> str:
    """The page's HTML; see `write_page` for what it takes."""
    trials, references = frame.tidy(trials), published.tidy(references)
    study = str(trials.attrs.get("study") or "study")
    target = target or study
    figures = [accuracy_over_cost(trials, references), accuracy_over_interactions(trials, references)]
    timed = bool(trials["latency"].notna().any())
    if timed:
        figures.insert(1, accuracy_over_cost(trials, references, cost="latency"))
    front = front_rows(trials, target)
    return _template().render(
        title=study,
        facts=_facts(trials, facts or {}),
        counts=frame.counts(trials),
        clip=frame.clip(trials),
        figures=[_figure(figure) for figure in figures],
        front=front,
        timed=timed,
        knee=knee,
        nothing="" if front else frame.emptiness(trials),
        failures=failures(trials),
        fidelity=fidelity(retrained),
        pairs=_pairs(retrained),
        suggested=[row["command"] for row in _spread_out(front, PAIRS)],
        target=target,
        references=_reference_rows(references),
        **_scripts(),
    )


def front_rows(trials: pd.DataFrame, target: str) -> list[dict]:
    """The front, cheapest first, as texts: trial, accuracy with noise, costs, design, genotype, command.

    >>> rows = pd.DataFrame({"number": [7], "state": ["complete"], "on_front": [True], "gflops": [1.5]})
    >>> front_rows(frame.tidy(rows), "studies/a b")[0]["command"]
    "nas retrain 'studies/a b' --trial 7"
    """
    chosen = trials[trials["on_front"] & (trials["state"] == "complete")].sort_values(["gflops", "number"])
    rows = []
    for row, noise in zip(chosen.to_dict("records"), frame.noise(chosen), strict=True):
        number = int(row["number"])
        rows.append(
            {"number": number, "accuracy": style.percent(row["accuracy"], noise)}
            | {cost: style.number(row[cost]) for cost in COSTS}
            | {"summary": row["summary"], "genotype": row["genotype"]}
            | {"command": f"nas retrain {shlex.quote(target)} --trial {number}"}
        )
    return rows


def failures(trials: pd.DataFrame) -> list[dict]:
    """The reasons of failed trials, the most frequent first, with the trials' numbers."""
    failed = trials[trials["state"] == "failed"]
    reasons = failed["reason"].str.strip().replace("", "no reason on record")
    groups = [
        {"reason": reason, "count": len(rows), "trials": [int(number) for number in sorted(rows["number"])]}
        for reason, rows in failed.groupby(reasons, sort=True)
    ]
    return sorted(groups, key=lambda group: -group["count"])


def fidelity(retrained: pd.DataFrame | list[dict] | None) -> str:
    """How well the proxy orders networks as full training does: Kendall's tau and Spearman's rho, in words.

    '' where fewer than three retrained trials tell nothing.

    >>> fidelity(pd.DataFrame({"trial": [1, 2, 3], "proxy": [0.1, 0.2, 0.3], "retrained": [0.5, 0.6, 0.7]}))
    "Over 3 retrained trials, Kendall's tau is 1.00 (p = 0.33) and Spearman's rho is 1.00."
    """
    pairs = _measured_pairs(retrained)
    if len(pairs) < PAIRS:
        return ""
    if pairs["proxy"].nunique() == 1 or pairs["retrained"].nunique() == 1:
        return f"The {len(pairs)} retrained trials have equal accuracies, so there is no order to compare."
    from scipy.stats import kendalltau, spearmanr

    tau, rho = kendalltau(pairs["proxy"], pairs["retrained"]), spearmanr(pairs["proxy"], pairs["retrained"])
    return (
        f"Over {len(pairs)} retrained trials, Kendall's tau is {tau.statistic:.2f} (p = {tau.pvalue:.2f}) "
        f"and Spearman's rho is {rho.statistic:.2f}."
    )


def _measured_pairs(retrained: pd.DataFrame | list[dict] | None) -> pd.DataFrame:
    table = pd.DataFrame(retrained, columns=["trial", "proxy", "retrained"]).astype(float)
    return table[np.isfinite(table).all(axis=1)].sort_values("trial")


def _pairs(retrained: pd.DataFrame | list[dict] | None) -> list[dict]:
    return [
        {"number": int(row["trial"])} | {key: style.percent(row[key]) for key in ("proxy", "retrained")}
        for row in _measured_pairs(retrained).to_dict("records")
    ]


def _spread_out(rows: list[dict], count: int) -> list[dict]:
    """At most `count` rows, from the first to the last, evenly apart."""
    places = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int))
    return [rows[place] for place in places]


def _facts(trials: pd.DataFrame, more: Mapping[str, object]) -> list[tuple[str, str]]:
    """What the head tells of the study: the known attrs, then `more`; unknown ones are left out."""
    known = dict(trials.attrs) | {"clip": frame.clip(trials) if trials.attrs.get("clip") else None}
    own = [(told, known.get(key)) for key, told in FACTS.items() if told not in more]
    return [(told, text) for told, value in [*own, *more.items()] if (text := _plain(value))]


def _plain(value: object) -> str:
    """A fact in words; '' where it is unknown.

    >>> _plain(["accuracy", "gflops"]), _plain({"over_budget": 4, "repeated": 1}), _plain({"torch": "2.13"})
    ('accuracy, gflops', '4 over budget, 1 repeated', 'torch 2.13')
    """
    if isinstance(value, Mapping):
        counted = [f"{count} {str(key).replace('_', ' ')}" for key, count in value.items() if isinstance(count, int)]
        return ", ".join(counted or [f"{key} {told}" for key, told in value.items()])
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _reference_rows(references: pd.DataFrame) -> list[dict]:
    """Published networks as texts, cheapest first."""
    return [
        {"name": str(row["name"]), "accuracy": style.percent(row["accuracy"])}
        | {cost: style.number(row[cost]) for cost in COSTS}
        | {
            "dataset": "" if pd.isna(row["dataset"]) else str(row["dataset"]),
            "told": unescape(published.published(row)),
        }
        for row in references.sort_values(["gflops", "name"]).to_dict("records")
    ]


def _figure(figure: go.Figure) -> dict:
    """A figure as JSON without its title, which the page sets as text that wraps on narrow screens.

    plotly writes < > and / of texts as escapes, so that no text can end the script element it stands in.
    """
    title, note = figure.layout.title.text, figure.layout.title.subtitle.text or ""
    figure.update_layout(margin={"t": 16})
    figure.layout.title = figure.layout.height = None
    return {
        "title": unescape(title),
        "note": unescape(note.replace("<br>", " ")),
        "json": Markup(plotly.io.to_json(figure, engine="json")),
    }


def _scripts() -> dict[str, Markup | str]:
    """The style sheet, the two scripts, and the policy that allows these two scripts and no other."""
    plotly_js, page_js = get_plotlyjs(), (HERE / "page.js").read_text(encoding="utf-8")
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (plotly_js, page_js)]
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    css = (HERE / "page.css").read_text(encoding="utf-8")
    return {"plotly": Markup(plotly_js), "script": Markup(page_js), "css": Markup(css), "policy": policy}


def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(HERE)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html")
