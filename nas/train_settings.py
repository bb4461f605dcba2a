"""Settings of one training run, for the proxies of a search and for full training alike.

Each field says its meaning, its unit and its default on the line above it, as in `nas.recipe`, which holds them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from nas.data_settings import Share
from nas.errors import NasError
from nas.schema import Settings

Whole = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(ge=0)]


class TrainSettings(Settings):
    """One training run; the defaults are SGD with warm-up and half-cosine, as the CSN paper trains."""

    # passes over the training videos
    epochs: PositiveInt = 8
    # clips a step, of all processes together
    batch: PositiveInt = 32
    # clips that pass the network at once, in each process, where memory is short: gradients are added up to the batch
    # (norms then see so many clips); 0: the whole batch
    micro_batch: Whole = 0
    # sgd (with momentum, not Nesterov's), or adamw
    optimiser: Literal["sgd", "adamw"] = "sgd"
    # peak learning rate
    lr: PositiveFloat = 0.15
    # the batch that lr is for: at another batch it is scaled in proportion; 0: lr is for `batch`, whatever that is
    lr_batch: Whole = 0
    # epochs of linear warm-up (fractions allowed)
    warmup: Positive = 1.0
    # after the warm-up: cosine (half a cosine, down to 0), step (times `factor` after each of `milestones`), constant
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    # step: epochs after which the learning rate falls
    milestones: tuple[PositiveFloat, ...] = ()
    # step: what it falls to, as a share of what it was
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    # sgd: momentum
    momentum: Share = 0.9
    # adamw: decay of the two moving averages
    betas: tuple[Share, Share] = (0.9, 0.999)
    # sgd: L2 penalty, adamw: decoupled decay
    weight_decay: Positive = 1e-4
    # what weight_decay leaves alone: norms (scales and shifts), biases, depthwise (convolutions of one channel a group)
    undecayed: tuple[Literal["norms", "biases", "depthwise"], ...] = ("norms", "biases")
    label_smoothing: Share = 0.0
    # mixup's alpha: clips and labels are mixed by shares from Beta(alpha, alpha); 0 mixes none
    mixup: Positive = 0.0
    # share of the features zeroed at random in front of the classifier
    dropout: Share = 0.0
    # largest norm of the gradient; 0 does not clip
    clip_gradient: Positive = 0.0
    # decay, a step, of a moving average of the weights, which is then what is validated, tested and kept; 0: none
    ema: Share = 0.0
    # training clips over which the statistics of norms are measured anew after the last epoch; 0: none
    precise_norms: Whole = 0
    # several processes: norms see the clips of all of them (global, so results are those of one process), or their own
    # (local)
    norms: Literal["global", "local"] = "global"
    # auto: bf16 on a GPU, fp32 on a CPU (where bf16 slows depthwise convolutions down)
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"

    @property
    def peak(self) -> float:
        """The peak learning rate at `batch`, by linear scaling ("Accurate, Large Minibatch SGD", 2017).

        >>> TrainSettings(batch=16, lr=0.64, lr_batch=512).peak
        0.02
        """
        return self.lr * self.batch / self.lr_batch if self.lr_batch else self.lr

    def at_once(self, processes: int = 1) -> int:
        """The clips that pass the network at once in each of so many processes.

        >>> TrainSettings(batch=64).at_once(2), TrainSettings(batch=64, micro_batch=8).at_once(2)
        (32, 8)
        """
        own = max(1, self.batch // processes)
        return min(self.micro_batch or own, own)

    @model_validator(mode="after")
    def _steps(self) -> TrainSettings:
        if (self.schedule == "step") != bool(self.milestones):
            problem = f"schedule = {self.schedule} with milestones = {list(self.milestones)}"
            raise NasError(problem, fix="give milestones with schedule: step, and with no other")
        ends = (*self.milestones, float(self.epochs)) if self.milestones else ()
        if any(one >= other for one, other in pairwise(ends)):
            told = " ".join(f"{epoch:g}" for epoch in self.milestones)
            fix = f"write rising numbers below the {self.epochs} epochs"
            raise NasError(f"milestones = {told} do not rise towards the end of training", fix=fix)
        return self
