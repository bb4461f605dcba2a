"""The milliseconds of pieces at one setting of one device, in a JSON file that grows as pieces are measured.

Each piece is measured once, so all searches on a device work with the same figures. `nas latency --force` alone
measures anew, which changes no study, since each has a copy of the figures that it used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from nas import files
from nas.cost import Shape, input_shape, of_piece
from nas.errors import NasError
from nas.genotype import Genotype
from nas.latency.blocks import State
from nas.latency.setting import Setting
from nas.network import Piece, head_piece, pieces
from nas.versions import versions

SCHEMA = 1
DECIDING = ("torch", "video-nas")  # versions that decide how a network is computed
SHARED = ("hardware", "threads", "dtype", "memory_format", "batch")  # what of a setting a table is for
AGREED = 3  # whole networks that a sum of pieces is held against before it is trusted


class Entry(NamedTuple):
    """A measured piece: the median and the interquartile range of its milliseconds, and the layout that leaves it.

    `doubtful` where other programs disturbed the measurement.
    """

    ms: float
    iqr: float
    after: str
    doubtful: bool = False


class Check(NamedTuple):
    """A network measured whole, beside the sum of its pieces, in milliseconds."""

    key: str
    name: str
    whole: float
    pieces: float

    @property
    def ratio(self) -> float:
        """The sum over the whole."""
        return self.pieces / self.whole


class Agreement(NamedTuple):
    """How the sum of pieces compares with whole networks: the ratio's median, and the one farthest from 1."""

    networks: int
    middle: float
    worst: float

    def __str__(self) -> str:
        told = f"{self.middle:.2f} times the time of {self.networks} whole networks in the median"
        return f"{told}, {self.worst:.2f} at worst"


class Table:
    """Measured pieces: in memory, and in the file at `path` where there is one."""

    def __init__(self, path: Path | None, setting: dict[str, Any], made_with: dict[str, str]):
        self.path, self.setting, self.versions = path, setting, made_with
        self.entries: dict[str, Entry] = {}
        self.checks: dict[str, Check] = {}
        self._own: set[str] = set()  # entries that go before those in the file
        self._sums: dict[tuple[Piece, Shape, str], tuple[float, Shape, str]] = {}

    @property
    def first(self) -> str:
        """The layout of the clip."""
        return self.setting["memory_format"]

    def after(self, state: State) -> str | None:
        """The layout in which a piece leaves its output; None where it is not measured."""
        entry = self.entries.get(state.key)
        return entry and entry.after

    def latency(self, genotype: Genotype) -> float | None:
        """The milliseconds of a network, as the sum of its pieces; None where one is not measured."""
        total, shape, layout = 0.0, input_shape(genotype), self.first
        for piece in pieces(genotype):
            if (found := self._sum(piece, shape, layout)) is None:
                return None
            total, shape, layout = total + found[0], found[1], found[2]
        head = self._sum(head_piece(genotype, shape[0]), shape, layout)
        return head and round(total + head[0], 4)

    def _sum(self, piece: Piece, shape: Shape, layout: str) -> tuple[float, Shape, str] | None:
        """Milliseconds, shape and layout after a stem, a stage, a block or a head."""
        asked = (piece, shape, layout)
        if asked in self._sums:
            return self._sums[asked]
        total = 0.0
        for part in piece.parts or (piece,):
            entry = self.entries.get(State(part, shape, layout).key)
            if entry is None:
                return None
            total, shape, layout = total + entry.ms, of_piece(part, shape).shape, entry.after
        self._sums[asked] = (total, shape, layout)
        return self._sums[asked]

    def take(self, found: dict[str, Entry]) -> None:
        """Add what is not there yet."""
        self.entries = {**found, **self.entries}

    def replace(self, found: dict[str, Entry]) -> None:
        """Add what was measured anew, in place of what is there."""
        self.entries = {**self.entries, **found}
        self._own |= found.keys()
        self._sums.clear()

    def agreement(self) -> Agreement | None:
        """How sums compare with whole networks; None before any was measured."""
        return agreement(check.ratio for check in self.checks.values())

    def made_here(self, setting: Setting) -> bool:
        """Whether it was measured at this setting by these versions."""
        return self.setting == _shared(setting) and self.versions == _deciding()

    def __str__(self) -> str:
        own = {name: self.setting[name] for name in SHARED}
        return f"{Setting('', **own)}, torch {self.versions.get('torch', 'unknown')}"

    def save(self) -> None:
        """Write the file, whole or not at all; what others have added to it meanwhile stays."""
        self.reload()
        told = {
            "schema": SCHEMA,
            "setting": self.setting,
            "versions": self.versions,
            "blocks": {key: entry._asdict() for key, entry in self.entries.items()},
            "checks": [check._asdict() for check in self.checks.values()],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        files.write(self.path, json.dumps(told, indent=0).encode())

    def reload(self) -> None:
        """Take up what others have written since: it goes before what is here, unless that was measured anew."""
        if self.path.exists():
            there = load(self.path)
            own = {key: self.entries[key] for key in self._own}
            self.entries = {**self.entries, **there.entries, **own}
            self.checks = {**there.checks, **self.checks}
            self._sums.clear()


def opened(setting: Setting, folder: Path) -> Table:
    """The table of a setting among those in `folder`, empty where nothing was measured yet."""
    shared, made_with = _shared(setting), _deciding()
    digest = sha256(json.dumps([shared, made_with], sort_keys=True).encode()).hexdigest()[:8]
    name = re.sub(r"[^a-z0-9]+", "-", str(setting).lower()).strip("-")
    table = Table(folder / f"{name}-{digest}.json", shared, made_with)
    table.reload()
    return table


def load(path: Path) -> Table:
    """Read a table; raises NasError for a damaged or newer file."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["schema"] > SCHEMA:
            raise NasError("was written by a newer version", where=str(path), fix="update video-nas")
        table = Table(path, told["setting"], told["versions"])
        table.entries = {key: Entry(**entry) for key, entry in told["blocks"].items()}
        table.checks = {check["key"]: Check(**check) for check in told["checks"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, NasError):
            raise
        raise NasError("is no table of latencies, or is damaged", where=str(path), fix="move it away") from None
    return table


def agreement(ratios: Iterable[float]) -> Agreement | None:
    """The median of sums over wholes, and the one farthest from 1 (twice as fast is as far as twice as slow).

    >>> str(agreement([1.02, 0.98, 0.9]))
    '0.98 times the time of 3 whole networks in the median, 0.90 at worst'
    """
    known = list(ratios)
    if not known:
        return None
    return Agreement(len(known), median(known), max(known, key=lambda ratio: max(ratio, 1 / ratio)))


def _shared(setting: Setting) -> dict[str, Any]:
    return {name: getattr(setting, name) for name in SHARED}


def _deciding() -> dict[str, str]:
    found = versions()
    return {name: found[name] for name in DECIDING if name in found}
