"""The engine of one worker: trains in this process, one network after the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nas.engines.engine import Driver, Evaluate, attempt


class Here:
    """Trains where the driver runs."""

    def __init__(self, evaluate: Evaluate):
        self.evaluate = evaluate

    def run(self, driver: Driver) -> None:
        """Train job after job; a KeyboardInterrupt passes through, and so does what the driver raises."""
        while (job := driver.next()) is not None:
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
