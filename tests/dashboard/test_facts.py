"""The head of a page in words."""

import math

import pandas as pd

from nas.dashboard.facts import facts, fidelity
from tests.study_frame import trials


def test_what_is_known_is_told_and_nothing_else():
    study = trials()
    study.attrs |= {"dropped": {"over_budget": 412, "repeated": 14, "invalid": 0}, "versions": {"nas": "0.1.0"}}
    told = dict(facts(study))
    assert told["draws not trained"] == "412 over budget, 14 repeated" and told["versions"] == "nas 0.1.0"
    assert told["costs counted for"] == "one 8x224x224 clip" and told["proxy"] == "width x0.25, 8 epochs"
    assert "videos skipped" not in told and "latency measured on" not in told
    assert dict(facts(study.iloc[:0])) == told and facts(pd.DataFrame()) == []


def test_rank_correlations_by_hand():
    # of the six pairs five agree and one does not: (5 - 1) / 6; squared rank differences sum to 2: 1 - 12/60
    rows = pd.DataFrame({"trial": range(4), "proxy": [0.1, 0.2, 0.3, 0.4], "retrained": [0.5, 0.7, 0.6, 0.8]})
    assert "tau 0.67" in fidelity(rows) and "rho 0.80" in fidelity(rows)
    assert "equal accuracies" in fidelity(rows.assign(proxy=0.5))


def test_the_proxy_is_unknown_until_three_networks_are_retrained():
    rows = pd.DataFrame({"trial": [0, 1, 2], "proxy": [0.4, 0.6, 0.3], "retrained": [0.7, 0.8, math.nan]})
    assert "2 networks trained in full, 3 would tell" in fidelity(rows)
    assert fidelity(rows[:0]).startswith("unknown how well it foretells full training: 0 networks")
