"""Lists of 1,000,000 clips over 1,000 files in every form that grows so long; run as a module, it opens one.

`python -m tests.data.formats.long_lists FOLDER` prints seconds, the most memory that the process held, in bytes, and
what was found, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

CLIPS, FILES, CLASSES = 1_000_000, 1_000, 400
# Of these clips, each 20th validates.
VAL = 20


def written(folder: Path, line: Callable[[int], str], header: str = "", ending: str = ".txt") -> None:
    """A list for each split."""
    folder.mkdir(parents=True)
    for split in ("train", "val"):
        with (folder / f"{split}{ending}").open("w", encoding="utf-8") as file:
            file.write(header)
            file.writelines(line(number) for number in range(CLIPS) if (number % VAL == 0) == (split == "val"))


def touched(folder: Path, name: Callable[[int], str]) -> None:
    for number in range(FILES):
        path = folder / name(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def paths(folder: Path) -> None:
    """Lines "path label", in folders of 50 classes."""

    def file(number: int) -> str:
        return f"videos of class {number % FILES % 50}/clip {number % FILES:06d}.mp4"

    written(folder, lambda number: f"{file(number)} {number % CLASSES}\n")
    touched(folder, file)


def single(folder: Path) -> None:
    """One CSV table of paths and labels, of which a fifth is held out."""
    folder.mkdir(parents=True)
    with (folder / "all.csv").open("w", encoding="utf-8") as file:
        file.write("path,label\n")
        file.writelines(f"{number % FILES:06d}.mp4,class {number % CLASSES}\n" for number in range(CLIPS))
    touched(folder, lambda number: f"{number:06d}.mp4")


def kinetics(folder: Path) -> None:
    """Official columns; each file is cut at many times."""

    def line(number: int) -> str:
        start = number // FILES
        return f"class {number % CLASSES},id-{number % FILES:08d},{start},{start + 10},train\n"

    written(folder, line, "label,youtube_id,time_start,time_end,split\n", ".csv")
    touched(folder, lambda number: f"videos/id-{number:08d}.mp4")


def multilabel(folder: Path) -> None:
    """Addresses with several labels each, as Sports-1M has them."""

    def line(number: int) -> str:
        address = f"https://www.youtube.com/watch?v=id-{number % FILES:08d}"
        return f"{address} {number % CLASSES},{(number + 1) % CLASSES}\n"

    written(folder, line)
    touched(folder, lambda number: f"id-{number:08d}.mp4")


WRITERS = {"paths": paths, "single": single, "kinetics": kinetics, "multilabel": multilabel}


def peak_memory() -> int:
    """Bytes that this process held at most; getrusage would tell those of the process that started it, if more."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def main() -> None:
    from nas.data import formats

    folder = Path(sys.argv[1])
    begin = time.perf_counter()
    found = formats.read(folder / "all.csv" if (folder / "all.csv").exists() else folder)
    seconds = time.perf_counter() - begin
    memory = peak_memory()
    told = {"format": found.format, "train": len(found.train), "val": len(found.val), "missing": len(found.missing)}
    print(json.dumps(told | {"classes": len(found.classes), "seconds": seconds, "memory": memory}))


if __name__ == "__main__":
    main()
