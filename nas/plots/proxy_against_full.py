"""Full training over the proxy, from the tables of a study: `nas.plots.proxy_fidelity` of its retrained trials.

That figure takes what `nas audit` has worked out; here it is worked out from the trials that were trained in full.
"""

from __future__ import annotations

import textwrap
from html import escape

import pandas as pd
import plotly.graph_objects as go

from nas.errors import NasError
from nas.fidelity import fidelity
from nas.plots import chosen, style
from nas.plots import trials as frame
from nas.plots.proxy_fidelity import proxy_fidelity
from nas.plots.registry import figure as registered

REPEATS = 500  # of the bootstrap: an interval to two digits, in a tenth of a second


@registered
def proxy_against_full(retrained: pd.DataFrame, trials: pd.DataFrame) -> go.Figure:
    """Draw the accuracy after full training over that by the proxy, with the front that each makes.

    >>> trials = pd.DataFrame({"number": [3, 5], "gflops": [1.0, 2.0], "state": "complete", "accuracy": [0.3, 0.5]})
    >>> retrained = pd.DataFrame({"trial": [3, 5], "proxy": [0.3, 0.5], "retrained": [0.5, 0.6]})
    >>> figure = proxy_against_full(retrained, trials)
    >>> sorted(int(number) for trace in figure.data if trace.customdata is not None for number in trace.customdata)
    [3, 5]
    """
    tidied = frame.tidy(trials)
    joined = pairs(retrained, tidied)
    aims = [aim.name for aim in chosen.objectives(tidied)]
    kept = [name for name in aims if name == "accuracy" or (joined[name] > 0).all()]
    try:
        return proxy_fidelity(joined, fidelity(joined, kept, repeats=REPEATS))
    except NasError as error:
        figure = go.Figure(layout=style.layout("Full training over the proxy", ""))
        style.note(figure, "<br>".join(map(escape, textwrap.wrap(str(error), 60))))
        return figure


def pairs(retrained: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """What `nas.fidelity` takes: trial, proxy, full and all costs of the trials that were trained in full.

    Trials that the study does not have, and those without both accuracies, are left out.

    >>> table = frame.tidy(pd.DataFrame({"number": [3], "accuracy": [0.3], "gflops": [1.0]}))
    >>> pairs(pd.DataFrame({"trial": [3, 9], "proxy": [None, 0.1], "retrained": [0.5, 0.6]}), table)["proxy"].tolist()
    [0.3]
    """
    told = pd.DataFrame(index=retrained.index)
    for column, name in (("trial", "trial"), ("proxy", "proxy"), ("retrained", "full")):
        known = retrained[column] if column in retrained else pd.Series(index=retrained.index, dtype=float)
        told[name] = pd.to_numeric(known, errors="coerce").astype(float)
    rows = told.dropna(subset=["trial"]).merge(trials, left_on="trial", right_on="number", how="inner")
    rows["proxy"] = rows["proxy"].fillna(rows["accuracy"])
    rows = rows.dropna(subset=["proxy", "full"]).drop_duplicates("trial", keep="last", ignore_index=True)
    rows["trial"] = rows["trial"].astype(int)
    rows.attrs = dict(trials.attrs) | {"clip": frame.clip(trials)}
    return rows
