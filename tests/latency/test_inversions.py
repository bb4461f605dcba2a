"""Which blocks are slower than their FLOPs say."""

from dataclasses import replace
from random import Random

from nas.latency.inversions import Row, inversions, rows
from nas.latency.setting import LAST, PLAIN
from tests.latency.conftest import made_up

HERE = Row("net", "stages.0.0", "lean", (8, 4, 7, 7), (8, 4, 7, 7), LAST, 100, 5.0, 0.2)


def test_a_block_is_told_beside_the_fastest_that_beats_it():
    others = [
        replace(HERE, words="dense", macs=900, ms=4.0), replace(HERE, words="grouped", macs=300, ms=2.0),
        replace(HERE, words="small", macs=50, ms=1.0),
    ]  # fmt: skip
    (lean,) = inversions([HERE, *others])  # dense takes longer than grouped, but it has more FLOPs too
    assert (lean.slow.words, lean.fast.words, lean.factor) == ("lean", "grouped", 2.5)


def test_only_the_same_place_counts():
    fast = replace(HERE, words="dense", macs=900, ms=1.0)
    assert inversions([HERE, fast])
    for other in (
        replace(fast, enters=(8, 4, 14, 14)), replace(fast, leaves=(16, 4, 7, 7)), replace(fast, layout=PLAIN),
        replace(fast, macs=100), replace(fast, ms=5.1),
    ):  # fmt: skip
        assert not inversions([HERE, other])


def test_times_must_differ_by_more_than_their_spread():
    fast = replace(HERE, words="dense", macs=900, ms=4.7)
    assert inversions([HERE, fast]) and not inversions([HERE, replace(fast, iqr=0.5)])


def test_the_same_block_in_several_networks_is_told_once():
    fast = replace(HERE, words="dense", macs=900, ms=1.0)
    again = [replace(HERE, network="other"), replace(HERE, name="stages.0.1")]
    assert len(inversions([HERE, fast, *again])) == 1


def test_by_brute_force_over_a_space(space):
    rng = Random(0)
    models = [space.genotype(space.draw(rng)) for _ in range(10)]
    table = made_up(*models)
    every = [row for model in models for row in rows("space", model, table)]
    found = {
        (pair.slow.words, pair.slow.enters, pair.slow.leaves, pair.slow.macs, pair.slow.ms)
        for pair in inversions(every)
    }
    expected = {
        (one.words, one.enters, one.leaves, one.macs, one.ms)
        for one in every
        for other in every
        if (one.enters, one.leaves, one.layout) == (other.enters, other.leaves, other.layout)
        and one.macs < other.macs and one.ms > other.ms + 0.1
    }  # fmt: skip
    assert found == expected and found
