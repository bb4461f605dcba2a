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
from nas.layers import Conv, leaves

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
    strided = (16, 16)  # (c_in, width) of a place with a stride
    strides = ((1, 1, 1), (2, 2, 2), (1, 2, 2), (2, 1, 1))

    def tree(self, c_in, width, stride, flat):
        raise NotImplementedError

    @pytest.mark.parametrize("flat", [False, True])
    def test_costs_are_torch_s(self, flat):
        for c_in, width in self.widths:
            check(self.tree(c_in, width, (1, 1, 1), flat), c_in)
        for stride in self.strides:
            check(self.tree(*self.strided, stride, flat), self.strided[0])

    def test_odd_clips(self):
        for clip in ((1, 1, 1), (5, 7, 9), (3, 13, 2)):
            check(self.tree(*self.strided, (2, 2, 2), False), 16, clip)

    def test_gradients_reach_the_input_and_every_weight(self):
        module = module_of(self.tree(*self.strided, (2, 2, 2), False))
        x = torch.randn(2, self.strided[0], *CLIP, requires_grad=True)
        module(x).square().sum().backward()
        assert x.grad.abs().sum() > 0
        assert all(p.grad is not None for p in module.parameters())

    def test_deflated_sees_one_frame_and_keeps_its_stride(self):
        flat, full = (self.tree(*self.strided, (2, 2, 2), one) for one in (True, False))
        assert fold(flat, (16, *CLIP)).field.extent[0] == 1
        assert fold(flat, (16, *CLIP)).shape == fold(full, (16, *CLIP)).shape

    def test_the_key_tells_genes_apart(self):
        one, same, flat = (self.tree(16, 16, (1, 1, 1), flat) for flat in (False, False, True))
        assert one.digest == same.digest != flat.digest


class OperatorCase(Case):
    def tree(self, c_in, width, stride, flat):
        return OPERATORS.parse(self.genes)(c_in, width, stride, flat)


class BlockCase(Case):
    def tree(self, c_in, width, stride, flat):
        part = BLOCKS.parse(self.genes)
        return part(Place(c_in, width, stride, (flat,) * BLOCKS.specs[part.kind].layers))

    def test_has_a_convolution_that_sees_space(self):
        convs = [leaf for leaf in leaves(self.tree(16, 16, (1, 1, 1), False)) if isinstance(leaf, Conv)]
        assert any(conv.kernel[1] > 1 for conv in convs)

    def test_narrower_stages_build_what_the_proxy_needs(self):
        for c_in, width in ((8, 8), (8, 16)):
            check(self.tree(c_in, width, (1, 1, 1), False), c_in)
