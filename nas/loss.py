"""The loss of a step: cross-entropy for one class a video, binary cross-entropy for several."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def loss(logits: Tensor, labels: Tensor, *, several: bool = False, smoothing: float = 0.0) -> Tensor:
    """The mean loss () of `logits` (b, classes).

    `labels` are class numbers int64 (b,), or shares of each class, float (b, classes), as mixup makes them. With
    `several`, each class is a yes or no of its own; `smoothing` then pulls both by half of itself towards one half, as
    it pulls shares towards equal ones.

    >>> import torch
    >>> round(loss(torch.zeros(2, 4), torch.tensor([0, 3])).item(), 3)
    1.386
    """
    if not several:
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)
    return F.binary_cross_entropy_with_logits(logits, labels * (1 - smoothing) + smoothing / 2)
