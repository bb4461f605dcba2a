"""Conv operators: conformance, and what each of them is."""

import pytest
import torch

from nas.blocks import OPERATORS
from nas.build import module_of
from nas.errors import NasError
from nas.layers import Act, Conv, leaves
from tests.blocks.conformance import OperatorCase


class TestDense(OperatorCase):
    genes = {"kind": "dense"}


class TestDenseFive(OperatorCase):
    genes = {"kind": "dense", "kernel": [5, 3, 1]}


class TestGrouped(OperatorCase):
    genes = {"kind": "grouped", "groups": 4}


class TestGroupWidth(OperatorCase):
    genes = {"kind": "grouped", "group_width": 8}


class TestDepthwise(OperatorCase):
    genes = {"kind": "depthwise"}


class TestSeparated(OperatorCase):
    genes = {"kind": "separated", "relu": True}


class TestFactorised(OperatorCase):
    genes = {"kind": "factorised"}


class TestTemporalFirst(OperatorCase):
    genes = {"kind": "factorised", "first": "temporal"}


class TestSteps(OperatorCase):
    genes = {
        "kind": "steps",
        "steps": [
            {"kernel": [1, 1, 1]},
            {"kernel": [1, 3, 3], "group_width": 8},
            {"kernel": [3, 1, 1], "depthwise": True},
        ],
    }


def convs(genes, c_in=16, c_out=16, stride=(2, 2, 2), flat=False):
    return [leaf for leaf in leaves(OPERATORS.parse(genes)(c_in, c_out, stride, flat)) if isinstance(leaf, Conv)]


def test_separated_has_its_pointwise_at_the_input_s_resolution():
    pointwise, filters = convs({"kind": "separated"})
    assert (pointwise.kernel, pointwise.stride, pointwise.groups) == ((1, 1, 1), (1, 1, 1), 1)
    assert (filters.kernel, filters.stride, filters.groups) == ((3, 3, 3), (2, 2, 2), 16)


def test_factorised_strides_in_space_then_in_time():
    spatial, temporal = convs({"kind": "factorised"}, 16, 32)
    assert (spatial.kernel, spatial.stride, spatial.c_out) == ((1, 3, 3), (1, 2, 2), 32)
    assert (temporal.kernel, temporal.stride, temporal.c_in) == ((3, 1, 1), (2, 1, 1), 32)
    assert convs({"kind": "factorised"}, flat=True) == [Conv(16, 16, (1, 3, 3), (2, 2, 2))]


def test_factorised_the_other_way_round_strides_in_time_first():
    temporal, spatial = convs({"kind": "factorised", "first": "temporal"}, 16, 32)
    assert (temporal.kernel, temporal.stride, temporal.c_in, temporal.c_out) == ((3, 1, 1), (2, 1, 1), 16, 32)
    assert (spatial.kernel, spatial.stride, spatial.c_in) == ((1, 3, 3), (1, 2, 2), 32)


def test_depthwise_changes_channels_by_a_pointwise_before_it():
    pointwise, filters = convs({"kind": "depthwise"}, 16, 32)
    assert pointwise == Conv(16, 32)
    assert filters.groups == 32


@pytest.mark.parametrize(("genes", "count"), [({"kind": "separated"}, 0), ({"kind": "separated", "relu": True}, 1)])
def test_relu_between_the_steps_is_a_gene(genes, count):
    assert sum(isinstance(leaf, Act) for leaf in leaves(OPERATORS.parse(genes)(8, 8, (1, 1, 1), False))) == count


def test_groups_of_all_channels_are_depthwise():
    assert convs({"kind": "grouped", "groups": 16}) == convs({"kind": "depthwise"})
    assert convs({"kind": "grouped", "groups": 1}) == convs({"kind": "dense"})


def test_separated_is_the_steps_written_out():
    written = {
        "kind": "steps",
        "relu": False,
        "steps": [{"kernel": [1, 1, 1]}, {"kernel": [3, 3, 3], "depthwise": True}],
    }
    assert convs(written) == convs({"kind": "separated"})
    one, two = (module_of(OPERATORS.parse(genes)(8, 8, (1, 1, 1), False)) for genes in (written, {"kind": "separated"}))
    two.load_state_dict(dict(zip(two.state_dict(), one.state_dict().values(), strict=True)))
    x = torch.randn(2, 8, 4, 6, 6)
    assert torch.equal(one(x), two(x))


@pytest.mark.parametrize(
    ("genes", "c_in", "c_out", "words"),
    [
        ({"kind": "grouped", "groups": 16}, 56, 56, "16 groups do not divide 56 channels.*1 2 4 7 8"),
        ({"kind": "grouped", "group_width": 16}, 56, 56, "does not divide the 56 input channels"),
        ({"kind": "grouped"}, 16, 16, "give groups or group_width"),
        ({"kind": "grouped", "groups": 2, "group_width": 2}, 16, 16, "one of the two"),
        (
            {"kind": "steps", "steps": [{"kernel": [3, 3, 3], "depthwise": True}]},
            8,
            16,
            "cannot turn 8 channels into 16",
        ),
        (
            {"kind": "steps", "steps": [{"kernel": [3, 3, 3], "depthwise": True, "groups": 2}]},
            8,
            8,
            "leave groups",
        ),
        ({"kind": "steps", "steps": []}, 8, 8, "is too short; write 1 or more"),
        ({"kind": "dens"}, 8, 8, "did you mean 'dense'"),
        ({"kind": "dense", "kernel": [3, 3]}, 8, 8, "missing"),
        ({"kind": "dense", "kernel": [3, 3, 0]}, 8, 8, "greater than 0"),
        ({"kind": "dense", "kernel": [3, 3, True]}, 8, 8, "integer"),
        ({"kind": "dense", "kernal": [3, 3, 3]}, 8, 8, "did you mean 'kernel'"),
    ],
)
def test_what_does_not_fit_says_what_would(genes, c_in, c_out, words):
    with pytest.raises(NasError, match=words):
        OPERATORS.parse(genes)(c_in, c_out, (1, 1, 1), False)
