"""A trained network's test: its scores over several clips and crops of each video, averaged, and what they come to.

As all papers of this field do, probabilities are averaged, not logits: the softmax, or the sigmoid where videos have
several labels; over a video's views, and over the networks of an ensemble. The same test with the frames in reversed
order shows whether a network reads the arrow of time.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from nas import device as devices
from nas import metrics
from nas.data.videos import Labels
from nas.data_settings import ClipSettings, ViewSettings
from nas.errors import NasError
from nas.tally import Waiting


class Split(Protocol):
    """The videos of a split that can be seen in several views: `nas.data.clips.Split`, or several of them at once."""

    labels: Labels

    def __len__(self) -> int: ...

    def views(
        self,
        clip: ClipSettings,
        views: ViewSettings,
        *,
        batch: int,
        device: torch.device,
        reverse: bool,
        waiting: Waiting,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches (x, videos): float32 (b, 3, t, h, w) on `device`, and the videos they show, int64 (b,) on the CPU."""


@dataclass(frozen=True, eq=False)
class TestResult:
    """A test: `clip` counts each view by itself (None for an ensemble), `video` the means over a video's views.

    `scores` are these means, float32 (videos, classes), and `hits` says which videos are recognised (their best class
    is their label, or one of their labels), bool (videos,), both in the order of the split. `views` is in words.
    `wait_share` is the part of `seconds` spent waiting for data.
    """

    video: metrics.Measures
    clip: metrics.Measures | None
    scores: np.ndarray
    hits: np.ndarray
    views: str
    reverse: bool
    seconds: float
    wait_share: float
    __test__ = False  # pytest takes what is called Test for its own


@dataclass(frozen=True, eq=False)
class Arrow:
    """The same test with the frames `forward` and `backward`."""

    forward: TestResult
    backward: TestResult

    @property
    def difference(self) -> float:
        """What reversal changes in the top-1 per video: far below zero where the arrow of time is read."""
        return paired(self.forward.hits, self.backward.hits)[0]

    @property
    def error(self) -> float:
        """The standard error of `difference`: that of the videos' own differences, since both tests show the same."""
        return paired(self.forward.hits, self.backward.hits)[1]


Found = TestResult | Arrow


@torch.inference_mode()
def test(
    model: nn.Module,
    split: Split,
    clip: ClipSettings,
    views: ViewSettings,
    *,
    batch: int,
    device: str | torch.device = "auto",
    precision: str = "auto",
    multilabel: bool = False,
    reverse: bool = False,
    on_batch: Callable[[int], object] | None = None,
) -> TestResult:
    """Test `model`, which is moved to `device`, on `views` of each video of `split`.

    >>> test(model, pack.val, ClipSettings(), ViewSettings(clips=10, crops=3), batch=30).video.top1  # doctest: +SKIP
    0.712

    `batch` counts views, `reverse` plays them backwards, `on_batch` gets the number of views seen so far. Host memory
    holds one float32 a video and class, and, for `multilabel`, what `nas.metrics.Meter` keeps of each view.

    Raises Diverged for scores that are not finite, NasError for no videos and for labels beyond the model's classes.
    """
    if not len(split):
        raise NasError("there are no videos to test on", fix="give data with videos in this split")
    place, start, waiting = devices.pick(device), time.perf_counter(), Waiting()
    where = "the test with frames reversed" if reverse else "the test"
    means = _Means(split.labels, multilabel, where)
    model.to(device=place, memory_format=torch.channels_last_3d)
    with (
        _evaluating(model),
        _kernels(place, views),
        closing(split.views(clip, views, batch=batch, device=place, reverse=reverse, waiting=waiting)) as batches,
    ):
        autocast = devices.autocast(place, precision)
        for clips, videos in waiting.iterate(batches):
            with autocast():
                logits = model(clips)
            means.add(logits.float().cpu(), videos)
            if on_batch:
                on_batch(means.clip.count)
    seconds = time.perf_counter() - start
    return TestResult(
        **means.result(),
        views=in_words(views),
        reverse=reverse,
        seconds=seconds,
        wait_share=waiting.seconds / seconds,
    )


test.__test__ = False


def arrow(
    model: nn.Module,
    split: Split,
    clip: ClipSettings,
    views: ViewSettings,
    *,
    batch: int,
    on_batch: Callable[[int], object] | None = None,
    **more: Any,
) -> Arrow:
    """Test `model` twice, with the frames in their order and reversed; what follows `batch` is as in `test`.

    >>> arrow(model, pack.val, ClipSettings(), ViewSettings(), batch=32).difference  # doctest: +SKIP
    -0.56

    `on_batch` gets the number of views seen so far in both tests.
    """
    forward = test(model, split, clip, views, batch=batch, on_batch=on_batch, **more)
    again = (lambda seen: on_batch(forward.clip.count + seen)) if on_batch else None
    return Arrow(forward, test(model, split, clip, views, batch=batch, on_batch=again, reverse=True, **more))


def ensemble(found: Sequence[Found], labels: Labels, *, multilabel: bool = False) -> Found:
    """The test of several networks together: the mean of their scores of each video, whatever clips each of them saw.

    >>> ensemble([test(one, pack.val, ...), test(other, pack.val, ...)], pack.val.labels).video.top1  # doctest: +SKIP
    0.731

    All of the tests are of the same videos in the same order, which have these `labels`, and all are reversed or none
    is. Every network counts the same, as in the CT-Net paper (networks of 8, 12, 16 and 24 frames).
    """
    if all(isinstance(one, Arrow) for one in found):
        ways = [one.forward for one in found], [one.backward for one in found]
        return Arrow(*(ensemble(way, labels, multilabel=multilabel) for way in ways))
    scores = torch.from_numpy(sum(one.scores for one in found) / np.float32(len(found)))
    targets = _targets(labels, scores.shape[1], multilabel, "the ensemble")
    seconds = sum(one.seconds for one in found)
    return TestResult(
        video=metrics.measure(scores, targets, where="the ensemble"),
        clip=None,
        scores=scores.numpy(),
        hits=metrics.hits(scores, targets).numpy(),
        views=f"mean of {len(found)} networks",
        reverse=found[0].reverse,
        seconds=seconds,
        wait_share=sum(one.wait_share * one.seconds for one in found) / seconds,
    )


