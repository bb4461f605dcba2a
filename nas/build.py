"""From a tree to a torch module: the second fold, with readable names and channels_last_3d throughout.

Module names are the tree's: `stages.2.3.conv_b.weight`. Networks take any clip length and size.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict

import torch
from torch import Tensor, nn

from nas.genotype import Genotype
from nas.layers import Act, Conv, Linear, Mean, Node, Norm, Pool, Residual, Seq
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
    if isinstance(node, Seq):
        return nn.Sequential(OrderedDict((name, module_of(child)) for name, child in node.children))
    if isinstance(node, Residual):
        return ResidualBlock(node)
    return RULES[type(node)](node)


class ResidualBlock(nn.Module):
    """`act(body(x) + shortcut(x))`, with the body's layers as direct children."""

    def __init__(self, node: Residual):
        super().__init__()
        for name, child in node.body.children:
            self.add_module(name, module_of(child))
        self.body = tuple(name for name, _ in node.body.children)
        self.shortcut = module_of(node.shortcut) if node.shortcut else None
        self.act = module_of(node.act)

    def forward(self, x: Tensor) -> Tensor:
        """(b, c_in, t, h, w) -> (b, c_out, t', h', w')."""
        y = x
        for name in self.body:
            y = self._modules[name](y)
        return self.act(y + (x if self.shortcut is None else self.shortcut(x)))


class GlobalMean(nn.Module):
    """(b, c, t, h, w) -> (b, c), the average over frames and positions."""

    def forward(self, x: Tensor) -> Tensor:
        """The mean over the last three axes."""
        return x.mean(dim=(2, 3, 4))


def initialise(module: nn.Module) -> None:
    """Draw all weights anew from torch's global generator."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(layer, nn.BatchNorm3d):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)


def _conv(node: Conv) -> nn.Module:
    return nn.Conv3d(node.c_in, node.c_out, node.kernel, node.stride, node.padding, groups=node.groups, bias=False)


def _norm(node: Norm) -> nn.Module:
    return nn.BatchNorm3d(node.channels)


def _act(node: Act) -> nn.Module:
    return nn.ReLU(inplace=True)


def _pool(node: Pool) -> nn.Module:
    return nn.MaxPool3d(node.kernel, node.stride, tuple(k // 2 for k in node.kernel))


def _mean(node: Mean) -> nn.Module:
    return GlobalMean()


def _linear(node: Linear) -> nn.Module:
    return nn.Linear(node.c_in, node.c_out)


RULES = {Conv: _conv, Norm: _norm, Act: _act, Pool: _pool, Mean: _mean, Linear: _linear}
