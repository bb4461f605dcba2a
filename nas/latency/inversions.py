"""Blocks that run slower though they do less: fewer multiply-accumulates, more milliseconds, at the same place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nas.cost import Shape
from nas.genotype import Genotype
from nas.latency.blocks import State, blocks
from nas.latency.table import Table


@dataclass(frozen=True)
class Row:
    """A measured block of a network: where it stands, what it is, what it costs and takes for one batch."""

    network: str
    name: str  # stages.2.0
    words: str
    enters: Shape  # (c, t, h, w) of one clip
    leaves: Shape
    layout: str  # the memory layout in which its input comes
    macs: int  # for one clip
    ms: float  # for one batch
    iqr: float

    @property
    def gflops(self) -> float:
        """10^9 multiply-accumulates for one clip."""
        return self.macs / 1e9


@dataclass(frozen=True)
class Inversion:
    """A block, and one at the same place that does more in less time."""

    slow: Row
    fast: Row

    @property
    def factor(self) -> float:
        """How many times as long the block with fewer multiply-accumulates takes."""
        return self.slow.ms / self.fast.ms


def rows(network: str, genotype: Genotype, table: Table) -> list[Row]:
    """The blocks of a network that a table knows, in the order of computation."""
    layout, found = table.first, []
    for block in blocks(genotype):
        state = State(*block.node, layout)
        entry = table.entries[state.key]
        out = block.counted.shape
        place = (block.name, block.words, block.node.shape, out, layout)
        found.append(Row(network, *place, block.macs, entry.ms, entry.iqr))
        layout = entry.after
    return found


def inversions(found: Iterable[Row]) -> list[Inversion]:
    """The blocks that another one at the same place beats with more multiply-accumulates, the worst first.

    The same place: equal shapes that enter and leave, and an input in the same memory layout. Times must differ by more
    than half of both interquartile ranges. Each block is told once, beside the fastest that beats it.

    >>> here = {"network": "", "enters": (8, 1, 4, 4), "leaves": (8, 1, 4, 4), "layout": "channels_last", "iqr": 0.1}
    >>> lean = Row(name="a", words="depthwise", macs=10, ms=2.0, **here)
    >>> dense = Row(name="b", words="dense", macs=90, ms=1.0, **here)
    >>> [(one.slow.words, one.fast.words, one.factor) for one in inversions([lean, dense])]
    [('depthwise', 'dense', 2.0)]
    """
    places: dict[tuple, dict[tuple, Row]] = defaultdict(dict)
    for row in found:
        places[row.enters, row.leaves, row.layout].setdefault((row.words, row.macs, row.ms), row)
    pairs = [pair for here in places.values() for row in here.values() if (pair := _beaten(row, list(here.values())))]
    return sorted(pairs, key=lambda pair: -pair.factor)


def _beaten(row: Row, others: Sequence[Row]) -> Inversion | None:
    better = [one for one in others if one.macs > row.macs and one.ms + (one.iqr + row.iqr) / 2 < row.ms]
    return Inversion(row, min(better, key=lambda one: one.ms)) if better else None
