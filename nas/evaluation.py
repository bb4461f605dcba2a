"""The test of trained networks, each for itself and together: what each sees, what it costs, how well it does.

Every network sees its own clips, of the frames that it was trained on; the scores of several are averaged video by
video, so all are tested on the videos that every one of their packs holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nas import device as devices
from nas import testing
from nas.cost import cost
from nas.data.clips import Split
from nas.data.kept import Kept, joined, kept
from nas.data_settings import ViewSettings
from nas.errors import NasError
from nas.genotype import Clip
from nas.testing import Arrow, Found, TestResult
from nas.trained import WEIGHTS, Trained, told_apart

if TYPE_CHECKING:
    from torch import nn

    from nas.data.pack import Pack
    from nas.data.task import Task
    from nas.data.videos import VideoSet


@dataclass(frozen=True)
class Asked:
    """How to test: `views` (clips, crops, size, scale, reverse) replace the settings of a run's own test."""

    views: dict[str, Any]
    batch: int  # views at once
    split: Literal["train", "val"] = "val"
    device: str = "auto"
    precision: str = "auto"


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained network, the videos it is tested on, and in how many views.

    `set` is the name of the data set, `fingerprint` that of the pack, `sha256` that of the file of weights, `gflops`
    10^9 multiply-accumulates of one view (the mean over the videos, where a view is all of a video).
    """

    name: str
    trained: Trained
    kept: Kept
    views: ViewSettings
    set: str
    fingerprint: str
    sha256: str
    gflops: float

    @property
    def views_a_video(self) -> int:
        """Clips x crops."""
        return self.views.each

    @property
    def mparams(self) -> float:
        """10^6 trainable parameters."""
        return cost(self.trained.genotype).params / 1e6

    @property
    def shown(self) -> str:
        """What it sees of each video, in words: '8x112x112, 10 clips x 3 crops'."""
        size = self.views.size or self.trained.clip.size
        frames = "" if self.views.clips == "all" else f"{self.trained.clip.frames}x"
        return f"{frames}{size}x{size}, {testing.in_words(self.views)}"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What became of the `subjects`, in their order, and of the mean of their scores where they are several.

    `left_out` names the videos that are not in the packs of all of them; `device` is in words.
    """

    subjects: tuple[Subject, ...]
    found: tuple[Found, ...]
    left_out: tuple[str, ...]
    asked: Asked
    device: str

    @cached_property
    def together(self) -> Found | None:
        """The test of the ensemble."""
        first = self.subjects[0]
        if len(self.subjects) < 2:
            return None
        return testing.ensemble(self.found, first.kept.split.labels, multilabel=first.trained.multilabel)

    @property
    def final(self) -> TestResult:
        """The test of all there is, with frames in their order."""
        return forward(self.together or self.found[0])

    @property
    def gflops_a_video(self) -> float:
        """10^9 multiply-accumulates of all views of all networks."""
        return sum(one.gflops * one.views_a_video for one in self.subjects)

    @property
    def seconds(self) -> float:
        """What all tests took."""
        return sum(seconds(one) for one in self.found)

    @property
    def best(self) -> int:
        """The place of the network with the highest figure that its data calls accuracy."""
        metric = self.subjects[0].trained.metric
        return int(np.argmax([getattr(forward(one).video, metric) for one in self.found]))


def forward(found: Found) -> TestResult:
    """The test with frames in their order."""
    return found.forward if isinstance(found, Arrow) else found


def seconds(found: Found) -> float:
    """What a test took, both ways where there are two."""
    return found.forward.seconds + found.backward.seconds if isinstance(found, Arrow) else found.seconds


def names(networks: Sequence[Trained]) -> list[str]:
    """What each network is called, no two the same: its name, its weights unless they are the usual ones, a number."""
    told = [one.name if one.weights.name == WEIGHTS else f"{one.name}, {one.weights.stem}" for one in networks]
    return told_apart(told, [one.folder for one in networks])


def check_alike(networks: Sequence[Trained]) -> None:
    """Raise NasError unless all networks tell the same classes apart, in the same order."""
    first, *others = networks
    for one in others:
        if difference := _difference(first, one.classes, one.multilabel):
            problem = f"cannot be in one ensemble with {first.folder}: {difference}"
            raise NasError(problem, where=str(one.folder), fix="evaluate it by itself")


