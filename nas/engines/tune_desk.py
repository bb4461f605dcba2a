"""Ray Tune's searcher, scheduler and callback, which only carry words between Tune and the driver of a study.

What is proposed, what stops at a rung and what is trained again is the driver's to say, as with every other engine;
Tune places trainings on nodes and hears of those that die. All three share a `Desk`.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from nas.engines.engine import Driver, Job
from nas.engines.guard import Guard
from nas.engines.tune_worker import BEGAN, ENDED, EPOCH, UNFIT
from nas.errors import NasError

WAITED = 30.0  # seconds without any training that runs, after which that is told
PAUSE, MISSES = 1.0, 60  # seconds after a worker that did not begin; as many in a row end the search
NEVER = "The actor never ran"  # Ray's last words of a worker that did not begin, behind those that say why
KEPT = ("trial_id", "done", "training_iteration", "kind")  # of a report; without kind Tune would say that it has none
OVERDUE = "overdue"  # how a training ended that took too long


class Over(Exception):
    """All is done: by its own way out Tune would first write down all that it knows of thousands of trials."""


@dataclass
class Training:
    """A job as Tune has it: how many of its epochs the driver knows, its latest outcome, and where it runs."""

    job: Job
    epochs: int = 0
    outcome: dict[str, Any] = field(default_factory=dict)
    worker: dict[str, Any] = field(default_factory=dict)
    began: float = math.inf
    ended: str = ""  # the kind of its last report
    reason: str = ""  # of its failure or death


class Desk:
    """What is in training. An error of the driver is kept for `look`: elsewhere Tune would take it for the trial's.

    `room` is how many trainings there may be at once; `kill` ends a worker, given what it told of itself; `done` is
    told of every job that is not trained again.
    """

    def __init__(
        self,
        driver: Driver,
        room: Callable[[], int],
        kill: Callable[[dict[str, Any]], None],
        done: Callable[[Job], None],
        guard: Guard,
    ):
        self.driver, self.room, self.kill, self.done, self.guard = driver, room, kill, done, guard
        self.trainings: dict[str, Training] = {}  # by Tune's name of the trial
        self.idle = False  # the driver had no job, and nothing has ended since
        self.quiet = time.monotonic()  # since when nothing was heard of a training that waits for its worker
        self.misses, self.pause = 0, 0.0  # workers in a row that did not begin, and until when none is asked for
        self.error: Exception | None = None

    def __getstate__(self) -> dict:
        """Tune pickles searchers for a way of resuming that is not used: the study knows all."""
        return {}

    def give(self, name: str) -> Job | None:
        """The next job, where there is room and there is one."""
        if self.idle or len(self.trainings) >= self.room() or time.monotonic() < self.pause:
            return None
        job = self._call(self.driver.next)
        self.idle = job is None
        if job:
            self.trainings[name] = Training(job)
        return job

    def hear(self, name: str, kind: str, told: Any) -> bool:
        """A report of a worker; whether its training goes on."""
        training = self.trainings[name]
        training.ended = kind
        if kind == BEGAN:
            training.worker, training.began, self.misses = told, time.monotonic(), 0
        elif kind == EPOCH:
            return self._epochs(training, told["outcome"], told["steps"])
        elif kind == ENDED:
            training.outcome = told
        elif kind == UNFIT:
            self.error = self.error or NasError(told)
        else:
            training.reason = told
        return True

    def over(self, name: str, *, died: bool) -> None:
        """Tune is done with a trial."""
        training = self.trainings.pop(name)
        number, self.idle = training.job.number, False
        lost = died and training.ended in ("", BEGAN, EPOCH)
        if lost and not training.worker:
            self._missed(training)
        elif lost:
            self._call(self.driver.died, number, training.reason)
        elif training.ended in (ENDED, EPOCH):  # by itself, or stopped after an epoch
            self._call(self.driver.ended, number, training.outcome | {"worker": _named(training.worker)})
        else:
            self._call(self.driver.failed, number, training.reason)
        if not (lost or self.error):
            self.done(training.job)

    def _tell_waiting(self) -> None:
        """A line where no training at all has begun for a while: others may have the cluster."""
        if not self.trainings or any(training.worker for training in self.trainings.values()):
            self.quiet = time.monotonic()
        elif time.monotonic() - self.quiet > WAITED:
            self.quiet = math.inf  # once
            self._call(self.driver.note, "no node has room for a training yet: other work has them, or workers start")

    def _missed(self, training: Training) -> None:
        """A worker did not begin, as on a node whose death nobody knows of yet: no fault of the trial's."""
        self.misses, self.pause = self.misses + 1, time.monotonic() + PAUSE
        self._call(self.driver.died, training.job.number, training.reason, begun=False)
        if self.misses == MISSES:
            problem = f"{MISSES} workers in a row did not begin; the last one: {training.reason}"
            self.error = self.error or NasError(problem, fix="see the nodes' logs, and run the same command again")

    def look(self) -> None:
        """Raise what the driver raised; end what takes too long."""
        if self.error:
            raise self.error
        self._tell_waiting()
        for training in self.trainings.values():
            late = self.guard.overdue(time.monotonic() - training.began)
            if late and training.ended != OVERDUE:
                training.ended, training.reason = OVERDUE, self.guard.too_long
                self.kill(training.worker)

    def _epochs(self, training: Training, outcome: dict[str, Any], steps: list[int]) -> bool:
        """Tell the driver of the epochs that it does not know: several after a restart from a checkpoint."""
        number, goes_on = training.job.number, True
        training.outcome = outcome
        if steps:
            self._call(self.driver.step, number, *steps)
        for row in outcome["curve"][training.epochs :]:
            training.epochs += 1
            goes_on = self._call(self.driver.epoch, number, row) and goes_on
        return bool(goes_on)

    def _call(self, tell: Callable[..., Any], *told: Any, **more: Any) -> Any:
        """What the driver answers; None from one that raised an error, which is told nothing more."""
        if self.error:
            return None
        try:
            return tell(*told, **more)
        except Exception as error:
            self.error = error
            return None


