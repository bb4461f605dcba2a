"""Saliency tubes: which positions of a clip, in time and space, speak for a class.

The score of class c before the softmax is, for a classifier behind an average, the average over all positions of
M_c(t, y, x) = sum_k w_ck f_k(t, y, x), where f are the last features and w the classifier's weights (class activation
maps: "Learning Deep Features for Discriminative Localization", 2016; over clips: "Saliency Tubes: Visual Explanations
for Spatio-Temporal Convolutions", 2019). Its positive part, spread over the clip, is drawn.

Heads that average windows, or the scores of frames, are linear in f too, and w_ck is the sum over all positions of the
score's derivative by f_k. So it is taken from there, for every head alike; and for the features of an earlier layer the
same sum is the importance of a channel in Grad-CAM (2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nas.visualising.centres import centres, spread

if TYPE_CHECKING:
    import torch
    from torch import nn

    from nas.layers import Node


@dataclass(frozen=True, eq=False)
class Saliency:
    """What speaks for class number `target`.

    `tube` (t, h, w), from 0 to 1, the largest value of the clip; all 0 where nothing speaks for the class. `logits`
    (classes,) of the clip; `features` (c, t', h', w') is the shape of the features that it was made from.
    """

    target: int
    tube: np.ndarray
    logits: np.ndarray
    features: tuple[int, ...]

    @property
    def shares(self) -> np.ndarray:
        """Of all that speaks for the class, the share of each frame, (t,); 0 where there is none."""
        total = self.tube.sum()
        return self.tube.sum(axis=(1, 2)) / (total if total else 1)


def saliency(model: nn.Module, tree: Node, clip: torch.Tensor, *, layer: str, target: int | None = None) -> Saliency:
    """What in a clip (1, 3, t, h, w) speaks for class number `target`, or else for the predicted one.

    `layer` is a part of the network, `tree` its description. Raises NasError where it gives no feature map.
    """
    at = centres(tree, layer, tuple(clip.shape[1:]))
    features, logits = through(model, clip, layer)
    target = int(logits.argmax()) if target is None else target
    cells = class_map(features, logits, target)
    tube = spread(cells.clip(min=0), at, tuple(clip.shape[1:]))
    return Saliency(
        target=target,
        tube=tube / (tube.max() or 1),
        logits=logits.detach().numpy()[0],
        features=tuple(features.shape[1:]),
    )


def through(model: nn.Module, clip: torch.Tensor, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The features of a layer (1, c, t', h', w') and the logits (1, classes) that they lead to, differentiable.

    Nothing is kept of the layers before, which are most of the memory that derivatives would take.
    """
    import torch

    kept, learning = [], [parameter for parameter in model.parameters() if parameter.requires_grad]

    def cut(module: nn.Module, inputs: tuple, output: torch.Tensor) -> torch.Tensor:
        kept.append(output.detach().requires_grad_())
        return kept[0].clone()  # what follows may work in place

    hook = model.get_submodule(layer).register_forward_hook(cut)
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        with torch.enable_grad():
            logits = model(clip)
    finally:
        hook.remove()
        for parameter in learning:
            parameter.requires_grad_()
    return kept[0], logits


def class_map(features: torch.Tensor, logits: torch.Tensor, target: int) -> np.ndarray:
    """M_c of the features (1, c, t', h', w'), as (t', h', w')."""
    import torch

    (gradient,) = torch.autograd.grad(logits[0, target], features)
    weights = gradient.sum(dim=(2, 3, 4), keepdim=True)
    return (weights * features.detach()).sum(dim=1)[0].numpy()
