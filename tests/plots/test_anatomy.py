"""What networks are made of, as boxes: exact costs, every convolution once, deflated layers told from 2D ones."""

import doctest

import pytest

from nas import content, genotype
from nas.cost import cost
from nas.genotype import parse
from nas.layers import Conv, leaves
from nas.network import network
from nas.plots import anatomy
from nas.plots.anatomy import alike, sections
from nas.strict_yaml import parse as yaml
from nas.strict_yaml import plain

MODELS = {path.stem: path for path in content.everything("models")}


def model(name):
    return genotype.load(MODELS[name])


def tiny(text):
    return parse(plain(yaml(f"classes: 10\ninput: {{frames: 8, size: 64}}\n{text}")))


def test_the_examples_hold():
    assert not doctest.testmod(anatomy).failed


@pytest.mark.parametrize("name", MODELS)
def test_sections_add_up_to_the_exact_cost(name):
    one = model(name)
    found = sections(one)
    assert anatomy.total(section.cost for section in found)[:7] == cost(one)[:7]
    assert [section.name for section in found[1:-1]] == [f"stages.{i}" for i in range(len(one.stages))]
    assert [len([b for b in s.blocks if b.number is not None]) for s in found[1:-1]] == [s.depth for s in one.stages]


@pytest.mark.parametrize("name", ["ir-csn-50", "ct-net-r50", "s3d-g", "sevnet-g8", "i3d-bottom3", "ct-module-r50-k3"])
def test_every_convolution_outside_of_gates_is_a_tile_of_its_own(name):
    one = model(name)
    boxes = [box for section in sections(one) for block in section.blocks for box in block.boxes]
    gates = sum(box.kind == "gate" for box in boxes)
    kinds = [box.kind for box in boxes if box.kind in ("3D", "2D", "deflated", "point")]
    convs = [leaf for leaf in leaves(network(one)) if isinstance(leaf, Conv)]
    inside = sum(2 * (box.lines[1] == "TE") for box in boxes if box.kind == "gate")
    assert len(kinds) == len(convs) - inside and (gates > 0) == (name in ("ct-net-r50", "s3d-g"))
    assert sum(kind == "3D" for kind in kinds) <= sum(conv.kernel[0] > 1 for conv in convs)
    for section in sections(one):
        for block in section.blocks:
            assert len({(box.column, box.row) for box in block.boxes}) == len(block.boxes)


def test_deflated_layers_are_those_that_would_extend_in_time():
    kinds = {}
    for section in sections(model("i3d-top3")):
        kinds[section.name] = {box.kind for block in section.blocks for box in block.boxes}
    assert "deflated" in kinds["stem"] and all("3D" in kinds[f"stages.{i}"] for i in (7, 8, 9))
    assert all("3D" not in kinds[f"stages.{i}"] and "deflated" in kinds[f"stages.{i}"] for i in range(7))


def test_a_flattened_factorised_operator_is_one_deflated_tile_and_a_tsn_is_2d_by_its_kind():
    flat = tiny("deflation: {keep: 0}\nstages: [{depth: 1, width: 8, block: {kind: simple, conv: {kind: factorised}}}]")
    boxes = sections(flat)[1].blocks[0].boxes
    assert [box.kind for box in boxes] == ["deflated", "deflated", "point"]
    assert "deflated to 2D" in sections(flat)[1].blocks[0].words
    assert {box.kind for s in sections(model("tsn-r50")) for b in s.blocks for box in b.boxes} == {
        "2D", "point", "pool", "other"
    }  # fmt: skip


def test_a_simple_block_with_one_layer_of_two_deflated_says_so():
    text = "deflation: {keep: 1}\nstages: [{depth: 1, width: 64, block: {kind: simple}}]"
    block = sections(tiny(text))[1].blocks[0]
    assert [box.kind for box in block.boxes] == ["deflated", "3D"] and "1 of 2 layers deflated to 2D" in block.words


def test_equal_blocks_are_one_box():
    assert [len(blocks) for blocks in alike(sections(model("ir-csn-152"))[3])] == [1, 35]
