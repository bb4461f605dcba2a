"""How many trials samplers need, on made-up accuracies over real spaces with their exact costs.

    python tests/benchmarks/bench_samplers.py [REPEATS]

For each space and seed: the hypervolume (accuracy over log-GFLOPs) that the best of the other samplers has after 150
trials, and the trials after which the front sampler, and each other one, has it. All stand behind the same wrappers.
Then the time of a proposal with 1,000 trials in the history.
"""

import sys
from itertools import islice
from time import perf_counter

import numpy as np

from nas import content, space
from nas.cost import cost
from nas.recipe import SamplerSettings
from nas.search.propose import Proposer
from nas.search.sampler import Goal, Observation, Uniform, make
from nas.search.wrappers import Dropped, valid, within
from nas.units import Budget
from tests.surrogate import Surrogate, area

TRIALS, NOISE = 150, 0.01
SPACES = {"csn": "35gflops", "ctnet": "50gflops", "sevnet": "35gflops"}
OTHERS = ("uniform", "evolution", "nsga2", "tpe")


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    shares = []
    for name, limit in SPACES.items():
        found, budget = space.load(content.find(name, "space")), Budget.parse(limit)
        for seed in range(repeats):
            curves = {kind: curve(found, budget, kind, seed) for kind in ("front", *OTHERS)}
            target = max(curves[kind][-1] for kind in OTHERS)
            needed = {kind: reached(one, target) for kind, one in curves.items()}
            uniform = reached(curves["front"], curves["uniform"][-1])
            shares.append(needed["front"] / TRIALS)
            told = ", ".join(f"{kind} {count}" for kind, count in needed.items())
            print(f"{name} seed {seed}: best of the others after {TRIALS} trials {target:.3f}; trials to it: {told};")
            print(f"    front to the uniform sampler's: {uniform}", flush=True)
    print(f"front needs {np.mean(shares):.2f} of the trials (mean of {len(shares)}, worst {max(shares):.2f})")
    speed()


def curve(found, budget: Budget, kind: str, seed: int) -> list[float]:
    """The hypervolume after each trial."""
    surrogate, rng = Surrogate(found, seed), np.random.default_rng(seed)
    goal = Goal(("accuracy", "gflops"), budget)
    startup = 16 if kind == "front" else 10
    proposer = Proposer(found, budget, make(SamplerSettings(kind=kind, startup=startup), found, goal), seed=seed)
    low, high = ends(found, budget)
    history, seen, points, curve = [], set(), [], []
    for number in range(TRIALS):
        candidate = proposer.next(number, history, seen).candidate
        seen.add(candidate.key)
        accuracy, macs = surrogate.accuracy(candidate.record), candidate.cost.macs
        values = (accuracy + NOISE * rng.normal(), macs / 1e9)
        history.append(Observation(candidate.record, values, candidate.memo))
        points.append((accuracy, macs))
        curve.append(area(points, low, high))
    return curve


def ends(found, budget: Budget) -> tuple[float, float]:
    """The cheapest of 2,000 draws, and the budget."""
    drawn = within(valid(Uniform(found).propose([], 0), found, Dropped()), budget, Dropped())
    return min(one.cost.macs for one in islice(drawn, 2000)), budget.limits[0].high * 1e9


def reached(curve: list[float], target: float) -> int:
    """The trial after which a curve has a hypervolume; one more than there are where it never has."""
    return next((number for number, value in enumerate(curve, 1) if value >= target), len(curve) + 1)


def speed() -> None:
    found, budget = space.load(content.find("csn", "space")), Budget.parse("35gflops")
    surrogate = Surrogate(found, 0)
    drawn = within(valid(Uniform(found).propose([], 0), found, Dropped()), budget, Dropped())
    history = [
        Observation(one.record, (surrogate.accuracy(one.record), cost(one.genotype).macs / 1e9), {})
        for one in islice(drawn, 1000)
    ]
    for kind in ("front", *OTHERS):
        sampler = make(SamplerSettings(kind=kind), found, Goal(("accuracy", "gflops"), budget))
        times = []
        for turn in range(3):
            started = perf_counter()
            next(sampler.propose(history, turn))
            times.append(perf_counter() - started)
        print(f"a proposal of {kind} with 1,000 trials in the history: {min(times):.2f} s")


if __name__ == "__main__":
    main()
