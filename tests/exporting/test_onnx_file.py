"""ONNX files give PyTorch's scores in onnxruntime, for any number of clips, and say nothing of this machine."""

from __future__ import annotations

import sys

import onnx
import pytest
import torch

from nas.errors import NasError
from nas.exporting import comparing, onnx_file
from tests.exporting.networks import network, trained

SHAPE = (5, 18, 18)
# A block of each family, with odd sizes in front of its poolings; gates of each kind, shuffles, a head of windows.
EVERYTHING = network(
    {"depth": 1, "width": 16, "stride": [2, 2, 2], "block": {
        "kind": "bottleneck", "conv": {"kind": "depthwise"}, "excitation": {"kind": "se"}}},
    {"depth": 1, "width": 16, "block": {
        "kind": "bottleneck", "expansion": 1,
        "conv": {"kind": "tensor", "dims": 2, "connection": "coupled", "excitation": {"kind": "te"}}}},
    {"depth": 1, "width": 32, "pool": {"kernel": [2, 2, 2], "stride": [1, 2, 2]}, "block": {
        "kind": "inception", "channels": [8, 8, 8, 8, 8, 8], "conv": {"kind": "factorised"},
        "excitation": {"kind": "gating"}}},
    {"depth": 1, "width": 48, "stride": [2, 2, 2], "block": {"kind": "sev"}},
    head={"average": [2, 7, 7]},
)  # fmt: skip
SMALL = network({"kind": "bottleneck", "conv": {"kind": "depthwise"}})

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A network and its ONNX file."""
    path = tmp_path_factory.mktemp("onnx") / "network.onnx"
    model = trained(SMALL)
    onnx_file.write(model, path, SHAPE)
    return model, path


def test_a_network_with_something_of_every_family_agrees(tmp_path):
    model = trained(EVERYTHING)
    onnx_file.write(model, tmp_path / "network.onnx", SHAPE)
    measured = comparing.difference(model, onnx_file.Session(tmp_path / "network.onnx"), SHAPE)
    assert measured <= comparing.LARGEST, measured


def test_any_number_of_clips_passes_and_other_sizes_do_not(small):
    session = onnx_file.Session(small[1])
    for count in (1, 4, 9):
        assert session(torch.zeros(count, 3, *SHAPE)).shape == (count, 5)
    with pytest.raises(Exception, match="Got invalid dimensions"):
        session(torch.zeros(1, 3, 4, 18, 18))


def test_the_file_is_of_a_known_version_and_of_one_piece(small):
    model = onnx.load(small[1], load_external_data=False)
    assert [(one.domain, one.version) for one in model.opset_import if not one.domain] == [("", onnx_file.OPSET)]
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["clips", "scores"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_norms_are_folded_into_convolutions(small):
    assert not {node.op_type for node in onnx.load(small[1]).graph.node} & {"BatchNormalization"}


def test_no_path_of_this_machine_is_in_the_file(small):
    data = small[1].read_bytes()
    assert b"site-packages" not in data and b".py" not in data and b"nas.build" not in data


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime", "onnxscript"])
def test_a_package_that_is_not_installed_is_one_line(monkeypatch, tmp_path, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(NasError, match=rf"package {missing} is not installed.*pip install 'video-nas\[export\]'"):
        onnx_file.write(trained(SMALL), tmp_path / "network.onnx", SHAPE)
    assert not (tmp_path / "network.onnx").exists()


def test_another_network_is_told_from_rounding(small):
    other = trained(SMALL)
    with torch.no_grad():
        next(other.parameters()).mul_(1.01)
    measured = comparing.difference(other, onnx_file.Session(small[1]), SHAPE)
    with pytest.raises(NasError, match="network.onnx gives other scores than PyTorch"):
        comparing.require(measured, "network.onnx")


def test_scores_that_are_no_numbers_are_no_rounding():
    with pytest.raises(NasError, match="gives other scores"):
        comparing.require(comparing.relative(torch.tensor([torch.nan]), torch.tensor([1.0])), "it")


def test_a_file_that_is_cut_off_is_one_line(small, tmp_path):
    (tmp_path / "network.onnx").write_bytes(small[1].read_bytes()[:3000])
    with pytest.raises(NasError, match="cannot be read by onnxruntime"):
        onnx_file.Session(tmp_path / "network.onnx")
