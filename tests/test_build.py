"""Built modules: any clip, channels_last_3d, seeds, initial scale."""

import pytest
import torch

from nas import content, space
from nas.build import build
from nas.genotype import load
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
    """One step on one batch lowers its loss, and reaches every weight."""
    model = build(genotype, seed=0).to(device)
    x = torch.randn(4, 3, 8, 48, 48, generator=torch.Generator().manual_seed(0)).to(device)
    x, labels = x.contiguous(memory_format=torch.channels_last_3d), torch.arange(4, device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    losses = []
    for _ in range(2):
        with torch.autocast(device.type, dtype=precision, enabled=precision is not None):
            loss = torch.nn.functional.cross_entropy(model(x).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]
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
