"""Blocks, operators and convolutions in words, for each kind that there is."""

import doctest

import pytest

from nas.blocks import BLOCKS, OPERATORS, Place
from nas.layers import Conv
from nas.plots import block_words
from nas.plots.block_words import conv_words, operator_words, part_words


def test_the_examples_hold():
    assert not doctest.testmod(block_words).failed


@pytest.mark.parametrize(
    ("genes", "told"),
    [
        ({"kind": "dense", "kernel": (1, 3, 3)}, "dense 1×3×3"),
        ({"kind": "grouped", "groups": 8}, "grouped 3×3×3, 8 groups"),
        ({"kind": "separated", "relu": True}, "separated 3×3×3, relu"),
        ({"kind": "factorised", "first": "temporal"}, "factorised 3×3×3, first temporal"),
        ({"kind": "tensor", "sizes": ("rest", 4), "connection": "serial"}, "tensor 3×3×3, 64 = 16·4 serial"),
        ({"kind": "tensor", "dims": 3, "excitation": {"kind": "te"}}, "tensor 3×3×3, 64 = 4·4·4 parallel, te"),
        ({"kind": "tensor", "dims": 2, "kernels": ((3, 3, 3), (1, 5, 5))}, "tensor 3×3×3 1×5×5, 64 = 8·8 parallel"),
        (
            {
                "kind": "steps",
                "steps": ({"kernel": (1, 3, 3), "group_width": 8}, {"kernel": (3, 1, 1), "depthwise": True}),
            },
            "steps, steps [1×3×3 in groups of 8 channels] [3×1×1 depthwise]",
        ),
    ],
)
def test_operators(genes, told):
    assert operator_words(OPERATORS.parse(genes), 64) == told


@pytest.mark.parametrize(
    ("genes", "told"),
    [
        ({"kind": "simple"}, "simple · dense 3×3×3 · width 64"),
        ({"kind": "bottleneck", "pointwise_groups": 4}, "bottleneck ×4 · pointwise_groups 4 · dense 3×3×3 · width 64"),
        ({"kind": "sev", "group_width": 4}, "sev · 3×3×3 · in groups of 4 channels · width 64"),
        ({"kind": "sev_r3d", "shrink": 2.0}, "sev_r3d · 3×3×3 · shrink 2.0 · width 64"),
        (
            {"kind": "inception", "channels": (1, 2, 3, 4, 5, 6), "conv": {"kind": "tensor", "sizes": ("rest", 4)}},
            "inception · channels 1 2 3 4 5 6 · tensor 3×3×3, sizes rest·4 parallel · width 64",
        ),
        (
            {"kind": "plain", "pointwise": True, "excitation": {"kind": "gating"}},
            "plain · pointwise · dense 3×3×3 · width 64 · gating",
        ),
    ],
)
def test_blocks(genes, told):
    assert part_words(BLOCKS.parse(genes), Place(64, 64)) == told


def test_convolutions():
    assert conv_words(Conv(8, 8, (3, 3, 3), groups=8)) == "3×3×3 convolution, 8 to 8 channels, depthwise"
    assert conv_words(Conv(8, 16)) == "1×1×1 convolution, 8 to 16 channels"
