"""The norm of the gradients of a first training step.

"Zero-Cost Proxies for Lightweight NAS", ICLR 2021: the sum over layers of the Euclidean norm of the gradient of the
cross-entropy with respect to the layer's weights, at initialisation. Here its logarithm, which ranks alike; norms use
the statistics of the batch, and clip i has the label i modulo the number of classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.scores import copies
from nas.scores.registry import score

if TYPE_CHECKING:
    from torch import Tensor, nn


@score("gradnorm")
def gradnorm(model: nn.Module, clips: Tensor) -> float:
    """Gradient norm: log of the sum over convolutions and linear layers of the norm of the loss's gradient.

    Of one batch of clips (b, 3, t, h, w); the model is left as it was.
    """
    import torch
    from torch.nn import functional as F

    network = copies.training(model)
    with torch.enable_grad():
        logits = network(clips)
        labels = torch.arange(len(clips), device=clips.device) % logits.shape[1]
        gradients = torch.autograd.grad(F.cross_entropy(logits, labels), _weights(network), allow_unused=True)
    norms = [gradient.double().norm() for gradient in gradients if gradient is not None]
    return float(sum(norms).log())


def _weights(network: nn.Module) -> list[Tensor]:
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    return [module.weight for module in network.modules() if isinstance(module, _ConvNd | nn.Linear)]
