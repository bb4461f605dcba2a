"""How convolutions are computed in training: each formulation gives what torch's own convolution gives, to rounding."""

import copy
import pickle

import pytest
import torch
from torch.nn import functional as F

from nas import choosing
from nas.build import Convolution
from nas.formulations import FORMULATIONS, LAST, PASSES, Choice, Shape, convolve

SHAPES = {
    "pointwise": Shape((2, 6, 3, 5, 4), 8),
    "pointwise strided": Shape((2, 6, 4, 6, 5), 8, stride=(2, 2, 2)),
    "pointwise grouped": Shape((2, 8, 3, 4, 4), 8, groups=4),
    "depthwise": Shape((2, 6, 5, 6, 7), 6, (3, 3, 3), (1, 1, 1), (1, 1, 1), 6),
    "depthwise strided": Shape((2, 6, 5, 7, 6), 6, (3, 3, 3), (2, 2, 2), (1, 1, 1), 6),
    "depthwise smaller than its kernel": Shape((2, 4, 1, 2, 2), 4, (3, 3, 3), (1, 1, 1), (1, 1, 1), 4),
    "depthwise frames": Shape((2, 6, 3, 6, 5), 6, (1, 3, 3), (1, 1, 1), (0, 1, 1), 6),
    "depthwise line": Shape((2, 6, 5, 3, 4), 6, (3, 1, 1), (1, 1, 1), (1, 0, 0), 6),
    "dense": Shape((2, 3, 4, 6, 6), 5, (3, 3, 3), (1, 1, 1), (1, 1, 1)),
    "stem": Shape((1, 3, 4, 12, 12), 4, (3, 7, 7), (1, 2, 2), (1, 3, 3)),
    "frames": Shape((2, 4, 3, 6, 6), 5, (1, 3, 3), (1, 2, 2), (0, 1, 1)),
    "line": Shape((2, 4, 6, 3, 3), 5, (3, 1, 1), (1, 1, 1), (1, 0, 0)),
    "line strided": Shape((2, 4, 6, 3, 3), 5, (3, 1, 1), (2, 1, 1), (1, 0, 0)),
    "groups of two": Shape((2, 8, 4, 5, 5), 8, (3, 3, 3), (1, 1, 1), (1, 1, 1), 4),
    "groups of frames": Shape((2, 8, 3, 6, 6), 8, (1, 3, 3), (1, 1, 1), (0, 1, 1), 2),
}


def drawn(shape, dtype):
    """x, k, dy with normally distributed values, in the memory format of networks."""
    draw = torch.Generator().manual_seed(0)
    return (torch.randn(s, generator=draw, dtype=dtype).to(memory_format=LAST) for s in (shape.x, shape.k, shape.y))


def passes(compute, x, k, dy):
    """The output and both gradients."""
    x, k = x.clone().requires_grad_(), k.clone().requires_grad_()
    y = compute(x, k)
    return (y.detach(), *torch.autograd.grad(y, (x, k), dy))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_formulation_that_fits_gives_the_same_sums(shape, dtype):
    x, k, dy = drawn(shape, dtype)
    plain = passes(lambda x, k: F.conv3d(x, k, None, shape.stride, shape.padding, 1, shape.groups), x, k, dy)
    tried = 0
    for name, ways in FORMULATIONS.items():
        if not ways.fits(shape):
            continue
        choice = Choice(*(name if one in ways.passes else "plain" for one in PASSES))
        found = passes(lambda x, k, choice=choice: convolve(x, k, shape, choice), x, k, dy)
        tried += 1
        for ours, torchs in zip(found, plain, strict=True):
            assert ours.shape == torchs.shape and ours.dtype == torchs.dtype
            torch.testing.assert_close(ours, torchs, rtol=1e-4 if dtype == torch.float32 else 1e-11, atol=2e-5)
    assert tried >= 1


def test_between_them_the_shapes_take_every_formulation():
    fitting = {name for shape in SHAPES.values() for name, ways in FORMULATIONS.items() if ways.fits(shape)}
    assert fitting == set(FORMULATIONS)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_rule_chooses_what_fits_and_always_the_same(shape):
    choice = choosing.rule(shape)
    assert choice == choosing.rule(shape)
    for name, one in zip(PASSES, choice, strict=True):
        assert FORMULATIONS[one].fits(shape) and (one == "plain" or name in FORMULATIONS[one].passes)


def test_timing_takes_the_fastest_of_those_that_fit():
    shape, asked = SHAPES["depthwise"], []

    def seconds(compute, device):
        compute()
        asked.append(device)
        return 1.0 / len(asked)  # whoever comes last is the fastest

    last = {
        name: [f for f, ways in FORMULATIONS.items() if name in ways.passes and ways.fits(shape)] for name in PASSES
    }
    found = choosing.fastest(shape, torch.float32, torch.device("cpu"), seconds)
    assert found == Choice(*(last[name][-1] for name in PASSES)) and len(asked) == sum(map(len, last.values()))


def layer(training=True):
    torch.manual_seed(0)
    return Convolution(6, 6, 3, 1, 1, groups=6, bias=False).to(memory_format=LAST).train(training)


def test_networks_compute_by_the_rule_in_training_alone(monkeypatch):
    taken = []
    real = choosing.chosen
    monkeypatch.setattr(choosing, "chosen", lambda *told: taken.append(told) or real(*told))
    choosing._planned.cache_clear()
    x = torch.randn(2, 6, 4, 5, 5).to(memory_format=LAST)
    trained = layer()(x)
    assert len(taken) == 1
    with torch.no_grad():
        assert torch.equal(layer()(x), F.conv3d(x, layer().weight, None, 1, 1, 1, 6))
    layer(training=False)(x)
    assert len(taken) == 1
    torch.testing.assert_close(trained, layer(training=False)(x))


def test_it_is_a_convolution_to_others():
    one = layer()
    assert isinstance(one, torch.nn.Conv3d) and list(one.state_dict()) == ["weight"]
    x = torch.randn(2, 6, 4, 5, 5)
    for other in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert torch.equal(one(x), other(x))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_computes_in_its_precision(dtype):
    x = torch.randn(2, 6, 4, 5, 5).to(memory_format=LAST).requires_grad_()
    one = layer()
    with torch.autocast("cpu", dtype=dtype):
        y = one(x)
    y.float().square().mean().backward()
    assert y.dtype == dtype and one.weight.grad.dtype == x.grad.dtype == torch.float32
    torch.testing.assert_close(y.float(), layer(training=False)(x), rtol=0.05, atol=0.05)
