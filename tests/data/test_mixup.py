import numpy as np
import pytest
import torch
from torch.nn import functional

from nas.data import mixup

SHARES = np.array([1.0, 0.75, 0.5])


def clips(dtype=torch.float32):
    x = torch.randn(3, 2, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    return x.to(dtype, memory_format=torch.channels_last_3d)


def shares(**changed):
    return mixup.draw(**{"alpha": 0.2, "count": 8, "seed": 0, "epoch": 0, "step": 0} | changed)


def test_clips_and_labels_are_blended_with_the_next():
    x, y = clips(), torch.tensor([3, 0, 1])
    mixed, soft = mixup.mix(x, y, SHARES, 4)
    torch.testing.assert_close(mixed[0], x[0])
    torch.testing.assert_close(mixed[1], 0.75 * x[1] + 0.25 * x[2])
    torch.testing.assert_close(mixed[2], 0.5 * x[2] + 0.5 * x[0])
    assert soft.tolist() == [[0, 0, 0, 1], [0.75, 0.25, 0, 0], [0, 0.5, 0, 0.5]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_layout_and_the_type_stay(dtype):
    mixed, soft = mixup.mix(clips(dtype), torch.tensor([0, 1, 2]), SHARES, 3)
    assert mixed.dtype == dtype and mixed.is_contiguous(memory_format=torch.channels_last_3d)
    assert soft.dtype == torch.float32


def test_several_labels_a_clip_are_blended_too():
    y = torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    assert mixup.mix(clips(), y, SHARES, 3)[1].tolist() == [[1, 1, 0], [0, 0.75, 0.25], [0.5, 0.5, 0.5]]


def test_a_single_clip_stays():
    x = clips()[:1]
    mixed, soft = mixup.mix(x, torch.tensor([1]), np.array([0.6]), 2)
    torch.testing.assert_close(mixed, x)
    torch.testing.assert_close(soft, torch.tensor([[0.0, 1.0]]))


def test_smoothing_comes_out_the_same_before_and_after_the_blend():
    y, logits = torch.tensor([3, 0, 1]), torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    loss = functional.cross_entropy(logits, mixup.mix(clips(), y, SHARES, 4)[1], label_smoothing=0.1)
    smooth = functional.one_hot(y, 4) * 0.9 + 0.1 / 4
    before = functional.cross_entropy(logits, mixup.mix(clips(), smooth, SHARES, 4)[1])
    torch.testing.assert_close(loss, before)


def test_without_a_blend_the_loss_is_that_of_the_classes():
    y, logits = torch.tensor([3, 0, 1]), torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    soft = mixup.mix(clips(), y, np.ones(3), 4)[1]
    for smoothing in (0.0, 0.1):
        one, other = (functional.cross_entropy(logits, target, label_smoothing=smoothing) for target in (soft, y))
        torch.testing.assert_close(one, other)


def test_shares_are_the_larger_part_of_a_beta():
    many = shares(count=20_000, alpha=0.4)
    beta = np.random.default_rng(0).beta(0.4, 0.4, 20_000)
    assert many.min() >= 0.5 and many.max() <= 1
    assert abs(many.mean() - np.maximum(beta, 1 - beta).mean()) < 0.005
    assert shares(alpha=8.0, count=1000).mean() < 0.65
    assert shares(alpha=0.1, count=1000).mean() > 0.9


def test_shares_repeat_for_a_seed_an_epoch_and_a_step():
    assert (shares() == shares()).all()
    for other in ({"seed": 1}, {"epoch": 1}, {"step": 1}):
        assert (shares() != shares(**other)).all()
