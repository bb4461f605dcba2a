"""Processes that train one network together: what each of them gets is what one process would."""

from __future__ import annotations

import os
import shutil
import signal

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nas.data import mixup
from nas.errors import NasError
from nas.group import ALONE, GlobalDropout, Group, _make_global, joined
from nas.train import fit
from nas.train_settings import TrainSettings
from tests.clips import CLIP, FakePack, FakeSplit, tiny_network
from tests.together import together

pytestmark = pytest.mark.usefixtures("one_thread")


def untimed(curve):
    return [{key: row[key] for key in row if key not in ("seconds", "wait")} for row in curve]


# ---- norms, dropout and mixup against one process


def norm(kind: str) -> nn.Module:
    torch.manual_seed(1)
    made = {
        "plain": lambda: nn.BatchNorm3d(5),
        "cumulative": lambda: nn.BatchNorm3d(5, momentum=None),
        "without weights": lambda: nn.BatchNorm3d(5, affine=False),
        "untracked": lambda: nn.BatchNorm3d(5, track_running_stats=False),
        "of pictures": lambda: nn.BatchNorm2d(5),
    }[kind]()
    for parameter in made.parameters():
        nn.init.uniform_(parameter, 0.5, 1.5)
    return nn.Sequential(made)


def passed(model, x, y, autocast):
    """Two forward and backward passes: outputs, gradients, what the norm keeps; then one output in evaluation."""
    told = []
    for number in range(2):
        given = (x + number).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            out = model(given)
        model.zero_grad()
        (out.float() * y).sum().backward()
        told += [out.detach().float(), given.grad.float()]
    told += [parameter.grad.clone() for parameter in model.parameters()]
    told += [buffer.float() for buffer in model.buffers()]
    told.append(model.eval()(x).detach())
    return told


def norms(group, cases):
    """How far a norm over the processes is from one over all of their clips."""
    worst = {}
    for kind, autocast in cases:
        generator = torch.Generator().manual_seed(0)
        shape = (8, 5, 6, 6) if kind == "of pictures" else (8, 5, 2, 6, 6)
        x = torch.randn(shape, generator=generator) * torch.arange(1.0, 9).view(-1, *[1] * (len(shape) - 1)) + 3
        x, y = x.bfloat16() if autocast else x, torch.randn(shape, generator=generator)
        own, model = slice(4 * group.rank, 4 * group.rank + 4), norm(kind)
        _make_global(model, torch.device("cpu"), norms=True)
        wanted, found = passed(norm(kind), x, y, autocast), passed(model, x[own], y[own], autocast)
        wanted = [one[own] if one.shape[:2] == x.shape[:2] else one for one in wanted]
        for gradient in found[4 : 4 + len(list(model.parameters()))]:
            torch.distributed.all_reduce(gradient)
        if kind == "untracked":
            wanted.pop(), found.pop()  # without statistics, an evaluation depends on its clips
        pairs = zip(found, wanted, strict=True)
        worst[kind, autocast] = max(float(((a - b).abs() / (1 + b.abs())).max()) for a, b in pairs)
    return worst


def test_norms_over_processes_are_those_over_all_clips(tmp_path):
    cases = [(kind, False) for kind in ("plain", "cumulative", "without weights", "untracked", "of pictures")]
    cases.append(("plain", True))
    for worst in together(norms, tmp_path, cases):
        assert max(error for (_, autocast), error in worst.items() if not autocast) < 1e-5, worst
        assert worst["plain", True] < 2e-2, "bf16 has 8 bits"


def drawn(group):
    """What dropout and mixup make of the parts of a batch."""
    told = []
    for shape in ((8, 5), (8, 5, 2, 3, 3)):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        x = x.to(memory_format=torch.channels_last_3d) if len(shape) == 5 else x
        torch.manual_seed(7)
        told.append(GlobalDropout(0.4).train()(x[4 * group.rank : 4 * group.rank + 4]))
    own = slice(4 * group.rank, 4 * group.rank + 4)
    y = torch.arange(8) % 3
    shares = mixup.draw(0.4, 8, seed=1, epoch=2, step=3)[own]
    told += mixup.mix(group.ringed(x[own]), group.ringed(y[own]), shares, 3)
    return [one.numpy() for one in told]


