"""The engine of several workers: local processes that train side by side, one per GPU or sharing the CPU's cores.

Workers are started afresh (not forked), get their jobs through a pipe, and ask the driver after each epoch whether to
go on. A worker that dies is replaced, and its job is the driver's to give again; the reason has the last lines of what
it printed.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from nas.data import pool
from nas.engines.engine import Driver, Job, attempt
from nas.engines.guard import Guard

LAST_LINES = 5  # of a dead worker's output that go on record
TOLD_EVERY = 0.25  # seconds between two messages about a worker's steps
LOOKED_EVERY = 0.5  # seconds between two looks at how long trainings take


@dataclass(frozen=True)
class Place:
    """Where a worker trains: a device as torch names it, and the number of CPU threads."""

    device: str
    threads: int


def places(device: str, workers: int) -> list[Place]:
    """One place a worker: GPUs in turn (unless one is named, as cuda:1), or equal shares of the CPU's cores.

    >>> [place.device for place in places("cpu", 2)]
    ['cpu', 'cpu']
    """
    import torch

    from nas.device import pick

    threads = max(1, min(pool.cores() // workers, torch.get_num_threads()))  # OMP_NUM_THREADS is obeyed
    chosen = pick(device)
    if device in ("auto", "cuda") and chosen.type == "cuda":
        return [Place(f"cuda:{number % torch.cuda.device_count()}", threads) for number in range(workers)]
    return [Place(str(chosen), threads)] * workers


class Processes:
    """Trains in one process a place; `evaluate` takes a `device` besides what `Evaluate` says, and can be pickled."""

    def __init__(
        self,
        evaluate: Callable[..., dict[str, Any]],
        places: Sequence[Place],
        *,
        imports: Sequence[str] = (),
        guard: Guard = Guard(),  # noqa: B008  (frozen)
    ):
        self.evaluate, self.places, self.imports, self.guard = evaluate, places, tuple(imports), guard

    def run(self, driver: Driver) -> None:
        """Keep every worker busy; whatever ends this ends the workers."""
        with tempfile.TemporaryDirectory() as folder, self._staff(Path(folder)) as workers:
            _hand_out(workers, driver)
            while busy := {worker.pipe: worker for worker in workers if worker.job is not None}:
                told = wait(list(busy), LOOKED_EVERY if self.guard.seconds else None)
                ended = [busy[pipe].hear(driver) for pipe in told]
                ended += [worker.overdue(self.guard, driver) for worker in busy.values() if worker.job is not None]
                if any(ended):  # not after every message: asking for a job can take a proposal's time
                    _hand_out(workers, driver)

    @contextmanager
    def _staff(self, folder: Path) -> Iterator[list[_Worker]]:
        with ExitStack() as leaving:
            workers = []
            for number, place in enumerate(self.places):
                setup = pickle.dumps((self.evaluate, place, self.imports, self.guard))
                workers.append(_Worker(setup, folder / f"{number}.log"))
                leaving.callback(workers[-1].end)
            yield workers


def _hand_out(workers: Sequence[_Worker], driver: Driver) -> None:
    """A job for every worker that has none, as far as there are jobs."""
    for worker in workers:
        if worker.job is None and (job := driver.next()) is not None:
            worker.give(job)


class _Worker:
    """A process as the driver sees it: its pipe, its job, and where its output goes."""

    def __init__(self, setup: bytes, log: Path):
        self.setup, self.log, self.job, self.began = setup, log, None, math.inf
        self._start()

    def give(self, job: Job) -> None:
        """Hand over a job; a worker that died, with the last one or while it waited, is replaced first."""
        self.job, self.began = job, math.inf
        if not self.process.is_alive():
            self.end()
            self._start()
        with contextlib.suppress(OSError):  # it dies just now: `hear` finds the closed pipe
            self.pipe.send(job)

    def hear(self, driver: Driver) -> bool:
        """Pass one message on; a closed pipe is a death. Whether the worker's job is over."""
        number = self.job.number
        try:
            kind, told = self.pipe.recv()
        except (EOFError, OSError):
            self.job = None
            driver.died(number, self._obituary())
            return True
        if kind == "began":
            self.began = time.monotonic()
        elif kind == "step":
            driver.step(number, *told)
        elif kind == "epoch":
            self._answer(driver.epoch(number, told))
        else:
            self.job = None
            if kind == "last":
                self.process.join()
            driver.failed(number, told) if isinstance(told, str) else driver.ended(number, told)
        return self.job is None

    def overdue(self, guard: Guard, driver: Driver) -> bool:
        """End a job that takes too long, with its process; whether it was so."""
        if not guard.overdue(time.monotonic() - self.began):
            return False
        number, self.job = self.job.number, None
        self.process.kill()
        self.process.join()
        driver.failed(number, guard.too_long)
        return True

    def end(self) -> None:
        """Stop the process, whatever it does."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.log.write_bytes(b"")
        self.process = context.Process(target=_work, args=(theirs, self.log, self.setup), daemon=True)
        with _deaf_to_interrupts():
            self.process.start()
        theirs.close()

    def _answer(self, goes_on: bool) -> None:
        with contextlib.suppress(OSError):  # it died meanwhile: the next `hear` says so
            self.pipe.send(goes_on)

    def _obituary(self) -> str:
        self.process.join()
        self.pipe.close()
        code = self.process.exitcode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        printed = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-LAST_LINES:]
        said = "; it said last: " + " | ".join(line.strip() for line in printed) if printed else ""
        return f"its worker {how}{said}"


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """What starts in here never hears Ctrl-C, which is the driver's to handle; the driver hears it afterwards."""
    resource_tracker.ensure_running()  # it would lift the block when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection, log: Path, setup: bytes) -> None:
    """The life of a worker process: jobs until the driver is gone."""
    pool.settle()
    _print_to(log)
    evaluate, place, imports, guard = pickle.loads(setup)
    from nas import user_blocks

    for file in imports:
        user_blocks.load(file)
    import torch

    torch.set_num_threads(place.threads)
    steps = guard.watching(_Steps(pipe))

    def on_epoch(so_far: dict[str, Any]) -> bool:
        pipe.send(("epoch", so_far["curve"][-1]))
        return pipe.recv()

    def here(genotype, **more):
        return evaluate(genotype, device=place.device, **more)

    try:
        while True:
            job = pipe.recv()
            pipe.send(("began", None))
            result = attempt(here, job, on_epoch, steps)
            if guard.exceeded():
                pipe.send(("last", result))
                return
            pipe.send(("result", result))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


class _Steps:
    """Passes steps on, not more often than anybody looks."""

    def __init__(self, pipe: Connection):
        self.pipe, self.told = pipe, 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.told >= TOLD_EVERY:
            self.told = now
            self.pipe.send(("step", (done, total)))


def _print_to(log: Path) -> None:
    """Send everything that this process prints, C libraries included, to a file of its own."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    sys.stdout.reconfigure(line_buffering=True)
    sys.stderr.reconfigure(line_buffering=True)
