"""A study whose trials have curves, without any training."""

from random import Random

import pytest

from nas import genotype as genotypes
from nas import recipe, space, study
from nas.cost import cost
from nas.search.wrappers import Candidate
from tests.spaces import TINY


@pytest.fixture
def searched(tmp_path):
    """A study of three trials: complete, stopped with one epoch, failed before any."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    found = space.load(tmp_path / "tiny.yaml")
    clip = {"frames": 4, "size": 20}
    told = {"space": found.name, "objectives": "accuracy,mparams", "proxy": {"train": {"epochs": 3}, "clip": clip}}
    wanted = recipe.validate(recipe.Recipe, told)
    opened = study.create(tmp_path / "small", wanted, wanted, found, {"metric": "map"})
    for number in range(3):
        record = found.draw(Random(number))
        described = found.genotype(record)
        candidate = Candidate(record, {}, described, cost(described))
        opened.add(candidate, found, limit=100, genotype=genotypes.to_yaml(described), sampler="uniform")
    rows = [{"epoch": n, "train_error": 1 / n, "val_accuracy": 1 - 1.5 / (n + 1)} for n in (1, 2, 3)]
    opened.complete(0, {"accuracy": 0.625, "seconds": 1.0, "curve": rows})
    opened.stop(1, {"accuracy": 0.25, "seconds": 1.0, "curve": rows[:1]})
    opened.fail(2, "diverged: the loss is nan")
    return opened.folder
