"""The samplers, each through the shared conformance case."""

import pytest

from nas import space, user_blocks
from nas.errors import NasError
from nas.recipe import Recipe, SamplerSettings
from nas.search import registry
from nas.search.sampler import make
from nas.search.simulate import simulate
from nas.search.surrogate import Surrogate
from tests.search.conformance import GOAL, SamplerCase
from tests.spaces import TINY


def case(kind: str, **settings) -> type[SamplerCase]:
    """The conformance case of a built-in sampler."""

    class Case(SamplerCase):
        learns = kind != "uniform"

        def make(self, found):
            return make(SamplerSettings(kind=kind, **settings), found, GOAL)

    return Case


TestUniform = case("uniform")
TestFront = case("front", startup=5)
TestEvolution = case("evolution", population=6)
TestTpe = case("tpe", startup=5)
TestNsga2 = case("nsga2", population=6)
TestNsga3 = case("nsga3", population=6)
TestGp = case("gp", startup=5)


def test_a_sampler_of_one_s_own_searches(tmp_path, monkeypatch):
    """The first record of the space again and again, from a file that is imported: then uniform draws take over."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from nas.search.registry import sampler\n"
        "from nas.search.sampler import Proposal\n"
        "@sampler('first')\n"
        "class First:\n"
        "    def __init__(self, space, goal, settings):\n"
        "        self.space = space\n"
        "    def propose(self, history, seed):\n"
        "        while True:\n"
        "            yield Proposal(next(self.space.automaton.all()))\n"
    )
    user_blocks.load(file)
    found = space.parse(TINY)
    recipe = Recipe.model_validate({"sampler": {"kind": "first"}, "objectives": "accuracy,gflops"})
    trials = simulate(recipe, found, Surrogate(found, 0).curve, trials=3)
    assert [trial.sampler for trial in trials] == ["first", "uniform", "uniform"]
    assert trials[0].record == next(found.automaton.all())


def test_an_unknown_sampler_is_told_with_the_nearest():
    with pytest.raises(NasError, match="'fornt' is no sampler; did you mean 'front'"):
        make(SamplerSettings(kind="fornt"), space.parse(TINY), GOAL)
    with pytest.raises(NasError, match="exists already"):
        registry.sampler("tpe")(object)
