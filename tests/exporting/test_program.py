"""A .pt2 file gives the same scores for any number of clips, and one that holds more than tensors is not loaded."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import pytest
import torch

from nas import user_blocks
from nas.errors import NasError
from nas.exporting import comparing, onnx_file, program
from tests.exporting.networks import clips, network, trained

SHAPE = (4, 17, 17)
GENOTYPE = network(
    {"depth": 2, "width": 16, "stride": [1, 2, 2], "block": {"kind": "bottleneck", "conv": {"kind": "depthwise"}}},
    {"depth": 1, "width": 96, "stride": [2, 2, 2], "block": {"kind": "sev", "excitation": {"kind": "se"}}},
    head={"average": [2, 7, 7]},
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A network and its program."""
    path = tmp_path_factory.mktemp("program") / "network.pt2"
    model = trained(GENOTYPE)
    program.write(model, path, SHAPE)
    return model, path


def spoiled(path, folder, change):
    """A copy of the archive in which `change` gets the name and bytes of each file, and gives other bytes or None."""
    target = folder / "spoiled.pt2"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            data = change(item.filename.partition("/")[2], old.read(item))
            if data is not None:
                new.writestr(item.filename, data)
    return target


def test_the_scores_are_the_same_for_any_number_of_clips(written):
    model, path = written
    read = program.read(path)
    assert comparing.difference(model, read, SHAPE) <= comparing.LARGEST
    with torch.inference_mode():
        assert read(clips(GENOTYPE, 7)).shape == (7, 5)


def test_clips_of_another_shape_are_refused_by_torch(written):
    with pytest.raises(RuntimeError, match="shape"):
        program.read(written[1])(torch.zeros(1, 3, 5, 17, 17))


def test_no_path_of_this_machine_is_in_the_file(written):
    with zipfile.ZipFile(written[1]) as archive:
        texts = b"".join(archive.read(item) for item in archive.infolist() if item.filename.endswith(".json"))
    assert b"site-packages" not in texts and b".py" not in texts and b"stack_trace" not in texts


def test_a_file_that_is_cut_off_is_one_line(written, tmp_path):
    (tmp_path / "network.pt2").write_bytes(written[1].read_bytes()[:5000])
    with pytest.raises(NasError, match="is cut off or not a .pt2 file"):
        program.read(tmp_path / "network.pt2")


class Ran(Exception):
    """What a file that was run raises."""


class Bomb:
    """An object whose unpickling runs code."""

    def __reduce__(self):
        return exec, ("from tests.exporting.test_program import Ran\nraise Ran",)


def test_pickled_inputs_weights_and_constants_are_not_read(written, tmp_path):
    def inputs(name, data):
        return pickle.dumps(Bomb()) if name == program.EMPTY else data

    def weights(name, data):
        if name.startswith("data/weights/weight_"):
            return pickle.dumps(Bomb())
        return data.replace(b'"use_pickle": false', b'"use_pickle": true') if program.CONFIG.fullmatch(name) else data

    for change in (inputs, weights):
        with pytest.raises(NasError, match="is not a program that nas export wrote: it holds"):
            program.read(spoiled(written[1], tmp_path, change))


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told | {"guards_code": ["__import__('os').system('true')"]},
        lambda told: with_operator(told, "os.system"),
        lambda told: with_operator(told, "torch.ops.higher_order.cond"),
        lambda told: with_text(told, "expr_str", "__import__('os').getpid()"),
        lambda told: with_text(told, "forward_arg_names", ["x=print(1)"]),
        lambda told: with_text(told, "as_string", "a\nb"),
    ],
)
def test_code_operators_of_others_and_expressions_are_not_run(written, tmp_path, change):
    def other(name, data):
        return json.dumps(change(json.loads(data))).encode() if name == program.MODEL else data

    with pytest.raises(NasError, match="is not a program that nas export wrote"):
        program.read(spoiled(written[1], tmp_path, other))


def with_operator(told, name):
    told["graph_module"]["graph"]["nodes"][0]["target"] = name
    return told


def with_text(told, key, text):
    told["graph_module"]["graph"]["nodes"][0]["metadata"] = {key: text}
    return told


def test_compiled_code_beside_the_program_is_refused(written, tmp_path):
    target = spoiled(written[1], tmp_path, lambda name, data: data)
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("archive/data/aotinductor/model/model.so", b"\x7fELF")
    with pytest.raises(NasError, match="it holds archive/data/aotinductor"):
        program.read(target)


def test_a_block_that_is_a_module_of_the_user_s_is_exported_by_torch_and_to_onnx(tmp_path):
    (tmp_path / "own_modules.py").write_text(
        "from torch import nn\nfrom nas.blocks import Place, block\n\n\n"
        "@block('own module')\ndef own(at: Place) -> nn.Module:\n"
        "    return nn.Sequential(nn.Conv3d(at.c_in, at.width, 3, at.stride, 1), nn.GELU())\n"
    )
    user_blocks.load(tmp_path / "own_modules.py")
    model = trained(network({"depth": 2, "width": 16, "stride": [1, 2, 2], "block": {"kind": "own module"}}))
    program.write(model, tmp_path / "network.pt2", SHAPE)
    onnx_file.write(model, tmp_path / "network.onnx", SHAPE)
    for other in (program.read(tmp_path / "network.pt2"), onnx_file.Session(tmp_path / "network.onnx")):
        assert comparing.difference(model, other, SHAPE) <= comparing.LARGEST


def test_what_torch_itself_writes_with_inputs_is_refused_too(written, tmp_path):
    x = torch.randn(2, 3, *SHAPE)
    with torch.no_grad():
        saved = torch.export.export(written[0], (x,))
    buffer = io.BytesIO()
    torch.export.save(saved, buffer)
    (tmp_path / "other.pt2").write_bytes(buffer.getvalue())
    with pytest.raises(NasError, match="is not a program that nas export wrote"):
        program.read(tmp_path / "other.pt2")
