"""From a tree to a torch module: the second fold, with readable names and channels_last_3d throughout.

Module names are the tree's: `stages.2.3.conv_b.weight`. Networks take any clip length and size.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.choosing import convolution
from nas.genotype import Genotype
from nas.layers import (
    Act,
    AvgPool,
    Concat,
    Conv,
    Dropout,
    Linear,
    Mean,
    Node,
    Norm,
    Opaque,
    Pool,
    Residual,
    Scale,
    Seq,
    Shuffle,
    Sum,
)
from nas.network import network


def build(genotype: Genotype, *, seed: int | None = None) -> nn.Module:
    """The network of a genotype: float (b, 3, t, h, w) -> class scores (b, classes).

    With a `seed` the weights depend on it alone, and torch's global generator is left as it was. Convolutions
    start from the Kaiming normal distribution by fan-out, norms from 1. (Starting the last norm of a block at 0, as
    long ImageNet recipes do, made short proxies worse: 0.48 in place of 0.64 after five epochs of motion.)
    """
    tree = network(genotype)
    with contextlib.nullcontext() if seed is None else torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        module = module_of(tree)
        initialise(module)
    return module.to(memory_format=torch.channels_last_3d)


def module_of(node: Node) -> nn.Module:
    """The torch module of any tree."""
    return RULES[type(node)](node)


class ResidualBlock(nn.Module):
    """`act(body(x) + shortcut(x))`, with the body's layers as direct children."""

    def __init__(self, node: Residual):
        super().__init__()
        for name, child in node.body.children:
            self.add_module(name, module_of(child))
        self.body = tuple(name for name, _ in node.body.children)
        self.shortcut = module_of(node.shortcut) if node.shortcut else None
        self.act = module_of(node.act) if node.act else nn.Identity()
        self.adds_in_place = _ends_in_norm(node.body)  # no gradient needs what a norm gave

    def forward(self, x: Tensor) -> Tensor:
        """(b, c_in, t, h, w) -> (b, c_out, t', h', w')."""
        y = x
        for name in self.body:
            y = self._modules[name](y)
        other = x if self.shortcut is None else self.shortcut(x)
        return self.act(y.add_(other) if self.training and self.adds_in_place else y + other)


class SumOf(nn.ModuleDict):
    """The sum of what each branch makes of the same input."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, c_in, t, h, w) -> (b, c_out, t', h', w')."""
        first, *others = self.values()
        y = first(x)
        for branch in others:
            y = y + branch(x)
        return y


class ConcatOf(nn.ModuleDict):
    """The channels of each branch, one after the other."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, c_in, t, h, w) -> (b, sum of c_out, t', h', w')."""
        parts = [branch(x) for branch in self.values()]
        return _Concatenation.apply(*parts) if self.training else torch.cat(parts, dim=1)


class _Concatenation(torch.autograd.Function):
    """torch.cat, whose gradients are dense: norms and ReLUs take five times as long on slices of channels."""

    @staticmethod
    def forward(ctx, *parts: Tensor) -> Tensor:
        ctx.widths = [part.shape[1] for part in parts]
        return torch.cat(parts, dim=1)

    @staticmethod
    def backward(ctx, dy: Tensor) -> tuple[Tensor, ...]:
        return tuple(part.contiguous(memory_format=torch.channels_last_3d) for part in dy.split(ctx.widths, dim=1))


class Gate(nn.Module):
    """`x * sigmoid(gate(x))`, the gate's output spread over the axes it lacks."""

    def __init__(self, gate: nn.Module):
        super().__init__()
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, t, h, w) -> the same."""
        y = self.gate(x)
        gate = torch.sigmoid(y).reshape(*y.shape, *(1,) * (x.ndim - y.ndim))
        if not self.training:
            return x * gate
        return (x.movedim(1, -1) * gate.movedim(1, -1).contiguous()).movedim(-1, 1)


class MeanOver(nn.Module):
    """The average over frames and positions, (b, c, t, h, w) -> (b, c), or over `t` or `hw` alone (these stay as 1)."""

    def __init__(self, over: str):
        super().__init__()
        self.over, self.dims = over, tuple("bcthw".index(axis) for axis in over)

    def forward(self, x: Tensor) -> Tensor:
        """The mean; in training with the channels last, where torch is seven times as fast over t or h, w."""
        keep = len(self.dims) < 3
        if not self.training:
            return x.mean(dim=self.dims, keepdim=keep)
        mean = x.movedim(1, -1).mean(dim=tuple(axis - 1 for axis in self.dims), keepdim=keep)
        return mean.movedim(-1, 1) if keep else mean

    def extra_repr(self) -> str:
        """Shown in the module's printed form."""
        return self.over


