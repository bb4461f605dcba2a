"""Training in local processes: jobs side by side, workers that die, and drivers that are ended."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from nas import recipe, space, study
from nas.engines.guard import Guard
from nas.engines.here import Here
from nas.engines.processes import Place, Processes, places
from nas.recipe import Recipe
from nas.search import loop
from nas.search.simulate import Silent
from tests.engines.conformance import EngineCase, Told, train
from tests.spaces import TINY

EXITS, KILLED, SEGFAULT, LEAVES = 201, 202, 203, 204  # seeds of trainings that end their process
HANGS, LEAKS = 205, 206  # and of those that take too much
CPU = Place("cpu", 1)
LEAKED = []  # what a process never gives back


class TestProcesses(EngineCase):
    def make(self, evaluate):
        return Processes(evaluate, [CPU, CPU])

    def test_side_by_side(self, told):
        assert told.most == 2


def deadly(genotype, *, seed, on_epoch, on_step, device):
    """Trains, or ends the process that it is in."""
    if seed == EXITS:
        print("\n".join(f"line {number}" for number in range(1, 9)))
        os._exit(3)
    if seed == KILLED:
        os.write(2, b"a last word\n")
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == SEGFAULT:
        ctypes.string_at(0)
    if seed == LEAVES:
        sys.exit("enough")
    return train(genotype, seed=seed, on_epoch=on_epoch, on_step=on_step)


def test_a_worker_that_dies_is_replaced():
    driver = Told([EXITS, 1, KILLED, SEGFAULT, LEAVES, 2])
    Processes(deadly, [CPU, CPU]).run(driver)
    assert {number: len(outcome["curve"]) for number, outcome in driver.outcomes.items()} == {1: 3, 5: 3}
    lines = " | ".join(f"line {number}" for number in range(4, 9))
    assert not driver.reasons and driver.deaths == {
        0: f"its worker ended with exit status 3; it said last: {lines}",
        2: "its worker was killed by SIGKILL; it said last: a last word",
        3: "its worker was killed by SIGSEGV",  # not the words of the one whose place it took
        4: "its worker ended with exit status 1; it said last: enough",
    }


class Unreadable:
    """What a worker is given and cannot read."""

    def __reduce__(self):
        return _refuse, ()


def _refuse():
    raise ValueError("no such pack")


def test_a_worker_that_cannot_start_says_why(capfd):
    driver = Told([1])
    Processes(Unreadable(), [CPU]).run(driver)
    assert driver.deaths[0].startswith("its worker ended with exit status 1; it said last: ")
    assert driver.deaths[0].endswith("ValueError: no such pack")
    assert capfd.readouterr().err == ""


def signed(genotype, *, on_epoch, **more):
    """Trains, and tells which process does."""

    def told(outcome):
        return on_epoch({"curve": [outcome["curve"][-1] | {"pid": os.getpid()}]})

    return train(genotype, on_epoch=told, **more)


def test_one_that_dies_without_a_job_is_replaced():
    class Waits(Told):
        """Has one job until that ends, then another two; meanwhile, the idle worker is killed."""

        def next(self):
            return super().next() if len(self.waiting) > 2 or self.outcomes else None

        def epoch(self, number, row):
            if number == 0:
                for child in multiprocessing.active_children():
                    if child.pid != row["pid"]:
                        child.kill()
                        child.join()
            return super().epoch(number, row)

    driver = Waits([1, 2, 3])
    Processes(signed, [CPU, CPU]).run(driver)
    assert sorted(driver.outcomes) == [0, 1, 2] and not driver.reasons


@pytest.fixture
def folder(tmp_path):
    """A study of a tiny space that has no trial yet."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    found = space.load(tmp_path / "tiny.yaml")
    settings = {"space": found.name, "objectives": "accuracy,mparams", "sampler": {"kind": "uniform"}}
    wanted = recipe.validate(Recipe, settings)
    study.create(tmp_path / "study", wanted, wanted, found, {"data": "none"})
    return tmp_path


def searching(folder):
    """A search whose two workers are training, and their processes' numbers."""
    command = [sys.executable, "-m", "tests.engines.searching", str(folder)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    driver = subprocess.Popen(command, start_new_session=True, **pipes)
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*.worker"))) < 2 and driver.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = [int(path.stem) for path in folder.glob("*.worker")]
    for path in folder.glob("*.worker"):
        path.unlink()
    assert len(workers) == 2, driver.communicate(timeout=60)[0]
    return driver, workers


def gone(numbers, seconds=10.0):
    """Whether processes end within some time."""
    deadline = time.monotonic() + seconds
    while any(os.path.exists(f"/proc/{number}") for number in numbers) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(os.path.exists(f"/proc/{number}") for number in numbers)


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="looks for processes in /proc")
def test_workers_end_with_their_driver_and_their_trials_are_trained_again(folder):
    driver, workers = searching(folder)
    os.killpg(driver.pid, signal.SIGINT)  # as Ctrl-C in a terminal does: to the workers too
    said, _ = driver.communicate(timeout=30)
    assert (driver.returncode, said) == (130, "interrupted\n")
    assert gone(workers, seconds=1)
    assert [(t.state, t.attempts) for t in study.open_study(folder / "study").trials()] == [("running", 0)] * 2

    driver, workers = searching(folder)
    driver.kill()  # SIGKILL, and to the driver alone
    assert gone(workers)
    driver.communicate(timeout=30)
    opened = study.open_study(folder / "study")
    before = [(t.number, t.key) for t in opened.trials()]
    assert [(t.state, t.attempts) for t in opened.trials()] == [("running", 1)] * 2

    loop.run(opened, space.load(folder / "tiny.yaml"), Here(known), Silent(), trials=2)
    assert [(t.number, t.key) for t in opened.trials()] == before
    assert [t.state for t in opened.trials()] == ["complete"] * 2


def known(genotype, *, seed, on_epoch, on_step):
    """A training that takes no time."""
    return {"accuracy": 0.5, "seconds": 0.1, "curve": [{"epoch": 1, "val_accuracy": 0.5}]}


def test_workers_share_the_cores():
    assert [place.device for place in places("cpu", 3)] == ["cpu"] * 3
    assert places("cpu", 10_000)[0].threads == 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert places("cpu", 1)[0].threads == min(cores, torch.get_num_threads())


def greedy(genotype, *, seed, on_epoch, on_step, device):
    """Trains, or hangs, or holds more and more memory."""
    if seed == HANGS:
        time.sleep(1000)
    for _ in range(100 if seed == LEAKS else 0):
        LEAKED.append(b"x" * (1 << 27))
        on_step(1, 3)
    return train(genotype, seed=seed, on_epoch=on_epoch, on_step=on_step)


def test_what_takes_more_than_the_guard_allows_fails_and_the_others_go_on():
    driver = Told([HANGS, 1, LEAKS, 2, 3, 4])
    Processes(greedy, [CPU, CPU], guard=Guard(seconds=8, memory=1.0)).run(driver)
    assert sorted(driver.outcomes) == [1, 3, 4, 5] and not driver.deaths
    assert driver.reasons[0] == "took longer than the 8 s of guard.seconds in the recipe"
    assert driver.reasons[2].endswith("more than the 1 of guard.memory in the recipe")
