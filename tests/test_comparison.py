"""Hypervolume trajectories against areas by hand and by brute force, and what is told of repeats."""

import numpy as np
import pandas as pd
import pytest

from nas import comparison
from nas.comparison import needed, speedup, stopping, summary, trajectories
from nas.errors import NasError
from nas.pareto import Objective, hypervolume, reference_point

TWO = ("accuracy", "gflops")
# log-costs 1, 2, 3; the worst network is (0.2, 3), so the reference is (0.2 - 0.06, 3 + 0.2)
TRUTH = pd.DataFrame({"gflops": np.exp([1.0, 2.0, 3.0, 3.0]), "truth": [0.4, 0.6, 0.8, 0.2]})
# of the front's three steps, by hand: 0.26 x 2.2 + 0.2 x 1.2 + 0.2 x 0.2
WHOLE = 0.572 + 0.24 + 0.04


def run(networks, *, sampler="front", repeat=0, epochs=4, states=None, truth=TRUTH):
    """One search that tried these rows of the truth, in this order."""
    rows = truth.iloc[list(networks)].reset_index(drop=True)
    states = states or ["complete"] * len(rows)
    return rows.assign(sampler=sampler, repeat=repeat, number=range(len(rows)), epochs=epochs, state=states)


def random_networks(count, rng):
    """With all three directions of objectives, and ties."""
    costs = {"gflops": rng.integers(1, 30, count) / 3, "ginteractions": rng.integers(1, 20, count) / 7}
    return pd.DataFrame(costs | {"truth": rng.integers(0, 50, count) / 50})


def curves(shares, *, sampler="front", epochs=10):
    """Trajectories with these shares, one list a repeat."""
    steps = [np.arange(1, len(one) + 1) for one in shares]
    rows = [
        pd.DataFrame({"sampler": sampler, "repeat": i, "trials": n, "epochs": n * epochs, "share": one})
        for i, (n, one) in enumerate(zip(steps, shares, strict=True))
    ]
    return pd.concat(rows, ignore_index=True)


def rising(repeats, trials, rate, rng):
    return [1 - np.exp(-np.cumsum(rng.exponential(rate, trials))) for _ in range(repeats)]


def test_shares_are_the_areas_by_hand():
    found = trajectories(run([3, 1, 0, 2]), TWO, TRUTH)
    areas = [0.06 * 0.2, 0.46 * 1.2, 0.26 * 2.2 + 0.2 * 1.2, WHOLE]
    assert found["share"].to_numpy() == pytest.approx(np.array(areas) / WHOLE)
    assert list(found["trials"]) == [1, 2, 3, 4] and list(found["epochs"]) == [4, 8, 12, 16]
    assert found.attrs["whole"] == "true"


def test_only_complete_trials_count_but_all_epochs_do():
    states = ["stopped", "complete", "failed", "complete"]
    found = trajectories(run([2, 1, 2, 0], states=states, epochs=[1, 4, 2, 4]), TWO, TRUTH)
    areas = [0, 0.46 * 1.2, 0.46 * 1.2, 0.26 * 2.2 + 0.2 * 1.2]
    assert found["share"].to_numpy() == pytest.approx(np.array(areas) / WHOLE)
    assert list(found["epochs"]) == [1, 5, 7, 11]


@pytest.mark.parametrize("known", [True, False])
def test_shares_are_the_hypervolume_computed_anew(known):
    rng = np.random.default_rng(0)
    truth, aims = random_networks(60, rng), [Objective("accuracy", "max"), Objective("gflops", "min")]
    aims.append(Objective("ginteractions", "max"))
    runs = pd.concat(
        run(rng.permutation(60)[:25], sampler=name, repeat=i, truth=truth) for name in ("front", "tpe") for i in (0, 1)
    )

    def points(networks):
        return np.column_stack([networks["truth"], np.log(networks[["gflops", "ginteractions"]])])

    pool = points(truth if known else runs)
    reference = reference_point(pool, aims)
    found = trajectories(runs, ("accuracy", "gflops", "ginteractions"), truth if known else None)
    assert found.attrs["whole"] == ("true" if known else "pooled")
    for (name, repeat), rows in found.groupby(["sampler", "repeat"]):
        tried = points(runs[(runs["sampler"] == name) & (runs["repeat"] == repeat)])
        brute = [hypervolume(tried[:n], aims, reference) / hypervolume(pool, aims, reference) for n in range(1, 26)]
        assert rows["share"].to_numpy() == pytest.approx(brute)
        assert rows["share"].is_monotonic_increasing


