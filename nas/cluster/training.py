"""A full training by several workers of a cluster: Ray Train starts them, and again where one is lost.

The run's folder holds the checkpoint, as of any training, so the group goes on from it, and so does the same command
after the driver was lost. Ray Train itself keeps nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.cluster import nodes
from nas.cluster.failures import line, mistake
from nas.cluster.packs import delivery
from nas.cluster.same import mine
from nas.cluster.train_worker import Desk, Task, work
from nas.errors import NasError

MARKER = ".seen-"  # how the files are called by which nodes know that they see a folder
LOOKS = 0.1  # seconds between two looks at what workers tell
VAIN = 3  # times that a group may be lost without an epoch in between
PATIENCE = 30.0  # seconds without a word after which is looked, and told, whether workers have room
TRAIN = {
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # waits for checkpoints that it keeps itself
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}


@dataclass(frozen=True)
class Workers:
    """How many train together, each with so many CPUs, on GPUs or not; `local`: all are of this machine."""

    number: int
    cpus: int
    gpu: bool
    local: bool
    packs: str = "copy"
    imports: tuple[str, ...] = ()


def workers(number: int, cpus: int, device: str, *, local: bool, packs: str, imports: tuple[str, ...]) -> Workers:
    """Those that a command line asks for, on GPUs where `device` says so, or leaves it open and the cluster has enough.

    Raises NasError where they have no room, and where a node runs other versions.
    """
    there = nodes.alive()
    gpu = device == "cuda" or (device == "auto" and sum(node.places(cpus, 1) for node in there) >= number)
    if device.startswith("cuda:"):
        raise NasError(f"device '{device}' is one for {number} workers", fix="use --device cuda: each takes its own")
    nodes.require(there, cpus=cpus, gpus=int(gpu), places=number, what="worker")
    if not local:
        nodes.check(there)
    return Workers(number, cpus, gpu, local, packs, imports)


def retrain(genotype, pack, settings, folder: Path, *, data, weights, by: Workers, device: str, group, **more):
    """As `nas.retrain.retrain`, with its result, by workers; callbacks are called in this process.

    `device` and `group` are those of a training in this process, and the workers' own are taken.
    """
    import ray

    told = {name: more.pop(name) for name in ("on_epoch", "on_step", "on_note", "on_test")}
    with _marked(folder.resolve()) as marker:
        task = Task(
            genotype=genotype,
            delivery=delivery(pack, data, by.packs, local=by.local),
            settings=settings,
            folder=folder.resolve(),
            device="cuda" if by.gpu else "cpu",
            threads=by.cpus,
            marker=marker,
            driver=None if by.local else mine(),
            imports=tuple(str(Path(file).resolve()) for file in by.imports),
            weights=ray.put(weights) if weights else None,
            more={"data": data, **more},
        )
        try:
            result = _Run(task, by, told).result()
        except ray.exceptions.RayError as error:
            fix = "the same command goes on, on this cluster or another"
            raise NasError(f"the cluster was lost ({line(error)})", where=str(folder), fix=fix) from error
    for left in folder.glob(f"{MARKER}*"):  # of drivers that were killed
        left.unlink(missing_ok=True)
    return result


class _Run:
    """One training: what Ray Train does in a thread, and what workers tell, which is passed on here."""

    def __init__(self, task: Task, by: Workers, told: dict[str, Callable]):
        self.task, self.by, self.told = task, by, told
        self.starts, self.vain, self.heard, self.waits = 0, 0, time.monotonic(), False
        self.found: Any = None

    def result(self):
        """Pass on what workers tell until there is a result, and return that."""
        import ray

        desk = ray.remote(num_cpus=0, scheduling_strategy=nodes.beside())(Desk).remote()
        thread = _Thread(self.task, self.by, desk)
        while self.found is None:
            ended = thread.ended.wait(LOOKS)
            for kind, what in ray.get(desk.take.remote()):
                self._hear(kind, what)
            if ended and self.found is None:
                self._failed(thread.failure())
                thread = _Thread(self.task, self.by, desk)
            self._complain()
        thread.ended.wait(20)  # workers end by themselves
        return self.found

    def _hear(self, kind: str, what: Any) -> None:
        self.heard, self.waits = time.monotonic(), False
        if kind == "start":
            self._started()
        elif kind == "epoch":
            self.vain = 0
            self.told["on_epoch"](what)
        elif kind in ("step", "test"):
            self.told[f"on_{kind}"](*what)
        elif kind == "note":
            self.told["on_note"](what)
        elif kind == "mistake":
            raise what
        else:
            self.found = what

    def _started(self) -> None:
        self.starts += 1
        self.vain += 1
        if self.starts > 1:
            self.told["on_note"]("a worker was lost: all start again from the last checkpoint")
        if self.vain > VAIN:
            problem = f"workers were lost {VAIN} times without finishing an epoch"
            fix = "most often memory is short: lower batch or give fewer workers a node; the same command goes on"
            raise NasError(problem, where=str(self.task.folder), fix=fix)

    def _failed(self, error: Exception) -> None:
        """Ray Train gave up, which it does where a worker is lost while they meet; raises where that is no accident."""
        self.vain += 1
        if self.vain > VAIN or not isinstance(error, _GivenUp):
            raise error
        self.told["on_note"](f"{error.problem}: once more")

    def _complain(self) -> None:
        """Say once what is waited for, where nothing was heard for a while since workers have no room."""
        if self.waits or time.monotonic() - self.heard < PATIENCE:
            return
        there, gpus = nodes.alive(), int(self.by.gpu)
        if sum(node.places(self.by.cpus, gpus) for node in there) < self.by.number:
            self.waits = True
            self.told["on_note"](f"waiting for room for {self.by.number} workers: there are {nodes.in_words(there)}")
        self.heard = time.monotonic()


class _GivenUp(NasError):
    """Ray Train ended without a result, and not by a mistake."""


class _Thread:
    """Ray Train's own course, which blocks; it ends with the connection to the cluster where it does not before."""

    def __init__(self, task: Task, by: Workers, desk):
        self.ended, self.error = threading.Event(), None
        self.thread = threading.Thread(target=self._run, args=(task, by, desk), daemon=True)
        self.thread.start()

    def _run(self, task: Task, by: Workers, desk) -> None:
        try:
            _fit(task, by, desk)
        except BaseException as error:  # noqa: BLE001  (raised in the main thread)
            self.error = error
        finally:
            self.ended.set()

    def failure(self) -> Exception:
        """Why it ended without a result."""
        fix = "the same command goes on from the last checkpoint"
        if self.error is None:
            return _GivenUp("the workers ended without a result", fix=fix)
        return mistake(self.error) or _GivenUp(f"the workers did not start ({line(self.error)})", fix=fix)


