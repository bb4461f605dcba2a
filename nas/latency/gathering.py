"""The pieces of a space's networks, found among its records: all of a small space, draws of a large one."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from nas.cost import cost
from nas.errors import NasError
from nas.genotype import Genotype
from nas.latency.blocks import Web
from nas.records import Record
from nas.search import start
from nas.space import Space
from nas.units import Budget

LISTED = 20_000  # records up to which all of a space are looked at
DRAWN, DRY = 40_000, 2_000  # of larger spaces so many draws, or until so many that fit bring nothing new


def gather(space: Space, limits: Budget) -> tuple[Web, list[Genotype]]:
    """The pieces of the networks within `limits` (which need no measurement), and the networks that brought them.

    Of a large space a few rare pieces are missed: csn.yaml has 1,387 among 20,000 draws, and 1,332 among 2,000.
    """
    web, found, dry = Web(), [], 0
    for record in _records(space, limits):
        try:
            genotype = space.genotype(record)
            fits = limits.fits(cost(genotype))
        except NasError:
            continue
        if not fits:
            continue
        before = len(web)
        web.add(genotype)
        if len(web) > before:
            found.append(genotype)
        dry = 0 if len(web) > before else dry + 1
        if dry == DRY and space.count > LISTED:
            break
    return web, found


def _records(space: Space, limits: Budget) -> Iterator[Record]:
    """All records of a small space; of a large one those of published networks, then draws as samplers make them."""
    if space.count <= LISTED:
        yield from space.automaton.all()
        return
    yield from (known.record for known in start.starts(space, [start.ALL], limits)[0])
    rng = Random(0)
    for turn in range(DRAWN):
        yield space.draw(rng) if turn % 2 else space.complete({}, rng)
