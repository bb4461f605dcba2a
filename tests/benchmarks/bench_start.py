"""How long commands take that train nothing, start of Python included.

    python tests/benchmarks/bench_start.py

Prints the median of several runs, beside a bare `python -c pass` and one that imports torch.
"""

import subprocess
import sys
from statistics import median
from time import perf_counter

RUNS = 7
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import torch'": ["-c", "import torch"],
    "nas --help": ["-m", "nas", "--help"],
    "nas show ir-csn-50": ["-m", "nas", "show", "ir-csn-50"],
    "nas show csn": ["-m", "nas", "show", "csn"],
    "nas check csn --budget 35gflops": ["-m", "nas", "check", "csn", "--budget", "35gflops"],
}


def main() -> None:
    for name, arguments in COMMANDS.items():
        seconds = []
        for _ in range(RUNS):
            started = perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            seconds.append(perf_counter() - started)
        print(f"{name}: {median(seconds):.2f} s")


if __name__ == "__main__":
    main()
