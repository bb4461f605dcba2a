"""Residual blocks: conformance, and the paper's variants as genes."""

import pytest

from nas.blocks import BLOCKS, Place
from nas.cost import fold
from nas.errors import NasError
from nas.layers import Conv, leaves
from tests.blocks.conformance import BlockCase


class TestBottleneck(BlockCase):
    genes = {"kind": "bottleneck"}


class TestBottleneckNoExpansion(BlockCase):
    genes = {"kind": "bottleneck", "expansion": 1, "conv": {"kind": "factorised"}}


class TestBottleneckDG(BlockCase):
    genes = {"kind": "bottleneck", "pointwise_groups": 4, "conv": {"kind": "depthwise"}}


class TestIpBottleneck(BlockCase):
    genes = {"kind": "bottleneck", "conv": {"kind": "separated"}}


class TestSimple(BlockCase):
    genes = {"kind": "simple"}


class TestSimpleD(BlockCase):
    genes = {"kind": "simple", "conv": {"kind": "depthwise"}}


class TestSimpleG(BlockCase):
    genes = {"kind": "simple", "conv": {"kind": "grouped", "groups": 4}}


class TestCtBottleneck(BlockCase):
    genes = {
        "kind": "bottleneck",
        "conv": {"kind": "tensor", "pointwise": True, "excitation": {"kind": "te", "reduction": 2}},
    }


class TestBottleneckSe(BlockCase):
    genes = {"kind": "bottleneck", "excitation": {"kind": "se"}}


class TestSimpleGating(BlockCase):
    genes = {"kind": "simple", "excitation": {"kind": "gating"}}


def convs(part):
    return [leaf for leaf in leaves(part) if isinstance(leaf, Conv)]


def test_bottleneck_dg_leaves_the_shortcut_dense():
    tree = BLOCKS.parse(TestBottleneckDG.genes)(Place(16, 16, (1, 1, 1), (False,)))
    assert [conv.groups for conv in convs(tree)] == [4, 16, 4, 1]


def test_the_operator_carries_the_stride():
    tree = BLOCKS.parse({"kind": "bottleneck"})(Place(16, 16, (2, 2, 2), (False,)))
    assert [conv.stride for conv in convs(tree)] == [(1, 1, 1), (2, 2, 2), (1, 1, 1), (2, 2, 2)]


def test_even_kernels_have_no_sum():
    tree = BLOCKS.parse({"kind": "bottleneck", "conv": {"kind": "dense", "kernel": [2, 3, 3]}})(Place(64, 16))
    with pytest.raises(NasError, match="use kernels of odd size"):
        fold(tree, (64, 4, 8, 8))


def test_no_shortcut_where_nothing_changes():
    assert BLOCKS.parse({"kind": "bottleneck"})(Place(64, 16)).shortcut is None
    assert BLOCKS.parse({"kind": "bottleneck"})(Place(64, 16, (1, 2, 2))).shortcut is not None


def test_each_layer_of_a_simple_block_is_deflated_by_itself():
    tree = BLOCKS.parse({"kind": "simple"})(Place(16, 16, (1, 1, 1), (True, False)))
    assert [conv.kernel for conv in convs(tree)] == [(1, 3, 3), (3, 3, 3)]


def test_blocks_without_temporal_kernels_have_no_spatiotemporal_layer():
    assert BLOCKS.parse({"kind": "simple"}).layers == 2
    assert BLOCKS.parse({"kind": "simple", "conv": {"kind": "dense", "kernel": [1, 3, 3]}}).layers == 0
    steps = {"kind": "steps", "steps": [{"kernel": [1, 3, 3]}, {"kernel": [3, 1, 1]}]}
    assert BLOCKS.parse({"kind": "bottleneck", "conv": steps}).layers == 1
