"""Spaces: exact counts, uniform draws, replay, mutation, crossover, and errors with file and line."""

from collections import Counter
from random import Random

import pytest

from nas import content, genotype, space
from nas.errors import NasError
from nas.network import key
from nas.survey import survey
from nas.units import Budget
from tests.spaces import HEAD, SMALL, TINY, brute_force

SPACES = [str(path) for path in content.everything("space")]


@pytest.mark.parametrize("name", SMALL)
def test_count_is_what_brute_force_counts(name):
    found = space.parse(SMALL[name])
    records = brute_force(found)
    assert found.count == len(records)
    assert {tuple(record.items()) for record in found.automaton.all()} == records


@pytest.mark.parametrize("name", SMALL)
def test_draws_are_uniform_over_records(name):
    found, rng = space.parse(SMALL[name]), Random(0)
    draws = 200 * found.count
    counts = Counter(tuple(found.draw(rng).items()) for _ in range(draws))
    assert len(counts) == found.count
    chi_square = sum((count - 200) ** 2 / 200 for count in counts.values())
    freedom = found.count - 1
    assert chi_square < freedom + 5 * (2 * freedom) ** 0.5 + 1e-9


@pytest.mark.parametrize("path", SPACES)
def test_every_space_loads_and_draws_networks(path):
    found, rng = space.load(path), Random(0)
    for _ in range(50):
        record = found.draw(rng)
        assert found.tree(record) == found.fill(lambda hole, record=record: record[hole.name])[0]
        found.genotype(record)


def test_an_option_that_is_null_is_drawn_as_often_as_the_others():
    replace = "{at: odd, block: {kind: bottleneck}, width: !choice [null, 32]}"
    found = space.parse(HEAD + f"stages: [{{depth: 2, width: 16, block: {{kind: simple}}, replace: {replace}}}]}}")
    rng, (name,) = Random(0), found.decisions
    assert {found.complete({}, rng)[name] for _ in range(20)} == {None, 32}
    assert found.complete({name: None}, rng) == {name: None}


@pytest.mark.parametrize("path", SPACES)
def test_nearly_every_record_is_valid(path):
    found = space.load(path)
    counts, _ = survey(found, Budget(), samples=300)
    assert len(counts.costs) >= 0.9 * counts.drawn


def test_the_tiny_space_has_a_few_hundred_networks():
    found = space.load(content.find("tiny", "space"))
    keys = {key(found.genotype(record)) for record in found.automaton.all()}
    assert 200 <= len(keys) <= 900
    assert {record["block"] for record in found.automaton.all()} == {"csn", "s3d", "sev", "ct"}


def test_the_union_holds_each_family_as_its_file_says():
    union = space.load(content.find("video", "space"))
    for family in union.decisions["family"].labels:
        own = space.load(content.find(family, "space"))
        record = {"family": family} | {f"{family}.{name}": label for name, label in own.draw(Random(4)).items()}
        renamed = {name if name in union.decisions else f"family={name}": label for name, label in record.items()}
        one, two = union.genotype(renamed), own.genotype(own.draw(Random(4)))
        assert one.stages == two.stages and one.stem == two.stem and one.head == two.head
        assert str(one.input) == "8x224x224"


def test_same_seed_same_records():
    found = space.parse(TINY)
    draws = [[found.draw(rng) for _ in range(20)] for rng in (Random(7), Random(7), Random(8))]
    assert draws[0] == draws[1] != draws[2]


def test_names_are_anchors_or_paths():
    names = list(space.parse(TINY).decisions)
    assert names == [
        "stages.0.depth",
        "block",
        "conv",
        "block=bottleneck.expansion",
        "stages.1.depth",
        "stages.1.width",
    ]


def test_a_shared_choice_is_one_part_in_both_places():
    found = space.parse(TINY)
    for record in found.automaton.all():
        one, two = found.genotype(record).stages
        assert one.block == two.block


def test_copies_are_independent():
    found = space.parse(SMALL["copies of a shared one"])
    widths = {tuple(dict(s.block.genes)["expansion"] for s in found.genotype(r).stages) for r in found.automaton.all()}
    assert len(widths) == 27


