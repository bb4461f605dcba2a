"""A made-up accuracy over a real space: a smooth random function of the decisions, plus what exact costs buy.

Main effects (smooth along numbers), pairwise effects, and a slope over log-costs; noise is added by whoever observes.
"""

import math

import numpy as np

from nas.cost import cost


class Surrogate:
    """The same function for the same space and seed."""

    def __init__(self, space, seed):
        self.space, rng = space, np.random.default_rng(seed)
        self.names = list(space.decisions)
        self.effects = {name: _effect(space.decisions[name], rng) for name in self.names}
        self.pairs = {}
        for _ in self.names:
            a, b = sorted(rng.choice(len(self.names), 2, replace=False))
            shape = tuple(len(space.decisions[self.names[i]].labels) for i in (a, b))
            self.pairs[self.names[a], self.names[b]] = 0.5 * rng.normal(size=shape)

    def accuracy(self, record):
        """Between 0 and 1."""
        places = {name: self.space.decisions[name].index[type(label), label] for name, label in record.items()}
        counted = cost(self.space.genotype(record))
        total = sum(self.effects[name][place] for name, place in places.items())
        total += sum(table[places[a], places[b]] for (a, b), table in self.pairs.items() if a in places and b in places)
        bought = 0.6 * math.log(counted.macs / 1e9) + 0.2 * math.log1p(counted.interactions / 1e9)
        return 1 / (1 + math.exp(-0.6 * (total / math.sqrt(len(places)) + bought)))


def _effect(hole, rng):
    count = len(hole.labels)
    if not hole.ordered:
        return rng.normal(size=count)
    x, (slope, wave) = np.linspace(0, 1, count), rng.normal(size=2)
    return slope * x + wave * np.sin(3 * x + rng.uniform(0, 6))


def area(points, low, high):
    """Hypervolume of (accuracy, MACs) points over log-MACs from `low` to `high`, as a share."""
    best = total = 0.0
    for macs, accuracy in sorted((macs, accuracy) for accuracy, macs in points):
        if accuracy > best:
            total += (accuracy - best) * (math.log(high) - math.log(max(macs, low)))
            best = accuracy
    return total / (math.log(high) - math.log(low))
