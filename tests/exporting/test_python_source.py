"""The generated file computes what our network computes, to the last bit, with torch alone, and can be read."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nas import checkpoint, content, genotype, user_blocks
from nas.build import module_of
from nas.errors import NasError
from nas.exporting import parts
from nas.exporting.python_source import LAST, OPTIONAL, source
from nas.exporting.writer import _LEAVES
from nas.genotype import Clip
from nas.layers import LEAVES
from nas.network import network as tree_of
from nas.scale import scale
from tests.exporting.networks import clips, network, trained, written

MODELS = sorted(path.stem for path in (Path(__file__).parents[2] / "models").glob("*.yaml"))
TENSOR, TE = {"kind": "tensor", "dims": 2}, {"kind": "te"}
# What no published network has: further kinds, connections, excitations in other places, strides, heads.
OTHERS = {
    "serial": network({"kind": "bottleneck", "conv": {**TENSOR, "connection": "serial", "excitation": {"kind": "se"}}}),
    "coupled": network({"kind": "simple", "conv": {**TENSOR, "connection": "coupled", "excitation": {"kind": "te"}}}),
    "three axes": network({"kind": "simple", "conv": {"kind": "tensor", "dims": 3, "connection": "coupled"}}),
    "four axes": network({"kind": "simple", "conv": {"kind": "tensor", "dims": 4, "pointwise": True}}),
    "gates": network(
        {"kind": "simple", "conv": {**TENSOR, "excitation": {"kind": "te"}}, "excitation": {"kind": "te"}}
    ),
    "gating": network({"kind": "bottleneck", "conv": {"kind": "separated"}, "excitation": {"kind": "gating"}}),
    "steps": network(
        {"kind": "simple", "conv": {"kind": "steps", "steps": [{"kernel": [1, 3, 3], "group_width": 4}] * 2}}
    ),
    "strided": network(
        {"depth": 2, "width": 24, "stride": [2, 1, 2], "block": {"kind": "simple", "conv": {"kind": "factorised"}}},
        {"depth": 2, "width": 48, "stride": [1, 2, 2], "block": {"kind": "simple", "conv": {"kind": "factorised"}}},
    ),
    "pools": network(
        {"depth": 1, "width": 16, "pool": {"kernel": [8, 2, 2], "stride": [2, 2, 2]}, "block": {"kind": "plain"}},
        {"depth": 1, "width": 16, "pool": {"kernel": [3, 3, 3], "stride": [1, 2, 2]}, "block": {"kind": "plain"}},
        head={"average": [2, 7, 7]},
    ),
    "deflated": network(*[{"kind": "simple", "conv": {"kind": "factorised"}}] * 3, deflation={"keep": 2}),
    "deflated at the top": network(
        *[{"kind": "bottleneck", "conv": {"kind": "depthwise"}}] * 2, deflation={"keep": "50%", "end": "bottom"}
    ),
    "groups": network(
        {"kind": "bottleneck", "conv": {"kind": "grouped", "groups": 2}, "pointwise_groups": 2},
        {"kind": "bottleneck", "conv": {"kind": "grouped", "groups": 8}, "pointwise_groups": 4},
    ),
    "a branch that is a block elsewhere": network(
        {"kind": "inception", "channels": [8, 8, 8, 8, 8, 8], "conv": {"kind": "factorised"}},
        {"kind": "plain", "pointwise": True, "conv": {"kind": "factorised"}},
    ),
    "one block": network({"depth": 1, "width": 8, "block": {"kind": "bottleneck", "expansion": 1}}),
}
TORCH_ALONE = """
import sys
ALLOWED = {ALLOWED}
class OnlyTorch:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"{name} is not torch", name=name)
sys.meta_path.insert(0, OnlyTorch())
sys.path += {PLACES}
import torch
torch.set_num_threads(1)
import network
assert not {"nas", "numpy", "safetensors"} & set(sys.modules), sorted(sys.modules)
clips = torch.randn(3, 3, *network.CLIP, generator=torch.Generator().manual_seed(2))
with torch.no_grad():
    print(network.load()(clips).tolist())
