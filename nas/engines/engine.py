"""What an engine is: it takes jobs from a driver, trains them, and tells the driver what happens.

The driver decides what is trained next and what goes on after an epoch; it is called in one thread of the process
that writes the study. An engine only knows how to train.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from nas import genotype as genotypes
from nas.errors import NasError
from nas.genotype import Genotype
from nas.strict_yaml import parse, plain


@dataclass(frozen=True)
class Job:
    """A training: the trial's number, its genotype as canonical YAML, its seed, and which attempt at it this is."""

    number: int
    genotype: str
    seed: int
    attempt: int = 1


class Evaluate(Protocol):
    """Trains one genotype until `on_epoch`, which gets the outcome so far, answers False.

    That is `proxy.evaluate` with its data and settings filled in.
    """

    def __call__(self, genotype: Genotype, *, seed: int, on_epoch: Callable, on_step: Callable) -> dict[str, Any]: ...


class Driver(Protocol):
    """Whoever hands out jobs and hears of them."""

    def next(self) -> Job | None:
        """The next training, or None when there is nothing to start now."""

    def step(self, number: int, done: int, total: int) -> None:
        """Training steps of a job."""

    def epoch(self, number: int, row: dict) -> bool:
        """An epoch of a job ended; whether the training goes on."""

    def ended(self, number: int, outcome: dict[str, Any]) -> None:
        """A training came to its end, or was stopped after an epoch."""

    def failed(self, number: int, reason: str) -> None:
        """A training ended without a result, and would again."""

    def note(self, text: str) -> None:
        """Something that whoever looks should know."""

    def died(self, number: int, reason: str, *, begun: bool = True) -> None:
        """A training was lost with its worker, maybe before it had begun: `next` may give the job again."""


class Engine(Protocol):
    """Runs jobs until the driver has no more."""

    def run(self, driver: Driver) -> None:
        """Return when `driver.next()` gave None and all that was started has ended."""


def attempt(
    evaluate: Evaluate, job: Job, on_epoch: Callable[[dict[str, Any]], bool], on_step: Callable
) -> dict[str, Any] | str:
    """The outcome of a training, or in words why it failed: one network's fault must not end a search."""
    try:
        genotype = genotypes.parse(plain(parse(job.genotype)))
        return evaluate(genotype, seed=job.seed, on_epoch=on_epoch, on_step=on_step)
    except NasError as error:
        return str(error)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})"
