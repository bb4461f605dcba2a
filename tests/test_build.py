"""Built modules: any clip, channels_last_3d, seeds, initial scale."""

import copy

import pytest
import torch

from nas import content, space
from nas.build import build, module_of
from nas.genotype import load
from nas.layers import (
    Act,
    AvgPool,
    Concat,
    Conv,
    Linear,
    Mean,
    Norm,
    Residual,
    Scale,
    Shuffle,
    branches,
    seq,
)
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


FAMILIES = ["ir-csn-26", "i3d", "s3d-g", "sevnet-g6-se", "ct-net-r50"]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_training_step_of_each_family(name):
    learns(published(name), torch.device("cpu"), None)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", [None, torch.bfloat16])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_training_step_of_each_family_on_a_gpu(name, precision):
    learns(published(name), torch.device("cuda"), precision)


def published(name):
    return load(content.find(name, "models")).model_copy(update={"classes": 5})


def learns(genotype, device, precision):
    """A few steps on one batch lower its loss (a single one need not: norms see few values), and reach every weight."""
    model = build(genotype, seed=0).to(device)
    x = torch.randn(4, 3, 8, 48, 48, generator=torch.Generator().manual_seed(0)).to(device)
    x, labels = x.contiguous(memory_format=torch.channels_last_3d), torch.arange(4, device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.003)
    losses = []
    for _ in range(6):
        with torch.autocast(device.type, dtype=precision, enabled=precision is not None):
            loss = torch.nn.functional.cross_entropy(model(x).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[1:]) < losses[0]
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())


def test_the_place_for_dropout_is_in_front_of_the_classifier_and_off():
    for name in ("ir-csn-26", "i3d", "ct-net-r50"):
        drop = build(published(name)).head.drop
        assert isinstance(drop, torch.nn.Dropout) and drop.p == 0


def test_the_window_of_i3d_s_head_averages_two_frames_and_then_time():
    model = build(published("i3d"), seed=0).eval()
    x = torch.randn(2, 1024, 4, 7, 7)
    spatial = x.mean((3, 4))
    windows = torch.stack([(spatial[:, :, t] + spatial[:, :, t + 1]) / 2 for t in range(3)])
    torch.testing.assert_close(model.head(x), model.head.fc(windows.flatten(0, 1)).view(3, 2, 5).mean(0))
    assert model.head(torch.randn(2, 1024, 1, 3, 2)).shape == (2, 5)


def test_a_2d_backbone_averages_the_scores_of_its_frames():
    model = build(published("tsn-r50"), seed=0).eval()
    x = torch.randn(1, 3, 4, 32, 32)
    alone = torch.stack([model(x[:, :, t : t + 1]) for t in range(4)])
    torch.testing.assert_close(model(x), alone.mean(0), rtol=1e-4, atol=1e-6)


LAST = torch.channels_last_3d
PARTS = {
    "gate": seq(x=Scale(seq(pool=Mean(), linear=Linear(8, 8)))),
    "gate of frames": seq(x=Scale(seq(pool=Mean("hw"), conv=Conv(8, 8, (3, 1, 1))))),
    "gate of positions": seq(x=Scale(seq(pool=Mean("t"), conv=Conv(8, 8, (1, 3, 3))))),
    "mean over t": Mean("t"),
    "mean over hw": Mean("hw"),
    "average of pixels": AvgPool((1, 2, 2), (1, 2, 2)),
    "average of frames": AvgPool((2, 1, 1), (2, 1, 1)),
    "concatenation": branches(Concat, one=Conv(8, 4, (3, 3, 3)), two=seq(conv=Conv(8, 6, (3, 3, 3)), act=Act())),
    "shuffle": Shuffle((2, 4), (1, 0)),
    "shuffle of three": Shuffle((2, 2, 2), (2, 0, 1)),
    "residual": Residual(seq(conv=Conv(8, 8, (3, 3, 3)), norm=Norm(8))),
    "residual that ends in a gate": Residual(seq(norm=Norm(8), x=Scale(seq(pool=Mean(), linear=Linear(8, 8))))),
    "residual that ends in a ReLU": Residual(seq(norm=Norm(8), act=Act()), act=None),
}


@pytest.mark.parametrize("size", [(4, 6, 6), (3, 5, 7), (1, 1, 1)])
@pytest.mark.parametrize("name", PARTS)
def test_parts_compute_in_training_what_they_do_elsewhere(name, size):
    """All but norms, which are trained in both."""
    torch.manual_seed(0)
    trained = module_of(PARTS[name]).double().train()
    plain = copy.deepcopy(trained)
    for module in plain.modules():
        module.training = isinstance(module, torch.nn.BatchNorm3d)
    x = torch.randn(2, 8, *size, dtype=torch.float64).contiguous(memory_format=LAST)
    results = []
    for module in (trained, plain):
        seen = x.clone(memory_format=torch.preserve_format).requires_grad_()
        y = module(seen * 1)  # blocks may work in place on what layers gave, not on what is trained
        y.square().sum().backward()
        results.append((y.detach(), seen.grad, *(p.grad for p in module.parameters())))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in PARTS if "frames" not in name])
def test_gradients_stay_in_channels_last(name):
    """In another format they cost the layers before several times the time."""
    x = torch.randn(2, 8, 4, 6, 6).contiguous(memory_format=LAST).requires_grad_()
    y = module_of(PARTS[name]).to(memory_format=LAST).train()(x * 1)
    (gradient,) = torch.autograd.grad(y, x, torch.randn_like(y))
    assert gradient.is_contiguous(memory_format=LAST)
