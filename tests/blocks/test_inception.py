"""Blocks of I3D and S3D: conformance, channels, what deflation and gates do to the branches."""

import pytest

from nas.blocks import BLOCKS, Place
from nas.errors import NasError
from nas.layers import Conv, Pool, Scale, children, leaves
from nas.network import out_channels
from tests.blocks.conformance import BlockCase

CHANNELS = [64, 96, 128, 16, 32, 32]  # 3b


class TestInception(BlockCase):
    genes = {"kind": "inception", "channels": CHANNELS}


class TestSeparableInception(BlockCase):
    genes = {"kind": "inception", "channels": CHANNELS, "conv": {"kind": "factorised", "first": "temporal"}}


class TestGatedInception(BlockCase):
    genes = {"kind": "inception", "channels": CHANNELS, "excitation": {"kind": "gating"}}


class TestTensorInception(BlockCase):
    genes = {"kind": "inception", "channels": [16, 16, 16, 16, 16, 16], "conv": {"kind": "tensor", "dims": 1}}


class TestPlain(BlockCase):
    genes = {"kind": "plain", "pointwise": True}


class TestPlainGated(BlockCase):
    genes = {"kind": "plain", "excitation": {"kind": "se", "reduction": 4}}


def tree(width=256, flat=False, **genes):
    return BLOCKS.parse({"kind": "inception", "channels": CHANNELS, **genes})(Place(192, width, flat=(flat,)))


def scales(node):
    return [node] * isinstance(node, Scale) + [found for child in children(node) for found in scales(child)]


def test_channels_are_the_paper_s_at_its_width_and_in_proportion_elsewhere():
    for width, expected in ((256, CHANNELS), (64, [16, 24, 32, 4, 8, 8])):
        convs = [leaf.c_out for leaf in leaves(tree(width)) if isinstance(leaf, Conv)]
        assert convs == expected
        assert out_channels(tree(width), 192) == width


def test_a_deflated_block_pools_in_space_alone():
    for flat, kernel in ((False, (3, 3, 3)), (True, (1, 3, 3))):
        assert [leaf.kernel for leaf in leaves(tree(flat=flat)) if isinstance(leaf, Pool)] == [kernel]
        assert [leaf.kernel for leaf in leaves(tree(flat=flat)) if isinstance(leaf, Conv)].count(kernel) == 2


def test_gates_stand_behind_each_of_the_four_branches():
    assert len(scales(tree(excitation={"kind": "gating"}))) == 4
    assert len(scales(tree(excitation={"kind": "te", "axis": 8}))) == 12


def test_channels_are_six_numbers():
    with pytest.raises(NasError, match=r"\[64, 96\] is too short: value 3"):
        BLOCKS.parse({"kind": "inception", "channels": [64, 96]})