def test_costs_scale_freely():
    runs = pd.concat([run([3, 1, 0]), run([0, 2], repeat=1)])
    scaled = [frame.assign(gflops=1000 * frame["gflops"]) for frame in (runs, TRUTH)]
    assert trajectories(*(scaled[0], TWO, scaled[1]))["share"].to_numpy() == pytest.approx(
        trajectories(runs, TWO, TRUTH)["share"].to_numpy()
    )


def test_what_has_no_logarithm_or_is_not_in_the_truth_is_refused():
    with pytest.raises(NasError, match="gflops is 0"):
        trajectories(run([0]), TWO, TRUTH.assign(gflops=0.0))
    with pytest.raises(NasError, match="lacks"):
        trajectories(run([0, 1, 2]), TWO, TRUTH.iloc[[0, 3]])
    with pytest.raises(NasError, match="gfloops"):
        trajectories(run([0]), ("accuracy", "gfloops"), TRUTH)


def test_means_lie_in_their_intervals_and_rise():
    rng = np.random.default_rng(1)
    found = pd.concat([curves(rising(20, 60, 0.05, rng)), curves(rising(5, 60, 0.03, rng), sampler="tpe", epochs=7)])
    told = summary(found)
    assert ((told["low"] <= told["mean"]) & (told["mean"] <= told["high"])).all()
    for (sampler, along), rows in told.groupby(["sampler", "along"]):
        assert rows["mean"].is_monotonic_increasing and rows["low"].is_monotonic_increasing
        assert rows["x"].iloc[-1] == (60 if along == "trials" else 600 if sampler == "front" else 420)
        last = found[(found["sampler"] == sampler) & (found["trials"] == 60)]["share"].mean()
        assert rows["mean"].iloc[-1] == pytest.approx(last)
    assert summary(found).equals(told)


def test_the_interval_of_a_mean_is_about_two_standard_errors():
    values = np.random.default_rng(2).normal(0.5, 0.1, 200)
    told = summary(curves(values[:, None])).iloc[0]
    error = values.std(ddof=1) / np.sqrt(200)
    assert told["mean"] - told["low"] == pytest.approx(1.96 * error, rel=0.1)
    assert told["high"] - told["mean"] == pytest.approx(1.96 * error, rel=0.1)


def test_epochs_are_steps_and_end_with_the_shortest_repeat():
    told = summary(curves([[0.2, 0.4], [0.4, 0.6, 0.8]], epochs=100))
    epochs = told[told["along"] == "epochs"].set_index("x")["mean"]
    assert epochs.index.min() == 100.5 and epochs.index.max() == 200
    assert epochs[epochs.index < 200].to_numpy() == pytest.approx(0.3) and epochs[200] == pytest.approx(0.5)
    assert list(told[told["along"] == "trials"]["x"]) == [1, 2]


def test_needed_by_hand():
    found = curves([[0.5, 0.95, 1.0], [0.91, 0.92, 0.99]])
    told = needed(found, (0.9, 0.95, 0.99)).set_index("level")
    assert list(told["trials"]) == [1.5, 2.5, 3.0] and list(told["epochs"]) == [15, 25, 30]
    assert list(told["reached"]) == [2, 2, 2]
    assert list(told.loc[0.9, ["trials_low", "trials_high"]]) == [1, 2]


def test_never_reached_is_a_bound_and_is_counted():
    told = needed(curves([[0.5, 0.95], [0.5, 0.6, 0.7]]), (0.9, 0.99)).set_index("level")
    assert list(told["reached"]) == [1, 0] and list(told["trials"]) == [2.5, 2.5]
    assert told[["trials_low", "trials_high", "epochs_low", "epochs_high"]].isna().all(axis=None)


