"""The tensor operator: conformance, its definition as explicit loops, its special cases, its sizes and shuffles."""

import json
from itertools import product

import pytest
import torch
from torch.nn import functional as F

from nas import genotype, strict_yaml
from nas.blocks import BLOCKS, OPERATORS, Place
from nas.blocks.tensor import axis_sizes, balanced
from nas.build import build, module_of
from nas.cost import cost, fold
from nas.errors import NasError
from nas.layers import Conv, Shuffle, leaves
from nas.network import key
from tests.blocks.conformance import OperatorCase


class TestTwo(OperatorCase):
    genes = {"kind": "tensor"}


class TestThreeSerial(OperatorCase):
    genes = {"kind": "tensor", "dims": 3, "connection": "serial"}


class TestThreeCoupledPointwise(OperatorCase):
    genes = {
        "kind": "tensor",
        "dims": 3,
        "connection": "coupled",
        "pointwise": True,
        "kernels": [[3, 3, 3], [3, 1, 5], [1, 3, 3]],
    }


class TestRest(OperatorCase):
    genes = {"kind": "tensor", "sizes": [4, "rest"], "kernels": [[1, 1, 1], [3, 3, 3]]}


class TestTensorExcitation(OperatorCase):
    genes = {"kind": "tensor", "excitation": {"kind": "te"}}


class TestSerialExcitation(OperatorCase):
    genes = {"kind": "tensor", "connection": "serial", "excitation": {"kind": "te"}, "pointwise": True}


class TestCoupledExcitation(OperatorCase):
    genes = {"kind": "tensor", "connection": "coupled", "excitation": {"kind": "te"}}


class TestSqueezeExcitation(OperatorCase):
    genes = {"kind": "tensor", "excitation": {"kind": "se"}}


def made(c=24, **genes):
    return OPERATORS.parse({"kind": "tensor", **genes})(c, c, (1, 1, 1), False)


def built(tree):
    """The module, evaluating in float64 with norms that do something."""
    torch.manual_seed(0)
    module = module_of(tree).double().eval()
    for norm in (m for m in module.modules() if isinstance(m, torch.nn.BatchNorm3d)):
        for tensor in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
            tensor.uniform_(0.5, 1.5)
    return module


def coordinates(sizes):
    """The index of every channel along each axis: c = c_1 + C_1 * (c_2 + C_2 * ...)."""
    return [tuple(reversed(c)) for c in product(*(range(size) for size in reversed(sizes)))]


