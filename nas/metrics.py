"""What scores and labels come to: top-1, top-5, mean accuracy of the classes, mean average precision.

Whole numbers are counted and divided once, so that figures do not depend on batches and `top1` is exactly the mean of
hits that `nas.tally` makes. Ties are decided as `argmax` (the first class wins) and `topk` decide them, so a network
whose scores are all equal is right about one clip in `classes`, not about all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nas.errors import NasError
from nas.tally import Diverged

ROWS = 4096  # clips counted at once: torchmetrics makes several tables of rows x classes of them
NAMES = {"top1": "top-1", "top5": "top-5", "mean_class": "mean per class", "map": "mAP"}


@dataclass(frozen=True, eq=False)
class Measures:
    """Fractions over `count` clips or videos; None where a figure is not defined.

    `top5` from five classes on; `mean_class` is the mean, over the classes that have clips, of the share of their clips
    that are recognised, for one label a clip; `map` is, for several labels a clip, the mean average precision over the
    classes that have clips (macro, as the Multi-Moments in Time paper, 1911.00232, reports it), where `top1` and `top5`
    ask whether one of the labels is the best scored class, or among the best five.

    `counts` are the clips of each class, int64 (classes,), `per_class` what the two means are means of, float64
    (classes,), NaN for a class without clips, and `confusion`, for one label a clip, counts clips by true class (rows)
    and best scored class, int64 (classes, classes).
    """

    count: int
    top1: float
    top5: float | None
    mean_class: float | None
    map: float | None
    counts: np.ndarray
    per_class: np.ndarray
    confusion: np.ndarray | None

    @property
    def error(self) -> float:
        """The standard error of `top1` from the number of clips; the spread between seeds comes on top."""
        return math.sqrt(self.top1 * (1 - self.top1) / self.count)

    def to_plain(self) -> dict:
        """The count and the figures, for JSON; the arrays, of up to classes x classes numbers, are left out."""
        return {name: getattr(self, name) for name in ("count", *NAMES)}


class Meter:
    """Adds up batches and gives their Measures.

    One label a clip: memory is classes x classes whatever the number of clips. Several labels: all scores are kept,
    5 bytes a clip and class (a million clips of 300 classes take 1.5 GB), since average precision ranks them all.

    >>> meter = Meter()
    >>> meter.add(torch.tensor([[0.9, 0.1], [0.8, 0.2]]), torch.tensor([0, 1]))
    >>> meter.add(torch.tensor([[0.3, 0.7]]), torch.tensor([1]))
    >>> meter.measures().to_plain()
    {'count': 3, 'top1': 0.6666666666666666, 'top5': None, 'mean_class': 0.75, 'map': None}
    """

    def __init__(self, where: str = ""):
        self.where = where
        self.count, self.hits, self.hits5 = 0, 0, 0
        self.confusion: Tensor | None = None
        self.kept: list[tuple[Tensor, Tensor]] = []

    def add(self, scores: Tensor, labels: Tensor) -> None:
        """Count clips: `scores` (b, classes), `labels` int64 (b,) or, for several a clip, ones and zeros (b, classes).

        Raises Diverged for scores that are not finite, and NasError for labels beyond the classes.
        """
        assert scores.ndim == 2 and labels.shape in (scores.shape[:1], scores.shape), "scores and labels do not match"
        self._check(scores, labels)
        for some, theirs in zip(scores.split(ROWS), labels.split(ROWS), strict=True):
            self.count += len(some)
            if labels.ndim == 1:
                self._add_single(some, theirs)
            else:
                self._add_several(some, theirs)

    def measures(self) -> Measures:
        """The figures of all that was added. Raises NasError where that is nothing."""
        if not self.count:
            raise NasError("there is nothing to measure", where=self.where, fix="give data with videos in this split")
        if self.confusion is not None:
            counts, confusion = self.confusion.sum(1).numpy(), self.confusion.numpy()
            per_class = _shares(confusion.diagonal(), counts)
        else:
            scores, labels = (torch.cat(parts) for parts in zip(*self.kept, strict=True))
            counts, confusion = labels.sum(0).numpy(), None
            per_class = average_precision(scores, labels)
        return Measures(
            count=self.count,
            top1=self.hits / self.count,
            top5=self.hits5 / self.count if len(counts) >= 5 else None,
            mean_class=None if confusion is None else _mean(per_class),
            map=_mean(per_class) if confusion is None else None,
            counts=counts,
            per_class=per_class,
            confusion=confusion,
        )

    def _add_single(self, scores: Tensor, labels: Tensor) -> None:
        from torchmetrics.functional import classification

        classes = scores.shape[1]
        shown = {"num_classes": classes, "validate_args": False}  # checked already, and one class is fine here
        confusion = classification.multiclass_confusion_matrix(scores, labels, **shown).cpu()
        self.confusion = confusion if self.confusion is None else self.confusion + confusion
        self.hits += int(confusion.trace())
        if classes >= 5:
            true_positives, *_ = classification.multiclass_stat_scores(
                scores, labels, top_k=5, average="micro", **shown
            )
            self.hits5 += int(true_positives)

    def _add_several(self, scores: Tensor, labels: Tensor) -> None:
        self.hits += int(hits(scores, labels).sum())
        if scores.shape[1] >= 5:
            self.hits5 += int(labels.gather(1, scores.topk(5).indices).any(1).sum())
        self.kept.append((scores.float().cpu(), labels.bool().cpu()))

    def _check(self, scores: Tensor, labels: Tensor) -> None:
        finite = scores.isfinite().all(1)
        if not finite.all():
            problem = f"the scores of {int((~finite).sum())} of {len(scores)} clips are not finite"
            fix = "the network diverged (lower lr, set clip_gradient) or overflows in fp16 (use bf16 or fp32)"
            raise Diverged(problem, where=self.where, fix=fix)
        if labels.ndim == 1 and len(labels):
            check_classes(int(labels.max()), scores.shape[1], self.where)


def measure(scores: Tensor, labels: Tensor, *, where: str = "") -> Measures:
    """The Measures of `scores` (n, classes), logits or any others that rank the same, and `labels`.

    Labels are class numbers, int64 (n,), or for several labels a clip ones and zeros (n, classes).

    >>> measure(torch.tensor([[2.0, 1.0], [0.5, 0.2]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])).map
    0.75

    Raises Diverged for scores that are not finite, NasError for no clips and for labels beyond the classes.
    """
    meter = Meter(where)
    meter.add(scores, labels)
    return meter.measures()


def hits(scores: Tensor, labels: Tensor) -> Tensor:
    """Whether the best scored class is the label, or one of the labels; bool (n,)."""
    best = scores.argmax(1)
    return best == labels if labels.ndim == 1 else labels.gather(1, best[:, None])[:, 0].bool()


def average_precision(scores: Tensor, labels: Tensor) -> np.ndarray:
    """The average precision of each class: the mean, over its clips, of the precision down to where they are ranked.

    `scores` (n, classes), `labels` bool (n, classes); float64 (classes,), NaN for a class without clips. Clips of one
    score share a rank, so their order does not matter (as in scikit-learn). torchmetrics adds up in float32: six
    digits.
    """
    from torchmetrics.functional.classification import binary_average_precision

    found = np.full(scores.shape[1], math.nan)
    for index in labels.any(0).nonzero()[:, 0].tolist():
        column = scores[:, index]
        # In place of scores their ranks, from 0 to 1: it would take the sigmoid of logits, and make ties of large ones.
        ranks = column.unique(return_inverse=True)[1].double() / len(column)
        found[index] = binary_average_precision(ranks, labels[:, index].long(), validate_args=False)
    return found


def resolved(metric: str, multilabel: bool) -> str:
    """The name of the measure that `metric` (auto, top1, mean_class, map) stands for; ask before a training starts.

    >>> resolved("auto", multilabel=True), resolved("auto", multilabel=False)
    ('map', 'top1')

    Raises NasError for map where videos have one label, and for mean_class where they have several; top1 is for both.
    """
    known = {True: ("map", "top1"), False: ("top1", "mean_class")}[multilabel]
    if metric == "auto":
        return known[0]
    if metric not in known:
        several = "several labels" if multilabel else "one label"
        problem = f"metric = {metric} is not defined for videos with {several} each"
        raise NasError(problem, fix=f"use {known[0]} or {known[1]}")
    return metric


def headline(measures: Measures, metric: str, multilabel: bool) -> float:
    """The one number that a study calls `accuracy`.

    >>> scores, labels = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), torch.tensor([0, 1, 1])
    >>> headline(measure(scores, labels), "mean_class", multilabel=False)
    0.75

    Raises NasError as `resolved` does.
    """
    return getattr(measures, resolved(metric, multilabel))


def check_classes(largest: int, classes: int, where: str = "") -> None:
    """Raise NasError where class number `largest`, counted from 0, is beyond a network's `classes`."""
    if largest >= classes:
        problem = f"a label is class {largest}, counted from 0, and the network has {classes} classes"
        raise NasError(problem, where=where, fix="build the network with as many classes as the data has")


def _shares(hits: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """hits / counts, NaN where nothing is counted; float64."""
    return np.divide(hits, counts, out=np.full(len(counts), math.nan), where=counts > 0)


def _mean(per_class: np.ndarray) -> float:
    """Over the classes that have clips; torchmetrics counts a class that is only ever guessed as 0."""
    known = per_class[~np.isnan(per_class)]
    if not len(known):
        raise NasError("no clip has a label", fix="see nas data check")
    return float(known.mean())
