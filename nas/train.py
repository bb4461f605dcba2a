"""The training loop: one for the short proxies of a search and for full training alike.

Everything random is a function of (seed, epoch), never of what ran before: so the same seed gives the same
curve, and a run resumed at an epoch goes on as if it had never stopped (bit for bit on a CPU; on a GPU as
far as its kernels repeat themselves). Figures stay on the device until `Tally` fetches them.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nas import checkpoint as checkpoints
from nas import device as devices
from nas.data import mixup
from nas.data_settings import ClipSettings
from nas.errors import NasError
from nas.loss import loss
from nas.metrics import Meter, headline
from nas.optimiser import rate, sgd
from nas.recipe import TrainSettings
from nas.tally import Tally, Waiting

if TYPE_CHECKING:
    from nas.data.pack import Pack, Split

MUCH_WAITING, LEAST_WAITING = 0.05, 0.5  # share of the time, and seconds, beyond which waiting for data is told
CHECK_EVERY = 20  # steps between looks at the loss on a GPU: each look waits for the device


class OutOfMemory(NasError):
    """The device, or the host, has no memory left for a step."""


@dataclass(frozen=True)
class Result:
    """A finished training.

    `accuracy` is the fraction of the last epoch, not of the best one (choosing an epoch by its validation accuracy
    flatters it): top-1, or what the data set's metric is. `seconds` covers training and validation of all epochs,
    `wait_share` is the part of them spent waiting for data, and `wait_cause` says what kept it, where that is much;
    `peak_memory` is in bytes.
    """

    accuracy: float
    curve: list[dict]
    seconds: float
    wait_share: float
    wait_cause: str
    peak_memory: int
    device: str


def fit(
    model: nn.Module,
    pack: Pack,
    settings: TrainSettings,
    clip: ClipSettings,
    *,
    seed: int,
    device: str | torch.device = "auto",
    on_epoch: Callable[[dict], object] | None = None,
    on_step: Callable[[int, int], None] | None = None,
    checkpoint: Path | None = None,
) -> Result:
    """Train `model`, in place, on `pack.train` and validate it on `pack.val` after each epoch.

    >>> fit(model, pack, TrainSettings(epochs=8), ClipSettings(), seed=0).accuracy  # doctest: +SKIP
    0.87

    Rows of the curve: epoch (from 1), lr (of the epoch's last step), train_loss and train_error (over the
    augmented clips, while the weights move), val_loss, val_accuracy (by the metric of the data set), val_top5 (from 5
    classes on), seconds and wait (seconds of them spent waiting for data). `on_epoch` gets each row, before the epoch's
    checkpoint is written, and ends the training there by answering False; `on_step` gets (steps done, steps
    in all). With a `checkpoint` path, the run is saved there after each epoch and goes on from there when the
    file exists.

    Raises Diverged, OutOfMemory, and NasError for a checkpoint of another run or impossible settings.
    """
    place = devices.pick(device)
    _check(pack, settings)
    try:
        training = _Training(model, pack, settings, clip, seed=seed, device=place, checkpoint=checkpoint)
        return training.run(on_epoch or _ignore, on_step or _ignore)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        problem = "a batch norm met a single value per channel: the training batch is one clip at one position"
        raise NasError(problem, fix="raise batch, or give more clips or larger ones") from error
    # Raised out here, where the first error and the tensors its traceback holds are gone.
    raise _out_of_memory(settings, clip, place)


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    split: Split,
    clip: ClipSettings,
    *,
    batch: int,
    device: str | torch.device = "auto",
    precision: str = "auto",
    waiting: Waiting | None = None,
    where: str = "the validation",
) -> dict[str, float]:
    """Loss, accuracy and (from 5 classes on) top-5 of `model`, which is on `device`, over one view of each video.

    The accuracy is top-1, or what the metric of the split's task is.

    >>> evaluate(model, pack.val, ClipSettings(), batch=32)  # doctest: +SKIP
    {'val_loss': 0.41, 'val_accuracy': 0.87, 'val_top5': 0.99}
    """
    place, several = devices.pick(device), split.task.multilabel
    autocast, waiting = devices.autocast(place, precision), waiting or Waiting()
    tally, meter, was_training = Tally(where, every=_check_every(place)), Meter(where), model.training
    top5 = len(split.task.classes) >= 5
    model.eval()
    batches = split.batches(clip, batch=batch, seed=0, epoch=0, train=False, device=place, waiting=waiting)
    with closing(batches):
        for clips, labels in waiting.iterate(batches):
            with autocast():
                logits = model(clips)
                lost = loss(logits, labels, several=several)
            tally.add(lost, logits, labels, top5=top5)
            if split.task.metric != "top1":
                meter.add(logits.float().cpu(), labels.cpu())
    model.train(was_training)
    lost, accuracy, accuracy5 = tally.means()
    if split.task.metric != "top1":
        accuracy = headline(meter.measures(), split.task.metric, several)
    return {"val_loss": lost, "val_accuracy": accuracy} | ({"val_top5": accuracy5} if top5 else {})


class _Training:
    """One run: its model, optimiser, schedule and curve, which change together epoch by epoch."""

    def __init__(
        self,
        model: nn.Module,
        pack: Pack,
        settings: TrainSettings,
        clip: ClipSettings,
        *,
        seed: int,
        device: torch.device,
        checkpoint: Path | None,
    ):
        self.pack, self.settings, self.clip, self.seed = pack, settings, clip, seed
        self.device, self.checkpoint, self.waiting = device, checkpoint, Waiting()
        self.model = model.to(device=device, memory_format=torch.channels_last_3d)
        for layer in (m for m in model.modules() if isinstance(m, nn.Dropout)):
            layer.p = settings.dropout
        self.autocast = devices.autocast(device, settings.precision)
        self.optimizer = sgd(model, settings)
        self.scaler = torch.amp.GradScaler(device.type, enabled=settings.precision == "fp16")
        self.curve = self._resumed() if checkpoint and checkpoint.exists() else []
        self.steps = pack.train.steps(settings.batch, train=True)
        self.total = self.steps * settings.epochs
        done = self.steps * len(self.curve)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate, last_epoch=done - 1)

    def run(self, on_epoch: Callable, on_step: Callable) -> Result:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        else:
            devices.keep_freed_memory()
        with devices.tuned_kernels(self.device):
            for epoch in range(len(self.curve) + 1, self.settings.epochs + 1):
                with devices.seeded(self.seed, epoch, self.device):
                    self.curve.append(self._epoch(epoch, on_step))
                goes_on = on_epoch(self.curve[-1])
                self._save()
                if goes_on is False:
                    break
        return self._result()

    def _epoch(self, epoch: int, on_step: Callable) -> dict:
        start, waiting = time.perf_counter(), Waiting()
        trained = self._pass(epoch, waiting, on_step)
        tested = evaluate(
            self.model,
            self.pack.val,
            self.clip,
            batch=self.settings.batch,
            device=self.device,
            precision=self.settings.precision,
            waiting=waiting,
            where=f"the validation after epoch {epoch}",
        )
        times = {"seconds": time.perf_counter() - start, "wait": waiting.seconds}
        self.waiting.add(waiting)
        return {"epoch": epoch, **trained, **tested, **times}

    def _pass(self, epoch: int, waiting: Waiting, on_step: Callable) -> dict:
        """Train for one epoch."""
        self.model.train()
        tally = Tally(f"epoch {epoch}", every=_check_every(self.device))
        first, lr = (epoch - 1) * self.steps + 1, 0.0
        batches = self.pack.train.batches(
            self.clip,
            batch=self.settings.batch,
            seed=self.seed,
            epoch=epoch,
            train=True,
            device=self.device,
            waiting=waiting,
        )
        with closing(batches):
            for done, (clips, labels) in enumerate(waiting.iterate(batches), first):
                lr = self.optimizer.param_groups[0]["lr"]
                seen = self._mixed(clips, labels, epoch, done)
                tally.add(*self._step(*seen), seen[1])
                on_step(done, self.total)
        lost, accuracy, _ = tally.means()
        assert tally.steps == self.steps, "the split's steps and batches disagree"  # the schedule counts steps
        return {"lr": lr, "train_loss": lost, "train_error": 1 - accuracy}

    def _mixed(self, clips: Tensor, labels: Tensor, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        if not self.settings.mixup:
            return clips, labels
        shares = mixup.draw(self.settings.mixup, len(clips), seed=self.seed, epoch=epoch, step=step)
        return mixup.mix(clips, labels, shares, len(self.pack.classes))

    def _step(self, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One step on `clips` (b, 3, t, h, w); the loss () and the logits (b, classes)."""
        with self.autocast():
            logits = self.model(clips)
            several, smoothing = self.pack.task.multilabel, self.settings.label_smoothing
            lost = loss(logits, labels, several=several, smoothing=smoothing)
        self.scaler.scale(lost).backward()
        if self.settings.clip_gradient:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_gradient)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.schedule.step()
        return lost, logits

    def _rate(self, step: int) -> float:
        return rate(step, total=self.total, warmup=self.settings.warmup * self.steps)

    def _resumed(self) -> list[dict]:
        run = identity(self.pack, self.settings, self.clip, self.seed)
        checkpoints.check_same_run(self.checkpoint, renewed(checkpoints.peek(self.checkpoint).run), run)
        progress = checkpoints.load(self.checkpoint, self.model, self.optimizer)
        self.scaler.load_state_dict(progress.scaler)
        return list(progress.curve)

    def _save(self) -> None:
        if self.checkpoint:
            run = identity(self.pack, self.settings, self.clip, self.seed)
            progress = checkpoints.Progress(run, self.curve, self.scaler.state_dict())
            checkpoints.save(self.checkpoint, self.model, self.optimizer, progress)

    def _result(self) -> Result:
        seconds = sum(row["seconds"] for row in self.curve)
        waited = sum(row["wait"] for row in self.curve)
        return Result(
            accuracy=self.curve[-1]["val_accuracy"],
            curve=self.curve,
            seconds=seconds,
            wait_share=waited / seconds,
            wait_cause=self.waiting.cause() if waited > max(LEAST_WAITING, MUCH_WAITING * seconds) else "",
            peak_memory=devices.peak_memory(self.device),
            device=devices.text(self.device),
        )


