"""The automaton against brute force on random templates: every mix of holes, sharing and copies."""

from random import Random

import pytest

from nas import strict_yaml
from nas.space import Space
from nas.template import TAGS, parse
from tests.spaces import brute_force


def random_text(rng: Random, depth: int, anchors: list[str], in_copy: bool = False) -> str:
    """A random value in YAML; what it anchors can be aliased by what comes later."""

    def inner() -> str:
        return random_text(rng, depth - 1, anchors, in_copy)

    if anchors and rng.random() < 0.25:
        return f"*{rng.choice(anchors)}"
    kinds = ["scalar", "int", "scalars"] + ["choice", "map", "list"] * (depth > 0)
    kind, name = rng.choice(kinds), f"a{rng.randrange(10**9)}"
    text = {
        "scalar": lambda: "7",
        "int": lambda: f"!int [1, {rng.randint(1, 3)}]",
        "scalars": lambda: "!choice [x, z]",
        "choice": lambda: f"!choice {{p: {inner()}, q: {inner()}}}",
        "map": lambda: f"{{one: {inner()}, two: {inner()}}}",
        "list": lambda: f"[{inner()}, !repeat {{times: {rng.choice(['2', '!int [0, 2]', '*T'])}, of: {copied()}}}]",
    }

    def copied() -> str:
        return random_text(rng, depth - 1, list(anchors), True)

    told = text[kind]()
    if not in_copy and rng.random() < 0.5:
        anchors.append(name)
        return f"&{name} {told}"
    return told


@pytest.mark.parametrize("seed", range(250))
def test_counts_and_records_are_those_of_brute_force(seed):
    rng, anchors = Random(seed), ["T"]
    text = "{t: &T !int [1, 2], " + ", ".join(f"k{i}: {random_text(rng, 3, anchors)}" for i in range(3)) + "}"
    item = strict_yaml.parse(text, name="random", tags=TAGS)
    space = Space(parse(item), item, "random")
    if space.count > 3000:
        return
    records = brute_force(space)
    assert space.count == len(records), text
    assert {tuple(record.items()) for record in space.automaton.all()} == records, text
    for name, hole in space.decisions.items():
        assert all(space.forced(name, label, rng)[name] == label for label in hole.labels), text
