"""Interaction fields: perturbed single inputs of small networks, Table 1 of the CT-Net paper, all models."""

from itertools import accumulate
from operator import mul
from random import Random

import pytest
import torch
from rich.console import Console

from nas import content, cost, field_card, genotype, layers, space
from nas.blocks import BLOCKS, OPERATORS, Place
from nas.build import module_of
from nas.field import RULES, Interaction, field, fields, operator_of
from nas.layers import (
    ONES,
    Act,
    AvgPool,
    Concat,
    Conv,
    Linear,
    Mean,
    Opaque,
    Pool,
    Residual,
    Scale,
    Seq,
    Shuffle,
    Sum,
    branches,
    leaves,
    seq,
)
from nas.network import network

STEP = 100.0  # far above every feature, so that it is the maximum of each pooling that it enters
MODELS = {path.stem: path for path in content.everything("models")}


pytestmark = pytest.mark.usefixtures("one_thread")  # many small inputs are not worth sharing out


def perturbed(tree, c_in, margin=1, where=None):
    """What `field` should tell, found by changing one input element at a time.

    Weights are positive and inputs constant: no ReLU cuts, no gate saturates, nothing cancels, and every increase is
    the maximum of its pooling. The input is larger than the extent by `margin` on each side, and the output in its
    middle is watched; an axis counts as whole (None) if some elements more than that all change it. All elements are
    changed in turn, or those that `where(tree, shape)` says.
    """
    told = field(tree, c_in).extent
    shape = (c_in, *(5 if size is None else size + 2 * margin for size in told))
    seen = touched(tree, shape, where(tree, shape) if where else torch.ones(shape, dtype=torch.bool))
    spans = map(_span, (seen.any(0).any(0).movedim(axis, 0).flatten(1).any(1) for axis in range(3)))
    extent = tuple(None if span == size else span for span, size in zip(spans, shape[1:], strict=True))
    counts = seen.flatten(2).any(2).sum(1)
    return Interaction((int(counts.min()), int(counts.max())), c_in, extent)


@torch.no_grad()
def touched(tree, shape, chosen):
    """Which of the chosen input elements change which output channel in the middle: (c_out, c_in, t, h, w)."""
    module, x = positive(tree), torch.full((1, *shape), 0.5, dtype=torch.float64)
    before = middle(module(x))
    seen = torch.zeros(before.shape[1], x.numel(), dtype=torch.bool)
    for part in chosen.flatten().nonzero().flatten().split(32):
        seen[:, part] = ((middle(module(changed(x, part))) - before).abs() > 1e-12).T
    return seen.reshape(-1, *shape)