def _named(worker: dict[str, Any]) -> str:
    return f"{worker['host']}, process {worker['pid']}" if worker else ""


class Proposals(Searcher):
    """Gives Tune the jobs of the driver."""

    def __init__(self, desk: Desk):
        super().__init__()
        self.desk = desk

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """The next job, or None for a while; raises Over: when nothing is in training, nothing can come back either."""
        if job := self.desk.give(trial_id):
            return asdict(job)
        if self.desk.idle and not self.desk.trainings:
            raise Over
        return None

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A trial came to its end, was stopped, or lost its worker."""
        self.desk.over(trial_id, died=error)

    def save(self, checkpoint_path: str) -> None:
        """The study is the record."""

    def restore(self, checkpoint_path: str) -> None:
        """The study is the record."""


class Rungs(FIFOScheduler):
    """Tells the driver of epochs, and ends the trainings that it stops."""

    def __init__(self, desk: Desk):
        super().__init__()
        self.desk = desk

    def choose_trial_to_run(self, tune_controller) -> None:
        """None before others: Tune starts them in their order anyway.

        The inherited one goes through all trials ten times a second and more, and gives a worker that is free to the
        oldest trial that waits for one, whose own worker is then ended while it starts: no more of them would come up.
        """

    def on_trial_result(self, tune_controller, trial, result: dict[str, Any]) -> str:
        """Go on or stop."""
        goes_on = self.desk.hear(trial.trial_id, result["kind"], json.loads(result["told"]))
        return TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP

    def on_trial_error(self, tune_controller, trial) -> None:
        """Keep why; the searcher hears of it next."""
        training = self.desk.trainings[trial.trial_id]
        training.reason = training.reason or obituary(Path(trial.error_file).read_text(), training.worker)


class Watch(Callback):
    """Looks at the desk whenever Tune's loop comes round, ten times a second; has Tune keep little of each report."""

    def __init__(self, desk: Desk):
        self.desk = desk

    def on_step_begin(self, iteration: int, trials: list, **info: Any) -> None:
        """Look."""
        self.desk.look()

    def on_trial_result(self, iteration: int, trials: list, trial, result: dict[str, Any], **info: Any) -> None:
        """The driver has heard the report; Tune would keep it, and averages of each number in it, for good."""
        for name in set(result).difference(KEPT):
            del result[name]


def obituary(text: str, worker: dict[str, Any]) -> str:
    """How a worker was lost, in one line, from what Ray says of it in many.

    >>> obituary("The actor died unexpectedly ... because its node has died. Node Id: 5", {})
    'its node died'
    """
    place = f" ({_named(worker)})" if worker else ""
    told = " ".join(text.split())
    if "low on memory" in told:
        return f"its worker{place} was ended by Ray, because the node ran out of memory"
    if "node has died" in told or "node was terminated" in told:
        return f"its node died{place}"
    if status := re.search(r"with an exit code ([^.]+)\.", told):
        return f"its worker{place} ended with exit status {status[1]}"
    if "is unavailable" in told:
        return f"its worker{place} cannot be reached any more"
    if "its worker process has died" in told:
        return f"its worker{place} was killed or crashed"
    lines = [line for line in text.splitlines() if line.strip() and line[0] != "\t" and NEVER not in line]
    return f"its worker{place} was lost: {lines[-1].strip() if lines else 'no reason given'}"
