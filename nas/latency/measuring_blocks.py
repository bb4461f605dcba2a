"""`nas latency --blocks`: the blocks of networks and spaces one by one, and those that take long for what they do."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from nas.console import say
from nas.errors import NasError
from nas.latency import card
from nas.latency.alone import cache
from nas.latency.blocks import Web
from nas.latency.gathering import gather
from nas.latency.inversions import Inversion, Row, inversions, rows
from nas.latency.measuring import INTERRUPTED, Asked, setting_of
from nas.latency.named import Named
from nas.latency.setting import Setting
from nas.latency.table import Table, opened
from nas.space import Space
from nas.units import Budget


def measure_blocks(
    networks: Sequence[Named], spaces: Sequence[Space], asked: Asked, *, as_json: bool, console: Console
) -> None:
    """Measure the blocks that were not measured yet, and show all.

    Raises NasError for settings that blocks are not measured at.
    """
    from nas.latency.completing import complete

    setting = setting_of(asked, networks)
    table = opened(setting, cache())
    gathered = {space.name: gather(space, Budget()) for space in spaces}
    try:
        web = Web(network.genotype for network in networks)
        for own, _ in gathered.values():
            web.join(own)
        complete(table, web, setting, console, anew=asked.force)
    except KeyboardInterrupt:
        say(console, "interrupted: what was measured is kept, and the same command goes on")
        sys.exit(INTERRUPTED)
    found = {network.name: rows(network.name, network.genotype, table) for network in networks}
    of_spaces = [row for name, (_, some) in gathered.items() for row in _of_space(name, some, table)]
    every = [*(row for own in found.values() for row in own), *of_spaces]
    if not every:
        raise NasError("no record of the space describes a network", fix="see nas check")
    slow = inversions(every)
    if as_json:
        print(json.dumps(_plain(every, slow, setting, table)))
        return
    _show(found, every, slow, table, console)


def _of_space(name: str, some: Sequence[Any], table: Table) -> list[Row]:
    """The blocks of a space's networks, each once."""
    once: dict[tuple, Row] = {}
    for genotype in some:
        for row in rows(name, genotype, table):
            once.setdefault((row.words, row.enters, row.leaves, row.layout, row.macs, row.ms), row)
    return list(once.values())


def _show(
    found: dict[str, list[Row]], every: Sequence[Row], slow: Sequence[Inversion], table: Table, console: Console
) -> None:
    say(console, f"inference on {table}; each block alone, at the place that it has in the network")
    for name, own in found.items():
        card.show_blocks(name, own, slow, console)
    card.show_inversions(every, slow, console)


def _plain(every: Sequence[Row], slow: Sequence[Inversion], setting: Setting, table: Table) -> dict[str, Any]:
    """All blocks and inversions as JSON."""
    told = [asdict(row) | {"gflops": row.gflops} for row in every]
    pairs = [{"slow": asdict(pair.slow), "fast": asdict(pair.fast), "factor": pair.factor} for pair in slow]
    return {"setting": setting.identity(), "versions": table.versions, "blocks": told, "slower_with_fewer_flops": pairs}
