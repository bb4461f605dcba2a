"""One of the workers that train a network together on a cluster: what each does, and how it tells of it.

The first worker speaks, through a `Desk` that the driver looks at. What a user can mend is told there too, and ends
all; whatever else ends a worker (its node is lost) is Ray Train's to mend, which starts all of them again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nas.cluster.packs import Delivery
from nas.cluster.same import Told, check_same
from nas.errors import NasError

TOLD_EVERY = 0.2  # seconds between two steps that are told
PREDECESSOR = 20.0  # seconds in which a worker that was lost leaves the folder
SEEN = 10.0  # seconds in which a new file shows on shared storage


@dataclass(frozen=True)
class Task:
    """What every worker is told: the arguments of `nas.retrain.retrain`, and with what it is run.

    `marker` is a file in `folder` that the driver has written, by which a node knows that it sees the driver's folder.
    """

    genotype: Any
    delivery: Delivery
    settings: Any
    folder: Path
    device: str
    threads: int
    marker: str
    driver: Told | None  # what it runs; None: it is the same machine
    imports: tuple[str, ...] = ()
    weights: Any = None  # a reference to them in Ray's store
    more: Mapping[str, Any] = field(default_factory=dict)


class Desk:
    """Keeps what workers tell until the driver takes it; an actor."""

    def __init__(self):
        self.told: list[tuple[str, Any]] = []

    def tell(self, kind: str, what: Any = None) -> None:
        self.told.append((kind, what))

    def take(self) -> list[tuple[str, Any]]:
        taken, self.told = self.told, []
        return taken


def work(config: dict) -> None:
    """The life of a worker: Ray Train calls it in each, with the group of torch's processes met."""
    import ray
    from ray import train

    task, desk = config["task"], config["desk"]
    first = train.get_context().get_world_rank() == 0
    logging.getLogger().setLevel(logging.ERROR)
    try:
        if first:
            ray.get(desk.tell.remote("start"))
        result = _trained(task, _Speaker(desk) if first else None)
        if first:
            ray.get(desk.tell.remote("result", result))
    except Exception as error:
        from nas.group import lost_another

        if not isinstance(error, NasError) and lost_another(error):
            raise
        ray.get(desk.tell.remote("mistake", _portable(error)))
        _wait_for_the_end()


def _trained(task: Task, speaker: _Speaker | None):
    """Train with the others; the first worker tells how it goes."""
    import ray
    import torch

    from nas import user_blocks
    from nas.group import standing
    from nas.retrain import retrain

    if task.driver:
        check_same(task.driver, _node())
    for file in task.imports:
        user_blocks.load(file)
    _check_seen(task.folder, task.marker)
    pack = task.delivery.open()
    torch.set_num_threads(task.threads)
    group = standing(_gpu())
    if group.is_first:
        _wait_for_predecessor(task.folder)
    told = speaker.callbacks() if speaker else {}
    weights = ray.get(task.weights) if task.weights else None
    how = {"weights": weights, "device": task.device, "group": group, **task.more, **told}
    return retrain(task.genotype, pack, task.settings, task.folder, **how)


class _Speaker:
    """Tells the desk what `nas.retrain.retrain` tells, steps not more often than anybody looks."""

    def __init__(self, desk):
        self.desk, self.last = desk, 0.0

    def callbacks(self) -> dict:
        return {"on_epoch": self.epoch, "on_step": self.step, "on_note": self.note, "on_test": self.test}

    def epoch(self, row: dict) -> None:
        self.desk.tell.remote("epoch", dict(row))

    def note(self, text: str) -> None:
        self.desk.tell.remote("note", text)

    def step(self, done: int, total: int) -> None:
        self._often("step", done, total)

    def test(self, done: int, total: int) -> None:
        self._often("test", done, total)

    def _often(self, kind: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.last >= TOLD_EVERY or done in (0, total):
            self.last = now
            self.desk.tell.remote(kind, (done, total))


def _portable(error: Exception) -> Exception:
    """The error, or its words where it cannot travel."""
    import pickle
    import traceback

    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301
        if isinstance(error, NasError):
            return error
    except Exception:  # noqa: BLE001  (whatever an error holds)
        pass
    return RuntimeError("".join(traceback.format_exception(error)))


def _wait_for_the_end() -> None:
    """A mistake was told: the driver ends all workers. To return or raise would have Ray Train start them again."""
    time.sleep(120)


def _check_seen(folder: Path, marker: str) -> None:
    end = time.monotonic() + SEEN
    while not (folder / marker).exists():
        if time.monotonic() > end:
            problem = f"does not see the run's folder {folder}"
            raise NasError(problem, where=f"node {_node()}", fix="give --out a folder on storage that all nodes see")
        time.sleep(0.2)


def _wait_for_predecessor(folder: Path) -> None:
    """Wait until a first worker that was lost has left the folder; who still holds it then is another training."""
    from nas.run_files import LOCK

    try:
        with FileLock(folder / LOCK, timeout=PREDECESSOR):
            return
    except (Timeout, OSError):
        return


def _gpu() -> int:
    """The number of this worker's GPU among those that it sees."""
    from ray.train.torch import get_device

    return get_device().index or 0


def _node() -> str:
    from nas.cluster.nodes import here

    return here()
