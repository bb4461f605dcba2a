"""Copies of a model that a score may change: as it is trained, or made positive."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def training(model: nn.Module) -> nn.Module:
    """A copy in training mode (norms use the batch's own mean and variance) without dropout."""
    from torch.nn.modules.dropout import _DropoutNd

    copy = deepcopy(model).train()
    for module in copy.modules():
        if isinstance(module, _DropoutNd):
            module.eval()
    return copy.requires_grad_(True)


def positive(model: nn.Module) -> nn.Module:
    """A copy in double precision whose output grows in proportion to positive inputs.

    Weights are replaced by their absolute values, biases by 0, and norms and gates are left out: a norm with unit
    statistics changes nothing, and the sigmoid of a gate on ever larger positive features is 1.
    """
    copy = deepcopy(model).double().eval()
    _without_norms_and_gates(copy)
    for name, parameter in copy.named_parameters():
        parameter.data = parameter.data.abs() if name.rpartition(".")[2] != "bias" else parameter.data * 0
    return copy.requires_grad_(True)


def _without_norms_and_gates(module: nn.Module) -> None:
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase

    from nas.build import Gate

    for name, child in module.named_children():
        if isinstance(child, _NormBase | nn.GroupNorm | nn.LayerNorm | Gate):
            setattr(module, name, nn.Identity())
        else:
            _without_norms_and_gates(child)
