"""Latency as one more exact cost of a search: what networks of a space cost, milliseconds included.

A study has a table of its own (`latency.blocks.json`): it begins with the pieces of the space's networks within the
other limits, and grows by those met later. A figure in it never changes, so a resumed search goes on with what it began
with. Pieces that the table lacks are measured where and as its first ones were; on another device, with other versions
or while other processes train, networks that have such a piece are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from nas.console import say
from nas.cost import Cost, cost
from nas.errors import NasError
from nas.genotype import Genotype
from nas.latency.blocks import Web
from nas.latency.gathering import gather
from nas.latency.table import AGREED, Table, load
from nas.recipe import LatencySettings
from nas.space import Space
from nas.units import Budget

if TYPE_CHECKING:
    from nas.latency.setting import Setting

TABLE = "latency.blocks.json"


class Timed:
    """What a network costs, with its milliseconds; takes the place of `nas.cost.cost` in a space."""

    def __init__(self, table: Table, limits: Budget, measuring: Measuring | None):
        self.table, self.limits, self.measuring = table, limits.without_latency(), measuring
        self.refused: set[str] = set()  # pieces that the device does not run

    def __call__(self, genotype: Genotype) -> Cost:
        """The cost; its latency is no number where other limits are not met, so that nothing is measured for nothing.

        Raises NasError for a network with a piece that is not measured and cannot be.
        """
        counted = cost(genotype)
        return counted._replace(latency=self._milliseconds(genotype) if self.limits.fits(counted) else math.nan)

    def _milliseconds(self, genotype: Genotype) -> float:
        if (known := self.table.latency(genotype)) is not None:
            return known
        if self.measuring is None:
            raise NasError("has a block that is not in the study's table of latencies, and cannot be measured now")
        web = Web([genotype])
        if self.refused.isdisjoint(_missing(web, self.table)):
            self.measuring.take(web, self.table)
            self.refused |= _missing(web, self.table)
        if (told := self.table.latency(genotype)) is None:
            raise NasError("has a block that this device does not run")
        return told


def _missing(web: Web, table: Table) -> set[str]:
    """The pieces that are measured next."""
    return {state.key for state in web.states(table)[1]}


class Measuring:
    """Measures pieces on the present device, into the table that all studies here share."""

    def __init__(self, setting: Setting, console: Console):
        from nas.latency.alone import cache
        from nas.latency.table import opened

        self.setting, self.console, self.shared = setting, console, opened(setting, cache())

    def take(self, web: Web, into: Table) -> None:
        """Put all pieces of a web into a study's table, measured now where they were not yet."""
        from nas.latency.completing import complete

        self.shared.take(into.entries)
        complete(self.shared, web, self.setting, self.console)
        known, _ = web.states(self.shared)
        into.take({state.key: self.shared.entries[state.key] for state in known})
        if into.path:
            into.save()


def begin(space: Space, limits: Budget, settings: LatencySettings, console: Console, own: Path | None = None) -> None:
    """Let a space tell milliseconds too: measures its pieces, then holds their sum against whole networks.

    A table of pieces at `own` (that of the study which is repeated) goes before measuring. Raises NasError for a device
    or a number format that is not there.
    """
    from nas.latency import present

    if own and own.exists():
        space.cost = _resumed(load(own), limits, console)
        return
    setting = present.setting(**settings.model_dump())
    say(console, f"latency: {setting}, in inference, the sum of a network's blocks")
    measuring = Measuring(setting, console)
    table = Table(None, measuring.shared.setting, measuring.shared.versions)
    web, some = gather(space, limits.without_latency())
    measuring.take(web, table)
    _held_against_wholes(some, measuring)
    table.checks = dict(measuring.shared.checks)
    space.cost = Timed(table, limits, measuring)


def resume(space: Space, limits: Budget, folder: Path, console: Console, *, quiet: bool) -> None:
    """Let the space of a study that goes on tell the milliseconds that it told before.

    Nothing is measured unless it is `quiet`, without trainings beside. Raises NasError where the table is gone.
    """
    path = folder / TABLE
    if not path.exists():
        fix = "put it back, or search into another folder"
        raise NasError("the table of latencies of this study is gone", where=str(path), fix=fix)
    space.cost = _resumed(load(path), limits, console, quiet=quiet)


def keep(space: Space, folder: Path, *, quiet: bool) -> str:
    """Write the table into a study's folder; returns in words what it was measured on."""
    timed = space.cost
    timed.table.path = folder / TABLE
    timed.table.save()
    if not quiet:
        timed.measuring = None
    return str(timed.table)


def known(folder: Path, like: Genotype) -> Callable[[Genotype], float | None]:
    """What a study's table knows of a network, put at the clip and the classes of another; nothing without a table."""
    table = load(folder / TABLE) if (folder / TABLE).exists() else None
    at = {"input": like.input, "classes": like.classes}
    return lambda genotype: table and table.latency(genotype.model_copy(update=at))


def _resumed(table: Table, limits: Budget, console: Console, *, quiet: bool = True) -> Timed:
    """As the study told it; measuring goes on where the device, the versions and the setting are those of the table."""
    from nas.latency import present

    say(console, f"latency: {table}, as this study measured it")
    setting = present.again(table.setting)
    if setting is None or not table.made_here(setting):
        say(console, "this is another device or another version: networks with blocks not in that table are left out")
        return Timed(table, limits, None)
    return Timed(table, limits, Measuring(setting, console) if quiet else None)


def _spread(some: list[Genotype]) -> list[Genotype]:
    """A few networks spread over cost, without the cheapest and the most expensive."""
    some = sorted(some, key=lambda one: cost(one).macs)
    places = {round((turn + 1) * (len(some) - 1) / (AGREED + 1)) for turn in range(AGREED)}
    return [some[place] for place in sorted(places)] if some else []


def _held_against_wholes(some: list[Genotype], measuring: Measuring) -> None:
    """Measure a few networks whole, once a setting, and tell how the sums of their pieces compare."""
    from nas.latency.wholes import hold

    table, console = measuring.shared, measuring.console
    if len(table.checks) < AGREED:
        hold(table, _spread(some), measuring.setting, console)
    if told := table.agreement():
        say(console, f"the sum of blocks is {told}")