def _fit(task: Task, by: Workers, desk) -> None:
    os.environ.update(TRAIN)
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from nas.cluster.meeting import Meeting

    logging.getLogger("ray.train").setLevel(logging.CRITICAL)
    per_worker = {"CPU": by.cpus, **({"GPU": 1} if by.gpu else {})}
    with tempfile.TemporaryDirectory() as kept:
        TorchTrainer(
            work,
            train_loop_config={"task": task, "desk": desk},
            torch_config=Meeting(backend="nccl" if by.gpu else "gloo"),
            scaling_config=ScalingConfig(num_workers=by.number, use_gpu=by.gpu, resources_per_worker=per_worker),
            run_config=RunConfig(
                name="retrain",
                storage_path=kept,
                failure_config=FailureConfig(max_failures=-1, controller_failure_limit=-1),
            ),
        ).fit()


@contextlib.contextmanager
def _marked(folder: Path) -> Iterator[str]:
    """The name of a file that is in the folder meanwhile; NasError where it cannot be written."""
    from nas import files
    from nas.run_files import LOCK

    with files.tidied(folder, LOCK):
        marker = folder / f"{MARKER}{uuid.uuid4().hex[:8]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            marker.touch()
        except OSError as error:
            problem = f"cannot be used as a folder ({error.strerror})"
            raise NasError(problem, where=str(folder), fix="choose a folder that can be written to") from None
        try:
            yield marker.name
        finally:
            marker.unlink(missing_ok=True)
