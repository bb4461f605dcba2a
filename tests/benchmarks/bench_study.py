"""What a large study costs to read: opening it, its trials, its front and its table.

    python tests/benchmarks/bench_study.py [TRIALS]

Makes a study of 10,000 trials (about 15 decisions, exact costs and a curve of 8 epochs each) by writing rows into its
database, then reads it as the commands do. Opening, trials and front have 3 seconds together.
"""

import json
import sys
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models

from nas import content, fronts, genotype, recipe, space, study
from nas.search.optuna_samplers import distribution, parameter
from nas.search.sampler import Uniform
from nas.search.surrogate import Surrogate
from nas.search.wrappers import Dropped, valid
from nas.study import Study

TRIALS = 10_000
DIFFERENT = 500  # networks, which trials repeat: the table reads the genotype of each network once


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    with TemporaryDirectory() as folder:
        timed(f"making a study of {count:,} trials", lambda: make(Path(folder) / "study", count))
        started = perf_counter()
        opened = timed("opening it", lambda: study.open_study(Path(folder) / "study"))
        trials = timed("reading its trials", opened.trials)
        best = timed("its front", lambda: fronts.front(trials, opened.recipe.objectives))
        print(f"all three: {perf_counter() - started:.2f} s ({len(trials):,} trials, {len(best)} on the front)")
        timed("its trials again", opened.trials)
        timed("its observations", lambda: opened.observations(trials, {}))
        timed(f"its table, as nas pareto writes it, of {DIFFERENT} networks", lambda: fronts.frame(opened))
        found = space.load(content.find("csn", "space"))
        candidate = next(drawn(found))
        told = {"genotype": genotype.to_yaml(candidate.genotype), "memo": {}, "dropped": {}, "sampler": "uniform"}
        added = timed("adding a trial", lambda: opened.add(candidate, found, limit=10**6, **told))
        timed("completing it", lambda: opened.complete(added.number, trials[0].outcome))


def make(folder: Path, count: int) -> None:
    """A study whose trials are written as rows, in one go."""
    found = space.load(content.find("csn", "space"))
    wanted = recipe.load(content.find("motion", "studies"))
    opened = study.create(folder, wanted, wanted, found, {"data": "", "dataset": "motion"})
    surrogate, networks = Surrogate(found, 0), list(islice(drawn(found), DIFFERENT))
    known = [rows(found, surrogate, one, seed) for seed, one in enumerate(networks)]
    tables = {model: [] for model in (models.TrialUserAttributeModel, models.TrialParamModel, models.TrialValueModel)}
    numbers = []
    for number in range(count):
        numbers.append({"trial_id": number + 1, "number": number, "study_id": 1, "state": "COMPLETE"})
        for model, more in zip(tables, known[number % len(known)], strict=True):
            tables[model] += [{"trial_id": number + 1, **row} for row in more]
    insert(opened, {models.TrialModel: numbers, **tables})


def drawn(found):
    """Networks of a space, uniformly."""
    return valid(Uniform(found).propose([], 0), found, Dropped())


def rows(found, surrogate: Surrogate, candidate, seed: int) -> tuple[list[dict], list[dict], list[dict]]:
    """What Optuna keeps of one trial: attributes, parameters, values."""
    accuracy = surrogate.accuracy(candidate.record)
    told = {"train_loss": 1.234567, "train_error": 0.345678, "val_loss": 1.2345, "seconds": 1.25, "wait": 0.01}
    curve = [{"epoch": epoch, "lr": 0.1 / epoch, "val_accuracy": accuracy * epoch / 8, **told} for epoch in range(1, 9)]
    outcome = {"accuracy": accuracy, "seconds": 10.0, "val_clips": 600, "seed": seed, "device": "CPU", "curve": curve}
    attributes = {
        "key": candidate.key, "cost": candidate.cost._asdict(), "record": candidate.record, "memo": {},
        "genotype": genotype.to_yaml(candidate.genotype), "sampler": "uniform", "outcome": outcome,
        "dropped": {"invalid": 0, "over_budget": 3, "repeated": 0}, "proposal_seconds": 0.1,
    }  # fmt: skip
    holes = {name: found.decisions[name] for name in candidate.record}
    parameters = []
    for name, hole in holes.items():
        asked = distribution(hole)
        value = asked.to_internal_repr(parameter(hole, candidate.record[name]))
        parameters.append({"param_name": name, "param_value": value, "distribution_json": distribution_to_json(asked)})
    values = [accuracy, candidate.cost.macs / 1e9, candidate.cost.interactions / 1e9]
    return (
        [{"key": key, "value_json": json.dumps(value)} for key, value in attributes.items()],
        parameters,
        [{"objective": place, "value": value, "value_type": "FINITE"} for place, value in enumerate(values)],
    )


def insert(opened: Study, tables: dict) -> None:
    with opened.storage.engine.begin() as connection:
        for model, more in tables.items():
            connection.execute(sqlalchemy.insert(model), more)
    opened.storage.engine.dispose()


def timed(what: str, run):
    started = perf_counter()
    result = run()
    print(f"{what}: {perf_counter() - started:.2f} s", flush=True)
    return result


if __name__ == "__main__":
    main()
