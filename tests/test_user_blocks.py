"""Blocks of one's own: trees are counted, modules measured, files imported where asked and nowhere else."""

import subprocess
import sys
import textwrap

import pytest
import torch

from nas import content, space, user_blocks
from nas.build import build
from nas.cost import cost
from nas.errors import NasError
from nas.network import key

SPACE = """
classes: 5
input: {frames: 4, size: 32}
stem: {width: 16}
stages: [{depth: 2, width: 32, stride: [2, 2, 2], block: {kind: KIND}}]
"""
FILE = """
    from torch import nn
    from nas.blocks import Place, block
    from nas.layers import Act, Conv, Norm, Node, seq

    @block("PREFIX_tree")
    def tree(at: Place, *, middle: int = 16) -> Node:
        kernel = (1 if at.flat[0] else 3, 3, 3)
        return seq(conv=Conv(at.c_in, at.width, kernel, at.stride), norm=Norm(at.width), act=Act())

    @block("PREFIX_module")
    def module(at: Place) -> nn.Module:
        conv = nn.Conv3d(at.c_in, at.width, 3, at.stride, 1, bias=False)
        nn.init.constant_(conv.weight, 0.25)
        return nn.Sequential(conv, nn.BatchNorm3d(at.width), nn.ReLU())
"""


@pytest.fixture
def imported(tmp_path, request):
    """The file above, with kinds of its own for each test; its prefix."""
    prefix = "".join(filter(str.isalnum, request.node.name))
    file = tmp_path / f"{prefix}.py"
    file.write_text(textwrap.dedent(FILE).replace("PREFIX", prefix))
    user_blocks.load(file)
    return prefix


def network(kind):
    return space.parse(SPACE.replace("KIND", kind)).genotype({})


def test_a_module_costs_what_the_same_tree_costs(imported):
    tree, module = (cost(network(f"{imported}_{kind}")) for kind in ("tree", "module"))
    assert (tree.measured, module.measured) == (0, 2)
    for name in (
        "conv_macs",
        "linear_macs",
        "params",
        "weights",
        "interactions",
        "activations",
        "norm_elements",
        "depth",
    ):
        assert getattr(tree, name) == getattr(module, name), name


def test_both_build_and_a_module_keeps_its_own_initialisation(imported):
    for kind in ("tree", "module"):
        model = build(network(f"{imported}_{kind}"), seed=0)
        assert model(torch.randn(2, 3, 4, 32, 32)).shape == (2, 5)
    weights = dict(model.named_parameters())
    assert (weights["stages.0.1.0.weight"] == 0.25).all()
    assert weights["stem.conv.weight"].std() > 0.01


def test_the_key_sees_the_code_of_a_module(imported, tmp_path):
    other = tmp_path / "other.py"
    other.write_text(textwrap.dedent(FILE).replace("PREFIX", f"{imported}2").replace("nn.ReLU", "nn.GELU"))
    user_blocks.load(other)
    assert key(network(f"{imported}_module")) != key(network(f"{imported}2_module"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import sys\nsys.exit(3)\n", r"own.py:2: SystemExit"),
        (
            "from nas.blocks import block\n@block('own1')\ndef f(at, *, m=2): ...\n",
            r"own.py: the gene 'm' of 'own1' has no type",
        ),
        (
            "from nas.blocks import block\n@block('own2')\ndef f(at, m: int = 2): ...\n",
            r"'m' of 'own2' is no gene; put a \* before",
        ),
        ("def f(:\n", r"own.py:1: SyntaxError"),
        ("x = 1\ny = x / 0\n", r"own.py:2: ZeroDivisionError: division by zero"),
        ("x = 1\n", "registers no block"),
        ("from nas.blocks import block\n@block('simple')\ndef f(at): ...\n", "the block kind 'simple' exists already"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, text, words):
    file = tmp_path / "own.py"
    file.write_text(text)
    with pytest.raises(NasError, match=words):
        user_blocks.load(file)


def test_a_missing_file_says_so():
    with pytest.raises(NasError, match="nowhere.py: no such file"):
        user_blocks.load("nowhere.py")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise KeyError('width')", "fails at Place.*KeyError"),
        ("return nn.Conv3d(7, 7, 1)", "does not run on 16x8x32x32: RuntimeError"),
        ("return nn.Flatten()", "returns 2 axes"),
        ("return 3", "returns int; return a tree or a torch module"),
        ("return Conv(at.c_in + 1, at.width)", "a Conv of 17 channels is given 16"),
        ("return Norm(5)", "a Norm of 5 channels is given 16"),
    ],
)
def test_a_block_that_fails_says_where(tmp_path, body, words, request):
    kind = "".join(filter(str.isalnum, request.node.name))
    file = tmp_path / f"{kind}.py"
    head = "from torch import nn\nfrom nas.blocks import block\nfrom nas.layers import Conv, Norm\n"
    file.write_text(f"{head}@block('{kind}')\ndef f(at):\n    {body}\n")
    user_blocks.load(file)
    with pytest.raises(NasError, match=words):
        cost(network(kind))


def test_a_study_names_the_files_it_needs():
    with pytest.raises(NasError, match="studies/x: uses code of mine.py; add --import"):
        user_blocks.require({"mine.py": "0"}, "studies/x")


def test_two_files_of_one_name_are_not_mixed_up(imported, tmp_path):
    other = tmp_path / "elsewhere" / f"{imported}.py"
    other.parent.mkdir()
    other.write_text("")
    with pytest.raises(NasError, match="another file of this name is imported already"):
        user_blocks.load(other)


def test_a_block_without_kernel_genes_is_deflated_by_its_flag(imported):
    for keep, frames in ((0, 1), (1, 3), ("all", 7)):
        text = f"{SPACE.replace('KIND', imported + '_tree')}deflation: {{keep: {keep}}}"
        flat = space.parse(text.replace("{width: 16}", "{width: 16, conv: {kind: dense, kernel: [1, 3, 3]}}")).genotype(
            {}
        )
        assert cost(flat).receptive_field[0] == {1: 1, 3: 5, 7: 7}[frames]


def test_an_installed_package_that_fails_is_named(tmp_path):
    done = with_package(tmp_path, "import nothing_of_this_name\n")
    assert done.returncode == 1
    assert "the installed package their-blocks fails in its entry point 'theirs'" in done.stderr


def test_an_installed_package_s_entry_point_is_enough(tmp_path):
    done = with_package(tmp_path, textwrap.dedent(FILE).replace("PREFIX", "theirs"))
    assert done.returncode == 0, done.stderr
    assert '"measured": 0' in done.stdout


def with_package(tmp_path, code):
    """`nas show` where a package with an entry point is installed."""
    (tmp_path / "their_blocks.py").write_text(code)
    info = tmp_path / "their_blocks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-blocks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nas.blocks]\ntheirs = their_blocks\n")
    (tmp_path / "own.yaml").write_text(SPACE.replace("KIND", "theirs_tree"))
    command = [sys.executable, "-m", "nas", "show", str(tmp_path / "own.yaml"), "--json"]
    environment = {"PYTHONPATH": f"{tmp_path}:{content.places()[1]}", "PATH": ""}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