def test_dropout_and_mixup_are_those_of_one_process(tmp_path):
    parts = together(drawn, tmp_path)
    wanted = []
    for shape in ((8, 5), (8, 5, 2, 3, 3)):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        x = x.to(memory_format=torch.channels_last_3d) if len(shape) == 5 else x
        torch.manual_seed(7)
        wanted.append(F.dropout(x, 0.4))
    wanted += mixup.mix(x, torch.arange(8) % 3, mixup.draw(0.4, 8, seed=1, epoch=2, step=3), 3)
    for number, one in enumerate(wanted):
        np.testing.assert_allclose(np.concatenate([part[number] for part in parts]), one.numpy(), rtol=1e-6)
    assert (parts[0][0] == 0).tolist() != (parts[1][0] == 0).tolist(), "each process draws for itself"


# ---- trainings against one process

BASE = TrainSettings(epochs=3, batch=8, lr=0.05, warmup=1.0)
SETTINGS = {
    "plain": BASE,
    "all": BASE.model_copy(
        update={"dropout": 0.3, "mixup": 0.4, "ema": 0.8, "precise_norms": 16, "clip_gradient": 0.5, "momentum": 0.8}
    ),
    "adamw": BASE.model_copy(update={"optimiser": "adamw", "lr": 0.01, "weight_decay": 0.1}),
}
LOCAL = SETTINGS["all"].model_copy(update={"norms": "local"})


def without_norms() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv3d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 2 * 6 * 6, 6))


PARTS = BASE.model_copy(update={"micro_batch": 2, "clip_gradient": 0.5})


def fits(group, folder):
    """The trainings of this group, by name: curve, precise figures, and the weights at the end."""

    def run(settings, model=None, **more):
        model = model or tiny_network()
        done = fit(model, FakePack(), settings, CLIP, seed=3, device="cpu", group=group, **more)
        weights = [tensor.numpy().copy() for tensor in model.state_dict().values()]
        return {"curve": untimed(done.curve), "precise": done.precise, "weights": weights, "device": done.device}

    told = {name: run(settings) for name, settings in SETTINGS.items()}
    told["parts"] = run(PARTS, without_norms())
    told["local"] = run(LOCAL)
    for name, settings in (("all", SETTINGS["all"]), ("local", LOCAL)):
        path = folder / f"{name}.safetensors"
        run(settings, checkpoint=path, on_epoch=lambda so_far: len(so_far.curve) < 2)
        told[f"{name} resumed"] = run(settings, checkpoint=path)
    return told


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What two processes found, and where they left checkpoints."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained")
    return folder, together(fits, folder, folder)


def close(one, other, rel):
    for row, wanted in zip(one, other, strict=True):
        assert row == pytest.approx(wanted, rel=rel, abs=1e-7)


@pytest.mark.parametrize("name", [*SETTINGS, "parts"])
def test_a_group_trains_as_one_process_does(trained, name):
    _, found = trained
    settings, model = (PARTS, without_norms()) if name == "parts" else (SETTINGS[name], tiny_network())
    one = fit(model, FakePack(), settings, CLIP, seed=3, device="cpu")
    for told in (two[name] for two in found):
        close(told["curve"], untimed(one.curve), rel=1e-5)
        assert told["precise"] == pytest.approx(one.precise, rel=1e-5)
        assert told["device"] == "CPU, 1 thread, 2 processes"
        for ours, theirs in zip(told["weights"], model.state_dict().values(), strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-3, atol=1e-5)


