"""Where a search's accuracies come from: videos to train on, or a table of trainings made before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from nas import session, table
from nas.console import count
from nas.engines.engine import Engine
from nas.recipe import Recipe
from nas.space import Space
from nas.study import Study

if TYPE_CHECKING:
    from nas.data.pack import Pack
    from nas.preparation import Preparation


@dataclass(frozen=True)
class Means:
    """With what a search is run, which decides none of its results: a device, workers, and imports for them."""

    device: str = "auto"
    workers: int = 1
    imports: tuple[str, ...] = ()


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
    return Source(
        "train", pack.fingerprint, pack.task.metric, pack.skipped, told, lambda _: trainers(wanted, pack, means)
    )


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
    """Who trains, and that in words."""
    from nas import proxy
    from nas.device import pick
    from nas.device import text as told

    evaluate = partial(proxy.evaluate, pack=pack, settings=settings.proxy)
    if means.workers == 1:
        from nas.engines.here import Here

        place = pick(means.device)
        return Here(partial(evaluate, device=str(place))), told(place)
    from nas.engines.processes import Processes, places

    where = places(means.device, means.workers)
    devices = ", ".join(dict.fromkeys(place.device for place in where))
    words = f"{means.workers} workers on {devices}, {count(where[0].threads, 'thread')} each"
    return Processes(evaluate, where, imports=means.imports), words
