"""Made-up accuracies: the same for the same seed, within bounds, and curves that lead to them."""

from random import Random
from types import SimpleNamespace

import numpy as np
import pytest

from nas import content, space
from nas.cost import cost
from nas.search.surrogate import CHANCE, NOISE, Surrogate
from tests.spaces import SMALL


@pytest.fixture(scope="module")
def csn():
    return space.load(content.find("csn", "space"))


def trial(record, key="a key"):
    """All that a curve needs of a trial."""
    return SimpleNamespace(record=record, key=key)


def test_the_same_seed_is_the_same_function(csn):
    records = [csn.draw(Random(number)) for number in range(20)]
    one, two, other = (Surrogate(csn, seed) for seed in (3, 3, 4))
    assert [one.accuracy(r) for r in records] == [two.accuracy(r) for r in records]
    assert [one.accuracy(r) for r in records] != [other.accuracy(r) for r in records]


def test_accuracies_are_fractions_that_differ_and_grow_with_cost(csn):
    records, surrogate = [csn.draw(Random(number)) for number in range(200)], Surrogate(csn, 0)
    accuracies = np.array([surrogate.accuracy(record) for record in records])
    costs = np.log([cost(csn.genotype(record)).macs for record in records])
    assert 0 < accuracies.min() < accuracies.max() < 1 and accuracies.std() > 0.03
    assert np.corrcoef(costs, accuracies)[0, 1] > 0.3


@pytest.mark.parametrize("name", SMALL)
def test_every_space_has_one(name):
    found = space.parse(SMALL[name])
    surrogate = Surrogate(found, 0)
    assert all(0 < surrogate.accuracy(found.draw(Random(number))) < 1 for number in range(5))


def test_a_curve_leads_to_its_accuracy(csn):
    surrogate, record = Surrogate(csn, 1, epochs=12), csn.draw(Random(5))
    true = surrogate.accuracy(record)
    curves = np.array([[row["val_accuracy"] for row in surrogate.curve(trial(record), seed)] for seed in range(200)])
    assert curves.shape == (200, 12) and curves.min() >= 0 and curves.max() <= 1
    assert curves[:, -1].mean() == pytest.approx(true, abs=4 * NOISE / 200**0.5)
    assert curves[:, -1].std() == pytest.approx(NOISE, rel=0.2)
    mean = curves.mean(0)
    assert (np.diff(mean) > 0).all() and CHANCE < mean[0] < true
    assert [row["epoch"] for row in surrogate.curve(trial(record), 0)] == list(range(1, 13))


def test_the_same_training_has_the_same_curve_and_another_seed_another(csn):
    surrogate, record = Surrogate(csn, 1), csn.draw(Random(5))
    assert surrogate.curve(trial(record), 7) == surrogate.curve(trial(record), 7)
    assert surrogate.curve(trial(record), 7) != surrogate.curve(trial(record), 8)
    assert surrogate.curve(trial(record, "another"), 7) != surrogate.curve(trial(record), 7)


def test_early_epochs_tell_something_but_not_everything(csn):
    """Ranks after one epoch of eight agree with final ones in part; after half of them, mostly."""
    from scipy.stats import spearmanr

    surrogate = Surrogate(csn, 2)
    curves = []
    for number in range(200):
        record = csn.draw(Random(number))
        curves.append([row["val_accuracy"] for row in surrogate.curve(trial(record, str(number)), number)])
    curves = np.array(curves)
    first, half = (spearmanr(curves[:, epoch - 1], curves[:, -1]).statistic for epoch in (1, 4))
    assert 0.2 < first < half < 0.999
