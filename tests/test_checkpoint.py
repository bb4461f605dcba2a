"""Checkpoints: what is written comes back; what was not written by a whole `save` is refused in one line."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from nas import checkpoint, files
from nas.checkpoint import Progress
from nas.errors import NasError
from nas.optimiser import optimiser
from nas.train_settings import TrainSettings
from tests.clips import tiny_network

ROOT = Path(__file__).parents[1]
PROGRESS = Progress(run={"seed": 3}, curve=[{"epoch": 1, "val_loss": 0.1 + 0.2}], scaler={"scale": 65536.0})


pytestmark = pytest.mark.usefixtures("one_thread")


def trained(seed: int = 0, kind: str = "sgd", **more) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = tiny_network(seed=seed).to(memory_format=torch.channels_last_3d)
    optimizer = optimiser(model, TrainSettings(optimiser=kind, **more))
    for _ in range(2):
        model(torch.randn(2, 3, 4, 8, 8)).square().mean().backward()
        optimizer.step()
    return model, optimizer


def averaged(model: nn.Module, seed: int = 5) -> dict[str, torch.Tensor]:
    """Tensors by the names of the network's, as a moving average has them; others than the network's."""
    return {name: tensor.clone() for name, tensor in trained(seed)[0].state_dict().items()}


@pytest.fixture(params=["sgd", "adamw and an average"])
def saved(tmp_path: Path, request) -> Path:
    """A checkpoint of each kind."""
    path = tmp_path / "run.safetensors"
    if request.param == "sgd":
        checkpoint.save(path, *trained(), PROGRESS)
    else:
        model, optimizer = trained(kind="adamw")
        checkpoint.save(path, model, optimizer, PROGRESS, averaged(model))
    return path


def rewritten(path: Path, **about: object) -> None:
    """Write the file's tensors again and change what its metadata says."""
    with safetensors.safe_open(path, "pt") as file:
        old = json.loads(file.metadata()["nas"])
    safetensors.torch.save_file(safetensors.torch.load(path.read_bytes()), path, {"nas": json.dumps(old | about)})


def refused(path: Path, match: str, model: nn.Module | None = None, *, average: bool | None = None) -> None:
    """Loading fails in one line that names the file, and changes neither model nor optimiser nor average.

    With or without an `average`, as the file has one or not, where that is not told.
    """
    model, optimizer = trained(seed=1) if model is None else (model, optimiser(model, TrainSettings()))
    average = b"average." in path.read_bytes() if average is None and path.is_file() else average
    means = averaged(model) if average else {}
    parts = [model.state_dict(), means, *(optimizer.state[one] for one in model.parameters())]
    before = [{name: tensor.clone() for name, tensor in part.items() if tensor is not None} for part in parts]
    with pytest.raises(NasError, match=match) as caught:
        checkpoint.load(path, model, optimizer, means)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    parts = [model.state_dict(), means, *(optimizer.state[one] for one in model.parameters())]
    for old, new in zip(before, parts, strict=True):
        assert old.keys() == {name for name, tensor in new.items() if tensor is not None}
        assert all(torch.equal(tensor, new[name]) for name, tensor in old.items())


STATES = {"sgd": {"momentum_buffer"}, "adamw": {"step", "exp_avg", "exp_avg_sq"}}


@pytest.mark.parametrize(
    ("kind", "more", "states"),
    [("sgd", {}, STATES["sgd"]), ("sgd", {"momentum": 0.0}, set()), ("adamw", {}, STATES["adamw"])],
)
@pytest.mark.parametrize("average", [False, True])
def test_everything_comes_back_bit_for_bit(tmp_path: Path, kind: str, more: dict, states: set, average: bool):
    path, (model, optimizer) = tmp_path / "run.safetensors", trained(kind=kind, **more)
    means = averaged(model) if average else {}
    checkpoint.save(path, model, optimizer, PROGRESS, means)
    other, other_optimizer = trained(seed=1, kind=kind, **more)
    others = averaged(other, seed=6) if average else {}
    assert checkpoint.load(path, other, other_optimizer, others) == PROGRESS == checkpoint.peek(path)
    for ours, theirs in ((model.state_dict(), other.state_dict()), (means, others)):
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        old, new = (
            {k: v for k, v in one.items() if v is not None}
            for one in (optimizer.state[ours], other_optimizer.state[theirs])
        )
        assert old.keys() == new.keys() == states
        assert all(torch.equal(old[key], new[key]) and old[key].stride() == new[key].stride() for key in states)
    assert [file.name for file in tmp_path.iterdir()] == ["run.safetensors"]


