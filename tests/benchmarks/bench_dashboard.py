"""What a dashboard's page takes to make, how large it is, how soon Chromium shows it, and how soon a new trial live.

python tests/benchmarks/bench_dashboard.py [STUDY]        # default: 200 trials with made-up accuracies
python tests/benchmarks/bench_dashboard.py --trials 10000 # takes long to make up

The live page is of the made-up study alone, since trials are added to it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nas import content, study
from nas.dashboard import board, static
from nas.dashboard.payload import payload
from tests.searched import search, searched

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


def live(one: study.Study) -> tuple[float, list[tuple[float, float]]]:
    """The share of a core that an idle page costs its server; seconds until a new trial is told, and until its figures.

    Timed from when the trial's record is complete.
    """
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "nas", "dashboard", str(one.folder), "--serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().split()[1]
        with sync_playwright() as driver:
            page = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]).new_page()
            page.goto(address)
            page.wait_for_selector("body[data-ready]", timeout=120_000)
            page.wait_for_timeout(3000)
            before, started = _processor_time(server.pid), time.monotonic()
            page.wait_for_timeout(10_000)
            idle = (_processor_time(server.pid) - before) / (time.monotonic() - started)
            found = []
            for _ in range(REPEATS):
                number = len(one.trials())
                search(one, number + 1)
                ended = time.monotonic()
                told = "count => document.querySelector('#lede').textContent.startsWith(count)"
                page.wait_for_function(told, arg=f"{number + 1} trials", timeout=60_000)
                seen = time.monotonic() - ended
                drawn = "n => [...document.querySelectorAll('.js-plotly-plot')].some((plot) => plot.data.some(" \
                        "(trace) => Array.from(trace.customdata ?? []).includes(n)))"  # fmt: skip
                page.wait_for_function(drawn, arg=number, timeout=60_000)
                found.append((seen, time.monotonic() - ended))
                page.wait_for_timeout(3000)
    finally:
        server.kill()
    return idle, sorted(found)


def _processor_time(process: int) -> float:
    """Seconds of a process (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


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
        if not asked.study:
            idle, times = live(one)
            seen, drawn = times[REPEATS // 2]
            told = f"a new trial is told after {seen:.1f} s, in figures after {drawn:.1f} s"
            print(f"live: idle {idle:.1%} of a core; {told}")


if __name__ == "__main__":
    main()
