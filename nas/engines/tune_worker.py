"""What a worker of a Ray cluster does: it trains the genotype of its trial and reports epoch by epoch.

A report is one flat dictionary whose `told` is JSON: Tune flattens, keeps and copies what it is given, curves included.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.cluster.same import Told, check_same
from nas.engines.engine import Job, attempt
from nas.engines.guard import Guard
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.cluster.packs import Delivery
    from nas.genotype import Genotype
    from nas.recipe import ProxySettings

BEGAN, EPOCH, ENDED, FAILED, UNFIT = "began", "epoch", "ended", "failed", "unfit"  # kinds of reports


@dataclass(frozen=True)
class Assignment:
    """What all trials of a run have in common, as it is sent to the workers.

    `checkpoints` is a folder in which trainings are saved after the epochs `saved_after`; where it is empty, or the
    node does not see it, a training whose worker dies starts anew. Nodes must run what the `driver` does, if given, and
    have what `prepare` asks for, or raises NasError. `threads` are torch's; with 0 it is not loaded.
    """

    evaluate: Callable[..., dict[str, Any]]
    device: str
    threads: int
    guard: Guard = Guard()
    imports: tuple[str, ...] = ()
    checkpoints: str = ""
    saved_after: tuple[int, ...] = ()
    driver: Told | None = None
    prepare: Callable[[], object] | None = None


@dataclass(frozen=True)
class Training:
    """Trains the proxies of a search on a pack that is brought to the node; see `cluster.packs`."""

    delivery: Delivery
    settings: ProxySettings

    def __call__(self, genotype: Genotype, **more: Any) -> dict[str, Any]:
        """What `proxy.evaluate` returns; raises NasError where the pack does not reach the node."""
        from nas import proxy

        return proxy.evaluate(genotype, self.delivery.open(), self.settings, **more)


def checkpoint(folder: str, job: Job) -> Path:
    """Where the training of a job is saved."""
    return Path(folder) / f"{job.number}-{job.seed}.safetensors"


def train(config: Mapping[str, Any], *, assignment: Assignment) -> None:
    """Train one job; Tune ends this thread at a report where the driver says that the training stops."""
    from ray import tune

    def report(kind: str, told: Any) -> None:
        tune.report({"kind": kind, "told": json.dumps(told)})

    job, latest = Job(**config), []

    def on_epoch(so_far: dict[str, Any]) -> bool:
        report(EPOCH, {"outcome": so_far, "steps": latest})
        return True

    def on_step(done: int, total: int) -> None:
        latest[:] = done, total

    def here(genotype, **more):
        report(BEGAN, {"host": platform.node(), "pid": os.getpid(), "node": _node()})
        if assignment.checkpoints and Path(assignment.checkpoints).is_dir():
            more |= {"checkpoint": checkpoint(assignment.checkpoints, job), "saved_after": assignment.saved_after}
        return assignment.evaluate(genotype, device=assignment.device, **more)

    try:
        _settle(assignment)
    except NasError as error:  # no fault of the trial's: any other would fail here as well
        report(UNFIT, str(error))
        return
    result = attempt(here, job, on_epoch, assignment.guard.watching(on_step))
    report(FAILED, result) if isinstance(result, str) else report(ENDED, result)
    if assignment.guard.exceeded():  # what it holds would be the next training's fault; all is reported
        os._exit(0)


def _settle(assignment: Assignment) -> None:
    """Make this process one that can train for the driver."""
    from nas import user_blocks

    if assignment.driver:
        check_same(assignment.driver)
    for file in assignment.imports:
        user_blocks.load(file)
    if assignment.device == "cuda":
        _check_gpu()
    if assignment.prepare:
        assignment.prepare()
    if assignment.threads:
        import torch

        torch.set_num_threads(assignment.threads)


def _check_gpu() -> None:
    """Raise NasError where the node has a GPU for Ray and none for torch."""
    import torch

    from nas.cluster.nodes import here

    if not torch.cuda.is_available():
        problem = f"Ray has a GPU there, and torch {torch.__version__} sees none"
        fix = "install a torch with CUDA there, start the node without --num-gpus, or give --gpus-per-trial 0"
        raise NasError(problem, where=f"node {here()}", fix=fix)


def _node() -> str:
    import ray

    return ray.get_runtime_context().get_node_id()
