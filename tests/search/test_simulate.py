"""Searches in memory: the trials of a real study on disk that is given the same trainings."""

import pytest

from nas import recipe, space, study
from nas.engines.known import Known
from nas.errors import NasError
from nas.recipe import Recipe
from nas.search import loop
from nas.search.simulate import Silent, simulate
from nas.search.surrogate import Surrogate
from tests.spaces import TINY


@pytest.fixture
def found(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    return space.load(tmp_path / "tiny.yaml")


def wanted(found, **settings):
    told = {"space": found.name, "budget": "2mflops", "objectives": "accuracy,mparams", **settings}
    return recipe.validate(Recipe, told | {"proxy": {"train": {"epochs": 6}}})


def told(trials):
    return [(t.number, t.state, t.record, t.key, t.accuracy, t.curve, t.memo, t.dropped, t.sampler) for t in trials]


@pytest.mark.parametrize("kind", ["front", "evolution", "nsga2"])
def test_the_same_trials_as_a_study_on_disk(tmp_path, found, kind):
    settings = wanted(
        found, sampler={"kind": kind, "startup": 4, "population": 4}, stopping={"rungs": [1, 3], "reduction": 2}
    )
    curve = Surrogate(found, 5, epochs=6).curve
    opened = study.create(tmp_path / "study", settings, settings, found, {"data": "none"})
    loop.run(opened, found, Known(opened, curve), Silent(), trials=20)
    simulated = simulate(settings, found, curve, trials=20)
    assert told(simulated) == told(opened.trials())
    assert {trial.state for trial in simulated} == {"complete", "stopped"}
    assert {1, 6} <= {len(trial.curve) for trial in simulated} <= {1, 3, 6}


def test_another_seed_is_another_search(found):
    curve = Surrogate(found, 5, epochs=6).curve
    one, two = (simulate(wanted(found, seed=seed), found, curve, trials=8) for seed in (0, 1))
    assert told(one) != told(two)


def test_no_more_trials_than_there_are_networks(found):
    trials = simulate(wanted(found, budget=""), found, Surrogate(found, 5, epochs=6).curve, trials=500)
    assert len({trial.key for trial in trials}) == len(trials) == 72


def test_a_network_that_is_not_in_the_table_is_told(found):
    def nothing(trial, seed):
        raise NasError(f"no training of trial {trial.number} is known", where="table.csv")

    with pytest.raises(NasError, match="^table.csv: no training of trial 0 is known"):
        simulate(wanted(found), found, nothing, trials=8)
