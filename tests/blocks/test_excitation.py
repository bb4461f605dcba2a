"""Gates: what they compute, and on which averages."""

import pytest
import torch
from torch.nn import functional as F

from nas.blocks import BLOCKS, EXCITATIONS, OPERATORS, Place
from nas.build import initialise, module_of
from nas.cost import fold
from nas.errors import NasError

X = torch.randn(2, 16, 4, 6, 6, generator=torch.Generator().manual_seed(0))


def gates(c=16, size=None, **genes):
    return EXCITATIONS.parse(genes)(c, size)


def built(node):
    torch.manual_seed(0)
    module = module_of(node).eval()
    initialise(module)
    return module


def test_squeeze_excitation_is_two_layers_on_the_global_average():
    module = built(gates(kind="se", reduction=4).whole)
    gate = module.gate
    inner = F.relu(F.linear(X.mean((2, 3, 4)), gate.reduce.weight, gate.reduce.bias))
    weight = torch.sigmoid(F.linear(inner, gate.expand.weight, gate.expand.bias))
    torch.testing.assert_close(module(X), X * weight[:, :, None, None, None])
    assert gate.reduce.out_features == 4


def test_feature_gating_is_one_square_layer():
    module = built(gates(kind="gating").whole)
    weight = torch.sigmoid(F.linear(X.mean((2, 3, 4)), module.gate.linear.weight, module.gate.linear.bias))
    torch.testing.assert_close(module(X), X * weight[:, :, None, None, None])


@pytest.mark.parametrize(
    ("place", "axes", "kernel"),
    [("spatial", 2, (1, 3, 3)), ("temporal", (3, 4), (3, 1, 1)), ("whole", (3, 4), (1, 1, 1))],
)
def test_tensor_excitation_convolves_averages_along_the_axis(place, axes, kernel):
    module = built(getattr(gates(kind="te", size=8), place))
    reduce, expand = module.gate.reduce, module.gate.expand
    assert (reduce.kernel_size, reduce.groups, reduce.out_channels, expand.groups) == (kernel, 2, 4, 2)
    pooled = X.mean(axes, keepdim=True)
    inner = F.relu(module.gate.norm(reduce(pooled)))
    torch.testing.assert_close(module(X), X * torch.sigmoid(expand(inner)))


def test_every_block_takes_every_excitation():
    channels = {"channels": [16, 16, 16, 16, 16, 16]}
    genes = {
        "bottleneck": {},
        "simple": {},
        "plain": {},
        "inception": channels,
        "sev": {},
        "sev_r2plus1d": {},
        "sev_r3d": {},
    }
    for kind, more in genes.items():
        part = BLOCKS.parse({"kind": kind, **more})
        bare = fold(part(Place(16, 64, flat=(False, False))), (16, 4, 8, 8)).cost
        for excitation in ({"kind": "se"}, {"kind": "te", "axis": 16}, {"kind": "gating"}):
            node = BLOCKS.parse({"kind": kind, "excitation": excitation, **more})(Place(16, 64, flat=(False, False)))
            assert fold(node, (16, 4, 8, 8)).cost[2] > bare[2], (kind, excitation)
            assert module_of(node).eval()(X).shape[1] == (256 if kind == "bottleneck" else 64)


def test_axes_that_the_reduction_does_not_divide_are_refused():
    with pytest.raises(NasError, match=r"multiple of 4 channels, C_k = 2.*smaller reduction"):
        OPERATORS.parse({"kind": "tensor", "dims": 3, "excitation": {"kind": "te"}})(16, 16, (1, 1, 1), False)
    with pytest.raises(NasError, match="axis = 5 does not divide 16"):
        gates(kind="te", axis=5)
