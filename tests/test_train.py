"""The training loop: its schedule, its seeds, what it measures and how it fails."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from nas import checkpoint as checkpoints
from nas import device as devices
from nas.data.task import Task
from nas.data.videos import Labels
from nas.errors import NasError
from nas.metrics import measure
from nas.optimiser import optimiser
from nas.tally import Diverged, Tally
from nas.train import OutOfMemory, fit, renewed
from nas.train_settings import TrainSettings
from nas.validation import evaluate
from tests.clips import CLIP, FakePack, FakeSplit, packed, tiny_network

SETTINGS = TrainSettings(epochs=3, batch=8, lr=0.05, warmup=1.0, label_smoothing=0.1, dropout=0.2)


pytestmark = pytest.mark.usefixtures("one_thread")


def train(settings=SETTINGS, pack=None, model=None, seed=3, device="cpu", **more):
    return fit(model or tiny_network(), pack or FakePack(), settings, CLIP, seed=seed, device=device, **more)


def untimed(curve):
    return [{key: row[key] for key in row if key not in ("seconds", "wait")} for row in curve]


def test_it_learns_and_tells_what_it_measured():
    result = train(TrainSettings(epochs=4, batch=8, lr=0.05))
    assert result.accuracy == result.curve[-1]["val_accuracy"] > 0.8
    assert list(result.curve[0]) == [
        "epoch", "lr", "train_loss", "train_error", "val_loss", "val_accuracy", "val_top5", "seconds", "wait"
    ]  # fmt: skip
    assert [row["epoch"] for row in result.curve] == [1, 2, 3, 4]
    assert result.curve[-1]["train_loss"] < result.curve[0]["train_loss"]
    assert 0 < result.wait_share < 1
    assert result.seconds == sum(row["seconds"] for row in result.curve)
    assert result.peak_memory > 50 * 2**20
    assert result.device == "CPU, 1 thread"


def test_the_same_seed_gives_the_same_curve_and_another_seed_another():
    first, second, other = train(), train(), train(seed=4)
    assert untimed(first.curve) == untimed(second.curve)
    assert untimed(first.curve) != untimed(other.curve)


def test_training_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    train()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "more",
    [
        {"precision": "fp32"},
        {"precision": "bf16"},
        {"precision": "fp16"},
        {"optimiser": "adamw", "lr": 0.01},
        {"ema": 0.8},
        {"micro_batch": 3, "mixup": 0.4},
        {"schedule": "step", "milestones": (1.5, 2.5)},
        {"optimiser": "adamw", "lr": 0.01, "ema": 0.8, "precise_norms": 16, "precision": "fp16"},
    ],
    ids=lambda more: " ".join(map(str, more.values())),
)
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, more: dict):
    settings = SETTINGS.model_copy(update={"clip_gradient": 1.0, **more})

    def stop(so_far):
        if len(so_far.curve) == 3:
            raise KeyboardInterrupt

    path, models = tmp_path / "run.safetensors", [tiny_network() for _ in range(3)]
    whole = train(settings, model=models[0])
    with pytest.raises(KeyboardInterrupt):
        train(settings, checkpoint=path, on_epoch=stop)
    resumed = train(settings, model=models[1], checkpoint=path)
    assert untimed(resumed.curve) == untimed(whole.curve)
    again = train(settings, model=models[2], checkpoint=path)
    assert again.curve == resumed.curve
    assert whole.precise == resumed.precise == again.precise and whole.accuracy == again.accuracy
    for tensors in zip(*(model.state_dict().values() for model in models), strict=True):
        assert torch.equal(tensors[0], tensors[1]) and torch.equal(tensors[0], tensors[2])


def test_a_run_on_packed_clips_resumes_bit_for_bit_on_two_threads(tmp_path: Path):
    torch.set_num_threads(2)
    videos = np.random.default_rng(0).integers(0, 256, (30, 6, 10, 12, 3), dtype=np.uint8)
    split = packed(tmp_path, videos, Labels.single(np.arange(30) % 6), Task(tuple("abcdef")))
    pack, path = FakePack(train=split, val=split), tmp_path / "run.safetensors"
    whole = train(pack=pack)
    with pytest.raises(KeyboardInterrupt):
        train(pack=pack, checkpoint=path, on_step=interrupt_at(5))
    resumed = train(pack=pack, checkpoint=path)
    assert untimed(resumed.curve) == untimed(whole.curve)


@pytest.mark.parametrize(("metric", "several"), [("map", True), ("mean_class", False)])
def test_the_accuracy_is_the_metric_of_the_task(tmp_path: Path, metric: str, several: bool):
    videos = np.random.default_rng(0).integers(0, 256, (30, 6, 10, 12, 3), dtype=np.uint8)
    groups = [(i % 6, (i + 1) % 6) if several and i % 3 else (i % 6 if i % 4 else 0,) for i in range(30)]
    split = packed(tmp_path, videos, Labels.several(groups), Task(tuple("abcdef"), multilabel=several, metric=metric))
    model = tiny_network()
    curve = train(SETTINGS, FakePack(train=split, val=split, task=split.task), model=model).curve
    assert curve[-1]["train_loss"] < curve[0]["train_loss"]
    model.eval()
    with torch.inference_mode():
        seen = [(model(x), y) for x, y in split.batches(CLIP, batch=8, seed=0, epoch=0, train=False, device="cpu")]
    scores, labels = (torch.cat(parts) for parts in zip(*seen, strict=True))
    assert curve[-1]["val_accuracy"] == getattr(measure(scores, labels), metric)
    assert curve[-1]["val_accuracy"] != measure(scores, labels).top1


def test_mixup_is_repeatable_and_changes_the_training():
    settings = SETTINGS.model_copy(update={"mixup": 0.4})
    one, other = train(settings), train(settings)
    assert untimed(one.curve) == untimed(other.curve) != untimed(train().curve)


def interrupt_at(step: int):
    def on_step(done: int, total: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return on_step


def test_a_checkpoint_of_another_run_is_refused_with_the_difference(tmp_path: Path):
    path = tmp_path / "run.safetensors"
    train(checkpoint=path)
    changed = SETTINGS.model_copy(update={"epochs": 5})
    with pytest.raises(NasError, match=r"train\.epochs was 3, is 5, seed was 3, is 9; give the former settings"):
        train(changed, checkpoint=path, seed=9)


def linear_network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 8 * 8, 6))


@pytest.mark.parametrize("micro", [0, 10])
def test_gradients_are_clipped_to_the_norm(micro: int):
    """That of the whole batch: parts are added up first."""
    settings = TrainSettings(epochs=1, batch=42, micro_batch=micro, lr=1.0, warmup=0, momentum=0, weight_decay=0)
    moved = {}
    for limit in (0.0, 0.01):
        model, start = linear_network(), linear_network()
        train(settings.model_copy(update={"clip_gradient": limit}), model=model)
        pairs = zip(model.parameters(), start.parameters(), strict=True)
        moved[limit] = torch.cat([(a - b).detach().flatten() for a, b in pairs]).norm().item()
    assert moved[0.01] == pytest.approx(0.01, rel=1e-3)
    assert moved[0.0] > 0.1


def without_norms() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv3d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 2 * 6 * 6, 6))


@pytest.mark.parametrize("micro", [1, 3, 4, 8, 50])
def test_gradients_of_parts_add_up_to_those_of_the_batch(micro: int):
    settings = SETTINGS.model_copy(update={"micro_batch": micro, "weight_decay": 0.01})
    whole, parts = without_norms(), without_norms()
    one = train(SETTINGS.model_copy(update={"weight_decay": 0.01}), model=whole).curve
    other = train(settings, model=parts).curve
    for name in ("train_loss", "val_loss", "train_error", "val_accuracy"):
        assert [row[name] for row in one] == pytest.approx([row[name] for row in other], rel=1e-5), name
    for ours, theirs in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_no_more_clips_than_told_are_in_memory_at_once():
    seen, model = [], tiny_network()
    model[0].register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    result = train(SETTINGS.model_copy(update={"micro_batch": 3, "precise_norms": 8, "epochs": 1}), model=model)
    assert seen == [*[3, 3, 2] * 5, *[3] * 10, *[3, 3, 2], *[3] * 10], "training, validation, norms, validation"
    assert result.precise["clips"] == 8


def test_validation_counts_every_clip_once_and_keeps_the_mode():
    model, split = tiny_network(), FakeSplit(30)
    one, many = (evaluate(model, split, CLIP, batch=batch, device="cpu") for batch in (30, 7))
    assert one["val_loss"] == pytest.approx(many["val_loss"], rel=1e-5)
    assert one["val_accuracy"] == many["val_accuracy"]
    assert model.training
    few = evaluate(tiny_network(4), FakeSplit(30, classes=4), CLIP, batch=7, device="cpu")
    assert set(few) == {"val_loss", "val_accuracy"}


def test_progress_counts_steps_of_the_whole_run():
    seen = []
    train(on_step=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 15) for n in range(1, 16)]


def test_divergence_names_epoch_and_step():
    pack = FakePack(train=FakeSplit(40, poison=11))
    with pytest.raises(Diverged, match=r"the loss is nan in epoch 1, step \d;"):
        train(pack=pack)
    with pytest.raises(Diverged, match="validation after epoch 1, step 2"):
        train(pack=FakePack(val=FakeSplit(30, poison=11)))


def test_a_late_look_still_names_the_exact_step():
    tally = Tally("epoch 4", every=20)
    logits, labels = torch.zeros(2, 6), torch.zeros(2, dtype=torch.long)
    for step in range(1, 20):
        tally.add(torch.tensor(math.inf if step == 7 else 1.0), logits, labels)
    with pytest.raises(Diverged, match="inf in epoch 4, step 7;"):
        tally.means()


class Huge(nn.Linear):
    """A layer whose forward asks for a petabyte."""

    def forward(self, x):
        return x.new_empty(1 << 48) + super().forward(x.flatten(1))


def test_out_of_memory_names_the_peak_and_what_would_help():
    with pytest.raises(
        OutOfMemory, match=r"with 8 clips of 4x8x8 at once; the peak was .* GiB; set micro_batch: 4 .*, or lower frames"
    ) as caught:
        train(model=Huge(768, 6))
    assert caught.value.__context__ is None  # or the first error would keep the tensors alive
    assert isinstance(caught.value, NasError)
    parts = SETTINGS.model_copy(update={"micro_batch": 3})
    with pytest.raises(OutOfMemory, match=r"with 3 clips of .*; set micro_batch: 1 "):
        train(parts, model=Huge(768, 6))
    with pytest.raises(OutOfMemory, match=r"with 1 clip of .* GiB; lower frames, size or width"):
        train(parts.model_copy(update={"micro_batch": 1}), model=Huge(768, 6))


def test_other_errors_of_the_network_pass_through():
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        train(model=nn.Sequential(nn.Flatten(), nn.Linear(5, 6)))


def test_impossible_settings_are_refused():
    with pytest.raises(NasError, match=r"warmup = 4\.0 epochs is longer than the 3 epochs"):
        train(SETTINGS.model_copy(update={"warmup": 4.0}))
    with pytest.raises(NasError, match="no validation clips"):
        train(pack=FakePack(val=FakeSplit(0)))


def test_a_batch_too_small_for_its_norms_is_one_line():
    model = nn.Sequential(nn.AvgPool3d((4, 8, 8)), nn.BatchNorm3d(3), nn.Flatten(), nn.Linear(3, 6))
    with pytest.raises(NasError, match="a single value per channel.*; raise batch"):
        train(SETTINGS.model_copy(update={"batch": 1}), model=model)


def test_the_recipe_says_how_much_is_dropped():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.0), nn.Linear(3 * 4 * 8 * 8, 6))
    plain = train(SETTINGS.model_copy(update={"dropout": 0.0}), model=copy.deepcopy(model)).curve
    dropped = train(SETTINGS.model_copy(update={"dropout": 0.5}), model=model).curve
    assert model[1].p == 0.5
    assert [row["train_loss"] for row in plain] != [row["train_loss"] for row in dropped]


def test_a_user_s_block_keeps_its_own_dropout():
    own = nn.Sequential(nn.Dropout(0.25), nn.Flatten())
    own.initialises_itself = True
    model = nn.Sequential(own, nn.Dropout(0.0), nn.Linear(3 * 4 * 8 * 8, 6))
    train(SETTINGS.model_copy(update={"dropout": 0.5}), model=model)
    assert (own[0].p, model[1].p) == (0.25, 0.5)


def test_a_checkpoint_of_a_later_version_with_more_settings_is_refused(tmp_path: Path):
    path, model = tmp_path / "run.safetensors", tiny_network()
    train(checkpoint=path)
    progress = checkpoints.peek(path)
    run = {**progress.run, "train": progress.run["train"] | {"novel": 3}}
    later = checkpoints.Progress(run, progress.curve, progress.scaler)
    checkpoints.save(path, model, optimiser(model, SETTINGS), later)
    with pytest.raises(NasError, match=r"run\.safetensors: is of another run: train\.novel was 3, is absent"):
        train(checkpoint=path)


def test_a_checkpoint_from_before_a_setting_was_added_goes_on(tmp_path: Path):
    path = tmp_path / "run.safetensors"
    train(SETTINGS.model_copy(update={"dropout": 0.0}), checkpoint=path)
    run = checkpoints.peek(path).run
    old = {**run, "train": {key: value for key, value in run["train"].items() if key != "dropout"}}
    assert renewed(old) == run
    assert renewed({**old, "train": old["train"] | {"lr": 9.0}}) != run


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta"])
def test_an_unknown_device_is_one_line(name: str):
    with pytest.raises(NasError, match=f"device '{name}' is not"):
        devices.pick(name)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["auto", "fp16", "fp32"])
def test_it_learns_on_a_gpu(precision: str):
    settings = TrainSettings(epochs=4, batch=8, lr=0.05, precision=precision)
    result = train(settings, device="cuda")
    assert result.accuracy > 0.7
    assert 0 < result.peak_memory < 2**30


@pytest.mark.gpu
def test_a_gpu_out_of_memory_frees_what_it_held():
    before = torch.cuda.memory_allocated()
    with pytest.raises(OutOfMemory, match="GiB"):
        train(model=Huge(768, 6), device="cuda")
    assert torch.cuda.memory_allocated() <= before + 2**20


@pytest.mark.gpu
def test_a_cpu_checkpoint_resumes_on_a_gpu(tmp_path: Path):
    path = tmp_path / "run.safetensors"

    def stop(so_far):
        if len(so_far.curve) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=path, on_epoch=stop)
    assert len(train(checkpoint=path, device="cuda").curve) == 3


def test_where_it_cannot_be_saved_a_full_training_ends_and_a_proxy_goes_on(tmp_path: Path):
    nowhere = tmp_path / "gone" / "run.safetensors"
    with pytest.raises(NasError, match="run.safetensors: cannot be written"):
        train(checkpoint=nowhere)
    assert untimed(train(checkpoint=nowhere, saved_after=(1, 2)).curve) == untimed(train().curve)


def test_a_checkpoint_is_saved_after_the_epochs_that_are_asked_for(tmp_path: Path):
    path, there = tmp_path / "run.safetensors", []

    def look(so_far):
        there.append(len(checkpoints.peek(path).curve) if path.exists() else 0)
        assert so_far.accuracy == so_far.curve[-1]["val_accuracy"]
        if len(there) == 3:
            raise KeyboardInterrupt

    whole = train()
    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=path, saved_after=(1,), on_epoch=look)
    assert there == [0, 1, 1]
    seen = []
    resumed = train(checkpoint=path, saved_after=(1,), on_epoch=lambda so_far: seen.append(untimed(so_far.curve)))
    assert [len(curve) for curve in seen] == [2, 3] and seen[-1] == untimed(resumed.curve) == untimed(whole.curve)
