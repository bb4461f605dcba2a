"""The front as letters, for a terminal without pictures: accuracy over a cost, `o` on the front, `.` dominated."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from nas.trial import Trial
from nas.units import UNITS

WIDTH, HEIGHT = 78, 16
STEPS = (1.0, 2.0, 5.0)  # of each decade, where the cost is drawn on a log axis


def drawing(trials: Sequence[Trial], front: Collection[int], cost: str = "gflops", *, width: int = WIDTH) -> str:
    """The complete trials as lines of text, at most `width` letters wide; '' where there are fewer than two.

    `front` has the numbers of the trials that nothing dominates. The cost axis is logarithmic where it spans a decade.
    """
    import plotext

    points = [(UNITS[cost].of(one.cost), one.accuracy, one.number) for one in trials if one.state == "complete"]
    points = [(x, y, number) for x, y, number in points if x is not None and y is not None]
    if len(points) < 2:
        return ""
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(min(width, WIDTH), HEIGHT)
    costs = [x for x, _, _ in points]
    log = min(costs) > 0 and max(costs) > 10 * min(costs)
    for chosen, marker in ((False, "."), (True, "o")):  # the front last, over the others
        rows = [(math.log10(x) if log else x, y) for x, y, number in points if (number in front) == chosen]
        if rows:
            plotext.scatter(*map(list, zip(*rows, strict=True)), marker=marker)
    if log:
        ticks = _ticks(min(costs), max(costs))
        plotext.xticks([math.log10(tick) for tick in ticks], [f"{tick:g}" for tick in ticks])
    plotext.xlabel(f"{UNITS[cost].label}{', log' if log else ''}")
    text = plotext.uncolorize(plotext.build())
    plotext.clear_figure()
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip("\n")


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`.

    >>> _ticks(0.7, 21)
    [1.0, 2.0, 5.0, 10.0, 20.0]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = (step * 10.0**decade for decade in decades for step in STEPS)
    return [tick for tick in every if low <= tick <= high]
