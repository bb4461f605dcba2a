"""Where a search's accuracies come from: videos to train on, or a table of trainings made before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nas import session, table
from nas.console import count, say
from nas.engines.engine import Engine
from nas.engines.guard import Guard
from nas.errors import NasError
from nas.recipe import Recipe
from nas.space import Space
from nas.study import Study

if TYPE_CHECKING:
    from rich.console import Console

    from nas.data.pack import Pack
    from nas.preparation import Preparation


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster: its address, or none for one of this machine, and what a trial takes of it; None: see `share`."""

    address: str = ""
    cpus: float | None = None
    gpus: float | None = None


@dataclass(frozen=True)
class Means:
    """With what a search is run, which decides none of its results: a device, workers, and imports for them.

    Without a number of `workers` there is one, or, on a `cluster`, as many as it has room for.
    """

    device: str = "auto"
    workers: int | None = None
    imports: tuple[str, ...] = ()
    cluster: Cluster | None = None

    @property
    def undisturbed(self) -> bool:
        """Whether nothing else trains on this machine."""
        return self.workers in (None, 1) and self.cluster is None

    @contextmanager
    def reached(self, console: Console) -> Iterator[None]:
        """Within it, the cluster, if there is one, is at hand."""
        if self.cluster is None:
            yield
            return
        from nas.cluster.connecting import asked, connected, imported

        imported()  # where it is not installed, nothing starts
        say(console, f"Ray: {asked(self.cluster.address) or 'starting on this machine'} ...")
        with connected(self.cluster.address):
            yield


@dataclass(frozen=True)
class Source:
    """What decides the accuracies besides the recipe (`videos`, a fingerprint), who trains, and both in words."""

    kind: str  # train or table
    videos: str
    metric: str  # what accuracy is: top1, mean_class or map
    skipped: int  # videos that could not be read
    told: str
    engine: Callable[[Study], tuple[Engine, str]]


def training(wanted: Recipe, means: Means, progress: Preparation) -> Source:
    """Trainings on the recipe's videos, which are generated, listed and decoded where that was not done yet."""
    pack = session.prepare(wanted, progress)
    skipped = f", {pack.losses}" if pack.skipped else ""
    told = f"{len(pack.train)} + {len(pack.val)} clips of {count(len(pack.classes), 'class')}{skipped}"

    def engine(study: Study) -> tuple[Engine, str]:
        if means.cluster:
            return _on_ray(study, wanted, pack, means)
        return trainers(wanted, pack, means)

    return Source("train", pack.fingerprint, pack.task.metric, pack.skipped, told, engine)


def replayed(wanted: Recipe, space: Space, given: str | None) -> Source:
    """The trainings of a table; raises NasError for one of another space, proxy or data."""
    found = table.load(table.find(space.name, given))
    found.require(space, wanted)
    facts = {"val_clips": found.about["val_clips"], "versions": found.about["versions"], "device": f"{found.path}"}

    def engine(study: Study) -> tuple[Engine, str]:
        from nas.engines.known import Known

        return Known(study, found.curve, facts=facts), "replayed, nothing is trained"

    told = f"{found.path}: {count(len(found.networks), 'trained network')}"
    return Source("table", found.about["videos"], "top1", 0, told, engine)


def trainers(settings: Recipe, pack: Pack, means: Means) -> tuple[Engine, str]:
    """Who trains on this machine, and that in words."""
    import torch

    from nas import proxy
    from nas.device import pick
    from nas.device import text as told
    from nas.engines.processes import Place, Processes, places

    evaluate, guard = partial(proxy.evaluate, pack=pack, settings=settings.proxy), guard_of(settings)
    workers = means.workers or 1
    if workers == 1 and guard == Guard():
        from nas.engines.here import Here

        device = pick(means.device)
        place = Place(str(device), torch.get_num_threads())
        apart = Processes(evaluate, [place], imports=means.imports)
        return Here(partial(evaluate, device=place.device), apart), told(device)

    where = places(means.device, workers)
    devices = ", ".join(dict.fromkeys(place.device for place in where))
    words = f"{count(workers, 'worker')} on {devices}, {count(where[0].threads, 'thread')} each"
    return Processes(evaluate, where, imports=means.imports, guard=guard), words


def guard_of(settings: Recipe) -> Guard:
    """What a training may take, by the recipe."""
    return Guard(settings.guard.seconds, settings.guard.memory)


def _threads(cpus: float) -> int:
    """As many as a trial has CPUs, or fewer by OMP_NUM_THREADS, which trainings on one machine obey as well."""
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return max(1, min(int(cpus), int(told) if told.isdigit() else int(cpus)))


def _on_ray(study: Study, settings: Recipe, pack: Pack, means: Means) -> tuple[Engine, str]:
    """Who trains on the nodes of the cluster that is at hand, and that in words."""
    import ray

    from nas.cluster import nodes, packs
    from nas.cluster.same import mine
    from nas.engines.on_ray import OnRay, share
    from nas.engines.tune_worker import Assignment, Training

    there = nodes.alive()
    part = share(there, means.workers, cpus=means.cluster.cpus, gpus=means.cluster.gpus)
    room = nodes.require(there, cpus=part.cpus, gpus=part.gpus, places=means.workers or 1)
    nodes.check(there)
    rungs, storage = settings.stopping.rungs, settings.cluster.storage
    if storage and not Path(storage).is_dir():
        problem = f"cluster.storage: '{storage}' is no folder that this machine sees"
        raise NasError(problem, where=str(study.folder), fix="make it, or leave it empty")
    folder = Path(storage) / study.name if storage else study.folder / "checkpoints"
    threads = _threads(part.cpus)
    local = not (means.cluster.address or os.environ.get("RAY_ADDRESS"))
    delivery = packs.delivery(pack, settings.data, settings.cluster.packs, local=local)
    assignment = Assignment(
        Training(delivery, settings.proxy),
        device="cuda" if part.gpus else "cpu",
        threads=threads,
        guard=guard_of(settings),
        imports=means.imports,
        checkpoints=str(folder.resolve()) if rungs else "",
        saved_after=rungs,
        driver=mine(),
        prepare=delivery.open,
    )
    where = "Ray" if local else f"Ray at {ray.get_runtime_context().gcs_address}"
    words = f"{count(min(room, means.workers or room), 'worker')} on {nodes.in_words(there)}"
    each = f"each trial with {part} and {count(threads, 'thread')}"
    return OnRay(assignment, part, workers=means.workers), f"{where}: {words}, {each}"
