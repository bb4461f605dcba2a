"""How fast genotypes are costed and drawn, side by side with counting the built network.

    python tests/benchmarks/bench_cost.py

Prints rates on one core and the ratio to fvcore (if installed) and to torch's own counter on the meta device.
"""

import warnings
from itertools import islice
from random import Random
from time import perf_counter

import torch

from nas import content, genotype, space
from nas.build import build
from nas.cost import cost
from nas.search.sampler import Uniform
from nas.search.wrappers import Dropped, valid, within
from nas.units import Budget

GENOTYPES, NETWORKS, BUDGET = 20_000, 3, "35gflops"


def main() -> None:
    torch.set_num_threads(1)
    for name in ("csn", "video"):
        print(f"space/{name}.yaml")
        rates(space.load(content.find(name, "space")))
    builds()


def rates(found) -> None:
    """Genotypes of a space: half drawn uniformly, half with every decision drawn by itself (small families too)."""
    rng = Random(0)
    records = [found.draw(rng) if i % 2 else found.complete({}, rng) for i in range(GENOTYPES)]
    genotypes = [found.genotype(record) for record in records]
    rate("cost, cold (every stage new)", GENOTYPES, lambda: [cost(one) for one in genotypes])
    warm = rate("cost, warm", GENOTYPES, lambda: [cost(one) for one in genotypes])
    rate("record to cost, warm", GENOTYPES, lambda: [cost(found.genotype(record)) for record in records])
    for turn in ("first", "second"):
        rate(f"drawn uniformly within {BUDGET}, {turn} time", GENOTYPES, lambda: draw(found))
    for name, count in counters():
        seconds = min(count(one) for one in genotypes[:NETWORKS])
        print(f"{name}: {1e3 * seconds:8.1f} ms a network; ours is {seconds * warm:,.0f} times faster")


def builds() -> None:
    """The slowest networks of the catalogue to build, weights drawn."""
    times = []
    for path in content.everything("models"):
        model = genotype.load(path)
        started = perf_counter()
        build(model, seed=0)
        times.append((perf_counter() - started, model.name))
    slowest = ", ".join(f"{name} {seconds:.2f} s" for seconds, name in sorted(times, reverse=True)[:3])
    print(f"building {len(times)} published networks: {sum(t for t, _ in times):.1f} s; the slowest: {slowest}")


def draw(found) -> list:
    """Candidates within the budget, as a search draws them."""
    dropped = Dropped()
    return list(
        islice(within(valid(Uniform(found).propose([], 0), found, dropped), Budget.parse(BUDGET), dropped), GENOTYPES)
    )


def counters():
    """Other ways to count: building on the meta device is not timed, counting is."""
    from torch.utils.flop_counter import FlopCounterMode

    def on_meta(genotype):
        with torch.device("meta"):
            return build(genotype).eval(), torch.empty(1, 3, 8, 224, 224)

    def by_torch(genotype):
        model, x = on_meta(genotype)
        started = perf_counter()
        with FlopCounterMode(display=False) as counter:
            model(x)
        assert counter.get_total_flops() // 2 == cost(genotype).macs
        return perf_counter() - started

    yield "torch FlopCounterMode on meta", by_torch
    try:
        from fvcore.nn import FlopCountAnalysis
    except ImportError:
        print("fvcore is not installed: pip install fvcore")
        return

    def by_fvcore(genotype):
        model, x = build(genotype).eval(), torch.zeros(1, 3, 8, 32, 32)
        started = perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            FlopCountAnalysis(model, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()
        return perf_counter() - started

    yield "fvcore (8x32x32 clip)", by_fvcore


def rate(what: str, count: int, run) -> float:
    started = perf_counter()
    run()
    found = count / (perf_counter() - started)
    print(f"{what}: {found:,.0f} a second")
    return found


if __name__ == "__main__":
    main()
