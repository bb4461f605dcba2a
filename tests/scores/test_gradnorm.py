"""The gradient norm against a hand-derived one and against autograd layer by layer."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nas.build import build
from nas.scores.gradnorm import gradnorm
from tests.scores.conformance import ScoreCase, small_networks


class TestGradnorm(ScoreCase):
    name = "gradnorm"


def test_a_linear_classifier_by_hand():
    """With weights of 0 all classes have the same probability: the gradient is (1 / k - one-hot) x^T over the batch."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    nn.init.zeros_(model[1].weight)
    nn.init.zeros_(model[1].bias)
    clips = torch.tensor([[1.0, 2.0, 0.0], [0.0, 2.0, 4.0]]).reshape(2, 3, 1, 1, 1)
    # clip 0 has label 0, clip 1 label 1: rows -1/2 x_0 + 1/2 x_1 and its negative, over 2 clips
    row = [-0.25, 0.0, 1.0]
    assert gradnorm(model, clips) == pytest.approx(math.log(math.sqrt(2 * sum(x * x for x in row))))


@pytest.mark.parametrize("number", [0, 3, 6])
def test_layer_by_layer(number):
    model, clips = build(small_networks()[number], seed=0), torch.randn(4, 3, 4, 16, 16)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    value = gradnorm(model.eval(), clips)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert not model.training and all(p.grad is None for p in model.parameters())
    outputs = model.train()(clips)
    F.cross_entropy(outputs, torch.arange(4) % outputs.shape[1]).backward()
    layers = [m for m in model.modules() if isinstance(m, nn.Conv3d | nn.Linear)]
    assert value == pytest.approx(math.log(sum(m.weight.grad.norm().item() for m in layers)), rel=1e-5)


def test_dropout_is_off():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(96, 4))
    clips = torch.randn(4, 3, 2, 4, 4)
    assert len({gradnorm(model, clips) for _ in range(3)}) == 1
