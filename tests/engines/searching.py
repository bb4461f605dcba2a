"""A search with two workers in a process of its own, for tests that end it: `python -m tests.engines.searching FOLDER`.

Each training writes the number of its worker's process into FOLDER and takes a minute.
"""

import os
import sys
import time
from functools import partial
from pathlib import Path

from nas import space, study
from nas.engines.processes import Place, Processes
from nas.search import loop
from nas.search.simulate import Silent


def slow(genotype, *, seed, on_epoch, on_step, device, folder):
    (folder / f"{os.getpid()}.worker").touch()
    for step in range(600):
        on_step(step, 600)
        time.sleep(0.1)


def main(folder: Path) -> None:
    found = space.load(folder / "tiny.yaml")
    engine = Processes(partial(slow, folder=folder), [Place("cpu", 1)] * 2)
    try:
        loop.run(study.open_study(folder / "study"), found, engine, Silent(), trials=4)
    except KeyboardInterrupt:
        print("interrupted")
        sys.exit(130)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
