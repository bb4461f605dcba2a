"""What every block and operator must do; a new one's test inherits `BlockCase` or `OperatorCase` and names its genes.

torch on the meta device is the referee of costs: multiply-accumulates are half of what FlopCounterMode counts
in the forward pass (its backward count of grouped convolutions is wrong), params are `numel`.
"""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nas.blocks import BLOCKS, OPERATORS, Place
from nas.build import module_of
from nas.cost import Cost, fold
from nas.layers import leaves

CLIP = (4, 12, 12)


def referee(tree, c_in, clip=CLIP):
    """MACs, params and output shape (c, t, h, w) according to torch."""
    with torch.device("meta"):
        module, x = module_of(tree).eval(), torch.empty(1, c_in, *clip)
    with FlopCounterMode(display=False) as counter:
        shape = tuple(module(x).shape[1:])
    return counter.get_total_flops() // 2, sum(p.numel() for p in module.parameters()), shape


def check(tree, c_in, clip=CLIP):
    counted = fold(tree, (c_in, *clip))
    costs = Cost(*counted.cost)
    assert (costs.macs, costs.params, counted.shape) == referee(tree, c_in, clip)


class Case:
    """Shared by both: `genes` is what YAML would say."""

    genes: dict = {}
    widths = ((16, 16), (16, 32), (32, 16))  # (c_in, width)
    strides = ((1, 1, 1), (2, 2, 2), (1, 2, 2), (2, 1, 1))

    def tree(self, c_in, width, stride, flat):
        raise NotImplementedError

    @pytest.mark.parametrize("flat", [False, True])
    def test_costs_are_torch_s(self, flat):
        for c_in, width in self.widths:
            for stride in self.strides:
                check(self.tree(c_in, width, stride, flat), c_in)

    def test_odd_clips(self):
        for clip in ((1, 1, 1), (5, 7, 9), (3, 13, 2)):
            check(self.tree(16, 16, (2, 2, 2), False), 16, clip)

    def test_gradients_reach_the_input_and_every_weight(self):
        module = module_of(self.tree(16, 16, (2, 2, 2), False))
        x = torch.randn(2, 16, *CLIP, requires_grad=True)
        module(x).square().sum().backward()
        assert x.grad.abs().sum() > 0
        assert all(p.grad is not None for p in module.parameters())

    def test_deflated_sees_one_frame_and_keeps_its_stride(self):
        flat, full = (self.tree(16, 16, (2, 2, 2), one) for one in (True, False))
        assert fold(flat, (16, *CLIP)).field.extent[0] == 1
        assert fold(flat, (16, *CLIP)).shape == fold(full, (16, *CLIP)).shape

    def test_the_key_tells_genes_apart(self):
        assert self.tree(16, 16, (1, 1, 1), False).digest == self.tree(16, 16, (1, 1, 1), False).digest
        assert self.tree(16, 16, (1, 1, 1), False).digest != self.tree(16, 16, (1, 1, 1), True).digest


class OperatorCase(Case):
    def tree(self, c_in, width, stride, flat):
        return OPERATORS.parse(self.genes)(c_in, width, stride, flat)


class BlockCase(Case):
    def tree(self, c_in, width, stride, flat):
        part = BLOCKS.parse(self.genes)
        return part(Place(c_in, width, stride, (flat,) * BLOCKS.specs[part.kind].layers))

    def test_ends_in_a_sum_with_the_input(self):
        assert any(True for _ in leaves(self.tree(16, 16, (1, 1, 1), False)))
        module = module_of(self.tree(64, 16, (1, 1, 1), False)).eval()
        assert module(torch.randn(1, 64, *CLIP)).min() >= 0