def paired(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """What changes in the share of videos that are recognised between two tests of the same ones, and the standard
    error of that: the spread of the videos' own differences, which most have in common.

    >>> paired(np.array([True, False, False, False]), np.array([True, True, False, False]))
    (0.25, 0.21650635094610965)
    """
    changed = after.astype(float) - before
    return float(changed.mean()), float(changed.std()) / math.sqrt(len(changed))


def lines(result: Found) -> list[str]:
    """What the terminal shows of a test: a line for videos, one for clips where there are several, one for reversal.

    >>> lines(arrow(model, pack.val, ClipSettings(), ViewSettings(clips=10, crops=3), batch=30))  # doctest: +SKIP
    ['video top-1 0.712 ±0.010, top-5 0.901, mean per class 0.655 (2,000 videos, 10 clips x 3 crops)',
     'clip top-1 0.651, top-5 0.870, mean per class 0.602',
     'frames reversed: video top-1 0.152 (-0.560 ±0.012), mean per class 0.140 (-0.515)']
    """
    shown = result.forward if isinstance(result, Arrow) else result
    order = " with frames reversed" if shown.reverse else ""
    told = [f"video {_figures(shown.video, error=True)} ({shown.video.count:,} videos, {shown.views}){order}"]
    if shown.clip and shown.clip.count > shown.video.count:
        told.append(f"clip {_figures(shown.clip)}")
    if isinstance(result, Arrow):
        told.append(f"frames reversed: video {reversal(result)}")
    return told


def reversal(result: Arrow) -> str:
    """What reversal makes of the figures: 'top-1 0.152 (-0.560 ±0.012), mean per class 0.140 (-0.515)'."""
    before, after = result.forward.video, result.backward.video
    told = [f"top-1 {after.top1:.3f} ({result.difference:+.3f} ±{result.error:.3f})"]
    for name in ("mean_class", "map"):
        old, new = getattr(before, name), getattr(after, name)
        told += [] if new is None else [f"{metrics.NAMES[name]} {new:.3f} ({new - old:+.3f})"]
    return ", ".join(told)


def in_words(views: ViewSettings) -> str:
    """How each video is seen.

    >>> in_words(ViewSettings(clips=10, crops=3)), in_words(ViewSettings()), in_words(ViewSettings(clips="all"))
    ('10 clips x 3 crops', '1 clip', 'all frames')
    """
    clips = "all frames" if views.clips == "all" else f"{views.clips} clip{'s' if views.clips > 1 else ''}"
    return f"{clips} x {views.crops} crops" if views.crops > 1 else clips


class _Means:
    """Adds up what a model says of the views of each video."""

    def __init__(self, labels: Labels, multilabel: bool, where: str):
        self.labels, self.multilabel, self.where = labels, multilabel, where
        self.clip = metrics.Meter(f"{where}, clips")
        self.seen = torch.zeros(len(labels), dtype=torch.int64)
        self.sums, self.targets = torch.zeros(0), torch.zeros(0)

    def add(self, logits: Tensor, videos: Tensor) -> None:
        """Count `logits`, float32 (b, classes), of views of `videos`, int64 (b,)."""
        if not self.clip.count:
            self.targets = _targets(self.labels, logits.shape[1], self.multilabel, self.where)
            self.sums = torch.zeros(len(self.labels), logits.shape[1])
        self.clip.add(logits, self.targets[videos])
        self.sums.index_add_(0, videos, logits.sigmoid() if self.multilabel else logits.softmax(1))
        self.seen += torch.bincount(videos, minlength=len(self.seen))

    def result(self) -> dict[str, Any]:
        assert (self.seen > 0).all(), "the split shows no view of some videos"
        scores = self.sums / self.seen[:, None]
        hits = metrics.hits(scores, self.targets)
        video = metrics.measure(scores, self.targets, where=self.where)
        return {"video": video, "clip": self.clip.measures(), "scores": scores.numpy(), "hits": hits.numpy()}


def _targets(labels: Labels, classes: int, multilabel: bool, where: str) -> Tensor:
    """Class numbers, int64 (videos,), or ones and zeros, float32 (videos, classes)."""
    metrics.check_classes(int(labels.ids.max(initial=0)), classes, where)
    if multilabel:
        return torch.from_numpy(labels.hot(np.arange(len(labels)), classes))
    return torch.from_numpy(labels.first())


def _figures(measures: metrics.Measures, *, error: bool = False) -> str:
    """The figures that are defined, the leading one first: 'top-1 0.712 ±0.010, top-5 0.901, mean per class 0.655'."""
    noise = f" ±{measures.error:.3f}" if error else ""
    known = {name: value for name in metrics.NAMES if (value := getattr(measures, name)) is not None}
    return ", ".join(
        f"{metrics.NAMES[name]} {value:.3f}{noise if name == 'top1' else ''}" for name, value in known.items()
    )


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _kernels(device: torch.device, views: ViewSettings) -> contextlib.AbstractContextManager:
    """cuDNN times its kernels once per shape, which does not pay where every video has its own length."""
    return contextlib.nullcontext() if views.clips == "all" else devices.tuned_kernels(device)
