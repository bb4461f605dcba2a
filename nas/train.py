"""The training loop: one for the short proxies of a search and for full training alike.

Everything random is a function of (seed, epoch), never of what ran before: so the same seed gives the same
curve, and a run resumed at an epoch goes on as if it had never stopped (bit for bit on a CPU; on a GPU as
far as its kernels repeat themselves). Figures stay on the device until `Tally` fetches them.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from nas import checkpoint as checkpoints
from nas import device as devices
from nas.averages import Average, precise_norms
from nas.console import count
from nas.data import mixup
from nas.data_settings import ClipSettings
from nas.errors import NasError
from nas.files import NotWritten
from nas.group import ALONE, Group, unsynchronised
from nas.loss import loss
from nas.optimiser import optimiser, rate
from nas.tally import Tally, Waiting
from nas.train_settings import TrainSettings
from nas.validation import check_every, evaluate

if TYPE_CHECKING:
    from nas.data.pack import Pack

MUCH_WAITING, LEAST_WAITING = 0.05, 0.5  # share of the time, and seconds, beyond which waiting for data is told


class OutOfMemory(NasError):
    """The device, or the host, has no memory left for a step."""


@dataclass(frozen=True)
class Result:
    """A finished training.

    `accuracy` is the fraction of the network as it is left after the last epoch, not of the best one (choosing an epoch
    by its validation accuracy flatters it): top-1, or what the data set's metric is. `precise` has the figures with
    precise norms, where these were asked for. `seconds` covers training and validation of all epochs,
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
    precise: dict = field(default_factory=dict)


