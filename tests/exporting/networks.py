"""Networks for the tests of exports: built by us, with norms that do something, and written down as source."""

from __future__ import annotations

import types

import torch
from torch import nn

from nas import genotype as genotypes
from nas.build import build
from nas.exporting.python_source import source
from nas.genotype import Genotype

CLIP = {"frames": 4, "size": 17}


def network(*blocks: dict, **more) -> Genotype:
    """A genotype of one stage a block, each as {kind: ...} or as a whole stage."""
    stages = [block if "block" in block else {"depth": 2, "width": 16, "block": block} for block in blocks]
    stem = {"width": 16, "conv": {"kind": "dense", "kernel": [3, 3, 3]}, "pool": None}
    return genotypes.parse({"input": CLIP, "classes": 5, "stem": stem, "stages": stages, **more})


def trained(genotype: Genotype) -> nn.Module:
    """The built network in eval mode, with weights, means and variances as a training might leave them."""
    model = build(genotype, seed=0).eval()
    generator = torch.Generator().manual_seed(1)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm3d):
            layer.running_mean.normal_(0, 0.1, generator=generator)
            layer.running_var.uniform_(0.5, 1.5, generator=generator)
            layer.weight.data.uniform_(0.5, 1.5, generator=generator)
            layer.bias.data.normal_(0, 0.1, generator=generator)
    return model


def written(genotype: Genotype, **more) -> types.ModuleType:
    """The generated file as a module."""
    module = types.ModuleType("network")
    module.__file__ = "network.py"
    exec(compile(source(genotype, name="a test", **more), "network.py", "exec"), module.__dict__)
    return module


def clips(genotype: Genotype, count: int = 2) -> torch.Tensor:
    """Clips of noise."""
    size = genotype.input.size
    return torch.randn(count, 3, genotype.input.frames, size, size, generator=torch.Generator().manual_seed(2))
