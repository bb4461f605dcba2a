"""Tables: what is written is read, trainings come back by seed, and a table is never taken for another's."""

import math
from dataclasses import replace

import pytest

from nas import content, recipe, space, table
from nas.cost import cost
from nas.engines.known import Known
from nas.errors import NasError
from nas.network import key
from nas.seeds import seed_for
from nas.summary import summary
from nas.table import COSTS, CURVE, Network, Table
from nas.trial import Trial
from nas.units import Budget
from tests.spaces import TINY


def rows(*accuracies):
    return [
        {"epoch": epoch, **dict.fromkeys(CURVE, 0.5), "val_accuracy": accuracy}
        for epoch, accuracy in enumerate(accuracies, 1)
    ]


@pytest.fixture
def found(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return space.load(path)


def wanted(found, **more):
    return recipe.validate(recipe.Recipe, {"space": found.name, "proxy": {"train": {"epochs": 2}}, **more})


def filled(found, path, **more):
    """A table of all networks of the tiny space, two trainings each."""
    made = Table(path, table.about(found, wanted(found, **more)) | {"videos": "v", "val_clips": 9, "versions": {}})
    for number, record in enumerate(found.automaton.all()):
        genotype = found.genotype(record)
        counted, name = cost(genotype), key(genotype)
        told = {one: getattr(counted, one) for one in COSTS}
        trainings = {0: rows(0.1, 0.2 + number / 1000), 1: rows(0.1, 0.4 + number / 1000)}
        made.networks.setdefault(name, Network(name, record, told, summary(genotype), trainings, {"depth": 3.0}))
    return made


def trial_of(network):
    return Trial(0, "running", network.record, "", network.key, None)


def test_what_is_written_is_read(found, tmp_path):
    made = filled(found, tmp_path / "t.parquet")
    one = next(iter(made.networks.values()))
    one.trainings[1] = []  # it failed
    made.save()
    again = table.load(made.path)
    assert again == made
    assert again.networks[one.key].accuracy == 0.2


def test_the_truth_is_the_mean_over_trainings_and_failed_ones_have_none(found, tmp_path):
    made = filled(found, tmp_path / "t.parquet")
    one, other = list(made.networks.values())[:2]
    assert one.accuracy == pytest.approx(0.3)
    other.trainings = {0: [], 1: []}
    assert math.isnan(other.accuracy)
    frame = made.frame(Budget())
    assert len(frame) == len(made.networks) - 1 and {"truth", "gflops", "depth", "decision.block"} <= set(frame)
    limit = frame["mparams"].median()
    within = made.frame(Budget.parse(f"{limit:.9f}mparams"))
    assert 0 < len(within) < len(frame) and within["mparams"].max() <= limit + 1e-9


def test_a_score_that_the_first_network_lacks_is_written_too(found, tmp_path):
    made = filled(found, tmp_path / "t.parquet")
    list(made.networks.values())[-1].scores["late"] = 1.5
    made.save()
    assert table.load(made.path) == made


def test_a_training_is_found_by_the_seed_of_the_search_it_stands_for(found, tmp_path):
    made = filled(found, tmp_path / "t.parquet", seed=5)
    one = next(iter(made.networks.values()))
    for index in (0, 1):
        seed = seed_for(5 + index, "training", one.key)
        assert made.curve(trial_of(one), seed) is one.trainings[index]
    assert made.curve(trial_of(one), 3) is one.trainings[1] and made.curve(trial_of(one), 4) is one.trainings[0]


def test_a_missing_network_is_named(found, tmp_path):
    made = filled(found, tmp_path / "t.parquet")
    one, other = list(made.networks.values())[:2]
    one.trainings = {}
    with pytest.raises(NasError, match=f"t.parquet: lacks {one.summary[:9]}.*nas tabulate space/tiny.yaml"):
        made.curve(trial_of(one), 0)
    del made.networks[other.key]
    with pytest.raises(NasError, match="lacks trial 0"):
        made.curve(trial_of(other), 0)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"proxy": {"train": {"epochs": 3}}}, r"proxy.train.epochs: 2 -> 3"),
        ({"proxy": {"train": {"epochs": 2}}, "data": {"pack": {"size": 99}}}, r"data.pack.size: 128 -> 99"),
    ],
)
def test_another_recipe_is_refused(found, tmp_path, more, words):
    made = filled(found, tmp_path / "t.parquet")
    made.require(found, wanted(found))
    made.require(found, wanted(found, seed=7, trials=3))  # these decide no training
    with pytest.raises(NasError, match=words):
        made.require(found, recipe.validate(recipe.Recipe, {"space": found.name, **more}))


def test_another_space_is_refused(found, tmp_path):
    made = filled(found, tmp_path / "t.parquet")
    other = space.parse(TINY.replace("!choice [8, 16]", "!choice [8, 24]"), name="other.yaml")
    with pytest.raises(NasError, match="is of another space than other.yaml"):
        made.require(other, wanted(found))


def test_a_file_that_is_none_is_told_in_one_line(tmp_path):
    with pytest.raises(NasError, match="no such table.*nas tabulate"):
        table.load(tmp_path / "t.parquet")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(NasError, match="is no table of trained networks"):
        table.load(tmp_path / "t.parquet")


def test_a_newer_table_is_refused(found, tmp_path, monkeypatch):
    made = filled(found, tmp_path / "t.parquet")
    monkeypatch.setattr(table, "SCHEMA", 2)
    made.save()
    monkeypatch.setattr(table, "SCHEMA", 1)
    with pytest.raises(NasError, match="newer version"):
        table.load(made.path)


def test_the_table_of_a_space_lies_in_the_study_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NasError, match="there is no table of this space.*nas tabulate my.yaml"):
        table.find("my.yaml")
    (tmp_path / "studies" / "my").mkdir(parents=True)
    (tmp_path / "studies" / "my" / "table.parquet").touch()
    assert table.find("somewhere/my.yaml").resolve() == tmp_path / "studies" / "my" / "table.parquet"


def test_a_failed_training_fails_again(found, tmp_path):
    """The engine of known results tells a failure as one, and does not invent an accuracy."""
    made = filled(found, tmp_path / "t.parquet")
    one = next(iter(made.networks.values()))
    one.trainings = {0: [], 1: []}

    class Driver:
        jobs, told = [0], []

        def next(self):
            return Job() if self.jobs and not self.jobs.clear() else None

        def failed(self, number, reason):
            self.told.append(reason)

    class Job:
        number, seed = 0, 0

    class Trials:
        def trial(self, number):
            return replace(trial_of(one), number=number)

    Known(Trials(), made.curve).run(Driver())
    assert "failed" in Driver.told[0]


def test_the_shipped_table_is_of_the_shipped_space_and_recipe():
    found = table.load(content.places()[1] / "studies" / "tiny" / "table.parquet")
    found.require(space.load(content.find("tiny", "space")), recipe.load(content.find("tiny", "studies")))
    assert len(found.networks) == 234