def test_all_processes_have_the_same_in_the_end(trained):
    for name in trained[1][0]:
        first, second = (told[name] for told in trained[1])
        assert first["curve"] == second["curve"] and first["precise"] == second["precise"], name
        assert all(np.array_equal(a, b) for a, b in zip(first["weights"], second["weights"], strict=True)), name


def test_local_norms_see_their_own_clips(trained):
    _, (first, _) = trained
    losses = [[row["train_loss"] for row in first[name]["curve"]] for name in ("all", "local")]
    assert max(abs(one - other) for one, other in zip(*losses, strict=True)) > 1e-3


@pytest.mark.parametrize("name", ["all", "local"])
def test_a_group_resumes_to_the_same_bits(trained, name):
    for told in trained[1]:
        whole, resumed = told[name], told[f"{name} resumed"]
        assert resumed["curve"] == whole["curve"] and resumed["precise"] == whole["precise"]
        assert all(np.array_equal(a, b) for a, b in zip(whole["weights"], resumed["weights"], strict=True))


def test_one_process_goes_on_where_a_group_ended(trained, tmp_path):
    folder, (first, _) = trained
    shutil.copy(folder / "all.safetensors", tmp_path)
    again = fit(
        tiny_network(), FakePack(), SETTINGS["all"], CLIP, seed=3, device="cpu", checkpoint=tmp_path / "all.safetensors"
    )
    assert untimed(again.curve) == first["all"]["curve"]
    assert again.precise == pytest.approx(first["all"]["precise"], rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "clips", "told"),
    [
        ({"batch": 7}, 42, r"2 processes cannot share batches of 7 equally; make batch a multiple of 2"),
        ({"batch": 8}, 5, r"2 processes cannot share batches of 5 equally; .*no larger than the training split"),
    ],
)
def test_what_cannot_be_shared_equally_is_refused(settings, clips, told):
    with pytest.raises(NasError, match=told):
        fit(
            tiny_network(), FakePack(train=FakeSplit(clips)), BASE.model_copy(update=settings), CLIP, seed=0,
            device="cpu", group=Group(1, 2, 1),
        )  # fmt: skip


# ---- who belongs to it, and who speaks


def test_a_process_without_torchrun_is_alone(monkeypatch):
    for size in (None, "1"):
        monkeypatch.delenv("WORLD_SIZE", raising=False) if size is None else monkeypatch.setenv("WORLD_SIZE", size)
        with joined("cpu") as group:
            assert group is ALONE and group.share == (0, 1) and group.is_first
    assert group.sums([1.0, 2]) == [1.0, 2] and group.gathered([3]) == [3]


@pytest.mark.parametrize("there", [{"WORLD_SIZE": "2"}, {"WORLD_SIZE": "two"}, {"WORLD_SIZE": "2", "RANK": "0"}])
def test_half_an_environment_is_one_line(monkeypatch, there):
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in there.items():
        monkeypatch.setenv(name, value)
    told = r"WORLD_SIZE = \w+ in the environment, .*; start it with torchrun, or unset WORLD_SIZE"
    with pytest.raises(NasError, match=told), joined("cpu"):
        raise AssertionError("joined")


def fails(group, how):
    if how == "all":
        raise NasError("the same mistake")
    if how == "one" and group.rank == 1:
        raise NasError("only here")
    if how == "lost" and group.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return group.sums([1.0])


def test_one_mistake_is_told_once(tmp_path):
    found = together(fails, tmp_path, "all")
    assert sorted(one[:2] for one in found) == [("NasError", "the same mistake"), ("SystemExit", "1")]


def test_the_one_that_fails_speaks_for_those_that_lose_it(tmp_path):
    first, second = together(fails, tmp_path, "one")
    assert (first[:2], second[:2]) == (("SystemExit", "1"), ("NasError", "only here"))


def test_a_process_that_is_gone_is_one_line(tmp_path):
    first, second = together(fails, tmp_path, "lost")
    assert second is None and first[0] == "NasError"
    assert first[1] == (
        "process 0 lost another one of the 2; see above, or in its host's messages, why; the same command goes on"
    )
