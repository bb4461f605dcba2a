"""The samplers, each through the shared conformance case."""

from nas.recipe import SamplerSettings
from nas.search.sampler import make
from tests.search.conformance import GOAL, SamplerCase


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
