"""From networks back to records: every published network is in its family's space and in their union."""

from random import Random

import pytest

from nas import content, genotype, space
from nas.errors import NasError
from nas.match import record_of
from nas.network import key
from tests.spaces import SMALL

MODELS = [genotype.load(path) for path in content.everything("models")]
FAMILIES = {  # by the beginnings of names
    "csn": ("resnet3d-", "ir-csn-", "ip-csn-", "simple-", "bottleneck-"),
    "s3d": ("i2d", "i3d", "s3d"),
    "sevnet": ("sevnet-",),
    "ctnet": ("tsn-", "ct-", "c3d-", "r2plus1d-", "csn-module"),
}
COUNTS = {"csn": 18, "s3d": 8, "sevnet": 9, "ctnet": 28}  # at least so many


def published(family):
    return [model for model in MODELS if model.name.startswith(FAMILIES[family])]


def same(one, two):
    return key(one) == key(two.model_copy(update={"input": one.input, "classes": one.classes}))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_s_space_and_the_union_hold_its_published_networks(family):
    own, union = (space.load(content.find(name, "space")) for name in (family, "video"))
    assert len(published(family)) >= COUNTS[family]
    for model in published(family):
        assert same(own.genotype(record_of(own, model)), model), model.name
        record = record_of(union, model)
        assert record["family"] == family
        assert same(union.genotype(record), model), model.name


def test_every_published_network_is_of_a_family():
    assert sum(len(published(family)) for family in FAMILIES) == len(MODELS)


@pytest.mark.parametrize("name", SMALL)
def test_every_record_s_network_is_found_again(name):
    found = space.parse(SMALL[name])
    for record in found.automaton.all():
        made = found.genotype(record)
        assert key(found.genotype(record_of(found, made))) == key(made)


@pytest.mark.parametrize("name", ["csn", "s3d", "sevnet", "ctnet", "tiny", "video"])
def test_drawn_networks_are_found_again(name):
    found, rng = space.load(content.find(name, "space")), Random(3)
    for _ in range(5):
        made = found.genotype(found.draw(rng))
        assert key(found.genotype(record_of(found, made))) == key(made)


@pytest.mark.parametrize(
    ("model", "where", "words"),
    [
        ("i3d", "csn", "no record builds i3d: its stem is not among the options"),
        ("ir-csn-50", "ctnet", "its stem"),
        ("resnet3d-152", "tiny", "its stem"),
    ],
)
def test_what_a_space_lacks_is_named(model, where, words):
    with pytest.raises(NasError, match=words):
        record_of(space.load(content.find(where, "space")), genotype.load(content.find(model, "models")))


def test_the_first_part_that_differs_is_named():
    found = space.parse(SMALL["tiny"])
    made = found.genotype(next(iter(found.automaton.all())))
    wide = made.stages[1].model_copy(update={"width": 24})
    with pytest.raises(NasError, match="its stages.1 is not among"):
        record_of(found, made.model_copy(update={"stages": (made.stages[0], wide)}))
    with pytest.raises(NasError, match="its number of stages, deflation or head"):
        record_of(found, made.model_copy(update={"deflation": genotype.Deflation(keep=0)}))
