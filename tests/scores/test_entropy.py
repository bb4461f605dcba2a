"""Entropy: by hand, against E3D's own blocks, against torch's shapes, and against measured variances."""

import math
from random import Random

import numpy as np
import pytest
import torch

from nas import content, space
from nas.build import build, module_of
from nas.layers import JOINS, LEAVES, Act, Concat, Conv, Norm, Pool, Residual, Scale, Seq, Sum, branches, seq
from nas.network import network
from nas.scores import evaluate
from nas.scores.entropy import CLOSEST, RULES, fold, refinement
from tests.scores.conformance import ScoreCase


class TestEntropy(ScoreCase):
    name = "entropy"


def drawn(name, count):
    found = space.load(content.find(name, "space"))
    return [found.genotype(found.draw(Random(seed))) for seed in range(count)]


def test_every_node_has_a_rule():
    assert set(RULES) == {*LEAVES, *JOINS}


def test_two_convolutions_by_hand():
    tree = seq(one=Conv(3, 8, (1, 3, 3), (1, 2, 2)), act=Act(), two=Conv(8, 4, (3, 3, 3), groups=2))
    # both feature maps are 4x8x8, of length 12: kernels of length sqrt(19) and sqrt(27)
    first = 3 * 9 * -math.log(1 - (4 + 24 + 24) / (12 * math.sqrt(19)))
    second = 4 * 27 * -math.log(1 - (12 + 24 + 24) / (12 * math.sqrt(27)))
    grown = fold(tree, (3, 4, 16, 16))
    assert grown.shape == (4, 4, 8, 8)
    assert grown.entropy == pytest.approx(math.log(first) / 2 + math.log(second) / 2)


def test_on_e3d_s_own_blocks():
    """The initial network of its configuration for E3D-M, 16 frames of 224x224: depthwise bottlenecks as rows."""
    rows = [(24, 48, 24, 1, 5, 2), (24, 96, 48, 3, 3, 2), (48, 192, 96, 3, 3, 2), (96, 192, 96, 3, 3, 1),
            (96, 384, 192, 3, 3, 2)]  # fmt: skip
    size, children, expected = 112, [Conv(3, 24, (1, 3, 3), (1, 2, 2))], 0.5 * np.log(3 * 9 * alpha((1, 3, 3), 112))
    for c_in, inner, c_out, kt, k, s in rows:
        size //= s
        kernel = (kt, k, k)
        children += [Conv(c_in, inner), Conv(inner, inner, kernel, (1, s, s), groups=inner), Conv(inner, c_out)]
        expected += 0.5 * np.log(c_in) + 0.5 * np.log(kt * k**2 * alpha(kernel, size)) + 0.5 * np.log(inner)
    tree = Seq(tuple((str(number), conv) for number, conv in enumerate([*children, Conv(192, 512)])))
    grown = fold(tree, (3, 16, 224, 224))
    assert grown.shape == (512, 16, 7, 7)
    assert grown.entropy == pytest.approx(expected + 0.5 * np.log(192))


def alpha(kernel, size):
    features = np.array([16, size, size])
    return -np.log(1 - np.dot(kernel / np.linalg.norm(kernel), features / np.linalg.norm(features)))


@pytest.mark.parametrize("kernel, size, expected", [
    ((3, 1, 1), (8, 56, 56), 1.0),
    ((1, 1, 1), (1, 1, 1), 1.0),
    ((3, 3, 3), (2, 2, 2), -math.log(CLOSEST)),
    ((1, 7, 7), (16, 112, 112), -math.log(CLOSEST)),
])  # fmt: skip
def test_kernels_without_space_and_parallel_ones(kernel, size, expected):
    assert refinement(kernel, size) == expected


def test_shortcuts_gates_norms_and_poolings_do_not_count():
    conv, at = Conv(8, 8, (3, 3, 3)), (8, 4, 12, 12)
    plain = fold(conv, at).entropy
    assert fold(Residual(seq(conv=conv, norm=Norm(8)), seq(conv=Conv(8, 8))), at).entropy == plain
    assert fold(seq(conv=conv, gate=Scale(seq(conv=Conv(8, 8)))), at).entropy == plain
    pooled = fold(seq(pool=Pool((1, 3, 3), (1, 2, 2)), conv=conv), (8, 4, 24, 24))
    assert (pooled.entropy, pooled.shape) == (plain, (8, 4, 12, 12))


@pytest.mark.parametrize("tree", [
    Conv(32, 64, groups=4),
    seq(one=Conv(32, 64), two=Conv(64, 16, groups=2)),
    branches(Sum, one=Conv(32, 16), two=seq(a=Conv(32, 8), b=Conv(8, 16)), three=Conv(32, 16, groups=8)),
    seq(all=branches(Concat, one=Conv(32, 48), two=Conv(32, 16, groups=16)), out=Conv(64, 64)),
])  # fmt: skip
def test_variances_are_those_of_normal_weights(tree):
    """Pointwise networks, whose refinement is 1: the variance of outputs over many draws of N(0, 1) weights."""
    generator, spread = torch.Generator().manual_seed(0), []
    x = torch.randn(4, 32, 2, 4, 4, generator=generator)
    with torch.no_grad():
        for _ in range(60):
            module = module_of(tree)
            for weight in module.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator))
            spread.append(module(x).square().mean())
    assert torch.stack(spread).mean().log().item() / 2 == pytest.approx(fold(tree, x.shape[1:]).entropy, abs=0.05)


@pytest.mark.parametrize("name", ["csn", "video", "tiny"])
def test_the_memoised_fold_is_the_fold_over_the_whole_tree(name):
    for genotype in drawn(name, 20):
        tree = Seq(network(genotype).children[:2])  # without the head
        grown = fold(tree, (3, genotype.input.frames, genotype.input.size, genotype.input.size))
        assert evaluate("entropy", genotype) == pytest.approx(grown.entropy + math.log(grown.shape[0]), rel=1e-12)


def test_a_walk_over_the_built_network_gives_the_same():
    """Networks of one row of convolutions and shortcuts, with torch's own shapes: no fold of ours has a part in it."""
    for genotype in drawn("csn", 4):
        seen = convolutions(genotype)
        total = sum(0.5 * np.log(conv.weight[0].numel() * alike(conv.kernel_size, shape)) for conv, shape in seen)
        assert evaluate("entropy", genotype) == pytest.approx(total + np.log(seen[-1][0].out_channels))


def convolutions(genotype):
    """The convolutions outside shortcuts, with the size (t, h, w) that leaves each of them."""
    seen, clip = [], genotype.input
    with torch.device("meta"):
        model, x = build(genotype).eval(), torch.empty(1, 3, clip.frames, clip.size, clip.size)
    for path, module in model.named_modules():
        if isinstance(module, torch.nn.Conv3d) and "shortcut" not in path:
            module.register_forward_hook(lambda conv, x, y: seen.append((conv, y.shape[2:])))
    model(x)
    return seen


def alike(kernel, size):
    cosine = np.dot(kernel, size) / np.linalg.norm(kernel) / np.linalg.norm(size)
    return 1.0 if kernel[1] == 1 else -np.log(max(1 - cosine, CLOSEST))
