"""What every score must do; a new one's test inherits `ScoreCase` and names it:

class TestMine(ScoreCase):
    name = "mine"
"""

import math
import random
from functools import cache

import numpy as np
import pytest
import torch

from nas import content, space
from nas.genotype import Clip
from nas.network import key
from nas.scores import evaluate, find
from tests.spaces import HEAD, TINY

CLIP = Clip(frames=4, size=16)
TWICE = "{depth: 2, width: 8, block: {kind: bottleneck, expansion: 1}}"
ONCE = "{depth: 1, width: 8, block: {kind: bottleneck, expansion: 1}}"


@cache
def small_networks():
    """Networks of every family (inception, SEV, CT and CSN blocks, with gates and without) at a small clip."""
    found = [(space.load(content.find("tiny", "space")), 6), (space.parse(TINY), 2)]
    drawn = [one.genotype(one.draw(random.Random(seed))) for one, count in found for seed in range(count)]
    return [genotype.model_copy(update={"input": CLIP}) for genotype in drawn]


def scored(name, genotype, **how):
    return evaluate(name, genotype, **({"batch": 4} | how))


@pytest.mark.usefixtures("one_thread")
class ScoreCase:
    name: str

    def test_is_known_and_says_what_it_is(self):
        assert find(self.name).summary not in ("", self.name)

    def test_is_finite_and_tells_networks_apart(self):
        values = [scored(self.name, genotype) for genotype in small_networks()]
        assert all(type(value) is float and math.isfinite(value) for value in values)
        assert len(set(values)) > 1

    def test_same_arguments_same_value_and_generators_are_left_alone(self):
        genotype = small_networks()[0]
        before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
        one = scored(self.name, genotype, seed=3)
        assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
        random.random(), np.random.rand(), torch.rand(1)
        assert one == scored(self.name, genotype, seed=3)

    def test_the_same_network_has_the_same_value(self):
        head = HEAD.replace("size: 32", "size: 16")
        one, two = (space.parse(f"{head}stages: [{x}]}}").genotype({}) for x in (TWICE, f"{ONCE}, {ONCE}"))
        assert key(one) == key(two)
        assert scored(self.name, one) == pytest.approx(scored(self.name, two), rel=1e-9)