def test_mutation_changes_one_decision_and_what_hangs_on_it():
    found, rng = space.parse(TINY), Random(0)
    for _ in range(300):
        before = found.draw(rng)
        after = found.mutate(before, rng)
        assert tuple(after.items()) in brute(found)
        changed = [name for name in before if name in after and after[name] != before[name]]
        assert len(changed) == 1
        opened = set(after) - set(before)
        assert not opened or changed == ["block"]


def test_crossover_takes_from_both_parents():
    found, rng = space.parse(TINY), Random(0)
    for _ in range(300):
        one, two = found.draw(rng), found.draw(rng)
        child = found.cross(one, two, rng)
        assert tuple(child.items()) in brute(found)
        assert all(child[name] in (one.get(name), two.get(name)) for name in child if name in one and name in two)


def brute(found, known={}):  # noqa: B006  (a cache)
    return known.setdefault(found.fingerprint, brute_force(found))


def test_covering_uses_every_label():
    found = space.load(content.find("csn", "space"))
    met = {pair for record in found.covering() for pair in record.items()}
    assert met == {(name, label) for name, hole in found.decisions.items() for label in hole.labels}


def test_fingerprint_ignores_layout_and_sees_options():
    same = space.parse("# words\n" + TINY.replace("classes: 5", "classes:   5"))
    assert same.fingerprint == space.parse(TINY).fingerprint
    for old, new in (
        ("[1, 3]", "[1, 4]"),
        ("classes: 5", "classes: 6"),
        ("block: *block", "block: {kind: simple}"),
    ):
        assert space.parse(TINY.replace(old, new, 1)).fingerprint != same.fingerprint


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("stages: [{depth: !choice [1, true], width: 8, block: {kind: simple}}]", 1, "same option twice"),
        ("stages: [!repeat {times: !int [-2, 3], of: {depth: 1, width: 8, block: {kind: simple}}}]", 1, "times should"),
        ("stages: [{depth: !int [1, 100000000000], width: 8, block: {kind: simple}}]", 1, "100,000,000,000 options"),
        ("stages: [{depth: 100000000, width: 8, block: {kind: simple}}]", 1, "less than or equal to 1000"),
        ("stages: [{depth: 1, width: 8, block: {kind: [simple]}}]", 1, "unknown"),
        ("stages: [{depth: 1, width: 8, stride: 2, block: {kind: simple}}]", 1, "three numbers"),
        ("deflation: {keep: [!int [1, 2]]}\nstages: [{depth: 1, width: 8, block: {kind: simple}}]", 1, "keep"),
        (
            "deflation: {keep: 0.5}\nstages: [{depth: 1, width: 8, block: {kind: simple}}]",
            1,
            "deflation.keep: 0.5.*50%",
        ),
        ("\nstages: [{depth: !choice [], width: 8, block: {kind: simple}}]", 2, "no option"),
        ("\nstages: [{depth: !choice [1, [2]], width: 8, block: {kind: simple}}]", 2, "no label"),
        ("\nstages: [{depth: !choice [1, 1], width: 8, block: {kind: simple}}]", 2, "same option twice"),
        ("\nstages: [{depth: !int [3, 1], width: 8, block: {kind: simple}}]", 2, "empty range"),
        ("\nstages: [{depth: !int [1, x], width: 8, block: {kind: simple}}]", 2, "is not \\[low, high\\]"),
        ("\nstages: [{depth: !int [1, 9999999], width: 8, block: {kind: simple}}]", 2, "options"),
        (
            "\nstages: !repeat {times: 2, of: {depth: 1, width: 8, block: {kind: simple}}}",
            2,
            "outside a list",
        ),
        ("\nstages: [!repeat {times: 0, of: {depth: 1, width: 8, block: {kind: simple}}}]", 2, "times"),
        ("\nstages: [!repeat {of: {depth: 1, width: 8, block: {kind: simple}}}]", 2, "times and of"),
        (
            "\nstages:\n - depth: 1\n   witdh: 8\n   block: {kind: simple}",
            4,
            "'witdh' is unknown; did you mean 'width'",
        ),
        ("\nstages:\n - depth: 1\n   width: 8\n   block: {kind: bottelneck}", 5, "did you mean 'bottleneck'"),
        (
            "\nstages:\n - depth: 1\n   width: 8\n   block: !choice {a: {kind: simple, convv: 1}}",
            5,
            "did you mean 'conv'",
        ),
        ("\nstages: [{depth: 1, block: {kind: simple}}]", 2, "'width' is missing"),
        (
            "\nstages: [{depth: 1, width: !choice [8, -8], block: {kind: simple}}]",
            2,
            "by stages.0.width = -8",
        ),
        ("\nstagess: []", 2, "did you mean 'stages'"),
        ("nas: 2\nstages: []", 1, "newer"),
        (
            "stages: [{depth: &x !int [1, 2], width: &x !choice [8, 16], block: {kind: simple}}]",
            1,
            "duplicate anchor .x",
        ),
    ],
)
def test_errors_name_file_line_and_remedy(text, line, words):
    with pytest.raises(NasError, match=words) as caught:
        space.parse(text, name="s.yaml")
    assert str(caught.value).startswith(f"s.yaml:{line}: "), str(caught.value)


