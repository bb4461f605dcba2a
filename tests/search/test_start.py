"""Known networks first: which they are, and that a search trains them before any other."""

import pytest

from nas import content, space
from nas.cost import cost
from nas.errors import NasError
from nas.recipe import SamplerSettings
from nas.search import sampler as samplers
from nas.search.propose import Proposer
from nas.search.start import starts
from nas.units import Budget


@pytest.fixture(scope="module")
def csn():
    return space.load(content.find("csn", "space"))


def test_all_are_the_published_ones_within_the_budget(csn):
    found, over = starts(csn, ["all"], Budget.parse("12gflops"))
    names = {start.name for start in found}
    assert {"ir-csn-26", "ir-csn-50", "ip-csn-50"} <= names
    assert "resnet3d-50" in over and not names & set(over)
    assert all(cost(csn.genotype(start.record)).macs <= 12e9 for start in found)


def test_a_network_named_twice_is_one(csn):
    found, _ = starts(csn, ["ir-csn-50", "models/ir-csn-50.yaml", "all"], Budget.parse("35gflops"))
    assert [start.name for start in found].count("ir-csn-50") == 1
    assert found[0].name == "ir-csn-50"


def test_named_ones_must_fit(csn):
    with pytest.raises(
        NasError, match="--start-from: resnet3d-50 does not meet the budget 10gflops: it has 29.46 GFLOPs"
    ):
        starts(csn, ["resnet3d-50"], Budget.parse("10gflops"))
    with pytest.raises(NasError, match="no record builds i3d"):
        starts(csn, ["i3d"], Budget())
    with pytest.raises(NasError, match="did you mean 'ir-csn-50'"):
        starts(csn, ["ir-csn-5"], Budget())


def test_the_proposer_takes_them_first_and_each_once(csn):
    known, _ = starts(csn, ["ir-csn-26", "ip-csn-26"], Budget())
    sampler = samplers.make(SamplerSettings(kind="uniform"), csn, samplers.Goal(("accuracy", "gflops")))
    proposer = Proposer(csn, Budget(), sampler, seed=0, starts=[start.record for start in known])
    seen, origins = set(), []
    for number in range(4):
        proposed = proposer.next(number, [], seen)
        seen.add(proposed.candidate.key)
        origins.append((proposed.sampler, proposed.candidate.record == known[min(number, 1)].record))
    assert origins == [("start", True), ("start", True), ("uniform", False), ("uniform", False)]
