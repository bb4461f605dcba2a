"""What a search costs besides training: start-up, proposing and storing, against trials of ten seconds.

    python tests/benchmarks/bench_search.py

Training is a stub that takes no time, so all that is left is overhead. Then one real proxy of the default
study tells which share of a trial waits for its data (this generates and packs the motion set if need be).
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from rich.console import Console

from nas import content, genotype, proxy, recipe, session, space, study
from nas.engines.here import Here
from nas.preparation import preparation
from nas.progress import SearchReporter
from nas.search import loop
from nas.summary import summary

TRIALS, SECONDS = 60, 10.0
SAMPLERS = ("uniform", "front", "evolution", "tpe", "nsga2")


def main() -> None:
    start_up = timed(
        lambda: subprocess.run([sys.executable, "-c", "import nas.run, nas.proxy, nas.search.loop"], check=True)
    )
    print(f"start-up, libraries included: {start_up:.1f} s")
    for kind in SAMPLERS:
        with TemporaryDirectory() as folder:
            each = overhead(Path(folder), kind) / TRIALS
        share = (start_up + TRIALS * each) / (TRIALS * (SECONDS + each) + start_up)
        print(f"{kind}: {1e3 * each:.0f} ms a trial; {share:.1%} of a search of {TRIALS} trials of {SECONDS:.0f} s")
    waiting()


def overhead(folder: Path, kind: str) -> float:
    """Seconds that a search spends on proposing, storing and showing 60 trials."""
    base = recipe.load(content.find("motion", "studies"))
    wanted = base.model_copy(update={"sampler": base.sampler.model_copy(update={"kind": kind})})
    found = space.load(content.find("csn", "space"))
    opened = study.create(folder / "study", wanted, wanted, found, {"data": ""})
    reporter = SearchReporter(Console(quiet=True), "study", wanted.objectives, TRIALS, 1)
    return timed(lambda: loop.run(opened, found, Here(stub), reporter, trials=TRIALS))


def stub(described, *, seed, on_epoch, on_step) -> dict:
    """No training at all; the curve has the length of a real one."""
    curve = [{"epoch": epoch, "val_accuracy": 0.5, "train_loss": 1.0} for epoch in range(1, 11)]
    for epoch in range(1, len(curve) + 1):
        outcome = {"accuracy": (seed % 1000) / 1000, "seconds": SECONDS, "val_clips": 2000, "curve": curve[:epoch]}
        on_epoch(outcome)
    return outcome


def waiting() -> None:
    """Print the share of one trial spent waiting for data."""
    wanted = recipe.load(content.find("motion", "studies"))
    with preparation(Console(quiet=True)) as progress:
        pack = session.prepare(wanted, progress)
    for name in ("ir-csn-26", "ip-csn-50"):
        described = genotype.load(content.find(name, "models"))
        outcome = proxy.evaluate(described, pack, wanted.proxy, seed=0)
        told = f"{outcome['wait_share']:.1%} of {outcome['seconds']:.0f} s waiting for data"
        print(f"proxy of {name} ({summary(described)}): {told}")


def timed(run) -> float:
    started = perf_counter()
    run()
    return perf_counter() - started


if __name__ == "__main__":
    main()
