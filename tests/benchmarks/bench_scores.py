"""How fast scores are on one core, and how much of the entropy is depth.

    python tests/benchmarks/bench_scores.py

Prints networks a second of the scores that need no model (warm: stages known, as in a search), Kendall's rank
correlation of each of them with depth over uniform draws, and seconds a network of the others, at a small clip.
"""

from random import Random
from time import perf_counter

import torch
from scipy.stats import kendalltau

from nas import content, genotype, space
from nas.genotype import Clip
from nas.scores import SCORES, evaluate
from nas.summary import summary

GENOTYPES, CLIP, BATCH = 5_000, Clip(frames=4, size=32), 4


def main() -> None:
    torch.set_num_threads(1)
    for name in ("csn", "video"):
        print(f"space/{name}.yaml, {GENOTYPES:,} uniform draws")
        rates(space.load(content.find(name, "space")))
    models()


def rates(found) -> None:
    """Each score twice over the same networks; the second time counts."""
    rng, values = Random(0), {}
    records = [found.draw(rng) for _ in range(GENOTYPES)]
    genotypes = [found.genotype(record) for record in records]
    for name in (one.name for one in SCORES.values() if one.needs == "network"):
        cold, warm = (timed(name, genotypes, values) for _ in range(2))
        tau = kendalltau(values[name], values["depth"]).statistic
        print(f"  {name:13} {warm:8,.0f} a second ({cold:,.0f} cold); Kendall's tau with depth {tau:.3f}")
    started = perf_counter()
    for record in records:
        evaluate("entropy", found.genotype(record))
    print(f"  record to entropy, warm: {GENOTYPES / (perf_counter() - started):,.0f} a second")


def timed(name, genotypes, values) -> float:
    started = perf_counter()
    values[name] = [evaluate(name, one) for one in genotypes]
    return len(genotypes) / (perf_counter() - started)


def models() -> None:
    """The scores that need a model, on every published network, building it included."""
    networks = [genotype.load(path).model_copy(update={"input": CLIP}) for path in content.everything("models")]
    print(f"{len(networks)} published networks, {BATCH} clips of {CLIP}")
    for name in (one.name for one in SCORES.values() if one.needs == "model"):
        seconds = []
        for network in networks:
            started = perf_counter()
            evaluate(name, network, batch=BATCH)
            seconds.append((perf_counter() - started, summary(network)))
        middle, slowest = sorted(seconds)[len(seconds) // 2], max(seconds)
        print(f"  {name:13} {middle[0]:.2f} s a network (median); the slowest {slowest[0]:.1f} s: {slowest[1]}")


if __name__ == "__main__":
    main()
