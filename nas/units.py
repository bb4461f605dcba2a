"""Units of cost, the budget language, and the counting convention, once for the whole project.

GFLOPs are 10^9 multiply-accumulates of convolutions and linear layers for one clip, as in all four source
papers; true floating-point operations are twice that and are always named as such.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

from nas.errors import NasError, nearest

CONVENTION = "GFLOPs = 10^9 multiply-accumulates of convolutions and linear layers, one clip"


@dataclass(frozen=True)
class Unit:
    """One way to write a cost: `value = getattr(cost, field) / scale`."""

    name: str
    field: str
    scale: float
    label: str

    def of(self, cost) -> float:
        """A cost in this unit; raises NasError for a latency where none was measured."""
        value = getattr(cost, self.field, None)
        if value is None:
            fix = "nas search and nas check measure it where a budget or an objective asks for it"
            raise NasError(f"the {self.field} of networks is not known here", fix=fix)
        return value / self.scale


UNITS: dict[str, Unit] = {
    unit.name: unit
    for unit in (
        Unit("gflops", "macs", 1e9, "GFLOPs"),
        Unit("mflops", "macs", 1e6, "MFLOPs"),
        Unit("gmacs", "macs", 1e9, "GMACs"),
        Unit("mparams", "params", 1e6, "Mparams"),
        Unit("kparams", "params", 1e3, "kparams"),
        Unit("mweights", "weights", 1e6, "Mweights"),
        Unit("ginteractions", "interactions", 1e9, "Ginteractions"),
        Unit("minteractions", "interactions", 1e6, "Minteractions"),
        Unit("mactivations", "activations", 1e6, "Mactivations"),
        Unit("mnorms", "norm_elements", 1e6, "Mnorm elements"),
        Unit("depth", "depth", 1, "depth"),
        Unit("ms", "latency", 1, "ms"),
    )
}
UNITS["latency"] = UNITS["ms"]  # the name of the objective

# the units in which costs are shown, in the order of tables
SHOWN = tuple(
    UNITS[name] for name in ("gflops", "ginteractions", "mparams", "mweights", "mactivations", "mnorms", "depth")
)

# what `--objectives` accepts, with the direction in which it is better
OBJECTIVES: dict[str, str] = {
    "accuracy": "max",
    "gflops": "min",
    "mparams": "min",
    "mweights": "min",
    "ginteractions": "max",
    "mactivations": "min",
    "mnorms": "min",
    "depth": "min",
    "latency": "min",
}


def brief(cost) -> tuple[Unit, ...]:
    """The units in which a line about a network tells its cost; milliseconds where they are known."""
    names = ["gflops", "ginteractions", "mparams", *["ms"] * (cost.latency is not None)]
    return tuple(UNITS[name] for name in names)


_TERM = re.compile(r"(?:(?P<low>\d+(?:\.\d+)?)?(?P<dots>\.\.))?(?P<high>\d+(?:\.\d+)?)?(?P<unit>[a-z]+)")


@dataclass(frozen=True)
class Limit:
    """One term of a budget: `low <= cost <= high`, in `unit`."""

    unit: Unit
    low: float
    high: float

    def __str__(self) -> str:
        high = "" if math.isinf(self.high) else _written(self.high)
        return f"{_written(self.low)}..{high}{self.unit.name}" if self.low else f"{high}{self.unit.name}"


@dataclass(frozen=True)
class Budget:
    """Limits that a genotype's exact cost must meet, all of them.

    >>> str(Budget.parse("10..35gflops, 25mparams"))
    '10..35gflops,25mparams'
    """

    limits: tuple[Limit, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read `35gflops`, `10..35gflops`, `2..ginteractions`, `40ms`, several with commas; raises NasError."""
        terms = [term for term in re.split(r"[,\s]+", text.strip().lower()) if term]
        if not terms:
            raise NasError("the budget is empty", fix="write for example 35gflops or 10..35gflops,25mparams")
        limits = tuple(_limit(term) for term in terms)
        named = [limit.unit.field for limit in limits]
        if twice := next((name for name in named if named.count(name) > 1), None):
            raise NasError(f"budget '{text}' limits {twice} twice", fix="write a range, as in 10..35gflops")
        return cls(limits)

    def fits(self, cost) -> bool:
        """Whether a cost meets every limit."""
        return all(limit.low <= limit.unit.of(cost) <= limit.high for limit in self.limits)

    def limits_latency(self) -> bool:
        """Whether a limit is in milliseconds."""
        return any(limit.unit.field == "latency" for limit in self.limits)

    def without_latency(self) -> Budget:
        """The limits that need no measurement.

        >>> str(Budget.parse("40ms,35gflops").without_latency())
        '35gflops'
        """
        return Budget(tuple(limit for limit in self.limits if limit.unit.field != "latency"))

    def __str__(self) -> str:
        return ",".join(map(str, self.limits))

    def __bool__(self) -> bool:
        return bool(self.limits)


def _limit(term: str) -> Limit:
    match = _TERM.fullmatch(term)
    if not match or (match["low"] is None and match["high"] is None):
        raise NasError(
            f"budget '{term}' is not understood",
            fix="write 35gflops, 10..35gflops, 25mparams or 2..ginteractions",
        )
    if match["unit"] not in UNITS:
        raise NasError(f"budget '{term}' has the unknown unit '{match['unit']}'", fix=nearest(match["unit"], UNITS))
    low = float(match["low"] or 0)
    high = float(match["high"] or "inf")
    if low > high or high == 0:
        raise NasError(f"budget '{term}' leaves no room", fix="the low end must be below the high end")
    if low == 0 and math.isinf(high):
        raise NasError(f"budget '{term}' limits nothing", fix="write the high end, as in 10..35gflops")
    return Limit(UNITS[match["unit"]], low, high)


def _written(number: float) -> str:
    """All digits, without an exponent."""
    return format(Decimal(repr(number)), "f").removesuffix(".0")


def objectives(names: str | list[str]) -> tuple[str, ...]:
    """Check objective names, written with commas or as a list; raises NasError."""
    listed = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    for name in listed:
        if name not in OBJECTIVES:
            raise NasError(f"objective '{name}' is unknown", fix=nearest(name, OBJECTIVES))
    if "accuracy" not in listed:
        raise NasError("the objectives lack accuracy", fix="put accuracy first: accuracy,gflops,ginteractions")
    if len(set(listed)) != len(listed):
        raise NasError(f"the objectives {','.join(listed)} repeat one", fix="name each once")
    return tuple(listed)