def test_a_checkpoint_with_an_average_is_not_one_without(tmp_path: Path):
    path, (model, optimizer) = tmp_path / "run.safetensors", trained()
    checkpoint.save(path, model, optimizer, PROGRESS, averaged(model))
    refused(path, "has a moving average of the weights, unlike this run; give the former ema", average=False)
    checkpoint.save(path, model, optimizer, PROGRESS)
    refused(path, "has no moving average of the weights, unlike this run", average=True)


def test_an_average_of_another_network_is_refused(tmp_path: Path):
    path, (model, optimizer) = tmp_path / "run.safetensors", trained()
    checkpoint.save(path, model, optimizer, PROGRESS, averaged(model) | {"0.weight": torch.zeros(9, 3, 3, 3, 3)})
    refused(path, r"0\.weight is \(9, 3, 3, 3, 3\) in the file, \(8, 3, 3, 3, 3\) in the network")


def test_a_file_of_the_first_schema_is_read(tmp_path: Path):
    """As version 1 wrote it: momentum under names of its own, SGD the only optimiser, no averages."""
    path, (model, optimizer) = tmp_path / "run.safetensors", trained()
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        tensors[f"momentum.{name}"] = optimizer.state[parameter]["momentum_buffer"]
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    state = '{"run": {"seed": 3}, "curve": [{"epoch": 1, "val_loss": 0.5}], "scaler": {}}'
    digest = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}\n".encode())
        digest.update(tensors[name].numpy().tobytes())
    about = {"format": "nas checkpoint", "schema": 1, "digest": digest.hexdigest(), "state": state}
    path.write_bytes(safetensors.torch.save(tensors, {"nas": json.dumps(about)}))
    other, other_optimizer = trained(seed=1)
    assert checkpoint.load(path, other, other_optimizer) == Progress({"seed": 3}, [{"epoch": 1, "val_loss": 0.5}], {})
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        old, new = optimizer.state[ours]["momentum_buffer"], other_optimizer.state[theirs]["momentum_buffer"]
        assert torch.equal(ours, theirs) and torch.equal(old, new) and old.stride() == new.stride()


def test_weights_alone_come_back(tmp_path: Path):
    path, (model, _), (other, _) = tmp_path / "weights.safetensors", trained(), trained(seed=1)
    checkpoint.save_weights(path, model, {"epoch": 4})
    assert checkpoint.load_weights(path, other) == {"epoch": 4}
    assert torch.equal(model[0].weight, other[0].weight)
    assert set(safetensors.torch.load_file(path)) == set(model.state_dict())
    refused(path, "is not a nas checkpoint file")


def test_a_file_cut_off_anywhere_is_refused(saved: Path):
    whole = saved.read_bytes()
    for length in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        saved.write_bytes(whole[:length])
        refused(saved, "is cut off or not a safetensors file; delete it")


def test_foreign_files_are_refused(saved: Path, tmp_path: Path):
    safetensors.torch.save_file({"weight": torch.zeros(2)}, saved)
    refused(saved, "is not a nas checkpoint file")
    torch.save({"weight": torch.zeros(2)}, saved)
    refused(saved, "is cut off or not a safetensors file")
    refused(tmp_path / "absent.safetensors", "cannot be read")
    refused(tmp_path, "cannot be read|cut off")


def test_an_altered_file_is_refused(saved: Path):
    whole = saved.read_bytes()
    saved.write_bytes(whole[:-7] + bytes([whole[-7] ^ 1]) + whole[-6:])
    refused(saved, "was altered after it was written")
    saved.write_bytes(whole)
    rewritten(saved, state=json.dumps({"run": {"seed": 4}, "curve": [], "scaler": {}}))
    refused(saved, "was altered after it was written")


