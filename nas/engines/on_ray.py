"""The engine of a Ray cluster: Ray Tune places the trainings of a study on its nodes."""

from __future__ import annotations

import logging
import math
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.cluster import nodes
from nas.cluster.nodes import Node
from nas.engines.engine import Driver, Job
from nas.engines.tune_worker import Assignment, checkpoint, train

QUIET = {
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is the search's
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # the study is the record, not Tune's state
    "TUNE_MAX_PENDING_TRIALS_PG": "100000",  # `Desk.room` decides
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "1000000",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}
ROOM_FOR = 5.0  # seconds for which the size of the cluster is known


@dataclass(frozen=True)
class Share:
    """What a training takes of a node."""

    cpus: float = 1.0
    gpus: float = 0.0

    def __str__(self) -> str:
        told = [(self.cpus, "CPU"), *([(self.gpus, "GPU")] if self.gpus else [])]
        return " and ".join(nodes.amount(number, noun) for number, noun in told)


class OnRay:
    """Trains on the nodes of the cluster that this process is connected to, `workers` at once, or as many as fit."""

    def __init__(self, assignment: Assignment, share: Share, *, workers: int | None = None):
        self.assignment, self.share, self.workers = assignment, share, workers

    def run(self, driver: Driver) -> None:
        """Train until the driver has no more; a KeyboardInterrupt passes, and so does what the driver raises."""
        from ray import tune

        from nas.engines.tune_desk import Desk, Over, Proposals, Rungs, Watch

        desk = Desk(driver, _Room(self.share, self.workers), _kill, self._forget, self.assignment.guard)
        with tempfile.TemporaryDirectory() as folder, _quiet(), _made(self.assignment.checkpoints):
            trainable = tune.with_resources(
                tune.with_parameters(train, assignment=self.assignment),
                {"CPU": self.share.cpus, "GPU": self.share.gpus},
            )
            tuner = tune.Tuner(
                trainable,
                tune_config=tune.TuneConfig(
                    search_alg=Proposals(desk), scheduler=Rungs(desk), num_samples=-1, reuse_actors=True
                ),
                run_config=tune.RunConfig(name="search", storage_path=folder, verbose=0, callbacks=[Watch(desk)]),
            )
            try:
                tuner.fit()
            except Exception as error:
                if desk.error:
                    raise desk.error from desk.error.__cause__
                if not isinstance(error, Over):
                    raise

    def _forget(self, job: Job) -> None:
        if self.assignment.checkpoints:
            with suppress(OSError):
                checkpoint(self.assignment.checkpoints, job).unlink(missing_ok=True)


def share(there: Sequence[Node], workers: int | None, *, cpus: float | None, gpus: float | None) -> Share:
    """What a training takes, where that is not said: a GPU, if there are any, and an equal part of the CPUs.

    >>> share([Node("", "a", "a", cpus=16, gpus=4)], None, cpus=None, gpus=0.5)
    Share(cpus=2.0, gpus=0.5)
    >>> share([Node("", "a", "a", cpus=16, gpus=0)], 4, cpus=None, gpus=None)
    Share(cpus=4.0, gpus=0.0)
    """
    if gpus is None:
        gpus = 1.0 if any(node.gpus for node in there) else 0.0
    if cpus is None:
        fitting = [node for node in there if node.gpus] if gpus else there
        places = sum(node.places(0, gpus) for node in fitting) if gpus else workers or math.inf
        most = max((node.cpus for node in fitting), default=1.0)
        part = sum(node.cpus for node in fitting) / max(1, min(places, workers or places))
        cpus = float(min(max(1, math.floor(part)), max(1.0, most)))
    return Share(cpus, gpus)


@contextmanager
def _made(folder: str):
    """Within it, the folder, if one is named, is there; it stays where it holds something."""
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
    yield
    if folder:
        with suppress(OSError):
            Path(folder).rmdir()


class _Room:
    """How many trainings there may be at once: so many workers, or what the nodes hold, which come and go."""

    def __init__(self, share: Share, workers: int | None):
        self.share, self.workers, self.known, self.asked = share, workers, 0, -math.inf

    def __call__(self) -> int:
        if self.workers:
            return self.workers
        if time.monotonic() - self.asked > ROOM_FOR:
            self.known = sum(node.places(self.share.cpus, self.share.gpus) for node in nodes.alive())
            self.asked = time.monotonic()
        return self.known


def _kill(worker: dict[str, Any]) -> None:
    """End a worker, whatever it does: by a task on its node."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(worker["node"], soft=False)
    ray.remote(num_cpus=0, scheduling_strategy=there)(_sigkill).remote(worker["pid"])


def _sigkill(pid: int) -> None:
    with suppress(ProcessLookupError):  # it has ended by itself meanwhile
        os.kill(pid, signal.SIGKILL)


@contextmanager
def _quiet():
    """Within it, Tune says nothing and keeps nothing: the search tells what happens, and the study is the record."""
    before, logger = {name: os.environ.get(name) for name in QUIET}, logging.getLogger("ray.tune")
    level = logger.level
    os.environ.update(QUIET)
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
