"""Published networks without a description here (TSM, SlowFast, X3D, ...): points to compare with, as printed.

They stand in `models/facts/peers.yaml`. Nothing is counted for them: costs and accuracies are what a paper printed,
at that paper's clip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from nas import content, strict_yaml
from nas.genotype import located
from nas.schema import Count, Settings, validate

Percent = Annotated[float, Field(gt=0, le=100)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]


class Peer(Settings):
    """One network on one data set."""

    name: Text
    dataset: Text
    # percent
    top1: Percent
    # cost of one view, as printed, in 10^9 multiply-accumulates
    gflops: Positive | None = None
    # number of views (clips x crops) averaged in testing; null: not known
    views: Count | None = None
    # 10^6 parameters, as printed
    mparams: Positive | None = None
    # frames of one view
    frames: Count | None = None
    # where it was printed: paper and table
    source: Text
    note: str = ""


class Peers(Settings):
    """The file."""

    # schema version of the file
    nas: Literal[1] = 1
    peers: tuple[Peer, ...]


def load(path: Path | None = None) -> tuple[Peer, ...]:
    """The peers on record in `path` (default: `models/facts/peers.yaml`); errors name file and line.

    >>> next(peer.gflops for peer in load() if peer.name == "SlowFast")
    213.0
    """
    path = path or content.find("facts/peers", "models")
    item = strict_yaml.read(path)
    return located(lambda: validate(Peers, strict_yaml.plain(item)), item, str(path)).peers
