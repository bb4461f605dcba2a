"""A small search as a program of its own, which can be killed and started again, and what is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nas import fronts
from nas import study as studies
from nas.data import motion
from tests.spaces import TINY

MOMENTS = int(os.environ.get("NAS_FAULTS", "2"))  # random moments at which something is killed
TRIALS = 8
RECIPE = """
nas: 1
space: SPACE
budget: 3mflops
objectives: [accuracy, gflops, mparams]
trials: 8
sampler: {kind: evolution, population: 4}
data: {path: VIDEOS, pack: {every: 1, frames: 8, size: 24}}
proxy: {width: 1.0, depth: 1.0, clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 6, batch: 8}}
stopping: {rungs: [2, 4], reduction: 2}
"""
MARK = "NAS_TESTED_SEARCH"  # in the environment of a search and all that it starts


def videos(folder: Path) -> Path:
    """30 + 20 short videos of ten actions."""
    return motion.generate(folder, motion.MotionSettings(train=30, val=20, size=32), workers=1)


class Search:
    """`nas search` in a folder of its own; `more` of its recipe, and arguments for each start."""

    def __init__(self, folder: Path, videos: Path, *arguments: str, more: str = "", env: dict[str, str] | None = None):
        self.folder, self.arguments, self.process = folder, arguments, None
        (folder / "study").mkdir(parents=True)
        (folder / "tiny.yaml").write_text(TINY)
        recipe = RECIPE.replace("SPACE", str(folder / "tiny.yaml")).replace("VIDEOS", str(videos))
        (folder / "study" / "study.yaml").write_text(recipe + more)
        self.mark = f"{os.getpid()}-{folder}"
        cache = {"NAS_CACHE": str(videos.parent / "cache"), "OMP_NUM_THREADS": "1", MARK: self.mark}
        self.env = {**os.environ, **cache, **(env or {})}

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start it, or start it again."""
        command = [sys.executable, "-m", "nas", "search", "study", *self.arguments, *arguments]
        with (self.folder / "out").open("a") as out:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        return self.process

    def ends(self, seconds: float = 240) -> int:
        """Its exit status."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the search goes on and on:\n{self.said}") from None

    def kill(self) -> None:
        """SIGKILL of the driver, and of it alone."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def wait_for(self, what: Callable[[], object], seconds: float = 120) -> object:
        """Until something is so, while it runs."""
        deadline = time.monotonic() + seconds
        while not (found := what()):
            assert self.process.poll() is None, f"it ended:\n{self.said}"
            assert time.monotonic() < deadline, f"it did not happen:\n{self.said}"
            time.sleep(0.05)
        return found

    def end(self) -> None:
        """Nothing of it is left, whatever happened."""
        self.kill()
        for pid in self.living():
            os.kill(pid, signal.SIGKILL)

    def living(self, *words: str) -> list[int]:
        """Processes that it started and that live, but for the driver; with words, those whose command has one."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                environ, command = (path / "environ").read_bytes(), (path / "cmdline").read_bytes()
                state = (path / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:  # it ended meanwhile
                continue
            marked = f"{MARK}={self.mark}".encode() in environ.split(b"\0")
            own = self.process is not None and int(path.name) == self.process.pid
            if marked and not own and state != "Z" and (not words or any(word.encode() in command for word in words)):
                found.append(int(path.name))
        return found

    def leaves_nobody(self, seconds: float = 20) -> bool:
        """Whether all that it started ends within some time."""
        deadline = time.monotonic() + seconds
        while (left := self.living()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return not left

    @property
    def said(self) -> str:
        """All that it printed."""
        return (self.folder / "out").read_text() if (self.folder / "out").exists() else ""

    @property
    def trials(self) -> list:
        """Its trials by now."""
        there = studies.exists(self.folder / "study")
        return studies.open_study(self.folder / "study").trials() if there else []

    def told(self) -> list[tuple]:
        """What its trials came to, without times and places."""
        return [(one.number, one.key, one.state, one.curve, one.accuracy) for one in self.trials]

    def front(self) -> set[str]:
        """The networks on its front."""
        return {trial.key for trial in fronts.front(self.trials, ("accuracy", "gflops", "mparams"))}


def complete(search: Search, trials: int = TRIALS, *, states: Sequence[str] = ("complete", "stopped")) -> bool:
    """Whether every trial ended, once, and no network was trained twice."""
    there = search.trials
    assert [trial.number for trial in there] == list(range(trials)), search.said
    assert {trial.state for trial in there} <= set(states), search.said
    assert len({trial.key for trial in there}) == trials
    return True
