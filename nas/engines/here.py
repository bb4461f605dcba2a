"""The engine of one worker: trains in this process, one network after the other.

A network may kill the process that trains it. So one whose program died is trained `apart`, in a process of its own,
where it is found out if it does so again; whatever else killed the program is no fault of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nas.engines.engine import Driver, Engine, Evaluate, Job, attempt


class Here:
    """Trains where the driver runs."""

    def __init__(self, evaluate: Evaluate, apart: Engine | None = None):
        self.evaluate, self.apart = evaluate, apart

    def run(self, driver: Driver) -> None:
        """Train job after job; a KeyboardInterrupt passes through, and so does what the driver raises."""
        while (job := driver.next()) is not None:
            if self.apart and job.attempt > 1:
                self.apart.run(_One(driver, job))
            else:
                self._train(job, driver)

    def _train(self, job: Job, driver: Driver) -> None:
        number = job.number
        on_epoch = _carried(partial(_told, driver, number))
        on_step = _carried(partial(driver.step, number))
        try:
            result = attempt(self.evaluate, job, on_epoch, on_step)
        except _Carried as carried:
            raise carried.error from carried.error.__cause__
        if isinstance(result, str):
            driver.failed(number, result)
        else:
            driver.ended(number, result)


class _One:
    """A driver that has one job, of another driver which hears of it."""

    def __init__(self, driver: Driver, job: Job):
        self.jobs = [job]
        self.step, self.epoch, self.ended = driver.step, driver.epoch, driver.ended
        self.failed, self.died, self.note = driver.failed, driver.died, driver.note

    def next(self) -> Job | None:
        """The job, once."""
        return self.jobs.pop() if self.jobs else None


def _told(driver: Driver, number: int, so_far: dict[str, Any]) -> bool:
    return driver.epoch(number, so_far["curve"][-1])


class _Carried(BaseException):
    """An error of the driver on its way out through a training, which must not take it for one of its own."""

    def __init__(self, error: Exception):
        self.error = error


def _carried(call: Callable[..., Any]) -> Callable[..., Any]:
    def calls(*told):
        try:
            return call(*told)
        except Exception as error:
            raise _Carried(error) from None

    return calls
