"""What a dashboard's page takes to make, how large it is, and how soon Chromium shows it.

python tests/benchmarks/bench_dashboard.py [STUDY]        # default: 200 trials with made-up accuracies
python tests/benchmarks/bench_dashboard.py --trials 10000 # takes long to make up
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from nas import content, study
from nas.dashboard import board, static
from nas.dashboard.payload import payload
from tests.searched import searched

CHROMIUM = "/usr/bin/chromium"
REPEATS = 3


def made_up(folder: Path, trials: int) -> study.Study:
    """A study of so many trials of csn.yaml whose accuracies are made up."""
    text = content.find("csn", "space").read_text()
    return searched(folder, trials, text=text, budget="35gflops", objectives="accuracy,gflops,ginteractions",
                    stopping={"rungs": [2, 4]})  # fmt: skip


def opened(path: Path) -> list[tuple[float, float]]:
    """Milliseconds until Chromium paints first, and until figures in sight and the table are there."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(REPEATS):
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.goto(path.as_uri())
            page.wait_for_selector("body[data-ready]", timeout=120_000)
            painted = page.evaluate("performance.getEntriesByType('paint')[0].startTime")
            found.append((painted, float(page.evaluate("document.body.dataset.ready"))))
            page.close()
        browser.close()
    return sorted(found)


def main() -> None:
    """Print one line a step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", nargs="?")
    parser.add_argument("--trials", type=int, default=200)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        one = study.open_study(asked.study) if asked.study else made_up(Path(folder), asked.trials)
        shown = board.load("default")
        for round_ in ("first", "again"):
            started = time.process_time()
            told = payload([one], shown)
            print(f"made ({round_}): {time.process_time() - started:.2f} s of processor time")
        path = Path(folder).resolve() / "page.html"
        static.write(path, told)
        print(f"{len(one.trials()):,} trials, {len(told['figures'])} figures: {path.stat().st_size / 1e6:.2f} MB")
        painted, ready = opened(path)[REPEATS // 2]
        print(f"first paint after {painted:.0f} ms, figures in sight and table after {ready:.0f} ms")


if __name__ == "__main__":
    main()
