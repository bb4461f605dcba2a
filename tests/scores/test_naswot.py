"""The kernel of activation codes against one counted element by element."""

import math

import pytest
import torch
from torch import nn

from nas.build import build
from nas.scores import naswot as file
from nas.scores.naswot import agreements, naswot
from tests.scores.conformance import ScoreCase, small_networks


class TestNaswot(ScoreCase):
    name = "naswot"


def codes(model, clips):
    """Whether each element behind each ReLU is positive, (b, elements), in training mode."""
    seen, model = [], model.train()
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda relu, x, y: seen.append((y > 0).flatten(1)))
    with torch.no_grad():  # with gradients convolutions add up in another order, and what is almost 0 changes sign
        model(clips)
    return torch.cat(seen, dim=1).tolist()


@pytest.mark.parametrize("number, chunk", [(0, 1 << 22), (1, 1000), (6, 7)])
def test_brute_force(number, chunk, monkeypatch):
    monkeypatch.setattr(file, "CHUNK", chunk)
    generator = torch.Generator().manual_seed(number)
    model, clips = build(small_networks()[number], seed=0), torch.randn(3, 3, 4, 16, 16, generator=generator)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    kernel, value = agreements(model, clips), naswot(model, clips)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    found = codes(model, clips)
    counted = [[sum(a == b for a, b in zip(one, two, strict=True)) for two in found] for one in found]
    assert kernel.tolist() == counted
    assert value == pytest.approx(math.log(torch.tensor(counted, dtype=torch.float64).det().item()))


def test_two_clips_by_hand():
    model = nn.Sequential(nn.Flatten(), nn.ReLU())
    clips = torch.tensor([[1.0, 1.0, -1.0], [1.0, -1.0, 1.0]]).reshape(2, 3, 1, 1, 1)
    assert agreements(model, clips).tolist() == [[3.0, 1.0], [1.0, 3.0]]
    assert naswot(model, clips) == pytest.approx(math.log(8))


def test_equal_clips_cannot_be_told_apart():
    model = nn.Sequential(nn.Flatten(), nn.ReLU())
    assert naswot(model, torch.ones(2, 3, 1, 1, 1)) == -math.inf