class ChannelLinear(nn.Linear):
    """A linear layer over the channels, at each position."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, c_in, ...) -> (b, c_out, ...)."""
        return super().forward(x) if x.ndim == 2 else super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Convolution(nn.Conv3d):
    """A convolution without bias that is computed in training as `nas.choosing` says, and else as torch does it."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        traced = torch.compiler.is_compiling() or torch.jit.is_tracing()
        if not self.training or not torch.is_grad_enabled() or traced:
            return super()._conv_forward(x, weight, bias)
        return convolution(x, weight, self.stride, self.padding, self.groups)


class WindowMean(nn.Module):
    """Average pooling whose window is cut to the input's size, so that any clip passes."""

    def __init__(self, kernel: tuple[int, ...], stride: tuple[int, ...]):
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, t, h, w) -> (b, c, t', h', w')."""
        t, h, w = kernel = tuple(map(min, self.kernel, x.shape[2:]))
        if not self.training or t > 1 or self.stride[0] > 1:
            return F.avg_pool3d(x, kernel, self.stride, ceil_mode=True)
        frames = F.avg_pool2d(x.movedim(2, 1).flatten(0, 1), (h, w), self.stride[1:], ceil_mode=True)
        return frames.unflatten(0, (len(x), -1)).movedim(1, 2)

    def extra_repr(self) -> str:
        """Shown in the module's printed form."""
        return f"{self.kernel}, {self.stride}"


class WindowMax(nn.MaxPool3d):
    """Max pooling whose window is cut to the (padded) input's size, so that any clip passes."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, t, h, w) -> (b, c, t', h', w')."""
        sizes = zip(self.kernel_size, x.shape[2:], self.padding, strict=True)
        return F.max_pool3d(x, tuple(min(k, n + 2 * p) for k, n, p in sizes), self.stride, self.padding)


class ChannelShuffle(nn.Module):
    """Channels in a new order, in the memory format of channels_last_3d: one copy."""

    def __init__(self, sizes: tuple[int, ...], order: tuple[int, ...]):
        super().__init__()
        self.sizes = sizes
        self.axes = (0, 1, 2, 3, *(4 + axis for axis in order))

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, t, h, w) -> the same."""
        last = x.movedim(1, -1)
        return last.unflatten(-1, self.sizes).permute(self.axes).flatten(4).movedim(-1, 1)

    def extra_repr(self) -> str:
        """Shown in the module's printed form."""
        return f"{self.sizes}, {self.axes[4:]}"


def initialise(module: nn.Module) -> None:
    """Draw all weights anew from torch's global generator; opaque blocks were initialised by their own code."""
    for child in module.children():
        if not getattr(child, "initialises_itself", False):
            initialise(child)
    if isinstance(module, nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.BatchNorm3d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)


def _ends_in_norm(node: Node) -> bool:
    while isinstance(node, Seq) and node.children:
        node = node.children[-1][1]
    return isinstance(node, Norm)


def _named(children: tuple[tuple[str, Node], ...]) -> OrderedDict[str, nn.Module]:
    return OrderedDict((name, module_of(child)) for name, child in children)


def _conv(node: Conv) -> nn.Module:
    return Convolution(node.c_in, node.c_out, node.kernel, node.stride, node.padding, groups=node.groups, bias=False)


def _opaque(node: Opaque) -> nn.Module:
    from nas.opaque import make

    return make(node)


RULES = {
    Seq: lambda node: nn.Sequential(_named(node.children)),
    Residual: ResidualBlock,
    Sum: lambda node: SumOf(_named(node.branches)),
    Concat: lambda node: ConcatOf(_named(node.branches)),
    Scale: lambda node: Gate(module_of(node.gate)),
    Conv: _conv,
    Norm: lambda node: nn.BatchNorm3d(node.channels),
    Act: lambda node: nn.ReLU(inplace=True),
    Pool: lambda node: WindowMax(node.kernel, node.stride, node.padding),
    AvgPool: lambda node: WindowMean(node.kernel, node.stride),
    Mean: lambda node: MeanOver(node.over),
    Linear: lambda node: ChannelLinear(node.c_in, node.c_out),
    Dropout: lambda node: nn.Dropout(0.0),
    Shuffle: lambda node: ChannelShuffle(node.sizes, node.order),
    Opaque: _opaque,
}