def test_speedup_by_hand():
    found = pd.concat([
        curves([[0.6, 0.8, 0.9, 0.95]] * 3),
        curves([[0.1, 0.2, 0.7, 0.8]] * 3, sampler="tpe"),
        curves([[0.1, 0.2, 0.6, 0.9]] * 3, sampler="uniform"),
        curves([[0.9, 0.9, 0.9, 0.9]] * 3, sampler="front, no stopping"),
    ])  # fmt: skip
    told = speedup(found, at=3)
    assert (told.other, told.level, told.other_epochs, told.reached) == ("tpe", pytest.approx(0.7), 30, 3)
    for estimate in (told.trials, told.curve_trials):
        assert (estimate.mean, estimate.low, estimate.high) == (2, 2, 2)
    assert told.epochs_ratio.mean == pytest.approx(2 / 3) and told.curve_epochs_ratio.mean == pytest.approx(2 / 3)
    assert speedup(found, at=4).other == "uniform"


@pytest.mark.parametrize("equal_repeats", [True, False])
def test_equal_samplers_have_the_ratio_one(equal_repeats):
    shares = rising(1 if equal_repeats else 20, 60, 0.05, np.random.default_rng(3)) * (20 if equal_repeats else 1)
    told = speedup(pd.concat([curves(shares), curves(shares, sampler="tpe")]), at=40)
    ratios = [told.curve_trials_ratio, told.curve_epochs_ratio]
    ratios += [told.trials_ratio, told.epochs_ratio] if equal_repeats else []
    assert all((one.mean, one.low, one.high) == (1, 1, 1) for one in ratios)


def test_samplers_of_one_distribution_have_the_ratio_one_within_the_interval():
    rng = np.random.default_rng(4)
    told = speedup(
        pd.concat([curves(rising(20, 100, 0.05, rng)), curves(rising(20, 100, 0.05, rng), sampler="tpe")]), at=50
    )
    for one in (told.trials_ratio, told.curve_trials_ratio):
        assert one.low < 1 < one.high and one.low <= one.mean <= one.high and one.high - one.low < 1


def test_a_slow_sampler_gets_a_bound():
    found = pd.concat([curves([[0.1, 0.2], [0.1, 0.9]]), curves([[0.8, 0.8]] * 2, sampler="tpe")])
    told = speedup(found, at=1)
    assert told.reached == 1 and told.trials.bound and told.trials.mean == 2 and np.isnan(told.trials.high)
    assert told.curve_trials.bound and told.curve_trials_ratio.mean == 2


def test_an_uncertain_level_opens_the_interval():
    found = pd.concat([curves([[0.5, 0.6]] * 4), curves([[0.1], [0.3], [0.8], [0.9]], sampler="tpe")])
    told = speedup(found, at=1)
    assert told.trials.mean == 2 and told.trials.low == 1 and np.isinf(told.trials.high)


def test_speedup_says_what_it_cannot_compare():
    with pytest.raises(NasError, match="no other sampler"):
        speedup(pd.concat([curves([[0.5]]), curves([[0.5]], sampler="front, no stopping")]), at=1)
    both = pd.concat([curves([[0.5]]), curves([[0.5, 0.6]], sampler="tpe")])
    with pytest.raises(NasError, match="150 trials"):
        speedup(both)
    with pytest.raises(NasError, match="'front'"):
        speedup(curves([[0.5]], sampler="tpe"), at=1)


def test_stopping_by_hand():
    shares = [[0.5, 0.7, 0.8, 0.8]] * 3
    found = pd.concat([curves(shares, epochs=5), curves(shares, sampler="front, no stopping", epochs=20)])
    told = stopping(found)
    assert (told.level, told.stopped_epochs.mean, told.unstopped_epochs.mean) == (pytest.approx(0.8), 15, 60)
    assert (told.ratio.mean, told.ratio.low, told.ratio.high) == (0.25, 0.25, 0.25)
    assert (told.final.mean, told.final.low, told.final.high) == (0, 0, 0)


def test_stopping_that_loses_is_compared_at_what_both_have():
    found = pd.concat([curves([[0.5, 0.6]], epochs=5), curves([[0.6, 0.8]], sampler="front, no stopping")])
    told = stopping(found)
    assert told.level == pytest.approx(0.6) and told.ratio.mean == 1 and told.final.mean == pytest.approx(-0.25)


def test_the_intervals_hold_the_truth_nearly_as_often_as_they_say():
    rng, hits, times = np.random.default_rng(5), 0, 200
    for seed in range(times):
        low, high = comparison._interval(comparison._weights(20, seed) @ rng.exponential(1.0, (20, 1)))[1:, 0]
        hits += low <= 1 <= high
    assert 0.85 < hits / times < 0.98
