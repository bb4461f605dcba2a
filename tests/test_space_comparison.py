"""Spaces at equal complexity: scipy's figures for unit weights, and cost alone never wins."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nas.errors import NasError
from nas.space_comparison import balance, decisions, decisive, differences, edf, weights


def drawn(networks=150, *, dearer=0.6, better=0.0, seed=0):
    """Two spaces whose error falls with log GFLOPs; `b` is dearer by a factor exp(0.6), and better by `better`."""
    rng = np.random.default_rng(seed)
    space = np.repeat(["a", "b"], networks)
    logs = 2 + rng.normal(size=2 * networks) * 0.7 + dearer * (space == "b")
    error = 0.6 - 0.1 * logs + 0.05 * rng.normal(size=2 * networks) - better * (space == "b")
    return pd.DataFrame({"space": space, "gflops": np.exp(logs), "error": error})


def decided(networks=300, seed=0):
    """One space with a decision that counts, one that only costs, one that does nothing, and one often inactive."""
    rng = np.random.default_rng(seed)
    block, idle = rng.choice(["ir", "ip"], networks), rng.choice(list("abc"), networks)
    width = rng.choice([16, 24, 32], networks)
    logs = rng.normal(size=networks) + np.log(width)
    error = 0.9 - 0.1 * logs + 0.04 * (block == "ip") + 0.03 * rng.normal(size=networks)
    frame = pd.DataFrame({"space": "a", "gflops": np.exp(logs), "error": error, "decision.block": block})
    groups = np.where(block == "ip", rng.choice([2, 4], networks).astype(float), np.nan)
    return frame.assign(**{"decision.idle": idle, "decision.width": width, "decision.groups": groups})


def test_each_space_has_equal_mass_in_each_bin():
    weighted = weights(drawn())
    masses = weighted.pivot_table(index="bin", columns="space", values="weight", aggfunc="sum").drop(index=-1)
    assert masses["a"].to_numpy() == pytest.approx(masses["b"].to_numpy())
    assert masses.sum().to_list() == pytest.approx([1, 1])
    sizes = weighted[weighted["bin"] >= 0].groupby(["space", "bin"]).size()
    assert sizes.min() >= 5 and len(masses) == weighted.attrs["bins"] > 5


def test_networks_outside_of_the_shared_range_count_for_nothing():
    frame = drawn()
    ends = frame.groupby("space")["gflops"].agg(["min", "max"])
    outside = (frame["gflops"] < ends["min"].max()) | (frame["gflops"] > ends["max"].min())
    weighted = weights(frame)
    assert ((weighted["weight"] == 0) == outside).all() and outside.any()
    told = balance(weighted)
    assert told["outside"].sum() == outside.sum() and told["networks"].tolist() == [150, 150]
    assert (told["effective"] < 150).all()
    assert told["gflops"][0] == pytest.approx(told["gflops"][1], rel=0.05)


def test_bins_by_hand():
    gflops = [1.0, 1.5, 3.0, 8.0, 16.0, 1.0, 7.0, 16.0]
    frame = pd.DataFrame({"space": list("aaaaabbb"), "gflops": gflops, "error": 0.5})
    weighted = weights(frame, bins=4, least=1)
    # edges 1 2 4 8 16; b has nothing from 2 to 4, so the two bins from 2 to 8 are one
    assert weighted["bin"].tolist() == [0, 0, 1, 2, 2, 0, 1, 2]
    # 1 / (1/2 + 1/1) = 2/3, 1 / (1/1 + 1/1) = 1/2 and 2/3, of 11/6 in all
    masses = [4 / 11, 3 / 11, 4 / 11]
    assert weighted["weight"][:5].tolist() == pytest.approx([2 / 11, 2 / 11, 3 / 11, 2 / 11, 2 / 11])
    assert weighted["weight"][5:].tolist() == pytest.approx(masses)


def test_an_empty_last_bin_joins_the_one_below():
    frame = pd.DataFrame({"space": list("aaab"), "gflops": [1.0, 1.1, 16.0, 1.0], "error": 0.5})
    frame.loc[4] = ["b", 16.0, 0.5]
    weighted = weights(frame, bins=4, least=1)
    assert weighted["bin"].tolist() == [0, 0, 1, 0, 1]


def test_networks_without_an_error_are_counted():
    frame = drawn()
    frame.loc[:3, "error"] = math.nan
    weighted = weights(frame)
    assert len(weighted) == 296 and weighted.attrs["unmeasured"] == 4


def test_spaces_without_a_shared_range_are_refused():
    frame = pd.DataFrame({"space": ["a"] * 9 + ["b"] * 9, "error": 0.5, "gflops": [*range(1, 10), *range(20, 29)]})
    with pytest.raises(NasError, match="share no range of GFLOPs"):
        weights(frame)
    with pytest.raises(NasError, match="5 networks of each"):
        weights(drawn(4))
    with pytest.raises(NasError):
        weights(frame[:0])


def test_unit_weights_give_the_plain_distribution_and_scipys_statistic():
    rng = np.random.default_rng(0)
    error = np.round(np.concatenate([rng.normal(size=40), 0.5 + rng.normal(size=40)]), 1)
    frame = pd.DataFrame({"space": np.repeat(["a", "b"], 40), "error": error, "gflops": 3.0})
    row = differences(weights(frame), repeats=4000).iloc[0]
    scipys = stats.ks_2samp(error[:40], error[40:])
    assert row["ks"] == pytest.approx(scipys.statistic)
    null = stats.permutation_test(
        (error[:40], error[40:]), lambda x, y: stats.ks_2samp(x, y).statistic, n_resamples=500, alternative="greater"
    )
    assert row["p"] == pytest.approx(null.pvalue, abs=0.06)
    assert row["difference"] == pytest.approx(error[:40].mean() - error[40:].mean())
    shares = edf(weights(frame))
    a = shares[shares["space"] == "a"]
    assert a["share"].to_list() == pytest.approx(stats.ecdf(error[:40]).cdf.probabilities.tolist())
    assert ((a["low"] <= a["share"]) & (a["share"] <= a["high"])).all()


def test_a_space_that_is_better_only_because_it_costs_more_is_not_better():
    frame = drawn()
    plain = stats.ks_2samp(*(frame[frame["space"] == name]["error"] for name in "ab"))
    assert plain.pvalue < 0.01, "by their errors alone the spaces differ"
    row = differences(weights(frame)).iloc[0]
    assert row["p_holm"] > 0.05 and row["low"] < 0 < row["high"]


def test_a_space_that_is_better_at_equal_cost_is_better():
    row = differences(weights(drawn(better=0.04))).iloc[0]
    assert row["p_holm"] < 0.01 and row["low"] > 0
    assert row["difference"] == pytest.approx(0.04, abs=0.02)


def test_the_test_is_wrong_about_as_often_as_it_says():
    p = [differences(weights(drawn(60, dearer=0.3, seed=seed)), repeats=100)["p"].iloc[0] for seed in range(60)]
    assert sum(value <= 0.05 for value in p) <= 9
    assert 0.35 < np.mean(p) < 0.65


def test_three_spaces_make_three_pairs_corrected_together():
    frame = pd.concat([drawn(), drawn(seed=1).query("space == 'a'").assign(space="c")], ignore_index=True)
    table = differences(weights(frame), repeats=200)
    assert table[["space", "other"]].to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert (table["p_holm"] >= table["p"]).all()
    only = differences(weights(frame), [("b", "c")], repeats=200)
    assert len(only) == 1 and only["p_holm"][0] == only["p"][0]


def test_one_space_has_no_pair():
    weighted = weights(drawn().query("space == 'a'"))
    assert differences(weighted).empty and set(edf(weighted)["space"]) == {"a"}


def test_the_decision_that_counts_is_found_and_the_one_that_only_costs_is_not():
    table = decisions(weights(decided()), repeats=300, permutations=1000)
    assert decisive(table) == {"a": "block"}
    block = table[table["decision"] == "block"].set_index("label")
    assert block.index.tolist() == ["ir", "ip"] and table["decision"].iloc[0] == "block"
    assert block.loc["ip", "shift"] == pytest.approx(0.04, abs=0.01) == -block.loc["ir", "shift"]
    assert block.loc["ip", "low"] > 0 > block.loc["ir", "high"]
    assert block["spread"].iloc[0] == pytest.approx(block.loc["ip", "shift"])
    for other in ("width", "idle", "groups"):
        assert table[table["decision"] == other]["p_holm"].min() > 0.05


def test_a_decision_counts_only_where_it_is_active():
    table = decisions(weights(decided()), repeats=50, permutations=100)
    groups = table[table["decision"] == "groups"]
    assert sorted(groups["label"]) == ["2.0", "4.0"]
    assert groups["n"].sum() <= (decided()["decision.block"] == "ip").sum()


def test_shifts_are_those_of_the_full_regression():
    frame = weights(decided(), bins=4)
    frame["decision.idle"] = frame["decision.idle"].where((frame["error"] < 0.6) | (frame.index % 2 == 0), "c")
    table = decisions(frame[["space", "gflops", "error", "decision.idle", "bin", "weight"]], repeats=50)
    shifts = table.set_index("label")["shift"]
    for label in "abc":
        others = pd.get_dummies(frame["decision.idle"]).astype(float)[[name for name in "abc" if name != label]]
        bins = pd.get_dummies(frame["bin"]).astype(float)
        x = np.column_stack([others, bins, np.log(frame["gflops"])])
        levels = np.linalg.lstsq(x, frame["error"], rcond=None)[0][:2]
        assert shifts[label] == pytest.approx(-np.average(levels, weights=others.sum()))


def test_a_decision_that_is_complexity_itself_moves_nothing():
    frame = decided()
    frame["decision.tied"] = pd.qcut(np.log(frame["gflops"]), 2, labels=["small", "large"]).astype(str)
    table = decisions(weights(frame), repeats=50, permutations=500)
    assert not (table[table["decision"] == "tied"]["p_holm"] < 0.05).any()
    pair = pd.DataFrame({"space": "a", "gflops": [1.0] * 9 + [2.0] * 9, "error": np.linspace(0, 1, 18)})
    pair["decision.size"], pair["bin"], pair["weight"] = ["s"] * 9 + ["l"] * 9, 0, 1 / 18
    tied = decisions(pair, repeats=20, permutations=50)
    assert tied["spread"].to_list() == pytest.approx([0, 0]) and tied["p"].to_list() == [1, 1]


def test_rare_labels_and_single_labels_are_left_out():
    frame = decided(100).assign(**{"decision.idle": ["x"] * 4 + ["y"] * 96, "decision.width": 16})
    table = decisions(weights(frame), repeats=20, permutations=50)
    assert not {"idle", "width"} & set(table["decision"])
    bare = decisions(weights(frame[["space", "gflops", "error"]]))
    assert bare.empty and decisive(bare) == {}


def test_equal_seeds_give_equal_tables():
    weighted = weights(drawn(better=0.02))
    for what in (edf, differences):
        pd.testing.assert_frame_equal(what(weighted, seed=3), what(weighted, seed=3))
