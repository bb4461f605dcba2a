"""Optimisers and schedules against their formulas, and which weights decay."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nas.optimiser import optimiser, rate
from nas.train import fit
from nas.train_settings import TrainSettings
from tests.clips import CLIP, FakePack, FakeSplit, tiny_network

pytestmark = pytest.mark.usefixtures("one_thread")


def linear_network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 8 * 8, 6))


def two_steps(settings: TrainSettings, update) -> None:
    """Train two steps, and hold them against `update(parameter, gradient, memory, step, lr)`, written out."""
    pack = FakePack(train=FakeSplit(8), val=FakeSplit(8))
    model, mine = linear_network(), linear_network()
    fit(model, pack, settings, CLIP, seed=0, device="cpu")
    memory = [{} for _ in mine.parameters()]
    for step, lr in ((1, 0.1), (2, 0.05)):
        ((x, y),) = pack.train.batches(CLIP, batch=8, seed=0, epoch=step, train=True, device="cpu")
        mine.zero_grad()
        nn.functional.cross_entropy(mine(x), y).backward()
        with torch.no_grad():
            for parameter, kept in zip(mine.parameters(), memory, strict=True):
                update(parameter, parameter.grad, kept, step, lr)
    for ours, theirs in zip(model.parameters(), mine.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_step_is_plain_sgd_with_momentum():
    def update(p, gradient, kept, step, lr):
        gradient = gradient + (0.01 * p if p.ndim > 1 else 0)
        kept["m"] = 0.9 * kept["m"] + gradient if kept else gradient
        p.sub_(lr * kept["m"])

    two_steps(TrainSettings(epochs=2, batch=8, lr=0.1, warmup=0, momentum=0.9, weight_decay=0.01), update)


def test_a_step_is_adam_with_decoupled_decay():
    """Loshchilov and Hutter, 2019, algorithm 2: weights decay by lr * weight_decay, not through the gradient."""

    def update(p, gradient, kept, step, lr):
        kept["m"] = 0.8 * kept.get("m", 0) + 0.2 * gradient
        kept["v"] = 0.95 * kept.get("v", 0) + 0.05 * gradient.square()
        mean, square = kept["m"] / (1 - 0.8**step), kept["v"] / (1 - 0.95**step)
        p.mul_(1 - lr * 0.3 if p.ndim > 1 else 1)
        p.sub_(lr * mean / (square.sqrt() + 1e-8))

    settings = TrainSettings(
        epochs=2, batch=8, optimiser="adamw", lr=0.1, warmup=0, betas=(0.8, 0.95), weight_decay=0.3
    )
    two_steps(settings, update)


def test_the_rate_is_scaled_to_the_batch():
    scaled = TrainSettings(epochs=2, batch=8, lr=0.4, lr_batch=16)
    plain = TrainSettings(epochs=2, batch=8, lr=0.2)
    curves = [
        [row["val_loss"] for row in fit(tiny_network(), FakePack(), one, CLIP, seed=0, device="cpu").curve]
        for one in (scaled, plain, plain.model_copy(update={"lr": 0.4}))
    ]
    assert curves[0] == curves[1] != curves[2]


# Schedules


def test_warm_up_is_linear_and_half_a_cosine_follows():
    settings, steps = TrainSettings(epochs=3, warmup=1.5), 5
    for n in range(15):
        warm = (n + 1) / 8.5
        assert rate(n, settings, steps=steps) == pytest.approx(
            warm if n < 7.5 else 0.5 * (1 + math.cos(math.pi * (n - 7.5) / 7.5))
        )


def test_the_rate_falls_after_each_milestone():
    settings = TrainSettings(epochs=6, warmup=1, schedule="step", milestones=(2, 3.5), factor=0.25)
    told = [rate(n, settings, steps=4) for n in range(24)]
    assert told[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert told[4:] == [1.0] * 4 + [0.25] * 6 + [0.0625] * 10


def test_a_constant_rate_stays():
    settings = TrainSettings(epochs=3, warmup=1, schedule="constant")
    assert [rate(n, settings, steps=2) for n in range(6)] == pytest.approx([1 / 3, 2 / 3, 1, 1, 1, 1])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"warmup": 1.5},
            [
                0.2 * 5 / 8.5,
                0.2 * 0.5 * (1 + math.cos(math.pi * 1.5 / 7.5)),
                0.2 * 0.5 * (1 + math.cos(math.pi * 6.5 / 7.5)),
            ],
        ),
        ({"schedule": "step", "milestones": (1, 2)}, [0.2, 0.02, 0.002]),
        ({"schedule": "constant"}, [0.2, 0.2, 0.2]),
    ],
)
def test_training_follows_the_schedule(settings, told):
    rates, settings = [], TrainSettings(epochs=3, batch=8, lr=0.2, **{"warmup": 0, **settings})

    def on_epoch(so_far):
        rates.append(so_far.curve[-1]["lr"])

    fit(tiny_network(), FakePack(), settings, CLIP, seed=0, device="cpu", on_epoch=on_epoch)
    assert rates == pytest.approx(told)


# What decays


class Scaled(nn.Module):
    """A user's module with parameters of its own beside its layers."""

    def __init__(self):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(8))
        self.mix = nn.Parameter(torch.ones(8, 8))
        self.conv = nn.Conv3d(8, 8, 1)

    def forward(self, x):
        return self.conv(x) * self.gamma.view(-1, 1, 1, 1)


