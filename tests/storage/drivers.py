"""Studies in a test's PostgreSQL: new ones, drivers as objects and as processes, and searches on made-up trials.

    python -m tests.storage.drivers FOLDER TRIALS SECONDS GRACE

is a driver of the study in FOLDER, whose trainings take SECONDS an epoch; it prints a line a trial that it trained.
Other drivers are held for gone after GRACE seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random

from nas import genotype as genotypes
from nas import recipe, space, study
from nas.cost import cost
from nas.engines.here import Here
from nas.search import loop
from nas.search.simulate import Silent
from nas.search.wrappers import Candidate
from nas.storage import address, holds, secrets
from nas.study import Study
from tests.spaces import TINY

EPOCHS = 3


def new(folder: Path, url: str | None = None, **settings) -> Study:
    """A study, its trials in the folder or in a database."""
    folder.mkdir(parents=True)
    (folder / "tiny.yaml").write_text(TINY)
    told = {"space": str(folder / "tiny.yaml"), "objectives": "accuracy,mparams", "sampler": {"kind": "uniform"}}
    wanted = recipe.validate(recipe.Recipe, {**told, "proxy": {"train": {"epochs": EPOCHS}}, **settings})
    found = space.load(folder / "tiny.yaml")
    return study.create(folder, wanted, wanted, found, {"data": "none"}, address.parse(url) if url else None)


def again(opened: Study) -> Study:
    """Another driver of a study."""
    return study.open_study(opened.folder)


def space_of(opened: Study):
    """Its space."""
    return space.load(opened.folder / "tiny.yaml")


def add(opened: Study, number: int = 0, limit: int = 100):
    """A trial that is about to be trained, of a network that `number` decides; None where another driver has it."""
    found = space_of(opened)
    record = list(found.automaton.all())[number]
    described = found.genotype(record)
    candidate = Candidate(record, {"seen": number}, described, cost(described))
    told = {"genotype": genotypes.to_yaml(described), "memo": candidate.memo, "dropped": {}, "sampler": "uniform"}
    return opened.add(candidate, found, limit=limit, **told)


def outcome(*accuracies: float) -> dict:
    """What a training gave."""
    curve = [{"epoch": epoch, "val_accuracy": accuracy} for epoch, accuracy in enumerate(accuracies, 1)]
    return {"accuracy": accuracies[-1], "seconds": 1.5, "curve": curve}


def training(seconds: float = 0.0, told=None):
    """A training whose accuracies follow from genotype and seed."""

    def train(genotype, *, seed, on_epoch, on_step):
        if told:
            told(genotype)
        final, curve = Random(seed).random(), []
        for epoch in range(1, EPOCHS + 1):
            time.sleep(seconds)
            curve.append({"epoch": epoch, "val_accuracy": final * epoch / EPOCHS})
            so_far = {"accuracy": curve[-1]["val_accuracy"], "seconds": 0.1, "val_clips": 100, "curve": curve}
            if on_epoch(so_far) is False:
                break
        return so_far

    return train


def search(opened: Study, trials: int, seconds: float = 0.0, begins=None) -> str:
    """Search until there are so many trials; `begins` is told of each genotype whose training begins."""
    return loop.run(opened, space_of(opened), Here(training(seconds, begins)), Silent(), trials=trials)


def told(opened: Study) -> list[tuple]:
    """What is the same in two studies of one seed."""
    return [(t.number, t.state, t.record, t.key, t.cost, t.curve, t.memo, t.attempts) for t in opened.trials()]


def process(folder: Path, trials: int, seconds: float, password: str, grace: float = holds.GRACE) -> subprocess.Popen:
    """A driver in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.storage.drivers", str(folder), str(trials), str(seconds), str(grace)],
        env={**os.environ, secrets.ANY: password}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


class Prints(Silent):
    """A line a trial."""

    def started(self, trial, trials):
        print("began", trial.number, trial.key, flush=True)

    def ended(self, trial, trials):
        print("ended", trial.number, trial.key, flush=True)


if __name__ == "__main__":
    secrets.take()
    holds.GRACE = float(sys.argv[4])
    holds.BEAT = holds.GRACE / 6
    own = study.open_study(Path(sys.argv[1]))
    engine = Here(training(float(sys.argv[3])))
    print(loop.run(own, space_of(own), engine, Prints(), trials=int(sys.argv[2])), flush=True)