def cross(tree, shape):
    """The elements on the three axes through the place of the output in the middle, in all channels.

    They reach as far as the whole box does, as long as every kernel holds the place that its output stands at.
    """
    found = cost.fold(tree, shape)
    t, h, w = (size // 2 * jump for size, jump in zip(found.shape[1:], found.field.jump, strict=True))
    chosen = torch.zeros(shape, dtype=torch.bool)
    chosen[:, :, h, w] = chosen[:, t, :, w] = chosen[:, t, h, :] = True
    return chosen


def changed(x, elements):
    """Copies of x, each with one of the elements increased."""
    copies = x.repeat(len(elements), 1, 1, 1, 1)
    copies.view(len(elements), -1)[torch.arange(len(elements)), elements] += STEP
    return copies


def middle(y):
    return y[(..., *(size // 2 for size in y.shape[2:]))]


def positive(tree):
    """The module in float64 with positive weights that average, and norms that change nothing."""
    torch.manual_seed(0)
    module = module_of(tree).double().eval()
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            torch.nn.init.uniform_(parameter, 0.5 / parameter[0].numel(), 1.5 / parameter[0].numel())
        elif name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
    return module


def _span(seen):
    at = seen.nonzero()
    return int(at.max() - at.min()) + 1


def operator(genes, c_in=8, c_out=8, stride=ONES, flat=False):
    return OPERATORS.parse(genes)(c_in, c_out, stride, flat)


def block(genes, c_in=8, width=8, stride=ONES, flat=False):
    part = BLOCKS.parse(genes)
    return part(Place(c_in, width, stride, (flat,) * part.spec.layers))


def tensor(*sizes, kernels=((3, 3, 1),), **genes):
    return {"kind": "tensor", "sizes": list(sizes), "kernels": [list(kernel) for kernel in kernels], **genes}


STEPS = [
    {"kernel": [1, 1, 3], "group_width": 2},
    {"kernel": [3, 1, 1], "depthwise": True},
    {"kernel": [1, 3, 1], "groups": 2},
]
TE = {"kind": "te", "reduction": 2}
SE = {"kind": "se", "reduction": 4}
FACTORS = {"kind": "factorised", "kernel": [3, 5, 1]}

OPERATOR_CASES = {
    "dense": ({"kind": "dense"}, "8 of 8 channels, 3x3x3"),
    "dense, even": ({"kind": "dense", "kernel": [2, 4, 1]}, "8 of 8 channels, 2x4x1"),
    "grouped": ({"kind": "grouped", "groups": 2}, "4 of 8 channels, 3x3x3"),
    "depthwise": ({"kind": "depthwise"}, "1 of 8 channels, 3x3x3"),
    "separated": ({"kind": "separated"}, "8 of 8 channels, 3x3x3"),
    "spatial first": (FACTORS, "8 of 8 channels, 3x5x1"),
    "temporal first": ({**FACTORS, "first": "temporal"}, "8 of 8 channels, 3x5x1"),
    "steps": ({"kind": "steps", "steps": STEPS}, "4 of 8 channels, 3x3x3"),
    "tensor, K=1": (tensor(8, kernels=[(3, 3, 3)]), "8 of 8 channels, 3x3x3"),
    "tensor, K=2": (tensor(4, 2), "8 of 8 channels, 5x5x1"),
    "tensor, K=2, whole cubes": (tensor(2, 4, kernels=[(3, 3, 3)]), "8 of 8 channels, 5x5x5"),
    "tensor, K=3": (tensor(2, 2, 2), "8 of 8 channels, 7x7x1"),
    "tensor, two kernels": (tensor(4, 2, kernels=[(1, 3, 1), (3, 5, 1)]), "8 of 8 channels, 3x7x1"),
    "tensor, serial": (tensor(4, 2, connection="serial"), "8 of 8 channels, 5x5x1"),
    "tensor, coupled": (tensor(2, 2, 2, connection="coupled"), "8 of 8 channels, 7x7x1"),
    "tensor, pointwise": (tensor(4, 2, pointwise=True), "8 of 8 channels, 5x5x1"),
    "tensor, te": (tensor(4, 2, excitation=TE), "8 of 8 channels, whole clip"),
    "tensor, se": (tensor(4, 2, excitation=SE), "8 of 8 channels, whole clip"),
    "tensor, CSN": (tensor(8, 1, kernels=[(1, 1, 1), (3, 3, 3)]), "8 of 8 channels, 3x3x3"),
}


@pytest.mark.parametrize("name", OPERATOR_CASES)
def test_operators_are_what_perturbation_shows(name):
    genes, told = OPERATOR_CASES[name]
    tree = operator(genes)
    assert perturbed(tree, 8) == field(tree, 8)
    assert str(field(tree, 8)) == told


@pytest.mark.parametrize("name", OPERATOR_CASES)
def test_operators_that_stride_and_widen(name):
    genes = OPERATOR_CASES[name][0]
    for tree in (operator(genes, 8, 8, (2, 2, 1)), operator(genes, 8, 8, (2, 2, 1), flat=True)):
        assert perturbed(tree, 8, margin=2) == field(tree, 8)
    if name != "steps":
        tree = operator(genes, 4, 8)
        assert perturbed(tree, 4) == field(tree, 4)


INCEPTION = {"kind": "inception", "channels": [2, 3, 2, 3, 2, 2]}
DOWN = {"c_in": 4, "stride": (2, 2, 1)}
BLOCK_CASES = {
    "bottleneck": ({"kind": "bottleneck", "expansion": 1}, {}, "8 of 8 channels, 3x3x3"),
    "bottleneck, depthwise": ({"kind": "bottleneck", "conv": {"kind": "depthwise"}}, DOWN, "4 of 4 channels, 3x3x3"),
    "bottleneck-DG": (
        {"kind": "bottleneck", "expansion": 1, "pointwise_groups": 2, "conv": {"kind": "depthwise"}},
        {},
        "4 of 8 channels, 3x3x3",
    ),
    "bottleneck, CT": ({"kind": "bottleneck", "expansion": 1, "conv": tensor(4, 2)}, {}, "8 of 8 channels, 5x5x1"),
    "bottleneck, TE": ({"kind": "bottleneck", "excitation": TE}, DOWN, "4 of 4 channels, whole clip"),
    "bottleneck, SE": ({"kind": "bottleneck", "excitation": SE}, DOWN, "4 of 4 channels, whole clip"),
    "simple": ({"kind": "simple", "conv": {"kind": "dense", "kernel": [3, 3, 1]}}, {}, "8 of 8 channels, 5x5x1"),
    "simple, grouped": (
        {"kind": "simple", "conv": {"kind": "grouped", "groups": 4, "kernel": [3, 3, 1]}},
        {},
        "2 of 8 channels, 5x5x1",
    ),
    "simple, depthwise": (
        {"kind": "simple", "conv": {"kind": "depthwise", "kernel": [3, 3, 1]}},
        DOWN,
        "4 of 4 channels, 7x7x1",
    ),
    "inception": (INCEPTION, {}, "8 of 8 channels, 3x3x3"),
    "inception, S3D-G": (
        {**INCEPTION, "conv": FACTORS, "excitation": {"kind": "gating"}},
        {},
        "8 of 8 channels, whole clip",
    ),
    "plain": ({"kind": "plain"}, {}, "8 of 8 channels, 3x3x3"),
    "plain, grouped": ({"kind": "plain", "conv": {"kind": "grouped", "groups": 2}}, DOWN, "2 of 4 channels, 3x3x3"),
    "sev": ({"kind": "sev", "group_width": 2}, {}, "8 of 8 channels, 3x3x3"),
    "sev, downsample": ({"kind": "sev", "group_width": 2}, DOWN, "4 of 4 channels, 3x3x3"),
    "sev, SE": ({"kind": "sev", "group_width": 2, "excitation": SE}, DOWN, "4 of 4 channels, whole clip"),
    "sev_r2plus1d": ({"kind": "sev_r2plus1d"}, DOWN, "4 of 4 channels, 3x3x3"),
    "sev_r3d": ({"kind": "sev_r3d"}, {}, "8 of 8 channels, 3x3x3"),
}


@pytest.mark.parametrize("name", BLOCK_CASES)
def test_blocks_are_what_perturbation_shows(name):
    genes, place, told = BLOCK_CASES[name]
    tree, c_in = block(genes, **place), place.get("c_in", 8)
    assert perturbed(tree, c_in, margin=2) == field(tree, c_in)
    assert str(field(tree, c_in)) == told


def test_a_deflated_inception_block_pools_one_frame():
    tree = block(INCEPTION, flat=True)
    assert perturbed(tree, 8) == field(tree, 8) == Interaction((8, 8), 8, (1, 3, 3))


TREES = {
    "branches of different width": (
        branches(Concat, groups=Conv(8, 4, groups=4), all=Conv(8, 4, (1, 3, 3))),
        "2..8 of 8 channels, 1x3x3",
    ),
    "a cross has the extent of its box": (
        branches(Sum, space=Conv(8, 8, (1, 5, 3), groups=8), time=Conv(8, 8, (3, 1, 1), groups=2)),
        "4 of 8 channels, 3x5x3",
    ),
    "a shortcut counts": (
        Residual(seq(conv=Conv(8, 8, groups=8), shuffle=Shuffle((4, 2), (1, 0)))),
        "1..2 of 8 channels, 1x1x1",
    ),
    "a gate over one axis": (
        Scale(seq(mean=Mean("t"), conv=Conv(8, 8, (1, 3, 3), groups=4))),
        "2 of 8 channels, allx3x3",
    ),
    "a gate over positions": (Scale(seq(mean=Mean("hw"), conv=Conv(8, 8, (3, 1, 1)))), "8 of 8 channels, 3xallxall"),
    "poolings": (
        seq(max=Pool((1, 3, 3), (1, 2, 2)), mean=AvgPool((3, 2, 1)), conv=Conv(8, 8, (1, 3, 1), groups=8)),
        "1 of 8 channels, 3x9x3",
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_trees_are_what_perturbation_shows(name):
    tree, told = TREES[name]
    assert perturbed(tree, 8, margin=2 if name == "poolings" else 1) == field(tree, 8)
    assert str(field(tree, 8)) == told


def random_tree(rng, deep=2):
    """A tree from 12 channels to 12, without extent."""

    def conv(c_out=12):
        return Conv(12, c_out, groups=rng.choice([2, 3, 6] if c_out < 12 else [2, 3, 4, 6, 12]))

    def shuffle():
        sizes = rng.choice([(3, 4), (2, 6), (2, 3, 2), (3, 2, 2)])
        return Shuffle(sizes, tuple(rng.sample(range(len(sizes)), len(sizes))))

    def several():
        return seq(**{f"node{number}": random_tree(rng, deep - 1) for number in range(3)})

    if not deep:
        return rng.choice([conv, shuffle])()
    return rng.choice(
        [
            several,
            lambda: Residual(several(), seq(conv=conv()) if rng.random() < 0.5 else None),
            lambda: branches(Sum, one=several(), two=several()),
            lambda: branches(Concat, one=conv(6), two=conv(6)),
            lambda: Scale(seq(conv=conv(), act=Act())),
        ]
    )()


@pytest.mark.parametrize("seed", range(40))
def test_channels_of_random_trees(seed):
    rng = Random(seed)
    tree = seq(one=random_tree(rng), two=random_tree(rng))
    seen = touched(tree, (12, 1, 1, 1), torch.ones(12)).flatten(1)
    masks = [sum(1 << channel for channel in row.nonzero().flatten().tolist()) for row in seen]
    identity = tuple(1 << channel for channel in range(12))
    assert list(RULES[Seq](tree, identity).masks) == masks


NETWORKS = {
    "CT and CSN": (
        """
        classes: 3
        stem: {width: 4, conv: {kind: dense, kernel: [3, 3, 1]}, stride: [1, 2, 1], pool: null}
        stages:
          - depth: 2
            width: 4
            pool: {kernel: [1, 3, 1], stride: [1, 2, 1]}
            block: {kind: bottleneck, conv: {kind: depthwise, kernel: [3, 3, 1]}, expansion: 2}
            replace: {at: odd, block: {kind: bottleneck, expansion: 2, conv: {kind: tensor, kernels: [[1, 3, 1]]}}}
          - {depth: 1, width: 4, stride: [2, 1, 1], block: {kind: plain, conv: {kind: grouped, groups: 2}}}
        """,
        "4 of 4 channels, 7x39x3",
    ),
    "channels that never meet": (
        """
        classes: 3
        stem: {width: 8, conv: {kind: dense, kernel: [1, 3, 3]}, stride: [1, 2, 2], pool: null}
        stages:
          - {depth: 2, width: 8, block: {kind: simple, conv: {kind: depthwise, kernel: [3, 1, 1]}}}
          - depth: 1
            width: 8
            stride: [1, 2, 1]
            pool: {kernel: [2, 1, 2], stride: [2, 1, 2]}
            block: {kind: plain, conv: {kind: grouped, groups: 4, kernel: [1, 3, 1]}}
        """,
        "2 of 8 channels, 10x7x5",
    ),
    "a gate": (
        """
        classes: 3
        stem: {width: 4, conv: {kind: dense, kernel: [1, 3, 1]}, stride: [1, 2, 1], pool: null}
        stages:
          - {depth: 1, width: 4, block: {kind: plain, conv: {kind: depthwise, kernel: [3, 1, 1]}}}
          - {depth: 1, width: 8, block: {kind: sev, group_width: 2, kernel: [3, 3, 1], excitation: {kind: se}}}
        """,
        "4 of 4 channels, whole clip",
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_whole_network_is_what_perturbation_shows(name):
    text, told = NETWORKS[name]
    found = space.parse(text).genotype({})
    stem, stages, _ = (child for _, child in network(found).children)
    whole = fields(found)[-1].whole
    inside = field(stages, found.stem.width)
    assert perturbed(stages, found.stem.width, 3, cross) == inside
    assert perturbed(seq(stem=stem, stages=stages), 3, 6, cross).extent == whole.extent
    assert (whole.channels, whole.of) == (inside.channels, inside.of)
    assert str(whole) == told


TABLE_1 = {
    "C3D": ({"kind": "dense"}, "64 of 64 channels, 3x3x3"),
    "R(2+1)D": ({"kind": "factorised"}, "64 of 64 channels, 3x3x3"),
    "R(2+1)D as a tensor": (
        tensor("all", "all", kernels=[(1, 3, 3), (3, 1, 1)], connection="coupled"),
        "64 of 64 channels, 3x3x3",
    ),
    "CSN": ({"kind": "separated"}, "64 of 64 channels, 3x3x3"),
    "CSN as a tensor": (
        tensor(64, 1, kernels=[(1, 1, 1), (3, 3, 3)], connection="coupled"),
        "64 of 64 channels, 3x3x3",
    ),
    "CSN, its 3x3x3 alone": ({"kind": "depthwise"}, "1 of 64 channels, 3x3x3"),
    "CT, K=2": ({"kind": "tensor", "dims": 2}, "64 of 64 channels, 5x5x5"),
    "CT, K=3": ({"kind": "tensor", "dims": 3}, "64 of 64 channels, 7x7x7"),
    "CT, K=4": ({"kind": "tensor", "dims": 4}, "64 of 64 channels, 9x9x9"),
}


@pytest.mark.parametrize("name", TABLE_1)
def test_table_1_of_the_ct_net_paper(name):
    genes, told = TABLE_1[name]
    assert str(field(operator(genes, 64, 64), 64)) == told


@pytest.mark.parametrize(("dims", "sizes"), [(2, (8, 8)), (3, (4, 4, 4)), (4, (4, 4, 2, 2))])
def test_each_step_of_a_ct_module_adds_an_axis(dims, sizes):
    tree = operator({"kind": "tensor", "dims": dims}, 64, 64)
    ends = [number for number, (name, _) in enumerate(tree.children) if name.startswith("axis")]
    steps = [field(Seq(tree.children[: end + 1]), 64) for end in ends]
    assert [step.channels[1] for step in steps] == [step.channels[0] for step in steps] == [*accumulate(sizes, mul)]
    assert [step.extent[0] for step in steps] == [2 * number + 3 for number in range(dims)]


OPERATORS_OF = {
    "bottleneck": ({"kind": "bottleneck", "conv": {"kind": "separated"}}, "8 of 8 channels, 3x3x3"),
    "the first of two": (
        {"kind": "simple", "conv": {"kind": "depthwise", "kernel": [5, 3, 3]}},
        "1 of 8 channels, 5x3x3",
    ),
    "inception": ({**INCEPTION, "conv": FACTORS}, "3 of 3 channels, 3x5x1"),
    "not the 1x1x1": ({"kind": "plain", "pointwise": True}, "8 of 8 channels, 3x3x3"),
    "sev": ({"kind": "sev", "group_width": 2}, "2 of 8 channels, 1x3x3"),
}


@pytest.mark.parametrize("name", OPERATORS_OF)
def test_the_conv_operator_of_a_block(name):
    genes, told = OPERATORS_OF[name]
    conv = operator_of(block(genes))
    assert str(field(conv, next(leaf.c_in for leaf in leaves(conv) if isinstance(leaf, Conv)))) == told


def test_a_block_of_1x1x1_has_no_conv_operator():
    assert operator_of(block({"kind": "plain", "conv": {"kind": "dense", "kernel": [3, 1, 1]}}, flat=True)) is None


def test_equal_blocks_share_a_row_and_gates_are_left_out_of_the_operator():
    text = """
      stem: {width: 8}
      stages:
        - depth: 5
          width: 8
          pool: {kernel: [1, 3, 3], stride: [1, 2, 2]}
          block: {kind: bottleneck, expansion: 1, conv: {kind: dense, kernel: [1, 3, 3]}}
          replace: {at: odd, block: {kind: bottleneck, expansion: 1, conv: CONV}}
    """.replace("CONV", str(tensor(4, 2, excitation=TE)))
    rows = fields(space.parse(text).genotype({}))
    assert [(row.name, row.blocks, row.kind, str(row.operator), str(row.whole)) for row in rows] == [
        ("stem", (), "dense", "3 of 3 channels, 3x7x7", "3 of 3 channels, 3x11x11"),
        ("stages.0", (0, 2, 4), "bottleneck dense", "8 of 8 channels, 1x3x3", "8 of 8 channels, 1x3x3"),
        ("stages.0", (1, 3), "bottleneck tensor", "8 of 8 channels, 5x5x1", "8 of 8 channels, whole clip"),
        ("network", (), "", "None", "8 of 8 channels, whole clip"),
    ]


@pytest.fixture
def boxed():
    """A kind of block that is a torch module and no tree."""

    @BLOCKS.register("boxed")
    def boxed(at: Place):
        return torch.nn.Conv3d(at.c_in, at.width, 1)

    yield
    del BLOCKS.specs["boxed"]


def test_what_is_no_tree_is_unknown(boxed):
    stages = "stages: [{depth: 1, width: 8, block: {kind: boxed}}, {depth: 1, width: 8, block: {kind: simple}}]"
    found = space.parse(stages).genotype({})
    assert field(network(found), 3) is None
    stem, box, simple, whole = fields(found)
    assert stem.whole and simple.whole and not (box.operator or box.whole or whole.whole)
    assert printed(found, 80).count("unknown") == 2


def test_the_fold_knows_every_node_but_the_opaque():
    assert set(RULES) == {*layers.LEAVES, *layers.JOINS} - {Opaque}


def test_a_linear_layer_mixes_all_channels():
    assert field(Linear(4, 2), 4) == Interaction((4, 4), 4, (1, 1, 1))


@pytest.mark.parametrize("name", MODELS)
def test_the_network_sees_what_its_cost_says_unless_gates_see_everything(name):
    found = genotype.load(MODELS[name])
    *rows, whole = fields(found)
    _, stages, _ = (child for _, child in network(found).children)
    gated = any(isinstance(leaf, Mean) for leaf in leaves(stages))
    assert whole.whole.extent == ((None,) * 3 if gated else cost.cost(found).receptive_field)
    for number, stage in enumerate(found.stages):
        blocks = [index for row in rows if row.name == f"stages.{number}" for index in row.blocks]
        assert sorted(blocks) == list(range(stage.depth))


def printed(found, width):
    console = Console(width=width)
    with console.capture() as caught:
        console.print(field_card.table(found))
    return caught.get()


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_a_terminal(width):
    for path in MODELS.values():
        text = printed(genotype.load(path), width)
        assert "…" not in text and max(map(len, text.splitlines())) <= width, path