"""
# torch and what it requires, as its wheel says.
REQUIRED = {
    "torch", "torchgen", "functorch", "filelock", "typing_extensions", "sympy", "mpmath", "networkx", "jinja2",
    "markupsafe", "fsspec", "setuptools", "_distutils_hack",
}  # fmt: skip

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("name", MODELS)
def test_a_published_network_is_written_whole(name):
    found = genotype.load(content.find(name, "models"))
    with torch.device("meta"):
        ours, theirs = module_of(tree_of(found)), written(found).Network()
    shapes = [{key: value.shape for key, value in one.state_dict().items()} for one in (ours, theirs)]
    assert list(shapes[0].items()) == list(shapes[1].items())


@pytest.mark.parametrize("name", MODELS)
def test_a_smaller_one_gives_the_same_scores(name):
    whole = genotype.load(content.find(name, "models"))
    same_scores(scale(whole, width=0.125, depth=0.34, clip=Clip(frames=5, size=33), classes=7)[0])


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_else_a_genotype_may_say_gives_the_same_scores(name):
    same_scores(OTHERS[name])


def same_scores(found):
    ours, module = trained(found), written(found)
    theirs = module.Network()
    theirs.load_state_dict(ours.state_dict())
    theirs.eval().to(memory_format=torch.channels_last_3d)
    x = clips(found)
    with torch.no_grad():
        assert torch.equal(theirs(x.clone()), ours(x))
        short = x[:, :, :1, :9, :9]
        assert torch.equal(theirs(short.clone()), ours(short))


def test_every_leaf_is_known():
    assert set(_LEAVES) == set(LEAVES)


def test_training_works_with_the_number_of_classes_and_the_dropout_that_are_asked_for():
    module = written(OTHERS["gating"], dropout=0.25)
    made = module.Network(classes=3)
    assert made.head.drop.p == 0.25 and module.Network(dropout=0.5).head.drop.p == 0.5
    scores = made(clips(OTHERS["gating"]))
    scores.sum().backward()
    assert scores.shape == (2, 3) and all(p.grad is not None for p in made.parameters())


def test_torch_alone_gives_the_same_bits(tmp_path):
    found = OTHERS["gates"]
    (tmp_path / "network.py").write_text(source(found, name="gates"))
    model = trained(found)
    checkpoint.save_weights(tmp_path / "weights.safetensors", model, {"name": "gates"})
    places = [str(tmp_path), *(path for path in sys.path if path.endswith("site-packages"))]
    code = TORCH_ALONE.replace("{ALLOWED}", repr(REQUIRED | {"network"})).replace("{PLACES}", repr(places))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    with torch.no_grad():
        assert ast.literal_eval(done.stdout) == model(clips(found, 3)).tolist()


@pytest.mark.parametrize("refused", ["nas", "numpy", "safetensors"])
def test_what_torch_does_not_require_is_really_refused_in_that_test(refused):
    code = TORCH_ALONE.partition("import torch\n")[0] + f"\nimport {refused}"
    places = [path for path in sys.path if path.endswith("site-packages")]
    code = code.replace("{ALLOWED}", repr(REQUIRED)).replace("{PLACES}", repr(places))
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and f"{refused} is not torch" in done.stderr


def test_the_file_runs_as_a_program(tmp_path):
    (tmp_path / "network.py").write_text(source(OTHERS["pools"], name="pools"))
    checkpoint.save_weights(tmp_path / "weights.safetensors", trained(OTHERS["pools"]), {})
    done = subprocess.run([sys.executable, tmp_path / "network.py"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("tensor([[")


def test_weights_are_read_as_they_were_written(tmp_path):
    state = {"a.weight": torch.randn(2, 3), "b": torch.tensor(7), "c": torch.randn(1)}
    holder = torch.nn.Module()
    holder.state_dict = lambda: state
    checkpoint.save_weights(tmp_path / "weights.safetensors", holder, {"name": "größer"})
    read = parts.read_weights(tmp_path / "weights.safetensors")
    assert read.keys() == state.keys() and all(torch.equal(read[name], state[name]) for name in state)


def test_large_networks_are_short_and_lines_are_not_long():
    for name, most in (("resnet3d-152", 150), ("ct-net-r101", 260), ("s3d-g", 240), ("sevnet-g8", 180)):
        lines = source(genotype.load(content.find(name, "models")), name=name).splitlines()
        assert len(lines) < most, (name, len(lines))
        assert max(map(len, lines)) <= 120, name


def test_only_what_is_used_is_there():
    texts = [source(found, name=name) for name, found in OTHERS.items()]
    for text in texts:
        tree = ast.parse(text)
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        made = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        for part in OPTIONAL:
            assert (part in made) == (part in names), part
        imported = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                    for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)}  # fmt: skip
        assert imported <= {"json", "collections", "functools", "pathlib", "torch", "torch.nn"} and set(LAST) <= made
        assert ("partial" in names) == ("functools" in imported)
    for part in OPTIONAL:
        assert any(f"\ndef {part}(" in text or f"\nclass {part}(" in text for text in texts), part


def test_a_name_cannot_leave_the_docstring():
    found = OTHERS["one block"]
    hostile = 'trial """\nimport os  # \\'
    tree = ast.parse(source(found, name=hostile))
    assert ast.get_docstring(tree).startswith("trial     import os  #  : a video network of 5 classes")
    assert "os" not in {node.names[0].name for node in tree.body if isinstance(node, ast.Import)}