class Shift(nn.Module):
    """A user's module with one-dimensional parameters alone, which is what norms have."""

    def __init__(self):
        super().__init__()
        self.beta = nn.Parameter(torch.zeros(8))


def network() -> nn.Module:
    return nn.ModuleDict(
        {
            "dense": nn.Conv3d(3, 8, 3, bias=False),
            "norm": nn.BatchNorm3d(8),
            "depthwise": nn.Conv3d(8, 16, 3, groups=8),
            "grouped": nn.Conv3d(8, 8, 3, groups=4, bias=False),
            "single": nn.Conv3d(1, 4, 1, bias=False),
            "scaled": Scaled(),
            "shift": Shift(),
            "fc": nn.Linear(8, 6),
        }
    )


WEIGHTS = {"dense.weight", "grouped.weight", "single.weight", "scaled.mix", "scaled.conv.weight", "fc.weight"}
NORMS = {"norm.weight", "norm.bias", "shift.beta"}
BIASES = {"depthwise.bias", "scaled.gamma", "scaled.conv.bias", "fc.bias"}
DEPTHWISE = {"depthwise.weight"}


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
@pytest.mark.parametrize(
    ("undecayed", "free"),
    [
        (("norms", "biases"), NORMS | BIASES),
        ((), set()),
        (("norms",), NORMS),
        (("biases",), BIASES),
        (("depthwise",), DEPTHWISE),
        (("norms", "biases", "depthwise"), NORMS | BIASES | DEPTHWISE),
    ],
)
def test_what_is_told_does_not_decay(kind, undecayed, free):
    model = network()
    settings = TrainSettings(optimiser=kind, weight_decay=0.01, undecayed=undecayed)
    groups, names = optimiser(model, settings).param_groups, {id(p): name for name, p in model.named_parameters()}
    told = [{names[id(p)] for p in group["params"]} for group in groups]
    assert told[0] == (WEIGHTS | NORMS | BIASES | DEPTHWISE) - free
    assert told[1] == free
    assert [group["weight_decay"] for group in groups] == [0.01, 0.0]


def test_frozen_weights_are_left_out():
    model = network()
    model["dense"].weight.requires_grad = False
    moved = [p for group in optimiser(model, TrainSettings()).param_groups for p in group["params"]]
    assert len(moved) == len(list(model.parameters())) - 1
    assert all(p is not model["dense"].weight for p in moved)
