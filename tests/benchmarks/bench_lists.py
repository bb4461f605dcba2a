"""Opening lists of 1,000,000 clips over 1,000 files: seconds and memory of each form, on one core and a warm disk.

Run `python tests/benchmarks/bench_lists.py`. Each list is read in a process of its own, from recognition to the notes
about it; every form must open in less than 5 s and 1 GiB.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.data.formats import long_lists

SECONDS, MEMORY = 5, 1 << 30
ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, write in long_lists.WRITERS.items():
            path = Path(folder) / name
            write(path)
            seconds, memory = (min(figures) for figures in zip(*(opened(path) for _ in range(ROUNDS)), strict=True))
            print(f"{name:28s} {seconds:5.2f} s  {memory / (1 << 20):5.0f} MiB")
            assert seconds < SECONDS and memory < MEMORY


def opened(path: Path) -> tuple[float, int]:
    """Seconds of reading a set in a new process, pyarrow's import included, and the most memory it held, in bytes."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.data.formats.long_lists", path], check=True, capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    return found["seconds"], found["memory"]


if __name__ == "__main__":
    main()
