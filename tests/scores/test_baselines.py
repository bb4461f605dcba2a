"""Baselines are the exact costs; the interaction field is that of `nas show`."""

import math
from random import Random

import pytest

from nas import content, cost, genotype, space
from nas.blocks import block
from nas.errors import NasError
from nas.field import fields
from nas.scores import SCORES, evaluate
from tests.scores.conformance import ScoreCase
from tests.spaces import HEAD


class TestDepth(ScoreCase):
    name = "depth"


class TestParams(ScoreCase):
    name = "params"


class TestGflops(ScoreCase):
    name = "gflops"


class TestInteractions(ScoreCase):
    name = "interactions"


class TestField(ScoreCase):
    name = "field"


def of(stages):
    return space.parse(f"{HEAD}stages: [{stages}]}}").genotype({})


def test_costs_are_those_of_the_tables():
    network = genotype.load(content.find("ir-csn-50", "models"))
    exact = cost.cost(network)
    named = {"depth": exact.depth, "params": exact.params, "gflops": exact.macs / 1e9}
    assert {name: evaluate(name, network) for name in named} == named
    assert evaluate("interactions", network) == exact.interactions


@pytest.mark.parametrize(
    "conv, volume",
    [
        ("{kind: dense}", 16 * 27),
        ("{kind: grouped, groups: 4}", 4 * 27),
        ("{kind: depthwise}", 27),
        ("{kind: dense, kernel: [1, 3, 3]}", 16 * 9),
        ("{kind: tensor, dims: 2, excitation: {kind: te}}", 16 * 125),  # two steps of 3x3x3; gates average the clip
    ],
)
def test_field_of_one_kind_of_block(conv, volume):
    stage = f"{{depth: 2, width: 16, block: {{kind: bottleneck, conv: {conv}}}}}"
    assert evaluate("field", of(stage)) == pytest.approx(math.log2(volume))


def test_field_is_a_mean_over_blocks():
    dense, depthwise = (f"{{depth: 1, width: 16, block: {{kind: simple, conv: {{kind: {kind}}}}}}}" for kind in
                        ("dense", "depthwise"))  # fmt: skip
    assert evaluate("field", of(f"{dense}, {depthwise}")) == pytest.approx(math.log2(27) + 2)


def test_field_is_what_nas_show_prints():
    found = space.load(content.find("video", "space"))
    for seed in range(5):
        network = found.genotype(found.draw(Random(seed)))
        rows = [(row.operator, len(row.blocks)) for row in fields(network)[1:-1] if row.operator]
        volumes = [(math.log2(one.channels[1] * math.prod(x or 1 for x in one.extent)), n) for one, n in rows]
        mean = sum(volume * n for volume, n in volumes) / sum(n for _, n in volumes)
        assert evaluate("field", network) == pytest.approx(mean)


def test_pure_scores_take_every_published_network():
    pure = [one.name for one in SCORES.values() if one.built_in and one.needs == "network"]
    for path in content.everything("models"):
        network = genotype.load(path)
        assert all(evaluate(name, network) > 0 for name in pure), path


@block("module_of_score_tests")
def module_of_score_tests(at):
    from torch import nn

    return nn.Conv3d(at.c_in, at.width, 3, at.stride, 1)


@pytest.mark.parametrize("name", ["field", "entropy"])
def test_modules_that_no_fold_can_follow_are_refused(name):
    network = of("{depth: 1, width: 16, block: {kind: module_of_score_tests}}")
    assert evaluate("depth", network) == 3
    with pytest.raises(NasError, match=f"'{name}' .* 'module_of_score_tests', a torch module; return a tree"):
        evaluate(name, network)
