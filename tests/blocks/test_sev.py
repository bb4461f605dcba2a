"""SEVNet's blocks: conformance, the two modules, the ablations."""

import pytest

from nas.blocks import BLOCKS, Place
from nas.errors import NasError
from nas.layers import AvgPool, Concat, Conv, Residual, leaves
from tests.blocks.conformance import BlockCase


class SevCase(BlockCase):
    widths = ((16, 16), (16, 32), (16, 40))
    strided = (16, 32)


class TestSev(SevCase):
    genes = {"kind": "sev", "group_width": 4}


class TestSevSe(SevCase):
    genes = {"kind": "sev", "group_width": 4, "excitation": {"kind": "se", "reduction": 4}}


class TestSevGating(SevCase):
    genes = {"kind": "sev", "excitation": {"kind": "gating"}}


class TestR2plus1d(SevCase):
    genes = {"kind": "sev_r2plus1d"}


class TestR3d(SevCase):
    genes = {"kind": "sev_r3d"}


def tree(c_in, width, stride=(1, 1, 1), **genes):
    return BLOCKS.parse({"kind": "sev", "group_width": 8, **genes})(Place(c_in, width, stride))


def convs(node):
    return [(leaf.c_in, leaf.c_out, leaf.kernel, leaf.groups) for leaf in leaves(node) if isinstance(leaf, Conv)]


def test_the_module_adds_its_input_without_a_relu():
    module = tree(64, 64)
    assert isinstance(module, Residual) and module.act is None and module.shortcut is None
    assert convs(module) == [(64, 64, (1, 1, 1), 1), (64, 64, (1, 3, 3), 8), (64, 64, (3, 1, 1), 1)]


def test_the_downsample_module_keeps_its_channels_and_concatenates_the_averaged_input():
    module = tree(32, 64, (1, 2, 2))
    assert isinstance(module, Concat)
    assert convs(module) == [
        (32, 32, (1, 1, 1), 1),
        (32, 32, (1, 3, 3), 4),
        (32, 32, (3, 1, 1), 1),
        (32, 32, (1, 1, 1), 1),
    ]
    assert [leaf for leaf in leaves(module) if isinstance(leaf, AvgPool)] == [AvgPool((1, 2, 2), (1, 2, 2))]
    assert [leaf.stride for leaf in leaves(module) if isinstance(leaf, Conv)][1] == (1, 2, 2)


@pytest.mark.parametrize(
    ("kind", "inner"),
    [
        ("sev_r2plus1d", [(48, 24, (1, 1, 1), 1), (24, 24, (1, 3, 3), 1), (24, 48, (3, 1, 1), 1)]),
        ("sev_r3d", [(48, 18, (1, 1, 1), 1), (18, 18, (3, 3, 3), 1), (18, 48, (1, 1, 1), 1)]),
    ],
)
def test_the_ablations_narrow_in_the_middle(kind, inner):
    assert convs(BLOCKS.parse({"kind": kind})(Place(48, 48))) == inner
    assert convs(BLOCKS.parse({"kind": kind})(Place(48, 96, (1, 2, 2))))[:3] == inner


def test_excitation_acts_on_the_main_branch_before_the_concatenation():
    module = tree(32, 64, (1, 2, 2), excitation={"kind": "se", "reduction": 4})
    main = dict(module.branches)["main"]
    assert [name for name, _ in main.children][-1] == "excitation_whole"


def test_a_downsample_module_that_would_lose_channels_is_refused():
    with pytest.raises(NasError, match="cannot end at 32.*8G 16G 32G 64G"):
        tree(32, 32, (1, 2, 2))
