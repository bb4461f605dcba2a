"""A study's recipe: everything that decides what `nas search` does, written in study.yaml.

Each field says its meaning, its unit and its default on the line above it; the shipped recipes under
`studies/` are instances of `Recipe`, and a resumed study compares its own with the one it is given.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

Fraction = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Settings(BaseModel):
    """Base of all recipe sections: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PackSettings(Settings):
    """Which frames of each video are decoded and kept, once, for all trials of all studies."""

    # keep one frame of every so many (2 keeps 15 of 30 per second)
    every: PositiveInt = 2
    # keep at most so many frames a video, from its middle; 0 keeps all
    frames: Annotated[int, Field(ge=0)] = 64
    # short side of the kept frames, in pixels
    size: PositiveInt = 128


class ClipSettings(Settings):
    """What a network sees of a packed video."""

    # frames of a clip
    frames: PositiveInt = 8
    # side of the square crop, in pixels
    size: PositiveInt = 112
    # distance between two frames of a clip, counted in packed frames
    stride: PositiveInt = 1
    # training crops cover a side between this share of the short side and all of it (scale jitter)
    scale: Fraction = 0.875
    # mirror left and right in training: only where direction never matters for the label
    flip: bool = False


class TrainSettings(Settings):
    """One training run: SGD with warm-up and half-cosine, as the CSN paper trains."""

    # passes over the training videos
    epochs: PositiveInt = 8
    # clips a step
    batch: PositiveInt = 32
    # peak learning rate at this batch size
    lr: PositiveFloat = 0.15
    # epochs of linear warm-up (fractions allowed)
    warmup: Annotated[float, Field(ge=0)] = 1.0
    momentum: Share = 0.9
    # L2 penalty on convolution and linear weights; norms and biases have none
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    label_smoothing: Share = 0.0
    # largest norm of the gradient; 0 does not clip
    clip_gradient: Annotated[float, Field(ge=0)] = 0.0
    # auto: bf16 on a GPU, fp32 on a CPU (where bf16 slows depthwise convolutions down)
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
