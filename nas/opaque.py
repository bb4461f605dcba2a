"""Blocks that return a torch module instead of a tree: what they cost is measured, and marked as measured.

A module's multiply-accumulates are half of what torch counts in a forward pass on the meta device; the rest is read
off its convolutions, linear layers and norms: parameters of other kinds count in `params` alone. What no layer tells
stays unknown: its interaction field, its share of the receptive field; its depth counts every convolution and linear
layer, as if they stood in one row.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from hashlib import sha256
from math import prod
from typing import TYPE_CHECKING

from nas.blocks.registry import BLOCKS, Part, Place
from nas.errors import NasError
from nas.layers import Opaque

if TYPE_CHECKING:
    from torch import nn

    from nas.cost import Counted, Shape

PROBE = (8, 32, 32)  # the clip at which the number of output channels is found


def wrapped(part: Part, place: Place) -> Opaque:
    """The node of a block whose function returned a module; raises NasError where that does not run."""
    where = (place.c_in, place.width, place.stride, place.flat)
    unknown = Opaque(part.kind, part.genes, where, 0, _source(part.kind))
    return Opaque(part.kind, part.genes, where, measure(unknown, (place.c_in, *PROBE)).shape[0], unknown.source)


def make(node: Opaque) -> nn.Module:
    """The module, initialised by its own code."""
    from torch import nn

    module = BLOCKS.specs[node.kind].function(Place(*node.place), **dict(node.genes))
    if not isinstance(module, nn.Module):
        raise NasError(
            f"the block '{node.kind}' returns {type(module).__name__}", fix="return a tree or a torch module"
        )
    module.initialises_itself = True
    return module


@lru_cache(maxsize=1 << 12)
def measure(node: Opaque, shape: Shape) -> Counted:
    """The cost of the module for a (c, t, h, w) input; raises NasError where it does not run."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from nas.cost import Counted, Field

    try:
        with torch.device("meta"):
            module, x = make(node).eval(), torch.empty(1, *shape)
        meter = _Meter(module)
        with FlopCounterMode(display=False) as counter:
            out = tuple(module(x).shape)
    except NasError:
        raise
    except Exception as error:  # whatever a user's code does
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        problem = f"the block '{node.kind}' does not run on {'x'.join(map(str, shape))}: {told}"
        raise NasError(problem, fix="a block must take clips of any length and size") from error
    if len(out) != 5:
        raise NasError(f"the block '{node.kind}' returns {len(out)} axes", fix="return (b, c, t, h, w)")
    params = sum(p.numel() for p in module.parameters())
    linear, macs = meter.linear_macs, counter.get_total_flops() // 2
    sums = (
        macs - linear,
        linear,
        params,
        meter.weights,
        meter.interactions,
        meter.outputs,
        meter.norms,
        meter.depth,
        1,
    )
    stride = tuple(max(1, round(n / m)) for n, m in zip(shape[1:], out[2:], strict=True))
    return Counted(sums, out[1:], Field((1, 1, 1), stride))


class _Meter:
    """What the layers of a module tell while a clip passes."""

    def __init__(self, module: nn.Module):
        from torch import nn
        from torch.nn.modules.batchnorm import _BatchNorm

        self.weights = self.interactions = self.outputs = self.norms = self.depth = self.linear_macs = 0
        for layer in module.modules():
            if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
                layer.register_forward_hook(self._conv)
            elif isinstance(layer, nn.Linear):
                layer.register_forward_hook(self._linear)
            elif isinstance(layer, _BatchNorm):
                layer.register_forward_hook(self._norm)

    def read(self) -> tuple[int, ...]:
        """Weights, interactions, activations, norm elements and depth."""
        return self.weights, self.interactions, self.outputs, self.norms, self.depth

    def _conv(self, layer, inputs, output) -> None:
        seen = layer.in_channels // layer.groups
        self.interactions += layer.out_channels * (seen * (seen - 1) // 2)
        self._weighted(layer, output)

    def _linear(self, layer, inputs, output) -> None:
        self.linear_macs += layer.weight.numel() * prod(output.shape) // layer.out_features
        self._weighted(layer, output)

    def _norm(self, layer, inputs, output) -> None:
        self.norms += output.numel()

    def _weighted(self, layer, output) -> None:
        self.weights += layer.weight.numel()
        self.outputs += output.numel()
        self.depth += 1


@lru_cache
def _source(kind: str) -> str:
    """A digest of the code, so that a changed block is another network."""
    function = BLOCKS.specs[kind].function
    return sha256(inspect.getsource(inspect.getmodule(function)).encode()).hexdigest()[:16]
