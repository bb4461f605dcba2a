"""Scaling for a proxy: what stays, what is rounded, what is told."""

from random import Random

import pytest
import torch

from nas import content, genotype, space
from nas.build import build
from nas.cost import cost
from nas.genotype import Clip, Deflation
from nas.layers import Conv, leaves
from nas.network import key, network
from nas.scale import scale


def model(name):
    return genotype.load(content.find(name, "models"))


def convs(description):
    return [leaf for leaf in leaves(network(description)) if isinstance(leaf, Conv)]


def test_scale_one_changes_nothing():
    whole = model("ip-csn-50").model_copy(update={"exact": (), "published": ()})
    assert scale(whole) == (whole, [])


def test_widths_depths_clip_and_classes():
    small, notes = scale(model("resnet3d-50"), width=0.25, depth=0.5, clip=Clip(frames=4, size=40), classes=10)
    assert [stage.width for stage in small.stages] == [16, 32, 64, 128]
    assert [stage.depth for stage in small.stages] == [2, 2, 3, 2]
    assert (small.stem.width, small.input.frames, small.input.size, small.classes, notes) == (
        16,
        4,
        40,
        10,
        [],
    )


def test_depthwise_stays_depthwise():
    small, _ = scale(model("ir-csn-50"), width=0.25)
    assert all(conv.groups == conv.c_in for conv in convs(small)[1:] if max(conv.kernel) > 1)


def test_groups_stay_where_they_divide():
    small, notes = scale(model("bottleneck-g8-16"), width=0.25)
    assert {conv.groups for conv in convs(small) if conv.kernel == (3, 3, 3)} == {8}
    assert notes == []


def test_groups_that_do_not_divide_are_fewer_and_told():
    text = "stages: [{depth: 1, width: 96, block: {kind: bottleneck, conv: {kind: grouped, groups: 32}}}]"
    small, notes = scale(space.parse(text).genotype({}), width=0.25)
    assert small.stages[0].width == 24
    assert {conv.groups for conv in convs(small) if conv.kernel == (3, 3, 3)} == {8}
    assert notes == ["stages.0: 32 groups became 8 at width 24"]


def test_group_width_shrinks_so_that_the_number_of_groups_stays():
    text = "stages: [{depth: 1, width: 128, block: {kind: bottleneck, conv: {kind: grouped, group_width: 16}}}]"
    whole = space.parse(text).genotype({})
    small, _ = scale(whole, width=0.25)
    counts = [{conv.groups for conv in convs(one) if conv.kernel == (3, 3, 3)} for one in (whole, small)]
    assert counts == [{8}, {8}]


def test_a_number_of_3d_layers_stays_in_proportion():
    whole = model("resnet3d-50").model_copy(update={"deflation": Deflation(keep=9, end="bottom")})
    small, _ = scale(whole, depth=0.5)
    assert small.deflation == Deflation(keep=5, end="bottom")  # 9 of 17 became 5 of 10


def test_steps_keep_their_groups_too():
    steps = "steps: [{kernel: [1, 3, 3], group_width: 32}, {kernel: [3, 1, 1]}]"
    text = f"stages: [{{depth: 1, width: 64, block: {{kind: bottleneck, conv: {{kind: steps, {steps}}}}}}}]"
    whole = space.parse(text).genotype({})
    small, notes = scale(whole, width=0.25)
    counts = [[conv.groups for conv in convs(one) if conv.kernel == (1, 3, 3)] for one in (whole, small)]
    assert (counts, notes) == ([[2], [2]], [])


def test_a_group_width_that_cannot_shrink_is_told():
    text = "stages: [{depth: 1, width: 64, block: {kind: bottleneck, conv: {kind: grouped, group_width: 2}}}]"
    assert scale(space.parse(text).genotype({}), width=0.25)[1] == ["stages.0: 32 groups became 8 at width 16"]


def test_a_network_that_sees_time_goes_on_seeing_it():
    whole = model("resnet3d-50").model_copy(update={"deflation": Deflation(keep=1, end="bottom")})
    assert scale(whole, depth=0.25)[0].deflation.keep == 1


def stage_of(block, width=64, depth=2, **more):
    text = f"stages: [{{depth: {depth}, width: {width}, block: {block}}}]"
    return scale(space.parse(text).genotype({}), **{"width": 0.25, **more})


