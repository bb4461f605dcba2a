"""Exact costs: Figure 1's counts, the same leaves in both folds, and torch as the referee over random genotypes."""

from random import Random

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nas import build, content, cost, layers, space
from nas.build import build as make
from nas.cost import fold
from nas.genotype import Clip
from nas.layers import Conv

SPACES = [str(path) for path in content.everything("space")]


@pytest.mark.parametrize(("groups", "interactions"), [(1, 24), (2, 4), (4, 0)])
def test_figure_1_of_the_csn_paper(groups, interactions):
    assert fold(Conv(4, 4, (3, 3, 3), groups=groups), (4, 1, 1, 1)).cost[4] == interactions


def test_both_folds_know_every_node():
    assert set(cost.RULES) == set(build.RULES) == {*layers.LEAVES, *layers.JOINS}


@pytest.mark.parametrize("path", SPACES)
def test_torch_agrees_on_random_genotypes(path):
    found, rng = space.load(path), Random(1)
    for _ in range(12):
        clip = Clip(frames=rng.choice([1, 4, 7]), size=rng.choice([16, 33, 48]))
        genotype = found.genotype(found.draw(rng)).model_copy(update={"input": clip})
        counted = cost.cost(genotype)
        with torch.device("meta"):
            model, x = make(genotype).eval(), torch.empty(1, 3, clip.frames, clip.size, clip.size)
        with FlopCounterMode(display=False) as counter:
            assert model(x).shape == (1, genotype.classes)
        assert counted.macs == counter.get_total_flops() // 2
        assert counted.params == sum(p.numel() for p in model.parameters())
        convs = [m for m in model.modules() if isinstance(m, torch.nn.Conv3d)]
        assert counted.interactions == sum(
            m.out_channels * (m.in_channels // m.groups) * (m.in_channels // m.groups - 1) // 2 for m in convs
        )


def test_activations_and_norm_elements_are_what_hooks_see():
    found = space.load(SPACES[0])
    genotype = found.genotype(found.draw(Random(3))).model_copy(update={"input": Clip(frames=4, size=32)})
    counted, seen = cost.cost(genotype), {"activations": 0, "norm_elements": 0}
    with torch.device("meta"):
        model, x = make(genotype).eval(), torch.empty(1, 3, 4, 32, 32)

    def hook(name):
        def add(module, inputs, output):
            seen[name] += output.numel()

        return add

    for module in model.modules():
        if isinstance(module, torch.nn.Conv3d | torch.nn.Linear):
            module.register_forward_hook(hook("activations"))
        elif isinstance(module, torch.nn.BatchNorm3d):
            module.register_forward_hook(hook("norm_elements"))
    model(x)
    assert seen == {"activations": counted.activations, "norm_elements": counted.norm_elements}


def test_receptive_field_is_where_gradients_come_from():
    text = """
      classes: 2
      stem: {width: 4, conv: {kind: dense, kernel: [3, 3, 3]}, stride: [1, 2, 2], pool: null}
      stages: [{depth: 1, width: 4, stride: [2, 1, 1], block: {kind: simple, conv: {kind: dense, kernel: [3, 3, 1]}}}]
    """
    genotype = space.parse(text).genotype({}).model_copy(update={"input": Clip(frames=33, size=33)})
    model = make(genotype, seed=0)
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, 0.1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.eval()
    x = torch.ones(1, 3, 33, 33, 33, requires_grad=True)
    features = model.stages(model.stem(x))
    centre = tuple(n // 2 for n in features.shape[2:])
    features[(0, 0, *centre)].backward()
    touched = x.grad[0, 0].nonzero()
    extent = tuple((touched.max(0).values - touched.min(0).values + 1).tolist())
    assert extent == cost.cost(genotype).receptive_field


def test_stage_costs_add_up():
    found = space.load(SPACES[0])
    genotype = found.genotype(found.draw(Random(5)))
    rows, whole = [row for _, row, _ in cost.stage_costs(genotype)], cost.cost(genotype)
    for name in ("macs", "params", "weights", "interactions", "activations", "norm_elements", "depth"):
        assert sum(getattr(row, name) for row in rows) == getattr(whole, name), name
