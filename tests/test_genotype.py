"""Genotype files: canonical form, schema versions, errors with file and line."""

from pathlib import Path

import pytest

from nas import genotype
from nas.errors import NasError
from nas.network import key

HERE = Path(__file__).parent / "genotypes"

RECORDED = {"schema-1": "44a190574bd5fabf"}


@pytest.mark.parametrize("path", sorted(HERE.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_old_schema_still_reads_to_the_same_network(path):
    assert key(genotype.load(path)) == RECORDED[path.stem]


def test_canonical_form_writes_every_default(tmp_path):
    short, long = tmp_path / "short.yaml", tmp_path / "long.yaml"
    short.write_text("stages: [{depth: 1, width: 8, block: {kind: simple}}]")
    long.write_text(genotype.to_yaml(genotype.load(short)))
    told = long.read_text()
    assert all(word in told for word in ("nas: 1", "kernel: [3, 7, 7]", "stride: [1, 1, 1]", "keep: all"))
    assert genotype.load(long) == genotype.load(short)
    assert genotype.to_yaml(genotype.load(long)) == told


def test_upgrades_run_in_order(monkeypatch):
    monkeypatch.setattr(genotype, "SCHEMA", 3)
    steps = []

    def step(version):
        def upgrade(tree):
            steps.append(version)
            return genotype.FrozenMap((k, version + 1 if k == "nas" else v) for k, v in tree)

        return upgrade

    monkeypatch.setattr(genotype, "UPGRADES", {1: step(1), 2: step(2)})
    upgraded = dict(genotype._upgraded(genotype.freeze({"nas": 1})))
    assert (steps, upgraded) == ([1, 2], {"nas": 3})


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("nas: 2\nstages: []", 1, "schema version 2 is newer"),
        ("nas: zero\nstages: []", 1, "no schema version"),
        ("classes: 400", 1, "'stages' is missing"),
        ("classes: 0\nstages: [{depth: 1, width: 8, block: {kind: simple}}]", 1, "classes: 0 does not fit"),
        (
            "stages:\n  - depth: 1\n    width: '8'\n    block: {kind: simple}",
            3,
            "stages.0.width: 8 does not fit",
        ),
        (
            "stages:\n  - depth: 1\n    width: 8\n    block:\n      kind: simple\n      conv: {kind: dens}",
            6,
            "dens",
        ),
        ("deflation: {keep: 150%}\nstages: [{depth: 1, width: 8, block: {kind: simple}}]", 1, "50%"),
        ("deflation: {keep: true}\nstages: [{depth: 1, width: 8, block: {kind: simple}}]", 1, "keep"),
        (
            "stem: {pool: {kernal: [1, 3, 3]}}\nstages: [{depth: 1, width: 8, block: {kind: simple}}]",
            1,
            "did you mean 'kernel'",
        ),
        ("[1, 2]", 1, "a genotype is a map"),
        ("stages: 3", 1, "should be a list"),
        ("stages: [{depth: !choice [1, 2], width: 8, block: {kind: simple}}]", 1, "tag"),
    ],
)
def test_errors_name_file_and_line(tmp_path, text, line, words):
    path = tmp_path / "g.yaml"
    path.write_text(text)
    with pytest.raises(NasError, match=words) as caught:
        genotype.load(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
