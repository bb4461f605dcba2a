"""Measures agree with loops over clips and ranked lists, ties, empty classes and lone classes included."""

import json
import math

import numpy as np
import pytest
import torch

from nas.errors import NasError
from nas.metrics import Meter, headline, measure, resolved
from nas.tally import Diverged, Tally


def case(seed, *, several=False, ties=False):
    """Random scores and labels of 1 to 9 classes, of which the last has no clips where there are more than two."""
    rng = np.random.default_rng(seed)
    clips, classes = int(rng.integers(1, 40)), int(rng.integers(1, 10))
    scores = rng.normal(scale=3, size=(clips, classes)).astype(np.float32)
    scores = scores.round() if ties else scores
    used = classes - 1 if classes > 2 else classes
    if not several:
        return torch.from_numpy(scores), torch.from_numpy(rng.integers(used, size=clips))
    labels = np.zeros((clips, classes), dtype=np.float32)
    labels[:, :used] = rng.random((clips, used)) < 0.3
    labels[0, 0] = 1
    return torch.from_numpy(scores), torch.from_numpy(labels)


def best(row, number):
    """The first class among the best, and so on: by falling score, then by class."""
    return sorted(range(len(row)), key=lambda index: (-row[index], index))[:number]


def average_precision(scores, positive):
    """The area under precision over recall: each distinct score is one more cut through the ranked list."""
    area, found = 0.0, 0
    for threshold in sorted(set(scores), reverse=True):
        above = [right for score, right in zip(scores, positive, strict=True) if score >= threshold]
        area += (sum(above) - found) / sum(positive) * (sum(above) / len(above))
        found = sum(above)
    return area


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_one_label_a_clip(seed, ties):
    scores, labels = case(seed, ties=ties)
    rows, classes, truth = scores.tolist(), range(scores.shape[1]), labels.tolist()
    table = [[0 for _ in classes] for _ in classes]
    for row, label in zip(rows, truth, strict=True):
        table[label][best(row, 1)[0]] += 1
    recalls = [table[index][index] / sum(table[index]) for index in classes if sum(table[index])]
    found = measure(scores, labels)
    assert found.confusion.tolist() == table and found.confusion.dtype == np.int64
    assert found.count == len(rows) and found.counts.tolist() == [truth.count(index) for index in classes]
    assert found.top1 == sum(table[index][index] for index in classes) / len(rows)
    assert found.mean_class == pytest.approx(sum(recalls) / len(recalls))
    assert np.isnan(found.per_class).tolist() == [index not in truth for index in classes]
    assert found.map is None
    if len(classes) < 5:
        assert found.top5 is None
    elif not ties:
        among = [label in best(row, 5) for row, label in zip(rows, truth, strict=True)]
        assert found.top5 == sum(among) / len(rows)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_several_labels_a_clip(seed, ties):
    scores, labels = case(seed, several=True, ties=ties)
    rows, truth = scores.tolist(), labels.int().tolist()
    classes = [index for index in range(scores.shape[1]) if any(row[index] for row in truth)]
    precisions = [average_precision([row[i] for row in rows], [row[i] for row in truth]) for i in classes]
    found = measure(scores, labels)
    assert found.map == pytest.approx(sum(precisions) / len(precisions), rel=1e-5)
    assert found.per_class[classes] == pytest.approx(precisions, rel=1e-5)
    assert np.isnan(found.per_class).sum() == scores.shape[1] - len(classes)
    assert found.top1 == sum(row[best(own, 1)[0]] for row, own in zip(truth, rows, strict=True)) / len(rows)
    assert found.counts.tolist() == labels.sum(0).tolist()
    assert found.mean_class is None and found.confusion is None
    if scores.shape[1] >= 5 and not ties:
        assert found.top5 == sum(any(row[i] for i in best(own, 5)) for row, own in zip(truth, rows, strict=True)) / len(
            rows
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("classes", [3, 12])
def test_the_tally_of_a_validation_finds_the_same_to_the_bit(classes, dtype):
    """bfloat16 makes ties, which both decide alike."""
    generator = torch.Generator().manual_seed(classes)
    scores = torch.randn(997, classes, generator=generator).to(dtype)
    labels = torch.randint(classes, (997,), generator=generator)
    tally, meter = Tally("here"), Meter()
    for some, theirs in zip(scores.split(32), labels.split(32), strict=True):
        tally.add(torch.tensor(1.0), some, theirs, top5=classes >= 5)
        meter.add(some, theirs)
    _, top1, top5 = tally.means()
    for found in (meter.measures(), measure(scores, labels)):
        assert found.top1 == top1
        assert found.top5 == (top5 if classes >= 5 else None)


@pytest.mark.parametrize("several", [False, True])
def test_batches_do_not_matter(several, monkeypatch):
    monkeypatch.setattr("nas.metrics.ROWS", 4)
    scores, labels = case(3, several=several)
    meter = Meter()
    for some, theirs in zip(scores.split(7), labels.split(7), strict=True):
        meter.add(some, theirs)
    monkeypatch.setattr("nas.metrics.ROWS", 1000)
    assert meter.measures().to_plain() == measure(scores, labels).to_plain()


def test_a_class_that_is_only_guessed_does_not_count():
    scores = torch.eye(3)[[0, 2, 1]]
    assert measure(scores, torch.tensor([0, 0, 1])).mean_class == 0.75


def test_average_precision_ranks_logits_that_a_sigmoid_would_make_equal():
    scores, labels = torch.tensor([[41.0], [40.0], [-200.0], [-201.0]]), torch.tensor([[1.0], [0], [1], [0]])
    assert measure(scores, labels).map == pytest.approx((1 + 2 / 3) / 2)


def test_equal_scores_have_the_precision_of_chance():
    labels = torch.tensor([[1.0], [0], [0], [0]])
    assert measure(torch.zeros(4, 1), labels).map == pytest.approx(0.25)
    assert measure(torch.zeros(4, 1), labels.flip(0)).map == pytest.approx(0.25)


def test_lone_classes():
    assert measure(torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64)).top1 == 1.0
    assert measure(torch.zeros(3, 1), torch.ones(3, 1)).map == 1.0