def by_definition(x, weight, rows, sizes, axis):
    """A tensor separable convolution as loops: a channel sees the C_k channels that differ from it in c_k alone.

    `weight` is [C, C_k, t, h, w] with the filter of channel c in row `rows[c]`.
    """
    places = {place: c for c, place in enumerate(coordinates(sizes))}
    out = []
    for place, c in places.items():
        seen = [places[(*place[:axis], j, *place[axis + 1 :])] for j in range(sizes[axis])]
        filters = weight[rows[c]]
        total = 0
        for j, other in enumerate(seen):
            kernel = filters[j][None, None]
            total = total + F.conv3d(x[:, other : other + 1], kernel, padding=tuple(k // 2 for k in kernel.shape[2:]))
        out.append(total)
    return torch.cat(out, dim=1)


def normed(y, norm, rows):
    shape = (1, -1, 1, 1, 1)
    mean, var, weight, bias = (
        t[rows].view(shape) for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return F.relu((y - mean) / torch.sqrt(var + norm.eps) * weight + bias)


def rows_of(sizes, order):
    """Where each channel stands when its axes are in `order`, slowest first."""
    places = coordinates(sizes)
    in_order = sorted(range(len(places)), key=lambda c: [places[c][axis] for axis in order])
    rows = [0] * len(places)
    for row, c in enumerate(in_order):
        rows[c] = row
    return rows


SIZES = [(24,), (4, 6), (6, 4), (2, 3, 4), (24, 1), (1, 24), (2, 3, 2, 2)]


@pytest.mark.parametrize("connection", ["parallel", "serial", "coupled"])
@pytest.mark.parametrize("pointwise", [False, True])
@pytest.mark.parametrize("sizes", SIZES)
def test_it_is_its_definition(sizes, connection, pointwise):
    block = BLOCKS.parse(
        {
            "kind": "plain",
            "conv": {"kind": "tensor", "sizes": list(sizes), "connection": connection, "pointwise": pointwise},
        }
    )
    module = built(block(Place(24, 24, flat=(False,))))
    operator, state = module.conv_b, dict(module.named_modules())
    x = torch.randn(2, 24, 3, 4, 4, dtype=torch.float64)
    y, order = x, tuple(axis for axis in reversed(range(len(sizes))) if 1 < sizes[axis] < 24)
    home = list(range(24))
    for axis in range(len(sizes)):
        wanted = (*(a for a in order if a != axis), axis) if axis in order else order
        inside, outside = (rows_of(sizes, o) if o else home for o in (order, wanted))
        if axis and pointwise:
            dense, norm = state[f"conv_b.pointwise{axis}"], state[f"conv_b.pointwise{axis}_norm"]
            weight = dense.weight[outside][:, inside]  # rows and columns by channel
            y = normed(F.conv3d(y, weight), norm, outside)
        order, rows = wanted, outside

        def step(x, conv, norm, axis=axis, rows=rows):
            return normed(by_definition(x, conv.weight, rows, sizes, axis), norm, rows)

        if connection == "parallel":
            branches = getattr(operator, f"axis{axis + 1}") if len(sizes) > 1 else operator
            y = sum(step(y, branch.conv, branch.norm) for branch in branches.values())
            continue
        final = axis == len(sizes) - 1  # its norm is the block's, behind the last shuffle
        names = [
            f"axis{axis + 1}_{part}" for part in (("coupled",) if connection == "coupled" else ("spatial", "temporal"))
        ]
        for name in names:
            alone = len(sizes) == 1 and connection == "coupled"
            conv = operator if alone else getattr(operator, name)
            last = final and name == names[-1]
            y = (
                normed(by_definition(y, conv.weight, rows, sizes, axis), module.norm_b, home)
                if last
                else step(y, conv, getattr(operator, f"{name}_norm"))
            )
    torch.testing.assert_close(module(x), y)


def test_one_axis_is_a_dense_convolution():
    assert made(dims=1, connection="coupled") == OPERATORS.parse({"kind": "dense"})(24, 24, (1, 1, 1), False)


def test_every_output_depends_on_every_input_after_all_axes():
    for sizes in ((4, 6), (2, 3, 4)):
        module = built(made(sizes=list(sizes), connection="coupled"))
        x = torch.randn(1, 24, 1, 1, 1, dtype=torch.float64).abs().add(1).requires_grad_()
        for name, tensor in module.state_dict().items():
            tensor.mul_(0) if name.endswith("running_mean") else tensor.abs_()  # no ReLU is shut
        seen = [torch.autograd.grad(y, x, retain_graph=True)[0].ne(0).sum().item() for y in module(x).flatten()]
        assert seen == [24] * 24


SPECIAL = {
    "C3D": ({"kind": "dense"}, {"sizes": ["rest"], "connection": "coupled"}),
    "R(2+1)D": (
        {"kind": "factorised"},
        {"sizes": ["all", "all"], "kernels": [[1, 3, 3], [3, 1, 1]], "connection": "coupled"},
    ),
    "R(2+1)D, serial": ({"kind": "factorised"}, {"dims": 1, "connection": "serial"}),
    "CSN": (
        {"kind": "separated", "relu": True},
        {"sizes": ["rest", 1], "kernels": [[1, 1, 1], [3, 3, 3]], "connection": "coupled"},
    ),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_cases_are_the_same_function(name):
    direct, tensor = (network(conv) for conv in (SPECIAL[name][0], {"kind": "tensor", **SPECIAL[name][1]}))
    assert cost(direct) == cost(tensor)
    assert key(direct) == key(tensor)
    one, two = (build(each, seed=seed).eval() for seed, each in enumerate((direct, tensor)))
    two.load_state_dict(dict(zip(two.state_dict(), one.state_dict().values(), strict=True)))
    x = torch.randn(2, 3, 4, 32, 32)
    assert torch.equal(one(x), two(x))


def network(conv):
    text = (
        "{classes: 5, input: {frames: 4, size: 32}, stem: {width: 16}, stages: ["
        "{depth: 2, width: 16, stride: [2, 2, 2], block: {kind: bottleneck, conv: CONV}},"
        "{depth: 1, width: 32, stride: [1, 2, 2], block: {kind: simple, conv: CONV}}]}"
    )
    return genotype.parse(strict_yaml.plain(strict_yaml.parse(text.replace("CONV", json.dumps(conv)))))


@pytest.mark.parametrize(
    ("c", "table"),
    [
        (64, [(64,), (8, 8), (4, 4, 4), (4, 4, 2, 2)]),
        (128, [(128,), (16, 8), (8, 4, 4), (4, 4, 4, 2)]),
        (256, [(256,), (16, 16), (8, 8, 4), (4, 4, 4, 4)]),
        (512, [(512,), (32, 16), (8, 8, 8), (8, 4, 4, 4)]),
    ],
)
def test_balanced_sizes_are_the_paper_s(c, table):
    assert [balanced(c, dims) for dims in (1, 2, 3, 4)] == table


def test_sizes_of_other_numbers_of_channels():
    assert balanced(96, 2) == (12, 8)
    assert axis_sizes(96, None, (3, "rest")) == (3, 32)
    assert axis_sizes(96, None, ("all", 12, 8)) == (96, 12, 8)


@pytest.mark.parametrize(
    ("genes", "words"),
    [
        ({"sizes": [16, 3]}, r"sizes \[16, 3\] multiply to 48, the operator has 64 channels.*\[8, 8\]"),
        ({"sizes": ["rest", 5]}, "multiply to 5"),
        ({"sizes": ["rest", "rest"]}, "rest twice"),
        ({"sizes": [8, 8], "dims": 2}, "one of the two"),
        ({"dims": 7}, "64 channels do not split into 7 axes.*1 to 6"),
        ({"kernels": [[3, 3, 3], [3, 3, 3], [1, 1, 1]]}, "3 kernels are given for 2 axes"),
    ],
)
def test_what_does_not_fit_says_what_would(genes, words):
    with pytest.raises(NasError, match=words):
        made(64, **genes)


def shuffles(tree):
    return sum(isinstance(leaf, Shuffle) for leaf in leaves(tree))


def test_channels_are_put_in_order_as_rarely_as_possible():
    assert [shuffles(made(64, dims=dims)) for dims in (1, 2, 3, 4)] == [0, 2, 3, 4]
    assert shuffles(made(64, dims=2, pointwise=True)) == 1  # the 1x1x1 learns in the next order
    assert shuffles(made(64, sizes=["rest", 1])) == 0
    for pointwise, expected in ((False, 1), (True, 0)):  # the bottleneck's last 1x1x1 learns in any order
        conv = {"kind": "tensor", "pointwise": pointwise}
        assert shuffles(BLOCKS.parse({"kind": "bottleneck", "conv": conv})(Place(64, 64))) == expected


def test_kernels_may_differ_by_axis_and_stand_in_both_branches():
    tree = made(64, kernels=[[1, 1, 1], [3, 5, 5]])
    assert [leaf.kernel for leaf in leaves(tree) if isinstance(leaf, Conv)] == [
        (1, 1, 1), (1, 1, 1), (1, 5, 5), (3, 1, 1),
    ]  # fmt: skip


def test_costs_are_the_paper_s_formula():
    """T H W C sum_k C_k S_k."""
    sums = fold(made(64, dims=2), (64, 8, 14, 14)).cost
    assert sums[0] == 8 * 14 * 14 * 64 * (8 + 8) * 12
