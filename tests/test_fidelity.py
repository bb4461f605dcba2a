"""The regret of trusting a proxy, worked by hand, and picks that span the front."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nas.errors import NasError
from nas.fidelity import fidelity, spread


def pairs(proxy, full, gflops):
    frame = pd.DataFrame({"proxy": proxy, "full": full, "gflops": gflops}, dtype=float)
    return frame.assign(trial=range(len(frame)))


def test_a_perfect_proxy_has_no_regret():
    found = fidelity(pairs([0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [1, 2, 4]))
    assert (found.regret, found.lost, found.missed) == (0.0, 0.0, ())
    assert found.tau[0] == found.rho[0] == 1.0


def test_regret_by_hand():
    # log2 costs 0, 1, 2 and accuracies 0.4, 0.6, 0.8; reference (0.4 - 0.04, 2 + 0.2)
    found = fidelity(pairs([0.3, 0.5, 0.4], [0.4, 0.6, 0.8], [1, 2, 4]))
    whole = 0.04 * 2.2 + 0.2 * 1.2 + 0.2 * 0.2
    assert found.regret == pytest.approx(1 - (whole - 0.2 * 0.2) / whole)
    assert (found.picked, found.front, found.missed) == ((0, 1), (0, 1, 2), (2,))
    assert (found.lost, found.lost_at) == (pytest.approx(0.2), 4.0)


def test_a_misordered_pair_off_the_front_costs_nothing():
    found = fidelity(pairs([0.3, 0.5, 0.1, 0.2], [0.4, 0.6, 0.3, 0.2], [1, 2, 3, 4]))
    assert found.regret == 0.0 and found.tau[0] < 1.0


def test_correlations_are_scipys_and_lie_in_their_intervals():
    rng = np.random.default_rng(0)
    full = rng.uniform(size=20)
    frame = pairs(full + 0.2 * rng.normal(size=20), full, rng.uniform(1, 9, size=20))
    found = fidelity(frame)
    assert found.tau[0] == pytest.approx(stats.kendalltau(frame["proxy"], full).statistic)
    assert found.rho[0] == pytest.approx(stats.spearmanr(frame["proxy"], full).statistic)
    assert found.tau[1] < found.tau[0] < found.tau[2]


def test_a_proxy_without_information_has_the_regret_of_chance():
    rng = np.random.default_rng(1)
    gflops = np.geomspace(1, 30, 15)
    full = 0.3 + 0.1 * np.log(gflops) + 0.05 * rng.normal(size=15)
    noise = [fidelity(pairs(rng.permutation(full), full, gflops), repeats=5) for _ in range(25)]
    assert np.mean([found.regret for found in noise]) == pytest.approx(noise[0].chance, abs=0.1)
    assert noise[0].chance > 0.1


def test_more_objectives():
    frame = pairs([0.3, 0.5, 0.1], [0.4, 0.6, 0.3], [1, 2, 3]).assign(ginteractions=[1.0, 2.0, 9.0])
    assert fidelity(frame, ("accuracy", "gflops", "ginteractions")).front == (0, 1, 2)
    with pytest.raises(NasError, match="leave ginteractions out"):
        fidelity(frame.assign(ginteractions=0.0), ("accuracy", "gflops", "ginteractions"))


def test_few_networks():
    none = fidelity(pairs([], [], []))
    assert none.networks == 0 and math.isnan(none.regret) and math.isnan(none.tau[0])
    two = fidelity(pairs([0.1, 0.2, math.nan], [0.2, 0.1, 0.3], [1, 2, 3]))
    assert two.networks == 2 and math.isnan(two.tau[0]) and two.regret == 0.0


def trials(accuracy, gflops):
    frame = pd.DataFrame({"accuracy": accuracy, "gflops": gflops}, dtype=float)
    return frame.assign(number=range(len(frame)), state="complete")


def test_a_large_front_is_sampled_evenly_in_log_cost():
    frame = trials(np.linspace(0.1, 0.9, 65), 2.0 ** np.linspace(0, 8, 65))
    assert spread(frame, 5) == [0, 16, 32, 48, 64]
    assert spread(frame, 2) == [0, 64]


def test_a_small_front_is_filled_by_rank_then_by_gap():
    # front 0 (1 GFLOP) and 1 (16); rank 1 are 2, 3 and 4; rank 2 is 5, in the middle of the gap but farther behind
    frame = trials([0.5, 0.9, 0.3, 0.4, 0.45, 0.2], [1, 16, 1.5, 4, 15, 4.5])
    assert spread(frame, 3) == [0, 3, 1]
    assert spread(frame, 5) == [0, 2, 3, 4, 1]
    assert spread(frame, 9) == [0, 2, 3, 5, 4, 1]


def test_the_order_of_the_rows_and_unfinished_trials_do_not_matter():
    rng = np.random.default_rng(0)
    frame = trials(rng.uniform(size=40), rng.uniform(1, 30, size=40))
    chosen = spread(frame, 12)
    assert len(set(chosen)) == 12 and spread(frame.sample(frac=1, random_state=1), 12) == chosen
    failed = frame.assign(state=["failed" if n == chosen[0] else "complete" for n in frame["number"]])
    assert chosen[0] not in spread(failed, 12)


def test_one_network_shows_no_order():
    with pytest.raises(NasError, match="at least 2"):
        spread(trials([0.5], [1]), 1)


def test_a_proxy_that_orders_the_wrong_way_round_shows_its_regret():
    """Half of what is trained in full comes from behind the front: only that can show what the proxy passed over."""
    rng = np.random.default_rng(0)
    gflops, accuracy = np.geomspace(1, 10, 60), rng.uniform(0.3, 0.8, 60)
    trials = pd.DataFrame({"number": range(60), "state": "complete", "gflops": gflops, "accuracy": accuracy})
    chosen = spread(trials, 8)
    rows = trials.set_index("number").loc[chosen]
    pairs = pd.DataFrame({"trial": chosen, "gflops": rows["gflops"].to_numpy(), "proxy": rows["accuracy"].to_numpy()})
    wrong = fidelity(pairs.assign(full=1 - pairs["proxy"]))
    right = fidelity(pairs.assign(full=pairs["proxy"]))
    assert len(chosen) == 8 and wrong.regret > 0.1 > right.regret == 0.0
