"""How many trials a second the store takes: begun, noted down once, ended with a curve of 8 epochs, and read between.

    python tests/benchmarks/bench_store.py [TRIALS]

Side by side, on networks of space/video.yaml: Optuna's own storage on SQLite (what this project wrote through before),
ours on SQLite, and ours on a PostgreSQL of its own (durable: fsync on) with one driver and with eight at once. The
goal is 50 finished trials a second on SQLite, 30 with eight drivers on PostgreSQL. Then a study of 10,000 trials is
copied from SQLite to PostgreSQL and back.
"""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter, time

from optuna.distributions import BaseDistribution
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial
from rich.console import Console

from nas import content, copying, genotype, recipe, space, study
from nas.search.optuna_samplers import distribution, parameter
from nas.search.sampler import Uniform
from nas.search.wrappers import Candidate, Dropped, valid
from nas.storage import address, secrets
from nas.study import Study
from tests.benchmarks import bench_study
from tests.postgres import PASSWORD, Postgres, programs

TRIALS, DRIVERS, MANY = 200, 8, 10_000


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else TRIALS
    found = space.load(content.find("video", "space"))
    known = list(islice(drawn(found), count))
    print(f"{count} trials of about {sum(len(one.record) for one in known) / count:.0f} decisions")
    with TemporaryDirectory() as folder:
        told("SQLite, Optuna's own storage", count, optuna_s(new(Path(folder) / "before", found), found, known))
        told("SQLite", count, lives(new(Path(folder) / "after", found), found, known))
        if programs() is None:
            print("PostgreSQL is not installed: left out")
            return
        postgres = Postgres(durable=True)
        try:
            on_postgres(postgres, Path(folder), found, known)
            copies(postgres, Path(folder))
        finally:
            postgres.remove()


def on_postgres(postgres: Postgres, folder: Path, found, known: list[Candidate]) -> None:
    """One driver, and several at once, each a process with networks of its own."""
    os.environ[secrets.ANY] = PASSWORD
    secrets.take()
    one = address.parse(postgres.url(postgres.database()))
    told("PostgreSQL, 1 driver", len(known), lives(new(folder / "one", found, one), found, known))
    several = address.parse(postgres.url(postgres.database()))
    new(folder / "several", found, several)
    drivers = [
        subprocess.Popen(
            [sys.executable, __file__, "--driver", str(folder / "several"), str(place), str(len(known))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {secrets.ANY: PASSWORD},
        )
        for place in range(DRIVERS)
    ]  # fmt: skip
    for driver in drivers:
        driver.stdout.readline()
    for driver in drivers:
        driver.stdin.write("go\n")
        driver.stdin.flush()
    times = [[float(word) for word in driver.communicate()[0].split()] for driver in drivers]
    seconds = max(end for _, end in times) - min(start for start, _ in times)
    ended = study.open_study(folder / "several").trials()
    assert len({trial.key for trial in ended}) == len(ended) and all(trial.state == "complete" for trial in ended)
    told(f"PostgreSQL, {DRIVERS} drivers on {os.cpu_count()} cores", len(ended), seconds)


def copies(postgres: Postgres, folder: Path) -> None:
    """A study of many trials, there and back."""
    bench_study.make(folder / "large", MANY)
    url = postgres.url(postgres.database())
    for source, target, storage in (("large", "there", url), ("there", "back", None)):
        started = perf_counter()
        copying.copy(str(folder / source), str(folder / target), storage, console=Console(quiet=True))
        print(f"copying {MANY:,} trials {source} -> {target}: {perf_counter() - started:.1f} s", flush=True)
    first, last = (study.open_study(folder / name).trials() for name in ("large", "back"))
    assert first == last and len(last) == MANY


def drive(folder: Path, place: int, count: int) -> None:
    """One of several drivers: waits for the word, then runs its trials."""
    secrets.take()
    found = space.load(content.find("video", "space"))
    own = list(islice(drawn(found, seed=place + 1), count))[: count * 2 // DRIVERS]
    opened = study.open_study(folder)
    print("ready", flush=True)
    sys.stdin.readline()
    start = time()
    with opened.driven():
        lives(opened, found, own)
    print(start, time())


def lives(opened: Study, found, known: list[Candidate]) -> float:
    """Seconds for the whole lives of trials in the store, as the loop writes them."""
    facts = [(candidate, attributes(candidate), ended(candidate)) for candidate in known]
    started = perf_counter()
    for candidate, more, outcome in facts:
        opened.orphans(())
        trial = opened.add(candidate, found, limit=10**6, **more)
        if trial is None:  # another driver had this network
            continue
        opened.complete(trial.number, outcome)
        assert opened.trials()[trial.number].state == "complete"
    return perf_counter() - started


def optuna_s(opened: Study, found, known: list[Candidate]) -> float:
    """The same through Optuna's storage: three transactions of its own."""
    storage = RDBStorage(str(opened.storage.engine.url))
    number = storage.get_study_id_from_name(opened.name)
    facts = [(candidate, attributes(candidate), ended(candidate)) for candidate in known]
    started = perf_counter()
    for candidate, more, outcome in facts:
        asked = {name: found.decisions[name] for name in candidate.record}
        distributions: dict[str, BaseDistribution] = {name: distribution(hole) for name, hole in asked.items()}
        told = {"key": candidate.key, "cost": candidate.cost.known(), "record": candidate.record}
        trial = storage.create_new_trial(
            number,
            create_trial(
                state=TrialState.RUNNING,
                params={name: parameter(hole, candidate.record[name]) for name, hole in asked.items()},
                distributions=distributions,
                user_attrs=told | more,
            ),
        )
        opened.trials()
        storage.set_trial_user_attr(trial, "outcome", outcome)
        values = [outcome["accuracy"], candidate.cost.macs / 1e9, candidate.cost.interactions / 1e9]
        storage.set_trial_state_values(trial, TrialState.COMPLETE, values)
        opened.trials()
    return perf_counter() - started


def new(folder: Path, found, where: address.Address | None = None) -> Study:
    wanted = recipe.load(content.find("motion", "studies"))
    return study.create(folder, wanted, wanted, found, {"data": "", "dataset": "motion"}, where)


def drawn(found, seed: int = 0):
    """Networks of a space, uniformly."""
    return valid(Uniform(found).propose([], seed), found, Dropped())


def attributes(candidate: Candidate) -> dict:
    """What the loop writes with a new trial."""
    return {
        "genotype": genotype.to_yaml(candidate.genotype), "memo": {}, "sampler": "uniform", "summary": "a network",
        "dropped": {"invalid": 0, "over_budget": 3, "repeated": 0}, "proposal_seconds": 0.1,
    }  # fmt: skip


def ended(candidate: Candidate) -> dict:
    """What a training gives."""
    candidate.key  # noqa: B018 (worked out once, and kept)
    accuracy = Random(str(candidate.record)).random()
    row = {"train_loss": 1.234567, "train_error": 0.345678, "val_loss": 1.2345, "seconds": 1.25, "wait": 0.01}
    curve = [{"epoch": epoch, "lr": 0.1 / epoch, "val_accuracy": accuracy * epoch / 8, **row} for epoch in range(1, 9)]
    return {"accuracy": accuracy, "seconds": 10.0, "val_clips": 600, "seed": 1, "device": "CPU", "curve": curve}


def told(what: str, count: int, seconds: float) -> None:
    print(f"{what}: {count / seconds:.0f} trials a second ({seconds / count * 1000:.1f} ms each)", flush=True)


if __name__ == "__main__":
    drive(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])) if "--driver" in sys.argv else main()