def identity(pack: Pack, settings: TrainSettings, clip: ClipSettings, seed: int) -> dict:
    """What decides a training besides the network, as plain JSON: a checkpoint belongs to one of these.

    >>> identity(pack, TrainSettings(), ClipSettings(), seed=7)["seed"]  # doctest: +SKIP
    7
    """
    train, seen = settings.model_dump(mode="json"), clip.model_dump(mode="json")
    return {"train": train, "clip": seen, "seed": seed, "data": pack.fingerprint}


def renewed(run: dict) -> dict:
    """An identity written earlier, with the settings that were added since at their defaults.

    >>> renewed({"train": {"epochs": 3}, "clip": {}, "seed": 0})["train"]["dropout"]
    0.0
    """
    known = {"train": TrainSettings, "clip": ClipSettings}
    return run | {key: model.model_validate(run[key]).model_dump(mode="json") for key, model in known.items()}


def _check_every(device: torch.device) -> int:
    return CHECK_EVERY if device.type == "cuda" else 1


def _ignore(*_: object) -> None:
    pass


def _check(pack: Pack, settings: TrainSettings) -> None:
    for name, split in (("training", pack.train), ("validation", pack.val)):
        if not len(split):
            raise NasError(f"there are no {name} clips", fix="give data with videos in both splits")
    if settings.warmup > settings.epochs:
        problem = f"warmup = {settings.warmup} epochs is longer than the {settings.epochs} epochs of training"
        raise NasError(problem, fix="shorten warmup or train for more epochs")


def _is_out_of_memory(error: Exception) -> bool:
    told = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
    return isinstance(error, MemoryError) or any(words in str(error) for words in told)


def _out_of_memory(settings: TrainSettings, clip: ClipSettings, device: torch.device) -> OutOfMemory:
    peak = devices.peak_memory(device) / 2**30
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    size = f"{settings.batch} clips of {clip.frames}x{clip.size}x{clip.size}"
    problem = f"out of memory on {devices.text(device)} with a batch of {size}; the peak was {peak:.1f} GiB"
    return OutOfMemory(problem, fix="lower batch, frames, size or the network's width")
