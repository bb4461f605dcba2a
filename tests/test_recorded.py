"""Costs on record: what disagrees with what is built is refused, by name and number."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nas import genotype as genotypes
from nas import recorded, targets
from nas.blocks import Place, block
from nas.cost import cost
from nas.errors import NasError
from nas.facts import Exact

TREE = {
    "input": {"frames": 4, "size": 32},
    "classes": 5,
    "stem": {"width": 8, "pool": None},
    "stages": [{"depth": 2, "width": 16, "stride": [2, 2, 2], "block": {"kind": "bottleneck"}}],
}
NETWORK = genotypes.parse(TREE)


def facts(**more):
    return NETWORK.model_copy(update={"exact": (Exact(**{"frames": 4, "size": 32, **more}),)})


def true(name, **at):
    clip = genotypes.Clip(frames=at.get("frames", 4), size=at.get("size", 32))
    return getattr(cost(NETWORK.model_copy(update={"input": clip, "classes": at.get("classes", 5)})), name)


# ---- facts in a genotype


@pytest.mark.parametrize("name", recorded.COUNTED)
def test_each_fact_that_disagrees_is_named(name):
    right = true(name)
    recorded.check(facts(**{name: right}), "net.yaml")
    with pytest.raises(NasError) as caught:
        recorded.check(facts(**{name: right + 1}), "net.yaml")
    told = f"net.yaml: exact: {name} = {right + 1:,} at 4x32x32, but what is built has {right:,}; put the genotype back"
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("at", [{"frames": 8}, {"size": 64}, {"classes": 400}])
def test_facts_hold_at_their_own_clip_and_classes(at):
    assert true("macs", **at) != true("macs")
    recorded.check(facts(macs=true("macs", **at), **at), "net.yaml")
    with pytest.raises(NasError, match="macs = "):
        recorded.check(facts(macs=true("macs"), **at), "net.yaml")


def test_every_fact_is_looked_at():
    good, bad = facts(macs=true("macs")).exact[0], facts(params=7).exact[0]
    with pytest.raises(NasError, match="params = 7 at 4x32x32"):
        recorded.check(NETWORK.model_copy(update={"exact": (good, bad)}), "net.yaml")


def test_what_is_recorded_is_what_is_checked():
    fact = recorded.record(NETWORK)
    counted = cost(NETWORK)
    assert (fact.frames, fact.size, fact.classes) == (4, 32, None)
    assert (fact.macs, fact.params, fact.weights, fact.interactions) == (
        counted.macs, counted.params, counted.weights, counted.interactions
    )  # fmt: skip
    recorded.check(NETWORK.model_copy(update={"exact": (fact,)}), "net.yaml")
    deeper = genotypes.parse({**TREE, "stages": [{**TREE["stages"][0], "depth": 3}]})
    with pytest.raises(NasError, match="exact: macs"):
        recorded.check(deeper.model_copy(update={"exact": (fact,)}), "net.yaml")


# ---- a trial's costs


@pytest.mark.parametrize(("field", "name"), [("conv_macs", "macs"), ("params",) * 2, ("interactions",) * 2])
def test_a_trial_whose_stored_cost_disagrees_is_named(field, name):
    counted = cost(NETWORK)
    recorded.check_trial(counted, NETWORK, "studies/small, trial 3")
    stored = counted._replace(**{field: getattr(counted, field) - 1})
    with pytest.raises(NasError) as caught:
        recorded.check_trial(stored, NETWORK, "studies/small, trial 3")
    was, now = (getattr(one, name) for one in (stored, counted))
    told = f"studies/small, trial 3: {name} = {was:,} on record, but what is built has {now:,}; use the version of nas"
    assert str(caught.value).startswith(told)


# ---- what torch builds

FAMILIES = {
    "ir-csn-26": (4, 32), "ip-csn-26": (4, 32), "bottleneck-dg4-16": (4, 32), "simple-d-8": (4, 32),
    "s3d-g": (16, 64), "i3d-top3": (16, 64), "sevnet-g6-se": (4, 32), "sevnet-g8-r2plus1d": (4, 32),
    "ct-net-r50": (4, 64), "ct-module-r50-coupled": (4, 64), "tsn-r50": (4, 64),
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_published_networks_are_built_at_their_cost(name):
    frames, size = FAMILIES[name]
    recorded.check_built(targets.resolve(name).at(frames=frames, size=size, classes=None))


def test_a_user_s_module_is_built_at_its_cost():
    @block("of_ones_own")
    def own(at: Place) -> nn.Module:
        conv = nn.Conv3d(at.c_in, at.width, 3, at.stride, 1)
        return nn.Sequential(conv, nn.BatchNorm3d(at.width), nn.PReLU(at.width))

    mine = genotypes.parse({**TREE, "stages": [{"depth": 2, "width": 16, "block": {"kind": "of_ones_own"}}]})
    recorded.check_built(mine)
    assert cost(mine).measured == 2


@pytest.mark.parametrize(
    ("kernel", "told"), [((3, 1, 1), r"[\d,]+ macs, its cost says"), ((1, 3, 3), r"[\d,]+ macs, its cost says")]
)
def test_a_block_that_is_built_otherwise_than_it_was_counted_is_refused(kernel, told):
    """A user's block that depends on more than its genes."""
    now = {"kernel": (3, 3, 3)}

    @block("fickle")
    def fickle(at: Place) -> nn.Module:
        padding = tuple(k // 2 for k in now["kernel"])
        return nn.Conv3d(at.c_in, at.width, now["kernel"], at.stride, padding, bias=False)

    # a width of its own for each case: what was measured once is remembered
    mine = genotypes.parse({**TREE, "stages": [{"depth": 1, "width": 16 * sum(kernel), "block": {"kind": "fickle"}}]})
    cost(mine)
    now["kernel"] = kernel
    with pytest.raises(NasError, match=told):
        recorded.check_built(mine)


def test_parameters_without_sums_are_counted_too():
    now = {"shifts": 1}

    class Shifts(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.own = nn.ParameterList(torch.zeros(width) for _ in range(now["shifts"]))

        def forward(self, x):
            return x + sum(self.own).view(-1, 1, 1, 1)

    @block("shifty")
    def shifty(at: Place) -> nn.Module:
        return nn.Sequential(nn.Conv3d(at.c_in, at.width, 1, at.stride), Shifts(at.width))

    mine = genotypes.parse({**TREE, "stages": [{"depth": 1, "width": 24, "block": {"kind": "shifty"}}]})
    counted = cost(mine)
    now["shifts"] = 2
    with pytest.raises(NasError, match=rf"has {counted.params + 24:,} params, its cost says {counted.params:,}"):
        recorded.check_built(mine)


def test_nothing_is_allocated_for_the_check():
    """Twelve thousand channels of 3x3x3 are 15 GB of weights."""
    wide = genotypes.parse({**TREE, "stages": [{"depth": 1, "width": 12000, "block": {"kind": "simple"}}]})
    assert cost(wide).params * 4 > 15e9
    recorded.check_built(wide)