@pytest.mark.parametrize("about", [{"state": 3}, {"digest": None}, {"schema": "x"}, {"schema": 0}, {"schema": []}])
def test_damaged_metadata_is_refused(saved: Path, about: dict):
    rewritten(saved, **about)
    refused(saved, "its metadata is damaged")


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_metadata_that_is_no_object_is_refused(saved: Path, text: str):
    safetensors.torch.save_file(safetensors.torch.load(saved.read_bytes()), saved, {"nas": text})
    refused(saved, "its metadata is damaged")


def test_a_newer_schema_is_refused(saved: Path):
    rewritten(saved, schema=3)
    refused(saved, r"was written by a newer nas \(schema 3; this one reads up to 2\); upgrade nas")


def test_equal_runs_leave_equal_files(saved: Path):
    first = saved.read_bytes()
    model, optimizer = trained(seed=1, kind="adamw" if b"exp_avg" in first else "sgd")
    means = averaged(model, seed=6) if b"average." in first else {}
    progress = checkpoint.load(saved, model, optimizer, means)
    checkpoint.save(saved, model, optimizer, progress, means)
    assert saved.read_bytes() == first


def test_another_network_is_refused_by_name(saved: Path):
    wide = nn.Sequential(nn.Conv3d(3, 9, 3, padding=1, bias=False), *list(tiny_network())[1:])
    refused(saved, r"0\.weight is \(8, 3, 3, 3, 3\) in the file, \(9, 3, 3, 3, 3\) in the network", wide)
    refused(saved, r"only the file has 6\.", nn.Sequential(*list(tiny_network())[:-1]))
    refused(saved, r"only the network has 7\.", nn.Sequential(*tiny_network(), nn.Linear(6, 6)))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_previous_file(saved: Path, monkeypatch, call: str):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(NasError, match=r"run\.safetensors: cannot be written \(No space left on device\)"):
        checkpoint.save(saved, *trained(), Progress({}, [], {}))
    assert checkpoint.peek(saved) == PROGRESS
    assert list(saved.parent.iterdir()) == [saved]


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path):
    with pytest.raises(NasError, match="cannot be written"):
        files.write(tmp_path / "gone" / "x", b"")


def test_whenever_the_writer_is_killed_the_file_is_whole(tmp_path: Path):
    """A process saves without a pause; each look from outside, and one after SIGKILL, finds a whole file."""
    path = tmp_path / "run.safetensors"
    writer = subprocess.Popen([sys.executable, "-m", __name__, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
    writer.stdout.readline()
    model, optimizer = trained(kind="adamw")
    means = averaged(model)
    until, seen = time.monotonic() + 1, set()
    while time.monotonic() < until or len(seen) < 5:
        seen.add(len(checkpoint.load(path, model, optimizer, means).curve))
        assert means["1.bias"].unique().tolist() == [max(seen)], "weights and averages are of one epoch"
    writer.kill()
    writer.wait()
    assert len(checkpoint.load(path, model, optimizer, means).curve) >= max(seen)
    checkpoint.save(path, *trained(kind="adamw"), PROGRESS, means)  # over the part the killed writer may have left
    assert checkpoint.load(path, model, optimizer, means) == PROGRESS


def test_differences_are_named_by_path():
    old = {"train": {"epochs": 8, "lr": 0.1}, "stages": [{"width": 8}, {"width": 16}]}
    new = {"train": {"epochs": 12, "lr": 0.1}, "stages": [{"width": 8}], "seed": 1}
    assert checkpoint.differences(old, new) == [
        "train.epochs was 8, is 12",
        "stages.1 was {'width': 16}, is absent",
        "seed was absent, is 1",
    ]
    assert checkpoint.differences(old, old) == []


def save_forever(path: Path) -> None:
    torch.set_num_threads(1)
    model, optimizer = trained(kind="adamw")
    means = averaged(model)
    for epoch in range(100_000):
        means["1.bias"].fill_(epoch)
        checkpoint.save(path, model, optimizer, Progress({}, [{"epoch": epoch}] * epoch, {}), means)
        if epoch == 0:
            print("saved", flush=True)


if __name__ == "__main__":
    save_forever(Path(sys.argv[1]))