BLOCKS = """
from torch import nn
from nas.blocks import Place, block
from nas.layers import Act, Concat, Conv, Linear, Mean, Norm, Residual, Scale, Seq, Shuffle, Sum, branches, seq

@block("odd names")
def odd(at: Place):
    inside = Seq((("1x1", Conv(at.c_in, at.width)), ("class", Norm(at.width)), ("0", Act())))
    gate = Scale(seq(mean=Mean("hw"), one=Linear(at.width, at.width)))
    return Seq((("first part", inside), ("gate", gate), ("relu", Conv(at.width, at.width, stride=at.stride))))

@block("pre_activation")
def pre_activation(at: Place):
    body = seq(norm=Norm(at.c_in), relu=Act(), conv=Conv(at.c_in, at.width, (1, 3, 3), at.stride))
    changes = at.c_in != at.width or at.stride != (1, 1, 1)
    shortcut = seq(conv=Conv(at.c_in, at.width, stride=at.stride)) if changes else None
    return Residual(body, shortcut, act=None)

@block("sometimes")
def sometimes(at: Place):
    shortcut = None if at.width == 16 else seq(conv=Conv(at.c_in, at.width))
    return Residual(seq(conv=Conv(at.c_in, at.width, (3, 1, 1)), norm=Norm(at.width)), shortcut)

@block("nested")
def nested(at: Place):
    inner = Residual(seq(a=Conv(at.width, at.width, (3, 1, 1)), n=Norm(at.width)))
    two = branches(Sum, left=seq(c=Conv(at.width, at.width)), right=seq(s=Shuffle((at.width // 2, 2), (1, 0))))
    both = branches(Concat, one=seq(inner=inner), other=seq(two=two))
    return seq(enter=Conv(at.c_in, at.width, stride=at.stride), both=both, leave=Conv(2 * at.width, at.width))

@block("Mean")
def mean(at: Place):
    def path(c_in):
        return seq(conv=Conv(c_in, at.width, (1, 3, 3)), norm=Norm(at.width))
    return seq(conv_a=path(at.c_in), conv_b=path(at.width), pool=Mean("t"))

@block("bare")
def bare(at: Place):
    return Conv(at.c_in, at.width, (3, 3, 3), at.stride)

@block("opaque")
def opaque(at: Place) -> nn.Module:
    return nn.Conv3d(at.c_in, at.width, 3, at.stride, 1)
"""


@pytest.fixture
def imported(tmp_path):
    """Blocks of a user's file."""
    (tmp_path / "own_blocks.py").write_text(BLOCKS)
    user_blocks.load(tmp_path / "own_blocks.py")


@pytest.mark.parametrize("kind", ["odd names", "pre_activation", "sometimes", "nested", "Mean", "bare"])
def test_blocks_of_a_user_give_the_same_scores(imported, kind):
    stride = [1, 1, 1] if kind in ("sometimes", "Mean") else [1, 2, 2]
    stages = [{"depth": 2, "width": width, "stride": stride, "block": {"kind": kind}} for width in (16, 16, 32, 48)]
    same_scores(network(*stages))


def test_modules_of_a_user_cannot_be_written_down(imported):
    with pytest.raises(NasError, match="the block 'opaque' is a torch module.*use --format torch or onnx"):
        source(network({"kind": "opaque"}), name="opaque")
