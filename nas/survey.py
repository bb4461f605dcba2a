"""What `nas check` tells about a space: how much of it is valid, fits a budget, and costs what."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from nas.cost import Cost
from nas.errors import NasError
from nas.records import Record
from nas.space import Space
from nas.units import SHOWN, Budget

ENOUGH = 40  # draws of an option before it is said not to fit
EXPECTED = 5.0  # fits that so many draws of the whole space would have had


@dataclass
class Survey:
    """Counts over a sample of a space's records."""

    drawn: int = 0
    costs: list[Cost] = field(default_factory=list)  # of the valid ones
    fitting: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    seen: Counter[tuple] = field(default_factory=Counter)  # (decision, label) -> draws
    fits: Counter[tuple] = field(default_factory=Counter)  # (decision, label) -> draws that fit

    def ranges(self) -> list[tuple[str, float, float, float]]:
        """Unit, lowest, median and highest value of each cost among the valid records."""
        rows = []
        for unit in SHOWN:
            values = sorted(unit.of(counted) for counted in self.costs)
            rows.append((unit.label, values[0], values[len(values) // 2], values[-1]))
        timed = sorted(one.latency for one in self.costs if one.latency is not None and not math.isnan(one.latency))
        return [*rows, ("ms", timed[0], timed[len(timed) // 2], timed[-1])] if timed else rows


def survey(
    space: Space, budget: Budget, *, samples: int, seed: int = 0
) -> tuple[Survey, list[tuple[str, object, int]]]:
    """Draw `samples` records; returns the counts and the options that never fit, with their number of draws.

    Options the sample met fewer than 40 times without a fit are drawn up to 40 times, outside of the counts; an
    option is told only where the space as a whole would have had five fits in as many draws.
    """
    rng, found = Random(seed), Survey()
    for _ in range(samples):
        _count(space, budget, space.draw(rng), found)
    return found, list(_never(space, budget, found, rng))


def _count(space: Space, budget: Budget, record: Record, found: Survey) -> None:
    found.drawn += 1
    answers = tuple(record.items())
    found.seen.update(answers)
    try:
        counted = space.cost(space.genotype(record))
    except NasError as error:
        reason = _kind(error)
        found.reasons[reason] += 1
        found.examples.setdefault(reason, str(error))
        return
    found.costs.append(counted)
    if budget.fits(counted):
        found.fitting += 1
        found.fits.update(answers)


def _never(space: Space, budget: Budget, found: Survey, rng: Random):
    rate, told = found.fitting / found.drawn, set()
    for name, hole in space.decisions.items():
        if told.intersection(space.way_to(name).items()):  # below an option that is told already
            continue
        for label in hole.labels:
            option = (name, label)
            if found.fits[option]:
                continue
            draws = Survey()
            while found.seen[option] + draws.drawn < ENOUGH and not draws.fits[option]:
                _count(space, budget, space.forced(name, label, rng), draws)
            if not draws.fits[option] and rate * (found.seen[option] + draws.drawn) >= EXPECTED:
                told.add(option)
                yield name, label, found.seen[option] + draws.drawn


def _kind(error: NasError) -> str:
    """The error without its place and numbers, so that alike ones count together."""
    return re.sub(r"\d+", "N", error.problem.split(": ", 1)[-1])
