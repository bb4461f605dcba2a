"""The engine of a Ray cluster: Ray Tune places the trainings of a study on its nodes."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

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


class OnRay:
    """Trains on the nodes of the cluster that this process is connected to, `workers` at once, or as many as fit."""

    def __init__(self, assignment: Assignment, share: Share, *, workers: int | None = None):
        self.assignment, self.share, self.workers = assignment, share, workers

    def run(self, driver: Driver) -> None:
        """Train until the driver has no more; a KeyboardInterrupt passes, and so does what the driver raises."""
        from ray import tune

        from nas.engines.tune_desk import Desk, Proposals, Rungs, Watch

        desk = Desk(driver, _Room(self.share, self.workers), _kill, self._forget, self.assignment.guard)
        with tempfile.TemporaryDirectory() as folder, _quiet():
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
            except Exception:
                if desk.error:
                    raise desk.error from desk.error.__cause__
                raise
        if desk.error:
            raise desk.error

    def _forget(self, job: Job) -> None:
        if self.assignment.checkpoints:
            with suppress(OSError):
                checkpoint(self.assignment.checkpoints, job).unlink(missing_ok=True)


class _Room:
    """How many trainings the cluster has room for; nodes come and go."""

    def __init__(self, share: Share, workers: int | None):
        self.share, self.workers, self.known, self.asked = share, workers, 0, -ROOM_FOR

    def __call__(self) -> int:
        import time

        if self.workers:
            return self.workers
        if time.monotonic() - self.asked > ROOM_FOR:
            self.known, self.asked = self._fit(), time.monotonic()
        return self.known

    def _fit(self) -> int:
        import ray

        rooms = []
        for node in ray.nodes():
            there = node["Resources"] if node["Alive"] else {}
            parts = [there.get("CPU", 0) / self.share.cpus] if self.share.cpus else []
            parts += [there.get("GPU", 0) / self.share.gpus] if self.share.gpus else []
            rooms.append(int(min(parts) + 1e-6))
        return sum(rooms)


def _kill(worker: dict[str, Any]) -> None:
    """End a worker, whatever it does: by a task on its node."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(worker["node"], soft=False)
    ray.remote(num_cpus=0, scheduling_strategy=there)(_sigkill).remote(worker["pid"])


def _sigkill(pid: int) -> None:
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