def test_a_record_of_another_space_is_refused():
    found = space.parse(TINY)
    record = found.draw(Random(0))
    for wrong, word in (
        ({**record, "color": 1}, "which nothing asks"),
        ({}, "does not answer"),
        ({**record, "stages.0.depth": 9}, "not an option"),
    ):
        with pytest.raises(NasError, match=word):
            found.tree(wrong)


def test_true_is_not_one():
    found = space.parse(HEAD + "stages: [{depth: !choice [1, 2], width: 8, block: {kind: simple}}]}")
    with pytest.raises(NasError, match="not an option"):
        found.tree({"stages.0.depth": True})


def test_genotype_errors_name_the_decision():
    text = (
        HEAD
        + "\nstages: [{depth: 1, width: 12, block: {kind: simple, conv: {kind: grouped, groups: !choice [4, 8]}}}]}"
    )
    found = space.parse(text, name="s.yaml")
    from nas.cost import cost
    from nas.schema import SchemaError

    with pytest.raises(SchemaError) as caught:
        cost(found.genotype({"stages.0.block.conv.groups": 8}))
    told = str(found.located(caught.value, {"stages.0.block.conv.groups": 8}))
    assert told.startswith("s.yaml:2: stages.0: 8 groups do not divide 12 channels")


def test_genotypes_of_a_space_are_canonical():
    found = space.parse(TINY)
    for record in list(found.automaton.all())[:10]:
        text = genotype.to_yaml(found.genotype(record))
        again = genotype.parse(genotype.strict_yaml.plain(genotype.strict_yaml.parse(text)))
        assert again == found.genotype(record)
        assert genotype.to_yaml(again) == text


BIG = "{depth: !int [1, 2], width: !choice [8, 16], block: {kind: simple}}"


def test_many_copies_are_counted_exactly():
    assert space.parse(f"stages: [!repeat {{times: 100, of: {BIG}}}]").count == 4**100
    assert space.parse(f"stages: [!repeat {{times: !int [1, 90], of: {BIG}}}]").count == sum(4**n for n in range(1, 91))


def test_copies_of_copies_are_bounded():
    steps = "steps: [!repeat {times: 100, of: {kernel: [1, 3, 3], groups: !choice [1, 2]}}]"
    block = f"{{kind: simple, conv: {{kind: steps, {steps}}}}}"
    with pytest.raises(NasError, match="more than 2,000 decisions"):
        space.parse(f"stages: [!repeat {{times: 100, of: {{depth: 1, width: 8, block: {block}}}}}]")


def test_the_fingerprint_sees_names_of_decisions():
    renamed = TINY.replace("&block", "&b").replace("*block", "*b")
    assert space.parse(renamed).fingerprint != space.parse(TINY).fingerprint
