"""The engine of known results: plays back trainings from a table, or made-up ones, in no time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from nas.engines.engine import Driver
from nas.trial import Trial

Curve = Callable[[Trial, int], list[dict]]  # the rows of a trial's training under a seed


class Trials(Protocol):
    """Where a trial can be looked up: a study, or its likeness in memory."""

    def trial(self, number: int) -> Trial: ...


class Known:
    """Gives each trial the rows that `curve(trial, seed)` knows, epoch by epoch, so that rungs work as in training."""

    def __init__(self, trials: Trials, curve: Curve, *, facts: dict[str, Any] | None = None):
        self.trials, self.curve, self.facts = trials, curve, facts or {}

    def run(self, driver: Driver) -> None:
        """Play job after job; `curve` raises NasError for a network that is not known."""
        while (job := driver.next()) is not None:
            rows = self.curve(self.trials.trial(job.number), job.seed)
            if not rows:
                driver.failed(job.number, "this training failed when it was done")
                continue
            played = []
            for done, row in enumerate(rows, 1):
                played.append(row)
                driver.step(job.number, done, len(rows))
                if not driver.epoch(job.number, row):
                    break
            seconds = sum(row.get("seconds", 0.0) for row in played)
            accuracy = played[-1]["val_accuracy"]
            told = {"accuracy": accuracy, "seed": job.seed, "seconds": round(seconds, 3), "curve": played}
            driver.ended(job.number, told | self.facts)
