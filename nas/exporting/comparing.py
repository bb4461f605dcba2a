"""How far another form of a network is from PyTorch's scores, and what is too far."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nas.errors import NasError

Shape = tuple[int, int, int]  # frames, height, width
# Numbers of clips at once: one, and others than any that was seen while exporting.
BATCHES = (1, 3, 5)
# The largest difference that is only rounding, in shares of the largest score.
LARGEST = 1e-4


def clips(count: int, shape: Shape) -> Tensor:
    """Clips of noise as a network takes them, float32 (b, 3, t, h, w); the same on every call."""
    return torch.randn(count, 3, *shape, generator=torch.Generator().manual_seed(count))


@torch.no_grad()
def difference(model: nn.Module, other: Callable[[Tensor], Tensor], shape: Shape) -> float:
    """The largest difference between the scores of two forms of a network, in shares of the largest score.

    >>> difference(nn.Flatten(), nn.Flatten(), (2, 3, 3))
    0.0
    """
    return max(relative(other(x.clone()), model(x)) for x in (clips(count, shape) for count in BATCHES))


def relative(found: Tensor, wanted: Tensor) -> float:
    """The largest difference of two sets of scores, in shares of the largest score that is wanted.

    >>> relative(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 4.0]))
    0.25
    """
    return float((found - wanted).abs().max() / wanted.abs().max().clamp(min=torch.finfo(wanted.dtype).tiny))


def require(measured: float, what: str, largest: float = LARGEST) -> float:
    """The difference that was `measured`; raises NasError where it is more than rounding."""
    if not measured <= largest:
        problem = f"{what} gives other scores than PyTorch: they differ by {measured:.2g} of the largest one"
        raise NasError(problem, fix="report this genotype as a bug; the other formats are not affected")
    return measured
