"""From genotype to tree: names, keys, deflation."""

import re

import pytest

from nas import content, genotype, space
from nas.cost import cost
from nas.errors import NasError
from nas.genotype import Deflation
from nas.layers import Conv, leaves
from nas.network import key, network


@pytest.fixture
def csn():
    return genotype.load(content.find("ip-csn-50", "models"))


def of(text):
    return space.parse(text).genotype({})


def test_module_names_are_the_paper_s(csn):
    from nas.build import build

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
