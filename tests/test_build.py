"""Built modules: any clip, channels_last_3d, seeds, initial scale."""

import pytest
import torch

from nas import space
from nas.build import build
from tests.spaces import TINY


@pytest.fixture
def genotype():
    found = space.parse(TINY)
    return found.genotype(next(iter(found.automaton.all())))


def test_any_clip_length_and_size(genotype):
    model = build(genotype, seed=0).eval()
    for clip in ((4, 32, 32), (1, 17, 40), (9, 8, 8)):
        assert model(torch.randn(2, 3, *clip)).shape == (2, 5)


def test_weights_and_activations_are_channels_last(genotype):
    model = build(genotype, seed=0)
    for name, parameter in model.named_parameters():
        assert parameter.ndim < 5 or parameter.is_contiguous(memory_format=torch.channels_last_3d), name
    x = torch.randn(2, 3, 4, 32, 32).contiguous(memory_format=torch.channels_last_3d)
    assert model.stem(x).is_contiguous(memory_format=torch.channels_last_3d)


def test_the_seed_decides_the_weights_and_leaves_torch_s_generator_alone(genotype):
    before = torch.random.get_rng_state()
    one, two, other = (build(genotype, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(before, torch.random.get_rng_state())


def test_every_layer_starts_at_its_distribution(genotype):
    model = build(genotype, seed=0)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            assert (module.weight == 1).all() and (module.bias == 0).all(), name
        if isinstance(module, torch.nn.Conv3d) and module.weight.numel() > 500:
            fan_out = module.weight[0][0].numel() * module.out_channels / module.groups
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.15), name


@pytest.mark.gpu
def test_runs_on_a_gpu_with_amp(genotype):
    model = build(genotype, seed=0).cuda()
    x = torch.randn(2, 3, 4, 32, 32, device="cuda").contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        loss = model(x).float().square().mean()
    loss.backward()
    assert torch.isfinite(loss)
