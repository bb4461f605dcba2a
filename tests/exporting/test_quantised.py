"""8-bit files: what has 8 bits and what 16, that they tell classes apart, that onnxruntime computes what they say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from nas.build import build
from nas.errors import NasError
from nas.exporting import comparing, onnx_file, quantised
from tests.exporting.networks import network

SHAPE = (4, 16, 16)
SEV = network({"depth": 2, "width": 32, "stride": [1, 2, 2], "block": {"kind": "sev", "group_width": 8}}, classes=2)

pytestmark = pytest.mark.usefixtures("one_thread")


def rising(count, seed=0):
    """Clips that become brighter (class 1) or darker (class 0), under noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(2, (count,), generator=generator)
    ramp = torch.linspace(-1, 1, SHAPE[0])[None, None, :, None, None] * (2 * labels - 1)[:, None, None, None, None]
    return ramp + torch.randn(count, 3, *SHAPE, generator=generator), labels


@pytest.fixture(scope="module")
def learnt():
    """A network that has learnt to tell them apart."""
    torch.set_num_threads(1)
    model = build(SEV, seed=0).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for step in range(40):
        x, labels = rising(16, step)
        nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


@pytest.fixture(scope="module")
def files(learnt, tmp_path_factory):
    """Its ONNX file, the 8-bit one, and how that came out."""
    folder = tmp_path_factory.mktemp("quantised")
    onnx_file.write(learnt, folder / "whole.onnx", SHAPE)
    made = quantised.write(folder / "whole.onnx", folder / "small.onnx", calibration())
    return folder / "whole.onnx", folder / "small.onnx", made


def calibration():
    return [rising(16, seed)[0] for seed in range(100, 104)]


def activations(path):
    """The types of all numbers that activations are rounded to."""
    model = onnx.load(path)
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {tensors[node.input[2]].dtype for node in model.graph.node if node.op_type == "QuantizeLinear"}


def test_it_still_tells_the_classes_apart(learnt, files):
    x, labels = rising(200, seed=999)
    with torch.no_grad():
        before = (learnt(x).argmax(1) == labels).float().mean()
    after = (onnx_file.Session(files[1])(x).argmax(1) == labels).float().mean()
    assert before > 0.95 and after > before - 0.03


def test_onnxruntime_computes_what_the_file_says(files):
    whole, small, made = files
    x, _ = rising(32, seed=5)
    plain = onnx_file.Session(small, optimised=False)(x)
    assert comparing.relative(onnx_file.Session(small)(x), plain) < quantised.LARGEST
    assert comparing.relative(plain, onnx_file.Session(whole)(x)) < 0.2 and made.fused < quantised.LARGEST


def test_weights_are_8_bit_with_a_scale_per_channel_and_activations_signed(files):
    model = onnx.load(files[1])
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made_by = {node.output[0]: node for node in model.graph.node}
    for conv in (node for node in model.graph.node if node.op_type == "Conv"):
        weights, scales = (tensors[name] for name in made_by[conv.input[1]].input[:2])
        assert weights.dtype == np.int8 and scales.shape == weights.shape[:1]
        assert tensors[made_by[conv.input[0]].input[2]].dtype == np.int8
    assert Counter(node.op_type for node in model.graph.node)["QuantizeLinear"] > 10


def test_8_bits_are_enough_where_clips_keep_their_class(files):
    _, small, made = files
    assert made.activations == "int8" and activations(small) == {np.dtype(np.int8)}
    assert list(made.kept) == ["int8"] and made.kept["int8"] > 0.95


def test_where_8_bits_lose_the_classes_activations_get_16(learnt, tmp_path):
    """A channel that nothing depends on is so large that all others are below the steps of 8 bits."""
    spread, gathered = nn.Conv3d(3, 4, 1, bias=False), nn.Conv3d(4, 3, 1, bias=False)
    with torch.no_grad():
        spread.weight.copy_(torch.eye(4, 3)[..., None, None, None]).data[3] = 3000
        gathered.weight.copy_(torch.eye(3, 4)[..., None, None, None])
    model = nn.Sequential(spread, gathered, learnt).eval()
    onnx_file.write(model, tmp_path / "whole.onnx", SHAPE)
    made = quantised.write(tmp_path / "whole.onnx", tmp_path / "small.onnx", calibration())
    assert made.activations == "int16" and activations(tmp_path / "small.onnx") == {np.dtype(np.int16)}
    assert made.kept["int8"] < quantised.KEPT < 0.9 < made.kept["int16"] and made.fused < 0.01
    x, labels = rising(200, seed=999)
    assert (onnx_file.Session(tmp_path / "small.onnx")(x).argmax(1) == labels).float().mean() > 0.9


def test_any_number_of_clips_passes(files):
    session = onnx_file.Session(files[1])
    assert [session(torch.zeros(count, 3, *SHAPE)).shape[0] for count in (1, 5)] == [1, 5]


def test_what_onnxruntime_computes_wrongly_is_not_let_out(files, monkeypatch):
    monkeypatch.setattr(quantised, "LARGEST", -1.0)
    with pytest.raises(NasError, match="computes the 8-bit network wrongly"):
        quantised._run_both_ways(files[1], [rising(8)[0]])


def test_nothing_is_printed(learnt, files, tmp_path, capfd):
    quantised.write(files[0], tmp_path / "again.onnx", [rising(8)[0]])
    assert capfd.readouterr() == ("", "")
