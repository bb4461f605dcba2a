"""Facts on record about a network: what it must cost exactly, and what a paper printed about it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from nas.schema import Count, Settings

Total = Annotated[int, Field(ge=0, strict=True)]


class Exact(Settings):
    """Exact integers that the network must give at one clip; a test holds them."""

    frames: Count
    size: Count
    # at another number of classes than the file's; null: the file's
    classes: Count | None = None
    # of convolutions and linear layers together
    macs: Total | None = None
    conv_macs: Total | None = None
    linear_macs: Total | None = None
    weights: Total | None = None
    params: Total | None = None
    interactions: Total | None = None
    norm_elements: Total | None = None


class Published(Settings):
    """What a paper printed about the network: facts to compare with, never to tune to."""

    source: str
    dataset: str = ""
    frames: Count | None = None
    size: Count | None = None
    # number of views (clips x crops) averaged in testing
    views: Count | None = None
    # percent
    top1: float | None = None
    top5: float | None = None
    # cost of one clip, as printed
    gflops: float | None = None
    # what the paper's GFLOPs count: macs, or ct-net (macs, 2 per norm element, 65 per output of the last pooling)
    counted: Literal["macs", "ct-net"] = "macs"
    # 10^6 trainable parameters
    mparams: float | None = None
    # 10^6 weights of convolutions and linear layers (the CSN paper's "params")
    mweights: float | None = None
    ginteractions: float | None = None
    # false where the printed costs are not those of the network as described: no figure to tune to
    reproducible: StrictBool = True
    # true for a row of an ablation table: no point of comparison in a figure
    ablation: StrictBool = False
    # what it was trained on before
    pretrained: str = ""
    note: str = ""
