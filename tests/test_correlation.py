"""Rank correlations agree with scipy's, bands are of equal cost, and a measure of depth is found out."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nas.correlation import audit, correlate, equal_cost

BASELINES = {"depth": "baseline", "params": "baseline", "gflops": "baseline"}


def study(trials=120, seed=0):
    """Accuracy rises with cost, and as much again with a quality that cost knows nothing of."""
    rng = np.random.default_rng(seed)
    size, quality = rng.normal(size=(2, trials))
    frame = pd.DataFrame({"gflops": np.exp(size), "accuracy": 0.5 + 0.05 * size + 0.05 * quality})
    frame["depth"] = np.round(20 + 5 * size + rng.normal(size=trials))
    return frame.assign(params=np.exp(size + rng.normal(size=trials)))


def of(table, predictor):
    return table.set_index("predictor").loc[predictor]


@pytest.mark.parametrize("ties", [False, True])
def test_both_correlations_are_scipys(ties):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 50))
    x, y = (np.round(x), np.round(2 * y + x)) if ties else (x, y)
    found = correlate(x, y, [np.arange(50)], np.ones((1, 50)))
    assert found["tau"][0] == pytest.approx(stats.kendalltau(x, y).statistic)
    assert found["rho"][0] == pytest.approx(stats.spearmanr(x, y).statistic)


def test_a_resample_is_what_scipy_makes_of_the_repeated_rows():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 30))
    counts = np.bincount(rng.integers(30, size=30), minlength=30)[None, :].astype(np.float32)
    rows = np.repeat(np.arange(30), counts[0].astype(int))
    found = correlate(x, y, [np.arange(30)], counts)
    assert found["tau"][0] == pytest.approx(stats.kendalltau(x[rows], y[rows]).statistic)
    assert found["rho"][0] == pytest.approx(stats.spearmanr(x[rows], y[rows]).statistic)


def test_bands_are_weighted_by_their_pairs():
    x, y = np.array([1.0, 2, 3, 1, 2, 3, 4]), np.array([1.0, 2, 3, 4, 3, 2, 1])
    found = correlate(x, y, [np.arange(3), np.arange(3, 7)], np.ones((1, 7)))
    assert found["tau"][0] == pytest.approx((3 * 1 + 6 * -1) / 9)
    constant = np.where(np.arange(7) < 3, 1.0, x)
    assert correlate(constant, y, [np.arange(3), np.arange(3, 7)], np.ones((1, 7)))["tau"][0] == -1


def test_equal_cost_bands():
    bands = equal_cost(np.arange(50.0)[::-1])
    assert [len(rows) for rows in bands] == [10] * 5
    assert [len(rows) for rows in equal_cost(np.arange(20.0))] == [10, 10]
    assert equal_cost(np.arange(15.0)) == []


def test_a_score_that_is_depth_and_noise_is_named_so():
    frame = study()
    rng = np.random.default_rng(3)
    frame["deep"] = frame["depth"] + rng.normal(size=len(frame))
    frame["good"] = frame["accuracy"] + 0.01 * rng.normal(size=len(frame))
    table = audit(frame, BASELINES | {"deep": "score", "good": "score"}, repeats=300)
    assert "no better than depth" in of(table, "deep")["verdict"]
    assert "no better than depth" in of(table, "deep")["verdict_within"]
    for suffix in ("", "_within"):
        assert of(table, "good")[f"verdict{suffix}"] == "better than depth and params"
        assert of(table, "good")[f"margin{suffix}_low"] > 0
    assert (table[table["kind"] == "baseline"]["verdict"] == "").all()
    assert table["predictor"].iloc[0] == "good"


def test_what_is_size_alone_falls_within_bands():
    table = audit(study(400), BASELINES, repeats=50)
    assert of(table, "gflops")["tau"] > 0.4
    assert of(table, "gflops")["tau_within"] < 0.2


def test_depth_itself_is_no_better_than_depth():
    frame = study().assign(twin=lambda frame: frame["depth"] ** 3)
    row = of(audit(frame, BASELINES | {"twin": "score"}, repeats=100), "twin")
    assert row["verdict"].startswith("no better than depth")


def test_a_constant_baseline_counts_as_chance():
    frame = study().assign(depth=10, params=3.0)
    rng = np.random.default_rng(4)
    frame = frame.assign(good=frame["accuracy"], idle=rng.normal(size=len(frame)))
    table = audit(frame, {"depth": "baseline", "good": "score", "idle": "score"}, repeats=200)
    assert of(table, "depth")["note"] == "constant" and math.isnan(of(table, "depth")["tau"])
    assert of(table, "good")["verdict"] == "better than depth and params"
    assert of(table, "idle")["verdict"] == "no better than depth or params"


def test_a_score_that_ranks_backwards_is_no_better_than_chance():
    frame = study()
    frame["depth"] = frame["params"] = -frame["accuracy"]
    frame["idle"] = np.random.default_rng(5).normal(size=len(frame))
    assert of(audit(frame, {"idle": "score"}, repeats=200), "idle")["verdict"] == "no better than chance"


def test_missing_values_are_dropped_for_one_predictor_alone():
    frame = study().assign(part=lambda frame: frame["accuracy"].where(frame.index >= 30))
    table = audit(frame, BASELINES | {"part": "score"}, repeats=50)
    assert (of(table, "part")["n"], of(table, "depth")["n"]) == (90, 120)
    assert of(table, "part")["tau"] == pytest.approx(1.0)
    tau = stats.kendalltau(frame["depth"][30:], frame["accuracy"][30:]).statistic
    ruler = stats.kendalltau(frame["params"][30:], frame["accuracy"][30:]).statistic
    assert of(table, "part")["margin"] == pytest.approx(1 - max(tau, ruler))


@pytest.mark.parametrize("trials", [0, 1, 2])
def test_few_trials_have_no_correlation(trials):
    table = audit(study()[:trials], {"depth": "baseline", "params": "score"})
    assert table["tau"].isna().all() and set(table["note"]) == {"fewer than 3 values"}


def test_under_sixteen_trials_there_are_no_bands():
    table = audit(study()[:15], {"depth": "score"}, repeats=50)
    assert table.attrs["bands"] == [] and table["tau_within"].isna().all()
    assert table["verdict"].iloc[0] and table["verdict_within"].iloc[0] == ""


def test_trials_without_an_accuracy_are_in_no_band():
    frame = study(40)
    stopped = frame.assign(accuracy=math.nan)
    both = pd.concat([frame, stopped, stopped], ignore_index=True)
    pd.testing.assert_frame_equal(audit(frame, BASELINES, repeats=50), audit(both, BASELINES, repeats=50))


def test_intervals_hold_the_estimate_and_repeat_with_the_seed():
    frame = study()
    first, again, other = (audit(frame, BASELINES, seed=seed, repeats=200) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not first["tau_low"].equals(other["tau_low"])
    for name in ("tau", "rho", "tau_within", "rho_within"):
        assert ((first[f"{name}_low"] < first[name]) & (first[name] < first[f"{name}_high"])).all()


def test_no_predictors():
    assert audit(study(), {}).empty
