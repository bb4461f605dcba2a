"""Made-up accuracies over a space of any size: to compare samplers where no table can be computed.

A smooth random function of the decisions (main effects, smooth along numbers, and effects of pairs) plus what exact
costs buy. A curve of epochs leads to each accuracy, at a pace of the network's own, so rungs tell something but not
everything.
"""

from __future__ import annotations

import math

import numpy as np

from nas.cost import cost
from nas.records import Record
from nas.seeds import seed_for
from nas.space import Space
from nas.template import Hole
from nas.trial import Trial

NOISE = 0.01  # standard deviation of one training's accuracy
CHANCE = 0.1  # accuracy before any training
PACE, PACES = 0.35, 0.25  # share of what is missing that an epoch adds, and how (logarithmically) networks differ


class Surrogate:
    """The same function for the same space and seed."""

    def __init__(self, space: Space, seed: int, *, epochs: int = 8):
        self.space, self.seed, self.epochs = space, seed, epochs
        rng, names = np.random.default_rng(seed), list(space.decisions)
        self.effects = {name: _effect(space.decisions[name], rng) for name in names}
        self.pairs = {}
        for _ in names if len(names) > 1 else ():
            a, b = sorted(rng.choice(len(names), 2, replace=False))
            shape = tuple(len(space.decisions[names[index]].labels) for index in (a, b))
            self.pairs[names[a], names[b]] = 0.5 * rng.normal(size=shape)

    def accuracy(self, record: Record) -> float:
        """The true accuracy of a record's network, between 0 and 1."""
        places = {name: self.space.decisions[name].index[type(label), label] for name, label in record.items()}
        counted = cost(self.space.genotype(record))
        total = sum(self.effects[name][place] for name, place in places.items())
        total += sum(table[places[a], places[b]] for (a, b), table in self.pairs.items() if a in places and b in places)
        bought = 0.6 * math.log(counted.macs / 1e9) + 0.2 * math.log1p(counted.interactions / 1e9)
        return 1 / (1 + math.exp(-0.6 * (total / math.sqrt(len(places) or 1) + bought)))

    def curve(self, trial: Trial, seed: int) -> list[dict]:
        """The rows of one made-up training; another seed has other noise."""
        own, noise = (np.random.default_rng(seed_for(self.seed, *what)) for what in ((trial.key,), ("training", seed)))
        final = self.accuracy(trial.record) + NOISE * noise.normal()
        pace = PACE * math.exp(PACES * own.normal())
        epochs = np.arange(1, self.epochs + 1)
        shape = (1 - np.exp(-pace * epochs)) / (1 - math.exp(-pace * self.epochs))
        accuracies = CHANCE + (final - CHANCE) * shape
        accuracies[:-1] += NOISE * noise.normal(size=self.epochs - 1)
        return [
            {"epoch": int(epoch), "val_accuracy": float(accuracy)}
            for epoch, accuracy in zip(epochs, np.clip(accuracies, 0, 1), strict=True)
        ]


def _effect(hole: Hole, rng: np.random.Generator) -> np.ndarray:
    count = len(hole.labels)
    if not hole.ordered:
        return rng.normal(size=count)
    x, (slope, wave) = np.linspace(0, 1, count), rng.normal(size=2)
    return slope * x + wave * np.sin(3 * x + rng.uniform(0, 6))
