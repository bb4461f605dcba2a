"""Seconds that a sampler takes for one proposal, with 1,000 trials in its history, a third of them stopped at a rung.

    python tests/benchmarks/bench_samplers.py

How many trials each sampler needs is measured by `nas compare --samplers ... --engine surrogate` (or table).
"""

from itertools import islice
from time import perf_counter

from nas import content, space
from nas.recipe import SamplerSettings
from nas.search.sampler import Goal, Observation, Uniform, make
from nas.search.surrogate import Surrogate
from nas.search.wrappers import Dropped, valid, within
from nas.trial import Trial
from nas.units import UNITS, Budget

SPACES = {"csn": "35gflops", "video": "35gflops"}
KINDS = ("uniform", "evolution", "nsga2", "tpe", "front")
OBJECTIVES = ("accuracy", "gflops", "ginteractions")


def main() -> None:
    for name, limit in SPACES.items():
        found, budget = space.load(content.find(name, "space")), Budget.parse(limit)
        history = list(islice(observations(found, budget), 1000))
        for kind in KINDS:
            sampler = make(SamplerSettings(kind=kind), found, Goal(OBJECTIVES, budget, 8))
            times = []
            for turn in range(4):  # the first one works out the costs of all that was trained
                started = perf_counter()
                next(sampler.propose(history, turn))
                times.append(perf_counter() - started)
            print(
                f"{name}: a proposal of {kind} {min(times[1:]):.3f} s, the first after a start {times[0]:.2f} s",
                flush=True,
            )


def observations(found, budget: Budget):
    """Made-up trials within the budget."""
    surrogate = Surrogate(found, 0)
    drawn = within(valid(Uniform(found).propose([], 0), found, Dropped()), budget, Dropped())
    for number, one in enumerate(drawn):
        curve = surrogate.curve(Trial(number, "running", one.record, "", one.key, one.cost), number)
        accuracies = tuple(row["val_accuracy"] for row in curve)
        if number % 3 == 0:
            yield Observation(one.record, None, {}, state="stopped", curve=accuracies[:2])
        else:
            costs = (UNITS[name].of(one.cost) for name in OBJECTIVES[1:])
            yield Observation(one.record, (accuracies[-1], *costs), {}, curve=accuracies)


if __name__ == "__main__":
    main()