def genes(small):
    return dict(dict(small.stages[0].block.genes)["conv"].genes)


def test_the_number_of_axes_stays():
    small, notes = stage_of("{kind: bottleneck, conv: {kind: tensor, dims: 3}}")
    assert (genes(small)["dims"], notes) == (3, [])
    assert [conv.groups for conv in convs(small) if conv.kernel == (1, 3, 3)] == [4, 8, 8] * 2


def test_given_sizes_shrink_like_balanced_ones():
    for sizes, expected in (
        ("[rest, 16]", ("rest", 8)),
        ("[rest, 4]", ("rest", 2)),
        ("[rest, 1]", ("rest", 1)),
        ("[8, 8]", ("rest", 4)),
        ("[all, all]", ("all", "all")),
    ):
        small, _ = stage_of(f"{{kind: bottleneck, conv: {{kind: tensor, sizes: {sizes}}}}}")
        assert genes(small)["sizes"] == expected


def test_axes_too_short_for_tensor_excitation_have_a_smaller_reduction_and_it_is_told():
    small, notes = stage_of("{kind: bottleneck, conv: {kind: tensor, dims: 3, excitation: {kind: te}}}")
    assert dict(genes(small)["excitation"].genes)["reduction"] == 2
    assert notes == ["stages.0: reduction 4 became 2 at width 16"]


def test_more_axes_than_the_width_has_are_fewer_and_told():
    small, notes = stage_of("{kind: bottleneck, conv: {kind: tensor, dims: 5}}")
    assert (genes(small)["dims"], notes) == (4, ["stages.0: 5 axes became 4 at width 16"])


def test_inception_channels_keep_their_proportion():
    small, notes = stage_of("{kind: inception, channels: [64, 96, 128, 16, 32, 32]}", width=256)
    assert [conv.c_out for conv in convs(small)[1:7]] == [16, 24, 32, 4, 8, 8] and notes == []


def test_group_widths_take_the_nearest_number_that_divides():
    small, _ = scale(model("sevnet-g6"), width=0.5)
    assert [dict(stage.block.genes)["group_width"] for stage in small.stages] == [4, 3, 3, 3]
    small, _ = scale(model("sevnet-g6"), width=0.25)
    assert {dict(stage.block.genes)["group_width"] for stage in small.stages} == {2}


def test_a_stage_that_must_add_channels_is_widened_and_it_is_told():
    small, notes = scale(model("sevnet-g6"), width=0.1)
    assert [stage.width for stage in small.stages] == [16, 24, 32, 40]
    assert "stages.0: width 8 became 16, to have room for added channels" in notes


@pytest.mark.parametrize(("name", "at"), [("ct-net-r50", "odd"), ("ct-module-r50-plus1", (1,))])
def test_where_blocks_are_replaced_one_stays_so(name, at):
    small, notes = scale(model(name), depth=0.25)
    assert [stage.depth for stage in small.stages] == [3, 3, 3, 3]
    assert (small.stages[3].replace.at, notes) == (at, [])


def test_replaced_blocks_beyond_a_shallower_stage_move_to_its_end_and_it_is_told():
    text = "{depth: 10, width: 16, block: {kind: simple}, replace: {at: [2, 9], block: {kind: plain}}}"
    small, notes = scale(space.parse(f"stages: [{text}]").genotype({}), depth=0.25)
    assert small.stages[0].replace.at == (2,)
    assert notes == ["stages.0: replaced blocks [2, 9] became [2] at width 16"]


def test_designs_that_differ_in_which_blocks_are_replaced_differ_as_proxies():
    names = ("tsn-r50", "ct-module-r50", *(f"ct-module-r50-plus{n}" for n in (1, 4, 6, 12)))
    found = [scale(model(name), width=0.25, depth=0.25)[0] for name in names]
    assert len({key(small) for small in found}) == len(found)


@pytest.mark.parametrize("path", [str(path) for path in content.everything("space")])
def test_every_scaled_genotype_builds_and_is_cheaper(path):
    found, rng = space.load(path), Random(2)
    for _ in range(25):
        whole = found.genotype(found.draw(rng))
        small, _ = scale(whole, width=0.25, depth=0.5, clip=Clip(frames=4, size=32), classes=7)
        assert cost(small).params < cost(whole).params
    y = build(small, seed=0).eval()(torch.zeros(2, 3, 4, 32, 32))
    assert y.shape == (2, 7)
