"""What a search of many trials on many workers costs its driver: where it stops scaling.

    python tests/benchmarks/bench_scale.py proposals [--sampler front] [--slow 10]
    python tests/benchmarks/bench_scale.py played [--sampler uniform] [--trials 10000] [--slow 1.0] [--profile]
    python tests/benchmarks/bench_scale.py sleepers [--sampler front] [--trials 10000] [--workers 200] [--seconds 30]
    python tests/benchmarks/bench_scale.py trials [--trials 2000] [--workers 2]
    python tests/benchmarks/bench_scale.py workers [--workers 40] [--minutes 4] [--seconds 30]

`proposals` asks samplers for networks after histories of several lengths, up to where one takes `--slow` seconds. The
others run the real driver, reporter and store (a SQLite study on disk, the space csn, curves of 8 epochs, two rungs):
`played` plays 200 trainings at once in this process, as fast as the driver takes them, up to where a proposal takes
`--slow` seconds; `sleepers` plays them in real time, each as a worker that sleeps, waits for the driver's answer after
each epoch and then for its next job; `trials` has Ray Tune run trainings that take no time; `workers` has it run ones
that sleep, as processes that do not load torch. `sleepers` and `workers` tell which part of the time was slept. Other
programs on the machine disturb wall times: processor time is told beside them.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from heapq import heappop, heappush
from itertools import count, islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from rich.console import Console

from nas import content, recipe, space, study
from nas.engines.engine import Driver, Job
from nas.progress import SearchReporter
from nas.search import loop
from nas.search.sampler import Uniform, observation
from nas.search.surrogate import Surrogate
from nas.search.wrappers import Dropped, valid
from nas.trial import Trial

EPOCHS, RUNGS, PLAYED = 8, (2, 4), 200
LENGTHS, AGAIN = (100, 300, 1_000, 3_000, 10_000), 4
MIB = 2**20
STORE = ("trials", "observations", "add", "orphans", "note", "complete", "stop", "fail")
TOLD = {"lr": 0.05, "train_loss": 1.234567, "train_error": 0.345678, "val_loss": 1.2345, "seconds": 1.25, "wait": 0.01}
OUTCOME = {"val_clips": 2000, "device": "CPU", "seed": 1, "wait_share": 0.01, "versions": {"torch": "2", "nas": "1"}}


class Meter:
    """Calls, seconds and processor seconds of functions, by name."""

    def __init__(self):
        self.spent: dict[str, list[float]] = {}

    def on(self, name: str, function: Callable) -> Callable:
        """The function, measured."""

        def measured(*given: Any, **more: Any) -> Any:
            begun, cpu = time.perf_counter(), time.thread_time()
            try:
                return function(*given, **more)
            finally:
                mine = self.spent.setdefault(name, [0, 0.0, 0.0])
                mine[0] += 1
                mine[1] += time.perf_counter() - begun
                mine[2] += time.thread_time() - cpu

        return measured

    def taken(self) -> dict[str, list[float]]:
        """What was measured since the last call."""
        taken, self.spent = self.spent, {}
        return taken


class Watched:
    """An engine whose driver and store are measured; `every` so many trials that ended, a line tells of them."""

    def __init__(self, engine: Any, opened: study.Study, *, every: int, slow: float = 0.0, wanted: int = 0):
        self.engine, self.opened, self.every, self.slow, self.wanted = engine, opened, every, slow, wanted
        self.meter, self.ended, self.process = Meter(), 0, psutil.Process()
        self.begun, self.cpu = time.perf_counter(), self.process.cpu_times()

    def run(self, driver: Driver) -> None:
        """Run the engine with a driver that is measured."""
        for name in STORE:
            setattr(self.opened, name, self.meter.on(f"store.{name}", getattr(self.opened, name)))
        for name in ("next", "epoch", "ended", "_proposed", "_goes_on"):
            setattr(driver, name, self.meter.on(f"driver.{name.strip('_')}", getattr(driver, name)))
        for name in ("started", "ended"):
            setattr(driver.reporter, name, self.meter.on(f"reporter.{name}", getattr(driver.reporter, name)))
        driver.ended = self._counted(driver, driver.ended)
        print(
            "trials    s   cpu s | ms of processor time a trial: all, proposal (ms wall), other | store op/s | RSS MiB"
        )
        self.engine.run(driver)

    def _counted(self, driver: Driver, tell: Callable) -> Callable:
        def ended(number: int, outcome: dict[str, Any]) -> None:
            tell(number, outcome)
            self.ended += 1
            if self.ended % self.every == 0:
                self._line(driver)

        return ended

    def _line(self, driver: Driver) -> None:
        now, cpu, spent = time.perf_counter(), self.process.cpu_times(), self.meter.taken()
        wall = now - self.begun
        used = cpu.user + cpu.system - self.cpu.user - self.cpu.system
        self.begun, self.cpu = now, cpu
        count, proposing, thinking = spent.get("driver.proposed", [1, 0.0, 0.0])
        operations = sum(spent[name][0] for name in spent if name.startswith("store.") and name != "store.observations")
        stored = sum(spent[name][1] for name in spent if name.startswith("store.") and name != "store.observations")
        print(
            f"{self.ended:6} {wall:6.1f} {used:6.1f} | {1e3 * used / self.every:6.1f} {1e3 * thinking / count:7.1f} "
            f"({1e3 * proposing / count:.1f}) {1e3 * (used - thinking) / self.every:6.1f} | "
            f"{operations / max(stored, 1e-9):6.0f} | {self.process.memory_info().rss / MIB:6.0f}",
            flush=True,
        )
        parts = {name: 1e3 * each[2] / self.every for name, each in spent.items()}
        print("   " + ", ".join(f"{name} {ms:.2f}" for name, ms in sorted(parts.items(), key=lambda pair: -pair[1])))
        if self.slow and thinking / count > self.slow:
            driver.wanted = 0  # enough is seen


class Played:
    """Plays `workers` trainings at once: epochs of all in a random order, ends out of order."""

    def __init__(self, surrogate: Surrogate, workers: int):
        self.surrogate, self.workers, self.rng, self.trials = surrogate, workers, Random(0), {}

    def run(self, driver: Driver) -> None:
        """Until the driver has no more."""
        started = driver.reporter.started

        def noted(trial, trials):
            self.trials[trial.number] = trial
            started(trial, trials)

        driver.reporter.started = noted
        self._play(driver)

    def _play(self, driver: Driver) -> None:
        more, running = True, []
        while more or running:
            while more and len(running) < self.workers:
                job = driver.next()
                if more := job is not None:
                    running.append((job, [], iter(self._rows(job))))
            if running:
                place = self.rng.randrange(len(running))
                if not self._told(driver, running[place]):
                    running.pop(place)

    def _rows(self, job: Job) -> list[dict]:
        return [row | TOLD for row in self.surrogate.curve(self.trials.pop(job.number), job.seed)]

    def _told(self, driver: Driver, training: tuple[Job, list, Iterator], more: dict | None = None) -> bool:
        """Tell the driver of the next epoch; whether the training goes on."""
        job, rows, left = training
        rows.append(next(left) | (more or {}))
        if driver.epoch(job.number, rows[-1]) and len(rows) < EPOCHS:
            return True
        driver.ended(job.number, OUTCOME | {"accuracy": rows[-1]["val_accuracy"], "seconds": 10.0, "curve": rows})
        return False


class Sleepers(Played):
    """The same in real time, where each training sleeps `seconds`."""

    def __init__(self, surrogate: Surrogate, workers: int, seconds: float):
        super().__init__(surrogate, workers)
        self.epoch = seconds / EPOCHS

    def _play(self, driver: Driver) -> None:
        more, tie, sleeping = True, count(), []
        while more or sleeping:
            if more and len(sleeping) < self.workers:
                job = driver.next()
                if more := job is not None:
                    self._sleep(sleeping, next(tie), (job, [], iter(self._rows(job))))
            if sleeping and (sleeping[0][0] <= time.time() or len(sleeping) == self.workers or not more):
                wakes, began, _, training = heappop(sleeping)
                time.sleep(max(0.0, wakes - time.time()))
                if self._told(driver, training, {"slept": [began, wakes]}):
                    self._sleep(sleeping, next(tie), training)

    def _sleep(self, sleeping: list, tie: int, training: tuple) -> None:
        now = time.time()
        heappush(sleeping, (now + self.epoch, now, tie, training))


def slept(described, *, seed: int, on_epoch, on_step, device: str, seconds: float = 0.0) -> dict:
    """A training that sleeps; each row tells from when to when."""
    curve, final = [], (seed % 10_007) / 10_007
    for epoch in range(1, EPOCHS + 1):
        began = time.time()
        time.sleep(seconds / EPOCHS)
        row = {"epoch": epoch, "val_accuracy": final * epoch / EPOCHS, "slept": [began, time.time()], **TOLD}
        curve.append(row)
        outcome = OUTCOME | {"accuracy": row["val_accuracy"], "seconds": seconds, "curve": list(curve)}
        if on_epoch(outcome) is False:
            break
    return outcome


@contextmanager
def made(sampler: str, trials: int, rungs: tuple[int, ...] = RUNGS) -> Iterator[tuple]:
    """A study of the space csn in a folder of its own, its space, and a reporter whose lines nobody reads."""
    base = recipe.load(content.find("motion", "studies"))
    train = base.proxy.train.model_copy(update={"epochs": EPOCHS})
    update = {
        "sampler": base.sampler.model_copy(update={"kind": sampler}),
        "proxy": base.proxy.model_copy(update={"train": train}),
        "stopping": base.stopping.model_copy(update={"rungs": rungs}),
    }
    wanted = base.model_copy(update=update)
    found = space.load(content.find("csn", "space"))
    with TemporaryDirectory() as folder:
        opened = study.create(Path(folder) / "study", wanted, wanted, found, {"data": ""})
        yield opened, found, SearchReporter(Console(quiet=True), "study", wanted.objectives, trials, EPOCHS)


def played(options: argparse.Namespace) -> None:
    """200 trainings at once, in this process."""
    played_by(options, Played)


def sleepers(options: argparse.Namespace) -> None:
    """200 trainings at once that sleep, none of which is stopped early."""
    found = played_by(options, partial(Sleepers, seconds=options.seconds), rungs=())
    used(found, options.workers or PLAYED, options.seconds)


def played_by(options: argparse.Namespace, engine_of: Callable, rungs: tuple[int, ...] = RUNGS) -> list[Trial]:
    """The trials of a search on an engine of this process."""
    with made(options.sampler, options.trials, rungs) as (opened, found, reporter):
        engine = engine_of(Surrogate(found, 0, epochs=EPOCHS), options.workers or PLAYED)
        watched = Watched(engine, opened, every=options.every, slow=options.slow)
        run = partial(loop.run, opened, found, watched, reporter, trials=options.trials)
        profiled(run) if options.profile else print(run())
        states = [trial.state for trial in opened.trials()]
        print({state: states.count(state) for state in set(states)}, f"peak {peak():.0f} MiB")
        return opened.trials()


def proposals(options: argparse.Namespace) -> None:
    """Processor time of a proposal after histories of several lengths; the second one has what a driver keeps."""
    from nas.search.propose import Proposer
    from nas.search.sampler import Goal, make

    with made(options.sampler, options.trials) as (opened, found, _):
        known, goal = opened.recipe, Goal(opened.recipe.objectives, opened.recipe.limits, EPOCHS)
        history, keys = past(found, known.objectives, options.trials)
        for kind in options.sampler.split(","):
            sampler = make(known.sampler.model_copy(update={"kind": kind}), found, goal)
            proposer = Proposer(found, known.limits, sampler, seed=0)
            for length in [count for count in LENGTHS if count <= len(history)]:
                took = []
                for turn in range(AGAIN):
                    begun = time.thread_time()
                    proposer.next(length + turn, history[: length + turn], set(keys[: length + turn]))
                    took.append(time.thread_time() - begun)
                told = f"{1e3 * took[0]:.0f} ms, then {1e3 * sum(took[1:]) / (AGAIN - 1):.0f} on average"
                print(
                    f"{kind} after {length:,}: {told}; {psutil.Process().memory_info().rss / MIB:.0f} MiB", flush=True
                )
                if sum(took[1:]) / (AGAIN - 1) > (options.slow or 10):
                    break


def past(found, objectives: tuple[str, ...], count: int) -> tuple[list, list[str]]:
    """What a sampler sees of so many trials: two of three were stopped at a rung."""
    surrogate, history, keys = Surrogate(found, 0, epochs=EPOCHS), [], []
    draws = valid(Uniform(found).propose([], 0), found, Dropped())
    for number, one in enumerate(islice(draws, count + AGAIN)):
        trial = Trial(number, "complete", one.record, genotype="", key=one.key, cost=one.cost)
        rows = surrogate.curve(trial, number)[: (EPOCHS, *RUNGS)[number % 3]]
        outcome = {"accuracy": rows[-1]["val_accuracy"], "curve": rows}
        trial = replace(trial, outcome=outcome, state="complete" if number % 3 == 0 else "stopped")
        history.append(observation(trial, objectives, {}))
        keys.append(one.key)
    return history, keys


def profiled(run: Callable) -> None:
    profile = cProfile.Profile()
    profile.runcall(run)
    pstats.Stats(profile, stream=sys.stdout).sort_stats("cumulative").print_stats(45)


def on_ray(options: argparse.Namespace, evaluate: Callable, workers: int, rungs: tuple[int, ...] = RUNGS) -> list:
    """The trials of a search on so many workers of a cluster of this machine."""
    from nas.cluster.connecting import connected
    from nas.engines.on_ray import OnRay, Share
    from nas.engines.tune_worker import Assignment

    with made(options.sampler, options.trials, rungs) as (opened, found, reporter), connected(cpus=workers):
        engine = OnRay(Assignment(evaluate, device="cpu", threads=0), Share(), workers=workers)
        watched = Watched(engine, opened, every=options.every)
        begun, cpu = time.perf_counter(), time.process_time()
        print(loop.run(opened, found, watched, reporter, trials=options.trials))
        wall, used = time.perf_counter() - begun, time.process_time() - cpu
        print(f"{wall:.0f} s, {used:.0f} s of the driver's processor time ({used / wall:.0%}), peak {peak():.0f} MiB")
        print(f"a trial: {wall / options.trials:.3f} s, {used / options.trials:.3f} s of the driver's processor time")
        return opened.trials()


def trials(options: argparse.Namespace) -> None:
    """Trainings that take no time, on Ray."""
    on_ray(options, slept, options.workers or 2)


def workers(options: argparse.Namespace) -> None:
    """Trainings that sleep, on as many workers of Ray as are asked for, and how much of the time these slept."""
    number = options.workers or 40
    options.trials = int(number * options.minutes * 60 / options.seconds)
    found = on_ray(options, partial(slept, seconds=options.seconds), number, rungs=())
    used(found, number, options.seconds)


def used(found: list, number: int, seconds: float) -> None:
    """Print the utilisation from when all workers slept for the first time to when the first had nothing more to do."""
    rows = [[row["slept"] for row in trial.rows] for trial in found]
    began = max(sorted(each[0][0] for each in rows)[:number])
    last = max(each[0][0] for each in rows)  # the last training began: all workers had work until then
    slept = sum(max(0.0, min(to, last) - max(start, began)) for each in rows for start, to in each)
    told = sum(each[-1][1] - each[0][0] for each in rows if len(each) == EPOCHS)
    whole = sum(len(each) == EPOCHS for each in rows)
    print(f"{number} workers, all busy for {last - began:.0f} s: utilisation {slept / (last - began) / number:.1%}")
    print(f"a training of {seconds:g} s lasted {told / max(whole, 1):.2f} s, {len(found) - whole} of them stopped")


def peak() -> float:
    """The most memory that this process has held, in MiB."""
    text = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return int(text.split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["proposals", "played", "sleepers", "trials", "workers"])
    parser.add_argument("--sampler", default="uniform")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--every", type=int, default=500)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    modes = {"proposals": proposals, "played": played, "sleepers": sleepers, "trials": trials, "workers": workers}
    modes[options.what](options)


if __name__ == "__main__":
    main()