def test_a_clip_without_labels_is_no_hit():
    found = measure(torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    assert found.top1 == 0.5 and found.map == 1.0


def test_the_error_is_that_of_a_share():
    found = measure(torch.eye(2)[[0, 0, 0, 1]], torch.tensor([0, 0, 1, 1]))
    assert found.top1 == 0.75 and found.error == math.sqrt(0.75 * 0.25 / 4)


@pytest.mark.parametrize("several", [False, True])
def test_figures_are_plain_json(several):
    plain = measure(*case(8, several=several)).to_plain()
    assert list(plain) == ["count", "top1", "top5", "mean_class", "map"]
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_scores_that_are_no_numbers_have_diverged(bad):
    scores = torch.zeros(4, 3)
    scores[1, 2] = scores[1, 0] = scores[3, 0] = bad
    with pytest.raises(Diverged, match=r"^the test: the scores of 2 of 4 clips are not finite; .*clip_gradient"):
        measure(scores, torch.zeros(4, dtype=torch.int64), where="the test")


def test_labels_beyond_the_classes():
    with pytest.raises(NasError, match="a label is class 3, counted from 0, and the network has 3 classes"):
        measure(torch.zeros(2, 3), torch.tensor([0, 3]))


def test_nothing_to_measure():
    with pytest.raises(NasError, match="nothing to measure"):
        measure(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(NasError, match="no clip has a label"):
        measure(torch.zeros(2, 3), torch.zeros(2, 3))


def test_the_headline():
    single, several = measure(*case(8)), measure(*case(8, several=True))
    assert headline(single, "auto", False) == headline(single, "top1", False) == single.top1
    assert headline(single, "mean_class", False) == single.mean_class
    assert headline(several, "auto", True) == headline(several, "map", True) == several.map
    assert headline(several, "top1", True) == several.top1


def test_measures_that_the_data_does_not_have():
    with pytest.raises(NasError, match="metric = map is not .* one label each; use top1 or mean_class"):
        resolved("map", multilabel=False)
    with pytest.raises(NasError, match="metric = mean_class is not .* several labels each; use map or top1"):
        resolved("mean_class", multilabel=True)
