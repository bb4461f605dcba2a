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

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from nas import pareto
from nas.cost import Cost
from nas.ended import Ended
from nas.pareto import Objective
from nas.recipe import StoppingSettings
from nas.trial import Trial
from nas.units import OBJECTIVES, UNITS


@dataclass(frozen=True)
class Reached:
    """A training at a rung: the exact cost of its network, and its validation accuracy there."""

    cost: Cost
    accuracy: float


class Rung:
    """Those that got to a rung, after so many epochs; a row each that is made once, since there may be thousands."""

    def __init__(self, epochs: int, objectives: tuple[str, ...]):
        self.epochs, self.objectives = epochs, objectives
        self.ended = Ended()
        self.numbers = np.zeros(0, int)  # of those that had got here
        self.rows = table([], objectives)

    def others(self, trials: Sequence[Trial], active: Collection[int]) -> np.ndarray:
        """The `table` of all trials that ended and had got here, but for `active` ones."""
        if there := [trial for trial in self.ended.new(trials) if len(trial.curve) >= self.epochs]:
            rows = table([Reached(trial.cost, trial.curve[self.epochs - 1]) for trial in there], self.objectives)
            self.rows = np.concatenate([self.rows, rows])
            self.numbers = np.append(self.numbers, [trial.number for trial in there])
        return self.rows[~np.isin(self.numbers, list(active))]


def table(trainings: Sequence[Reached], objectives: tuple[str, ...]) -> np.ndarray:
    """Trainings at a rung: multiply-accumulates, then the values of the objectives, (n, 1 + objectives)."""
    rows = [[one.cost.macs, *_values(one, objectives)] for one in trainings]
    return np.array(rows, dtype=float).reshape(-1, 1 + len(objectives))


def goes_on(settings: StoppingSettings, objectives: tuple[str, ...], one: Reached, others: np.ndarray) -> bool:
    """Whether a training goes on from a rung that the `others` have reached too, a `table` of them."""
    macs = one.cost.macs
    peers = others[(macs < others[:, 0] * settings.band) & (others[:, 0] < macs * settings.band)]
    if len(peers) + 1 < settings.reduction:
        return True
    ranks = np.array(pareto.ranks(np.concatenate([table([one], objectives), peers])[:, 1:], _aims(objectives)))
    return bool((ranks < ranks[0]).sum() < len(ranks) / settings.reduction)


def _values(reached: Reached, objectives: tuple[str, ...]) -> list[float]:
    return [reached.accuracy if name == "accuracy" else UNITS[name].of(reached.cost) for name in objectives]


def _aims(objectives: tuple[str, ...]) -> list[Objective]:
    return [Objective(name, OBJECTIVES[name]) for name in objectives]
