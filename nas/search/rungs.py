"""Which trainings end early: asynchronous successive halving by non-dominated rank among networks of equal cost.

After the epochs that are rungs, a training is compared with those that got as far and cost about as much: within the
recipe's factor in multiply-accumulates, so that a cheap network is never stopped for losing to an expensive one. About
one of `reduction` goes on, and always whoever is not dominated there. Nobody waits for anybody: who comes first is
compared with few, and goes on.

Ranks are non-dominated ranks of (accuracy at the rung, the study's costs); equal ranks go on or stop together. Ordering
them by accuracy was measured on the table of tiny.yaml: it stops networks of the front (a hypervolume of 95 to 99 % in
place of 99.3 to 99.8 %), and so needs more epochs to the same front, not fewer.
("A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, for one objective.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas import pareto
from nas.cost import Cost
from nas.pareto import Objective
from nas.recipe import StoppingSettings
from nas.units import OBJECTIVES, UNITS


@dataclass(frozen=True)
class Reached:
    """A training at a rung: the exact cost of its network, and its validation accuracy there."""

    cost: Cost
    accuracy: float


def goes_on(settings: StoppingSettings, objectives: tuple[str, ...], one: Reached, others: Sequence[Reached]) -> bool:
    """Whether a training goes on from a rung that the `others` have reached too."""
    peers = [other for other in others if _alike(one.cost, other.cost, settings.band)]
    if len(peers) + 1 < settings.reduction:
        return True
    ranks = pareto.ranks([_values(each, objectives) for each in (one, *peers)], _aims(objectives))
    better = sum(rank < ranks[0] for rank in ranks[1:])
    return better < (len(peers) + 1) / settings.reduction


def _alike(one: Cost, other: Cost, band: float) -> bool:
    return one.macs < other.macs * band and other.macs < one.macs * band


def _values(reached: Reached, objectives: tuple[str, ...]) -> list[float]:
    return [reached.accuracy if name == "accuracy" else UNITS[name].of(reached.cost) for name in objectives]


def _aims(objectives: tuple[str, ...]) -> list[Objective]:
    return [Objective(name, OBJECTIVES[name]) for name in objectives]
