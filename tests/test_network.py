"""From genotype to tree: names, keys, deflation."""

import re

import pytest
import torch

from nas import content, genotype, space
from nas.build import build
from nas.cost import cost
from nas.errors import NasError
from nas.genotype import Deflation
from nas.layers import Conv, leaves
from nas.network import key, network
from nas.scale import scale


@pytest.fixture
def csn():
    return genotype.load(content.find("ip-csn-50", "models"))


def of(text):
    return space.parse(text).genotype({})


def test_module_names_are_the_paper_s(csn):
    names = [name for name, _ in build(csn).named_parameters()]
    assert {
        "stem.conv.weight",
        "stages.2.3.conv_a.weight",
        "stages.2.3.conv_b.depthwise.weight",
        "head.fc.weight",
    } <= set(names)
    plain = build(genotype.load(content.find("ir-csn-50", "models")))
    assert "stages.2.3.conv_b.weight" in dict(plain.named_parameters())
    assert all(re.fullmatch(r"(stem|head|stages\.\d+\.\d+)\.\w+(\.\w+)*", name) for name in names)


@pytest.mark.parametrize("end", ["top", "bottom"])
@pytest.mark.parametrize("keep", [0, 1, 5, 16, 17])
def test_deflation_keeps_that_many_layers_at_that_end(end, keep):
    dense = genotype.load(content.find("resnet3d-50", "models"))
    tree = network(dense.model_copy(update={"deflation": Deflation(keep=keep, end=end)}))
    temporal = [leaf.kernel[0] > 1 for leaf in leaves(tree) if isinstance(leaf, Conv) and max(leaf.kernel) > 1]
    flat = 17 - keep
    assert temporal == ([False] * flat + [True] * keep if end == "top" else [True] * keep + [False] * flat)


def test_deflation_is_cheaper_and_keeps_interactions(csn):
    flat = csn.model_copy(update={"deflation": Deflation(keep=0)})
    assert cost(flat).macs < cost(csn).macs
    assert cost(flat).interactions == cost(csn).interactions
    assert cost(flat).receptive_field[0] == 1


def test_deflation_by_share_rounds_half_up():
    assert [Deflation(keep=f"{share}%").count(17) for share in (0, 3, 25, 50, 100)] == [0, 1, 4, 9, 17]


def test_more_layers_than_there_are_is_refused(csn):
    with pytest.raises(NasError, match="more than the 17 spatiotemporal layers.*use 0 to 17"):
        cost(csn.model_copy(update={"deflation": Deflation(keep=18)}))


def test_equal_networks_have_one_key():
    stages = "stages: [{depth: 1, width: 16, block: {kind: bottleneck, expansion: 1, conv: CONV}}]"
    keys = {
        key(of(stages.replace("CONV", conv)))
        for conv in (
            "{kind: depthwise}",
            "{kind: grouped, groups: 16}",
            "{kind: grouped, group_width: 1}",
            "{kind: depthwise, kernel: [3, 3, 3]}",
        )
    }
    assert len(keys) == 1


def test_names_and_borders_of_stages_do_not_count():
    one = "stages: [{depth: 2, width: 16, block: {kind: bottleneck, expansion: 1, conv: {kind: separated}}}]"
    steps = "{kind: steps, relu: false, steps: [{kernel: [1, 1, 1]}, {kernel: [3, 3, 3], depthwise: true}]}"
    block = "{kind: bottleneck, expansion: 1, conv: STEPS}".replace("STEPS", steps)
    two = f"stages: [{{depth: 1, width: 16, block: {block}}}, {{depth: 1, width: 16, block: {block}}}]"
    assert key(of(one)) == key(of(two))


def test_the_key_sees_clip_classes_and_layers():
    base = "stages: [{depth: 1, width: 16, block: {kind: simple}}]"
    variants = [
        base,
        base.replace("depth: 1", "depth: 2"),
        base + "\nclasses: 10",
        base + "\ninput: {frames: 16}",
        base + "\ndeflation: {keep: 1}",
    ]
    assert len({key(of(text)) for text in variants}) == len(variants)


def test_the_key_does_not_see_names_and_facts():
    base = "stages: [{depth: 1, width: 16, block: {kind: simple}}]"
    assert key(of(base)) == key(of(base + "\nname: other\npublished: [{source: somewhere, top1: 12.0}]"))


def test_keys_are_stable_across_versions():
    """Recorded when schema 1 was written: a changed key would orphan the trials of every study."""
    found = key(genotype.load(content.find("ir-csn-50", "models")))
    assert found == "bc098cdcef372b69"


def test_blocks_of_one_family_stand_in_a_network_of_another():
    """A grouped SEV block in a CSN; a CT-module with excitation in a top-heavy network."""
    csn = of(
        """
        input: {frames: 8, size: 32}
        classes: 5
        stages:
          - depth: 3
            width: 64
            block: &csn {kind: bottleneck, conv: {kind: depthwise}}
            replace: {at: odd, width: 256, block: {kind: sev, group_width: 16}}
          - {depth: 2, width: 128, stride: [2, 2, 2], block: *csn}
        """
    )
    assert [[conv.groups for conv in convs_of(block)] for block in blocks(csn, 0)] == [
        [1, 64, 1, 1], [1, 16, 1], [1, 64, 1],
    ]  # fmt: skip
    heavy = of(
        """
        input: {frames: 8, size: 32}
        classes: 5
        stages:
          - depth: 2
            width: 64
            block: &tensor
              {kind: bottleneck, excitation: {kind: se}, conv: {kind: tensor, excitation: {kind: te}}}
          - {depth: 2, width: 128, stride: [1, 2, 2], block: *tensor}
        deflation: {keep: 2, end: top}
        """
    )
    reach = [cost_of(heavy, keep) for keep in (0, 2, 4)]
    assert reach == sorted(set(reach))
    for crossed in (csn, heavy):
        assert build(crossed, seed=0)(torch.randn(2, 3, 8, 32, 32)).shape == (2, 5)
        scale(crossed, width=0.25, depth=0.5)


def cost_of(description, keep):
    """Multiply-accumulates with so many 3D layers at the top."""
    return cost(description.model_copy(update={"deflation": Deflation(keep=keep)})).macs


def blocks(description, stage):
    """The trees of a stage's blocks."""
    return [tree for _, tree in dict(dict(network(description).children)["stages"].children)[str(stage)].children]


def convs_of(tree):
    return [leaf for leaf in leaves(tree) if isinstance(leaf, Conv)]


def test_a_block_that_is_not_there_cannot_be_replaced():
    block = "{kind: simple}, replace: {at: [1, 4], block: {kind: plain}}"
    with pytest.raises(NasError, match="block 4 is outside of a stage of 2; number the blocks from 0 to 1"):
        cost(of(f"stages: [{{depth: 2, width: 16, block: {block}}}]"))