def fit(
    model: nn.Module,
    pack: Pack,
    settings: TrainSettings,
    clip: ClipSettings,
    *,
    seed: int,
    device: str | torch.device = "auto",
    on_epoch: Callable[[Result], object] | None = None,
    on_step: Callable[[int, int], None] | None = None,
    checkpoint: Path | None = None,
    saved_after: Collection[int] | None = None,
    group: Group = ALONE,
) -> Result:
    """Train `model`, in place, on `pack.train` and validate it on `pack.val` after each epoch.

    >>> fit(model, pack, TrainSettings(epochs=8), ClipSettings(), seed=0).accuracy  # doctest: +SKIP
    0.87

    Rows of the curve: epoch (from 1), lr (of the epoch's last step), train_loss and train_error (over the
    augmented clips, while the weights move), val_loss, val_accuracy (by the metric of the data set), val_top5 (from 5
    classes on), seconds and wait (seconds of them spent waiting for data). `on_epoch` gets the result so far, whose
    curve ends with the epoch, before the epoch's checkpoint is written, and ends the training there by answering False;
    `on_step` gets (steps done, steps in all). With a `checkpoint` path, the run is saved there after each epoch (or
    after the epochs `saved_after`, where that can be done), and goes on from there when the file exists. The processes
    of a `group` train together: batches are shared out, and all get the same result. While `on_epoch` is called and
    afterwards, the network has the averaged weights where `settings.ema` asks for them.

    Raises Diverged, OutOfMemory, and NasError for a checkpoint of another run or impossible settings.
    """
    place = group.device(device)
    check(pack, settings, group)
    try:
        kept = {"checkpoint": checkpoint, "saved_after": saved_after}
        training = _Training(model, pack, settings, clip, seed=seed, device=place, group=group, **kept)
        return training.run(on_epoch or _ignore, on_step or _ignore)
    except (MemoryError, RuntimeError) as error:
        if not devices.is_out_of_memory(error):
            raise
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        problem = "a batch norm met a single value per channel: one clip at one position trains at once"
        raise NasError(problem, fix="raise batch or micro_batch, or give more clips or larger ones") from error
    # Raised out here, where the first error and the tensors its traceback holds are gone.
    raise _out_of_memory(settings.at_once(group.size), clip, place)


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
        saved_after: Collection[int] | None,
        group: Group,
    ):
        self.pack, self.settings, self.clip, self.seed = pack, settings, clip, seed
        self.device, self.waiting, self.group = device, Waiting(), group
        self.checkpoint, self.saved_after = checkpoint, saved_after
        self.model = model.to(device=device, memory_format=torch.channels_last_3d)
        for layer in _dropouts(model):
            layer.p = settings.dropout
        self.autocast = devices.autocast(device, settings.precision)
        self.average = Average(self.model, settings.ema) if settings.ema else None
        self.steps = pack.train.steps(settings.batch, train=True)
        self.optimizer = optimiser(model, settings)
        self.scaler = torch.amp.GradScaler(device.type, enabled=settings.precision == "fp16")
        self.curve = self._resumed() if checkpoint and checkpoint.exists() else []
        self.parallel = group.wrapped(self.model, settings.norms)
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
                start, waiting = time.perf_counter(), Waiting()
                with devices.seeded(self.seed, epoch, self.device):
                    trained = self._pass(epoch, waiting, on_step)
                self._agree()
                with self.average.shown(self.model) if self.average else nullcontext():
                    tested = self._validated(f"the validation after epoch {epoch}", waiting)
                    times = {"seconds": time.perf_counter() - start, "wait": waiting.seconds}
                    self.waiting.add(waiting)
                    self.curve.append({"epoch": epoch, **trained, **tested, **times})
                    goes_on = on_epoch(self._result({}))
                self._keep(epoch)
                if goes_on is False:
                    break
            if self.average:
                self.average.exchange(self.model)
            return self._result(self._precise() if self.settings.precise_norms else {})

    def _validated(self, where: str, waiting: Waiting) -> dict:
        batch, precision = self.settings.at_once(self.group.size), self.settings.precision
        how = {"batch": batch, "device": self.device, "precision": precision, "group": self.group}
        return evaluate(self.model, self.pack.val, self.clip, waiting=waiting, where=where, **how)

    def _agree(self) -> None:
        """Validate, and keep, the same network in all processes."""
        if self.settings.norms == "local":
            for model in (self.model, self.average.model.module) if self.average else (self.model,):
                self.group.agree(model)

    def _precise(self) -> dict:
        """Measure the statistics of norms anew, on clips as in training, and validate with them."""
        settings, epoch = self.settings, self.settings.epochs + 1
        steps = min(self.steps, math.ceil(settings.precise_norms / settings.batch))
        size = settings.at_once(self.group.size)
        with closing(self._batches(epoch, Waiting())) as batches, devices.seeded(self.seed, epoch, self.device):
            parts = (part for x, y in islice(batches, steps) for part in zip(x.split(size), y.split(size), strict=True))
            precise_norms(self.model, parts, self.autocast)
        if settings.norms == "local":
            self.group.agree(self.model)
        tested = self._validated("the validation with precise norms", Waiting())
        return {"clips": min(steps * settings.batch, len(self.pack.train)), **tested}

    def _pass(self, epoch: int, waiting: Waiting, on_step: Callable) -> dict:
        """Train for one epoch."""
        self.model.train()
        tally = Tally(f"epoch {epoch}", every=check_every(self.device))
        first, lr = (epoch - 1) * self.steps + 1, 0.0
        with closing(self._batches(epoch, waiting)) as batches:
            for done, (clips, labels) in enumerate(waiting.iterate(batches), first):
                lr = self.optimizer.param_groups[0]["lr"]
                seen = self._mixed(clips, labels, epoch, done)
                tally.add(*self._step(*seen), seen[1])
                on_step(done, self.total)
        lost, accuracy, _ = tally.means(self.group.sums)
        assert tally.steps == self.steps, "the split's steps and batches disagree"  # the schedule counts steps
        return {"lr": lr, "train_loss": lost, "train_error": 1 - accuracy}

    def _batches(self, epoch: int, waiting: Waiting) -> Generator:
        more = {"share": self.group.share} if self.group.size > 1 else {}
        settings = {"batch": self.settings.batch, "seed": self.seed, "epoch": epoch, "train": True}
        return self.pack.train.batches(self.clip, **settings, device=self.device, waiting=waiting, **more)

    def _mixed(self, clips: Tensor, labels: Tensor, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        if not self.settings.mixup:
            return clips, labels
        whole, first = len(clips) * self.group.size, len(clips) * self.group.rank
        shares = mixup.draw(self.settings.mixup, whole, seed=self.seed, epoch=epoch, step=step)
        own = shares[first : first + len(clips)]
        return mixup.mix(self.group.ringed(clips), self.group.ringed(labels), own, len(self.pack.classes))

    def _step(self, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One step on `clips` (b, 3, t, h, w); the loss () and the logits (b, classes)."""
        lost, logits = self._gradients(clips, labels)
        if self.settings.clip_gradient:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_gradient)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.schedule.step()
        if self.average:
            self.average.update(self.model)
        return lost, logits

    def _gradients(self, clips: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Add up the gradients of the mean loss, of as many clips at once as memory holds."""
        size = self.settings.at_once(self.group.size)
        parts = list(zip(clips.split(size), labels.split(size), strict=True))
        several, smoothing = self.pack.task.multilabel, self.settings.label_smoothing
        lost, scores = [], []
        for number, (some, theirs) in enumerate(parts, 1):
            with unsynchronised(self.parallel, last=number == len(parts)):
                with self.autocast():
                    logits = self.parallel(some)
                    mean = loss(logits, theirs, several=several, smoothing=smoothing)
                mean = mean if len(parts) == 1 else mean * (len(some) / len(clips))
                self.scaler.scale(mean).backward()
            lost.append(mean.detach())
            scores.append(logits.detach())
        return torch.stack(lost).sum(), torch.cat(scores)

    def _rate(self, step: int) -> float:
        return rate(step, self.settings, steps=self.steps)

    def _resumed(self) -> list[dict]:
        run = identity(self.pack, self.settings, self.clip, self.seed)
        checkpoints.check_same_run(self.checkpoint, renewed(checkpoints.peek(self.checkpoint).run), run)
        average = self.average.state() if self.average else None
        progress = checkpoints.load(self.checkpoint, self.model, self.optimizer, average)
        if self.average:
            self.average.resumed(self.steps * len(progress.curve))
        self.scaler.load_state_dict(progress.scaler)
        return list(progress.curve)

    def _keep(self, epoch: int) -> None:
        if self.saved_after is None:
            self._save()
        elif epoch in self.saved_after:
            with suppress(NotWritten):  # it would have spared time only if the training were lost
                self._save()

    def _save(self) -> None:
        if self.checkpoint and self.group.is_first:
            run = identity(self.pack, self.settings, self.clip, self.seed)
            progress = checkpoints.Progress(run, self.curve, self.scaler.state_dict())
            average = self.average.state() if self.average else None
            checkpoints.save(self.checkpoint, self.model, self.optimizer, progress, average)

    def _result(self, precise: dict) -> Result:
        seconds = sum(row["seconds"] for row in self.curve)
        waited = sum(row["wait"] for row in self.curve)
        return Result(
            accuracy=(precise or self.curve[-1])["val_accuracy"],
            curve=list(self.curve),
            seconds=seconds,
            wait_share=waited / seconds,
            wait_cause=self.waiting.cause() if waited > max(LEAST_WAITING, MUCH_WAITING * seconds) else "",
            peak_memory=devices.peak_memory(self.device),
            device=devices.text(self.device) + (f", {self.group.size} processes" if self.group.size > 1 else ""),
            precise=precise,
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

    One with settings that are unknown here, as a later version may write it, comes back as it is.
    """
    known = {"train": TrainSettings, "clip": ClipSettings}
    try:
        return run | {key: model.model_validate(run[key]).model_dump(mode="json") for key, model in known.items()}
    except (ValidationError, KeyError):
        return run


def resumable(path: Path, run: dict) -> bool:
    """Whether a training of this `identity` can go on from a checkpoint."""
    try:
        checkpoints.check_same_run(path, renewed(checkpoints.peek(path).run), run)
    except NasError:
        return False
    return True


def _ignore(*_: object) -> None:
    pass


def check(pack: Pack, settings: TrainSettings, group: Group = ALONE) -> None:
    """Raise NasError where the settings cannot be met with these videos and processes."""
    for name, split in (("training", pack.train), ("validation", pack.val)):
        if not len(split):
            raise NasError(f"there are no {name} clips", fix="give data with videos in both splits")
    if settings.warmup > settings.epochs:
        problem = f"train.warmup = {settings.warmup} epochs is longer than the {settings.epochs} epochs of training"
        raise NasError(problem, fix="shorten warmup or train for more epochs")
    if group.size > 1 and (settings.batch % group.size or len(pack.train) < settings.batch):
        problem = f"{group.size} processes cannot share batches of {min(settings.batch, len(pack.train))} equally"
        raise NasError(problem, fix=f"make batch a multiple of {group.size}, and no larger than the training split")


def _out_of_memory(clips: int, clip: ClipSettings, device: torch.device) -> OutOfMemory:
    peak = devices.peak_memory(device) / 2**30
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    size = f"{count(clips, 'clip')} of {clip.frames}x{clip.size}x{clip.size} at once"
    problem = f"out of memory on {devices.text(device)} with {size}; the peak was {peak:.1f} GiB"
    part = f"set micro_batch: {clips // 2} (gradients still add up to the batch), or " if clips > 1 else ""
    return OutOfMemory(problem, fix=f"{part}lower frames, size or width")


def _dropouts(module: nn.Module) -> Iterator[nn.Dropout]:
    """Those of the network's own; a user's block keeps the shares that its code gave it."""
    if isinstance(module, nn.Dropout):
        yield module
    for child in module.children():
        if not getattr(child, "initialises_itself", False):
            yield from _dropouts(child)
