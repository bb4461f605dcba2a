"""Resampling: seeds, groups, intervals that cover, and Holm's correction by hand."""

import math

import numpy as np
import pytest

from nas import bootstrap


def whole(size):
    return [np.arange(size)]


def test_equal_seeds_give_equal_draws():
    first, again, other = (bootstrap.counts(whole(9), 9, repeats=5, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all() and not (first == other).all()
    first, again, other = (bootstrap.shuffles(whole(9), 9, repeats=5, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all() and not (first == other).all()


def test_shuffles_are_permutations_within_groups():
    groups = [np.array([4, 0, 2]), np.array([1, 3])]
    shuffled = bootstrap.shuffles(groups, 5, repeats=40)
    for rows in groups:
        assert (np.sort(shuffled[:, rows], axis=1) == np.sort(rows)).all()
    assert len(np.unique(shuffled, axis=0)) == 12, "all 3! 2! orders turn up"


@pytest.mark.parametrize("size", [2, 5, 40])
def test_the_spread_of_a_mean_is_right_even_in_small_groups(size):
    values = np.random.default_rng(0).normal(size=size)
    means = bootstrap.counts(whole(size), size, repeats=20_000) @ values / size
    assert means.std() == pytest.approx(values.std(ddof=1) / math.sqrt(size), rel=0.03)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    rng, covered = np.random.default_rng(0), 0
    for seed in range(200):
        values = rng.normal(size=30)
        low, high = bootstrap.interval(bootstrap.counts(whole(30), 30, repeats=500, seed=seed) @ values / 30)
        covered += low <= 0 <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_a_row_alone_always_counts_once():
    assert (bootstrap.counts([np.array([1])], 2, repeats=3) == [[0, 1]] * 3).all()


def test_holm_by_hand():
    assert bootstrap.holm([0.02, 0.01, math.nan, 0.6]) == pytest.approx([0.04, 0.03, math.nan, 0.6], nan_ok=True)
    assert bootstrap.holm([0.7, 0.8]) == [1.0, 1.0]
    assert bootstrap.holm([]) == []
