"""One genotype of a study, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from nas.cost import Cost
from nas.records import Record
from nas.units import UNITS


@dataclass(frozen=True)
class Trial:
    """A row of the store; `state` is complete, stopped (at a rung), failed or running."""

    number: int
    state: str
    record: Record
    genotype: str  # canonical YAML
    key: str
    cost: Cost
    attempts: int = 1
    memo: dict[str, Any] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)  # proposals dropped before this one, by reason
    sampler: str = ""
    summary: str = ""  # the network in a few words
    outcome: dict[str, Any] = field(default_factory=dict)  # accuracy, curve, seconds, device, ... or reason
    so_far: list[dict[str, Any]] = field(default_factory=list)  # rows of its curve, while it is in training
    written: datetime | None = field(default=None, compare=False)  # when it was put on record
    ended: datetime | None = field(default=None, compare=False)

    @property
    def accuracy(self) -> float | None:
        """Proxy accuracy as a fraction, of complete trials: that of a stopped one is no measure of its network."""
        return self.outcome.get("accuracy") if self.state == "complete" else None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Rows of its curve, an epoch each: of the whole training, or, of a running trial, those on record by now."""
        return self.outcome.get("curve") or (self.so_far if self.state == "running" else [])

    @cached_property
    def curve(self) -> tuple[float, ...]:
        """Validation accuracy after each epoch that was trained."""
        return tuple(row["val_accuracy"] for row in self.outcome.get("curve", ()))

    def value(self, objective: str) -> float | None:
        """The trial's value of an objective, in its unit."""
        return self.accuracy if objective == "accuracy" else UNITS[objective].of(self.cost)
