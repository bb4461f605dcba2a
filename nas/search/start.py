"""Known networks that a search trains before it proposes any of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nas import content, genotype
from nas.errors import NasError
from nas.match import record_of
from nas.records import Record
from nas.space import Space
from nas.units import Budget

ALL = "all"  # every published network that the space holds and the budget admits


@dataclass(frozen=True)
class Start:
    """A known network as a record of the space."""

    name: str
    record: Record


def starts(space: Space, names: Sequence[str], budget: Budget) -> tuple[list[Start], list[str]]:
    """The records to start from, each once, and the names of published networks of the space that are over budget.

    `names` are files or names of models/, or all. Raises NasError for a named network that the space does not hold or
    the budget does not admit; `all` leaves such out.
    """
    found, over = [], []
    for name in names:
        if name == ALL:
            known = [_start(space, path) for path in content.everything("models")]
            inside = [start for start in known if start]
            over += [start.name for start in inside if not _fits(space, start, budget)]
            found += [start for start in inside if _fits(space, start, budget)]
        else:
            found.append(_named(space, name, budget))
    once: dict[tuple, Start] = {}
    for start in found:
        once.setdefault(tuple(start.record.items()), start)
    return list(once.values()), over


def _named(space: Space, name: str, budget: Budget) -> Start:
    path = content.find(name, "models")
    model = genotype.load(path)
    start = Start(model.name or path.stem, record_of(space, model))
    if not _fits(space, start, budget):
        counted = space.cost(space.genotype(start.record))
        told = [(limit.unit.of(counted), limit.unit.label) for limit in budget.limits]
        costs = ", ".join(f"{value:.4g} {label}" for value, label in told if not math.isnan(value))
        problem = f"{start.name} does not meet the budget {budget}: it has {costs} at the space's clip"
        raise NasError(problem, where="--start-from")
    return start


def _start(space: Space, path: Path) -> Start | None:
    model = genotype.load(path)
    try:
        return Start(model.name or path.stem, record_of(space, model))
    except NasError:
        return None


def _fits(space: Space, start: Start, budget: Budget) -> bool:
    return budget.fits(space.cost(space.genotype(start.record)))
