"""Synaptic flow against closed forms, and against the definition without its divisions."""

import math

import pytest
import torch
from torch import nn

from nas.build import Gate, build
from nas.scores.copies import positive
from nas.scores.synflow import synflow
from tests.scores.conformance import ScoreCase, small_networks

CLIPS = torch.zeros(1, 3, 2, 4, 4)


class TestSynflow(ScoreCase):
    name = "synflow"


def chain(*widths, norm=False):
    layers = []
    for c_in, c_out in zip((3, *widths), widths, strict=False):
        layers += [nn.Conv3d(c_in, c_out, 1, bias=False), *([nn.BatchNorm3d(c_out)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers)


def test_a_chain_of_layers_has_layers_times_the_output():
    """Each layer's sum over w of |w dR/dw| is R itself, R the product of the absolute matrices."""
    model, output = chain(5, 7, 2), torch.ones(3, dtype=torch.float64)
    for conv in model[::2]:
        output = conv.weight.data.double().abs().flatten(1) @ output
    result = 32 * output.sum()  # 32 positions
    assert synflow(model, CLIPS) == pytest.approx(math.log(3 * result), rel=1e-12)


def test_no_depth_overflows():
    model = chain(*[4] * 300)
    for conv in model[::2]:
        nn.init.constant_(conv.weight, -50.0)  # 300 layers of factor 200: 1e690
    expected = math.log(300 * 32 * 4) + math.log(150) + 299 * math.log(200)
    assert synflow(model, CLIPS) == pytest.approx(expected, rel=1e-12)


def test_norms_and_gates_count_nothing():
    torch.manual_seed(1)
    plain, normed = chain(5, 7), chain(5, 7, norm=True)
    normed[0].weight, normed[3].weight = plain[0].weight, plain[2].weight
    normed[1].running_var.fill_(9.0)
    nn.init.constant_(normed[4].weight, 0.1)
    gated = nn.Sequential(*plain, Gate(nn.Conv3d(7, 7, 1)))
    expected = pytest.approx(synflow(plain, CLIPS), rel=1e-12)
    assert synflow(normed, CLIPS) == expected and synflow(gated, CLIPS) == expected


@pytest.mark.parametrize("number", range(4))
def test_dividing_between_blocks_changes_nothing(number):
    model = build(small_networks()[number], seed=0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    network = positive(model)
    network(torch.ones(1, 3, 4, 16, 16, dtype=torch.float64)).sum().backward()
    flow = sum((w * w.grad).abs().sum() for w in network.parameters() if w.grad is not None)
    assert synflow(model, torch.randn(2, 3, 4, 16, 16)) == pytest.approx(float(flow.detach().log()), rel=1e-12)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
