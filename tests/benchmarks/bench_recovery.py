"""How long a killed search takes until it trains again: from the same command to the trial that was in training.

    python tests/benchmarks/bench_recovery.py [--engine ray]

Ray's own start is told apart: the time until a cluster of this machine is there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from nas.cluster.connecting import connected
from tests.faults import searches
from tests.faults.searches import Search


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=["train", "ray"], default="train")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    more = ("--engine", "ray", "--cpus-per-trial", "1", "--workers", "1") if asked.engine == "ray" else ()
    with tempfile.TemporaryDirectory() as folder:
        films = searches.videos(Path(folder) / "videos")
        search = Search(Path(folder) / "s", films, *more)
        try:
            taken = [recovered(search) for _ in range(asked.repeats)]
        finally:
            search.end()
    print(f"{asked.engine}: trains again after {', '.join(f'{seconds:.1f}' for seconds in taken)} s")
    if more:
        started = time.monotonic()
        with connected():
            print(f"of which Ray's start, alone: {time.monotonic() - started:.1f} s")


def recovered(search: Search) -> float:
    """Seconds from the command to the first training, after a kill in the middle of one."""
    search.start()
    search.wait_for(lambda: any(trial.state == "running" for trial in search.trials))
    search.kill()
    search.leaves_nobody()
    before = search.said.count(" (attempt ")
    began = time.monotonic()
    search.start()
    search.wait_for(lambda: search.said.count(" (attempt ") > before)
    taken = time.monotonic() - began
    search.kill()
    search.leaves_nobody()
    return taken


if __name__ == "__main__":
    main()
