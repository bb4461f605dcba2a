"""The samplers, each through the shared conformance case."""

from nas.recipe import SamplerSettings
from nas.search.sampler import make
from tests.search.conformance import DIRECTIONS, SamplerCase


class TestUniform(SamplerCase):
    learns = False

    def make(self, found):
        return make(SamplerSettings(kind="uniform"), found, DIRECTIONS)


class TestTpe(SamplerCase):
    def make(self, found):
        return make(SamplerSettings(kind="tpe", startup=5), found, DIRECTIONS)


class TestNsga2(SamplerCase):
    def make(self, found):
        return make(SamplerSettings(kind="nsga2", population=6), found, DIRECTIONS)
