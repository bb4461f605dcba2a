"""Synaptic flow: how much of the output of an all-positive network passes through its weights.

"Pruning neural networks without any data by iteratively conserving synaptic flow", NeurIPS 2020; as a score of whole
networks, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021. With |w| for every weight, an input of ones and R the sum
of the outputs, it is log(sum over w of |w * dR/dw|); the logarithm because R grows by a factor per layer.

Readings: norms are left out (batch norm in evaluation mode with unit statistics), biases are 0, and gates are open
and so score nothing; see `copies.positive`. The network is then positively homogeneous: dividing the features between
two blocks by a number divides R and every w * dR/dw by it. Features are divided by their mean after each block and
the logarithms added back, so that no depth overflows (R is 1e204 in a ResNet3D-152, at 4 frames of 32x32).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nas.scores import copies
from nas.scores.registry import score

if TYPE_CHECKING:
    from torch import Tensor, nn


@score("synflow")
def synflow(model: nn.Module, clips: Tensor) -> float:
    """Synaptic flow: log of the sum over weights of |w * dR/dw|, R the output for ones and absolute weights.

    The clips (b, 3, t, h, w) give the shape alone; the model is left as it was.
    """
    import torch

    network, logs = copies.positive(model), []

    def divide(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        mean = output.detach().mean()
        logs.append(mean.log())
        return output / mean

    for step in _steps(network):
        step.register_forward_hook(divide)
    with torch.enable_grad():
        network(torch.ones_like(clips[:1], dtype=torch.float64)).sum().backward()
    flow = sum((p.data * p.grad).abs().sum() for p in network.parameters() if p.grad is not None)
    return float(flow.log() + sum(logs))


def _steps(module: nn.Module) -> Iterator[nn.Module]:
    """The modules that features pass one after the other, whatever sequences hold them."""
    from torch import nn

    if type(module) is nn.Sequential:
        for child in module:
            yield from _steps(child)
    else:
        yield module
