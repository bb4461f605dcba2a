"""The loss of a step, against its definition."""

import pytest
import torch

from nas.loss import loss
from nas.tally import Tally

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_class_numbers_and_shares_agree(smoothing):
    numbers, shares = torch.tensor([0, 2]), torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    target = shares * (1 - smoothing) + smoothing / 3
    by_hand = -(target * LOGITS.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss(LOGITS, numbers, smoothing=smoothing), by_hand)
    torch.testing.assert_close(loss(LOGITS, shares, smoothing=smoothing), by_hand)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_several_labels_are_one_question_each(smoothing):
    labels = torch.tensor([[1.0, 1, 0], [0, 0, 0]])
    target = labels * (1 - smoothing) + smoothing / 2
    p = LOGITS.sigmoid()
    by_hand = -(target * p.log() + (1 - target) * (1 - p).log()).mean()
    torch.testing.assert_close(loss(LOGITS, labels, several=True, smoothing=smoothing), by_hand)


def test_a_hit_is_a_label_with_the_largest_share():
    tally = Tally("here")
    logits = torch.eye(6)[[0, 1, 2, 3]]
    labels = torch.zeros(4, 6)
    labels[0, [0, 5]] = 1  # one of two labels
    labels[1, [0, 1]] = torch.tensor([0.7, 0.3])  # the smaller share
    labels[2, 5] = 1  # among the best five or not: logits of 0 are ties
    tally.add(torch.tensor(1.0), logits, labels)  # and one clip without any label
    assert tally.means()[1] == 0.25