def check_classes(trained: Trained, task: Task, name: str) -> None:
    """Raise NasError unless the data set called `name` has the classes that the network knows, in the same order."""
    if difference := _difference(trained, task.classes, task.multilabel):
        problem = f"does not fit the data {name}: {difference}"
        raise NasError(
            problem, where=str(trained.folder), fix="name the data it was trained on, or the like, with --data"
        )


def subjects(
    networks: Sequence[Trained], packs: Sequence[tuple[VideoSet, Pack]], asked: Asked
) -> tuple[list[Subject], list[str]]:
    """The networks with the videos of their packs that all of them hold, and the names of those that some lack.

    Raises NasError where networks have no videos in common.
    """
    parts, left = joined([kept(pack, videos, asked.split) for videos, pack in packs])
    told = zip(names(networks), networks, parts, packs, strict=True)
    return [_subject(name, one, part, made, asked) for name, one, part, made in told], left


def run(subject: Subject, model: nn.Module, asked: Asked, on_batch: Callable[[int], object] | None = None) -> Found:
    """Test one network; an Arrow where its views are to be shown in reversed order too.

    `on_batch` gets the number of views seen so far, of `total(subject)`. Raises NasError where the device is too small.
    """
    import torch

    test = testing.arrow if subject.views.reverse else testing.test
    how = {"device": asked.device, "precision": asked.precision, "multilabel": subject.trained.multilabel}
    try:
        return test(
            model, subject.kept.split, subject.trained.clip, subject.views, batch=asked.batch, on_batch=on_batch, **how
        )
    except NasError as error:
        raise error.at(subject.name) from None
    except torch.OutOfMemoryError as error:
        problem = f"the device has too little memory for {asked.batch} views at once ({subject.shown})"
        raise NasError(problem, where=subject.name, fix="give a smaller --batch") from error


def total(subject: Subject) -> int:
    """How many views its test shows."""
    return subject.views.of(len(subject.kept))


def place(asked: Asked) -> str:
    """The device that tests, in words; raises NasError where there is no such device."""
    return devices.text(devices.pick(asked.device))


def _subject(name: str, trained: Trained, part: Kept, made: tuple[VideoSet, Pack], asked: Asked) -> Subject:
    videos, pack = made
    views = ViewSettings(**{**trained.test.model_dump(), **asked.views})
    return Subject(
        name=name,
        trained=trained,
        kept=part,
        views=views,
        set=videos.name,
        fingerprint=pack.fingerprint,
        sha256=hashlib.sha256(trained.weights.read_bytes()).hexdigest(),
        gflops=_gflops(trained, views, part.split, name),
    )


def _gflops(trained: Trained, views: ViewSettings, split: Split, name: str) -> float:
    """10^9 multiply-accumulates of one view, at the clip that the test shows."""
    size, lengths, often = views.size or trained.clip.size, [trained.clip.frames], [1]
    if views.clips == "all":
        lengths, often = np.unique(np.maximum(split.shapes[:, 0], trained.clip.frames), return_counts=True)
    try:
        macs = [_macs(trained, int(frames), size) for frames in lengths]
    except NasError as error:
        raise error.at(f"{name}, with views of {size} pixels") from None
    return float(np.average(macs, weights=often)) / 1e9


def _macs(trained: Trained, frames: int, size: int) -> int:
    clip = Clip(frames=frames, size=size)
    return cost(trained.genotype.model_copy(update={"input": clip})).macs


def _difference(network: Trained, classes: Sequence[str], multilabel: bool) -> str:
    """How classes differ from those that a network knows, in words; nothing where they do not."""
    if network.multilabel != multilabel:
        told = {True: "several labels a video", False: "one label a video"}
        return f"{told[multilabel]}, not {told[network.multilabel]}"
    if len(network.classes) != len(classes):
        return f"{len(classes)} classes, not {len(network.classes)}"
    pairs = enumerate(zip(network.classes, classes, strict=True))
    differ = [f"class {number} is '{other}', not '{known}'" for number, (known, other) in pairs if known != other]
    more = f" (and {len(differ) - 1} more)" if len(differ) > 1 else ""
    return f"{differ[0]}{more}" if differ else ""
