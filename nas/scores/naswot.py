"""How differently a network with random weights looks at different clips, told by which of its ReLUs are open.

"Neural Architecture Search without Training", ICML 2021. Each clip has a binary code: whether each element behind each
ReLU is positive. K[i, j] is the number of elements in which the codes of clips i and j agree (all of them less the
Hamming distance), and the score log |det K|: large where the codes differ.

Norms use the statistics of the batch, as in training: with unit statistics, features of a residual network grow
positive with depth, and no ReLU would ever close. Only `nn.ReLU` modules are seen; a user's other activations are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nas.scores import copies
from nas.scores.registry import score

if TYPE_CHECKING:
    from torch import Tensor, nn

CHUNK = 1 << 22  # elements at a time; sums of as many ones are exact in single precision


@score("naswot")
def naswot(model: nn.Module, clips: Tensor) -> float:
    """Activation codes (NASWOT): log |det| of the kernel of agreements between clips (b, 3, t, h, w).

    Values of different batch sizes cannot be compared. The model is left as it was.
    """
    import torch

    return float(torch.linalg.slogdet(agreements(model, clips)).logabsdet)


def agreements(model: nn.Module, clips: Tensor) -> Tensor:
    """In how many elements behind a ReLU the codes of two clips agree: (b, b), whole numbers in double precision."""
    import torch
    from torch import nn

    kernel = torch.zeros(len(clips), len(clips), dtype=torch.float64, device=clips.device)

    def add(module: nn.Module, inputs: tuple, output: Tensor) -> None:
        for part in (output > 0).flatten(1).split(CHUNK, dim=1):
            signs = part.to(torch.float32) * 2 - 1
            kernel.add_((signs @ signs.T).double() + part.shape[1], alpha=0.5)

    network = copies.training(model)
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(add)
    with torch.no_grad():
        network(clips)
    return kernel
