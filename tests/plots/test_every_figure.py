"""Every figure of dashboards over every strange study: nothing raises, nothing is blank, nothing is markup."""

import json
import math

import numpy as np
import pandas as pd
import plotly.io
import pytest

from nas.plots import registry
from tests.study_frame import made_up

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def tables(count=12, **changes):
    """Made-up tables whose trials have some columns replaced; `attrs` and `curves` are changed by their names."""
    made = made_up(count)
    attrs = changes.pop("attrs", {})
    trials = made["trials"].assign(**changes)
    trials.attrs = made["trials"].attrs | attrs
    made["curves"].attrs |= attrs
    return made | {"trials": trials, "studies": together(trials)}


def together(trials):
    other = trials.assign(study="another")
    table = pd.concat([trials.assign(study="made-up"), other], ignore_index=True)
    table.attrs = dict(trials.attrs)
    return table


def bare(names):
    """Only these columns, and no fact."""
    made = made_up(12)
    trials = made["trials"][list(names)].copy()
    trials.attrs = {}
    none = pd.DataFrame()
    return {"trials": trials, "studies": together(trials), "references": none, "curves": none, "retrained": none}


STRANGE = {
    "no trial": lambda: tables(0),
    "one trial": lambda: tables(1),
    "two trials": lambda: tables(2),
    "all failed": lambda: tables(state="failed", accuracy=math.nan, on_front=False, reason="x" * 300),
    "all running": lambda: tables(state="running", accuracy=math.nan, on_front=False, ended=pd.NaT),
    "all stopped": lambda: tables(state="stopped", accuracy=math.nan, on_front=False),
    "all on the front": lambda: tables(on_front=True),
    "no accuracy": lambda: tables(accuracy=math.nan, last_accuracy=math.nan),
    "no cost": lambda: tables(gflops=math.nan, ginteractions=math.nan, mparams=math.nan),
    "costs of zero": lambda: tables(gflops=0.0, ginteractions=0.0, mparams=0.0),
    "equal values": lambda: tables(accuracy=0.5, gflops=1.0, ginteractions=1.0, mparams=1.0),
    "one objective": lambda: tables(attrs={"objectives": ["accuracy"]}),
    "four objectives": lambda: tables(attrs={"objectives": ["accuracy", "gflops", "mparams", "ginteractions"]}),
    "no rungs": lambda: tables(attrs={"rungs": []}),
    "long names": lambda: tables(summary="long " * 60, **{"decision.block": "kind " * 60}),
    "markup": lambda: tables(
        summary=EVIL, reason=EVIL, worker=EVIL, sampler=EVIL, key=EVIL, state="failed", **{"decision.block": EVIL},
        attrs=dict.fromkeys(("study", "dataset", "proxy", "budget", "clip", "space"), EVIL),
    ),
    "markup of complete trials": lambda: tables(
        summary=EVIL, worker=EVIL, key=EVIL, **{"decision.block": EVIL, f"decision.{EVIL}": EVIL}
    ),
    "numbers alone": lambda: bare(["number"]),
    "numbers and states": lambda: bare(["number", "state"]),
    "no genotype": lambda: tables(genotype=""),
    "many trials": lambda: tables(2500),
}  # fmt: skip


@pytest.fixture(scope="module", params=STRANGE)
def strange(request):
    return STRANGE[request.param]()


@pytest.mark.parametrize("name", registry.names())
def test_no_study_is_too_strange(name, strange):
    figure = registry.drawn(name, strange)
    assert figure.layout.title.text and len(figure.data), "a blank figure"
    text = plotly.io.to_json(figure, engine="json")
    assert "<script" not in text and "<img" not in text
    assert not any(isinstance(value, str) and "\n" in value for value in axis_titles(figure))


def axis_titles(figure):
    return [axis["title"]["text"] for key, axis in figure.layout.to_plotly_json().items()
            if "axis" in key and isinstance(axis, dict) and axis.get("title", {}).get("text")]  # fmt: skip


@pytest.mark.parametrize("name", registry.names())
def test_trials_are_linked_by_their_number(name):
    figure = registry.drawn(name, tables(60))
    numbers = set(range(60))
    for trace in figure.data:
        told = [] if trace.customdata is None else np.asarray(trace.customdata, dtype=object)
        first = {one if np.ndim(one) == 0 else one[0] for one in told}
        assert {int(number) for number in first if number is not None and not math.isnan(number)} <= numbers


@pytest.mark.parametrize("name", registry.names())
def test_ten_thousand_trials_are_few_bytes(name, thousands):
    size = len(plotly.io.to_json(registry.drawn(name, thousands), engine="json"))
    assert size < 2_500_000, f"{size:,} bytes"


@pytest.fixture(scope="module")
def thousands():
    return tables(10_000)


def test_all_figures_together_fit_a_page(thousands):
    sizes = {name: len(json.dumps(plotly.io.to_json(registry.drawn(name, thousands)))) for name in registry.names()}
    assert sum(sizes.values()) < 20_000_000, sizes
