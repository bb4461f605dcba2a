"""`nas tabulate`: trains every network of a small space with several seeds, and writes one table.

The table is saved every few seconds, so a killed run goes on where it was; what is missing (networks, seeds, scores) is
added by the same command. A training that fails is told, and kept as one without rows; several in a row are taken for
a fault of the machine, end the run, and are tried again.
"""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from nas import content, files, scores, session, table
from nas import space as spaces
from nas.console import count, say
from nas.cost import cost
from nas.driving import LOCK, driving
from nas.engines.engine import Job
from nas.errors import NasError
from nas.genotype import Genotype, to_yaml
from nas.network import key
from nas.preparation import preparation
from nas.recipe import ProxySettings, Recipe
from nas.run import INTERRUPTED
from nas.scale import scale
from nas.search.loop import MAX_DEATHS, MAX_FAILURES
from nas.search.propose import ENUMERABLE
from nas.seeds import seed_for
from nas.sources import Means, trainers
from nas.space import Space
from nas.summary import summary
from nas.table import COSTS, CURVE, Network, Table
from nas.units import Budget
from nas.versions import versions

SAVED_EVERY = 5.0  # seconds between two writings of the table: a kill loses no more than these


def tabulate(
    target: str,
    *,
    study: str | None,
    seeds: int,
    budget: str,
    out: str | None,
    data: str | None,
    means: Means,
    console: Console,
) -> None:
    """Complete the table of a space: all networks within the budget, `seeds` trainings each, all scores."""
    path = content.find(target, "space")
    wanted = session.recipe_for(path, study)
    if data:
        wanted = session.overlaid(wanted, {"data.path": data})
    space = spaces.load(path)
    if space.count > ENUMERABLE:
        told = f"has {space.count:,} records; a table trains every network of a space"
        raise NasError(told, where=str(path), fix=f"write a smaller space (up to {ENUMERABLE:,} records)")
    file = Path(out) if out else Path("studies") / path.stem / table.NAME
    with files.tidied(file.parent, LOCK), driving(file.parent):
        try:
            say(console, f"recipe {session.recipe_file(path, study)}")
            _complete(file, space, wanted, seeds, Budget.parse(budget) if budget else Budget(), means, console)
        except KeyboardInterrupt:
            say(console, "interrupted: every finished training is in the table, and the same command goes on")
            sys.exit(INTERRUPTED)


def _complete(
    file: Path, space: Space, wanted: Recipe, seeds: int, budget: Budget, means: Means, console: Console
) -> None:
    genotypes = dict(_networks(space, budget))
    with preparation(console) as progress:
        pack = session.prepare(wanted, progress)
    found = _opened(file, space, wanted, pack)
    for name, (record, genotype) in genotypes.items():
        if name not in found.networks:
            counted = cost(genotype)
            costs = {one: getattr(counted, one) for one in COSTS}
            found.networks[name] = Network(name, record, costs, summary(genotype))
    jobs = [(name, seed) for seed in range(seeds) for name in genotypes if seed not in found.networks[name].trainings]
    engine, told = trainers(wanted, pack, means)
    say(console, f"{file}: {count(len(genotypes), 'network')} of {space.name}, {count(seeds, 'seed')}")
    if merged := _merged(genotypes, wanted.proxy):
        say(console, merged)
    say(console, f"{count(len(jobs), 'training')} to go; proxy {wanted.proxy}; {told}")
    if jobs:
        with preparation(console) as progress:
            try:
                engine.run(_Trainings(found, genotypes, jobs, console, progress))
            finally:
                found.save()
    with preparation(console) as progress:
        _score(found, genotypes, wanted.proxy, progress)
    found.save()
    say(console, f"wrote {file}: {_told(list(found.networks.values()))}")


def _told(networks: Sequence[Network]) -> str:
    """What a table holds, in words."""
    known = [one.accuracy for one in networks if not math.isnan(one.accuracy)]
    failed = sum(not rows for one in networks for rows in one.trainings.values())
    span = f"accuracies {min(known):.3f} to {max(known):.3f}" if known else "no accuracy"
    return f"{span}, {count(failed, 'failed training')}" if failed else span


def _networks(space: Space, budget: Budget) -> Iterator[tuple[str, tuple[dict, Genotype]]]:
    """Key, record and genotype of every network within the budget, by key: an order that favours no decision."""
    found = {}
    for record in space.automaton.all():
        try:
            genotype = space.genotype(record)
            counted = cost(genotype)
        except NasError:
            continue
        if budget.fits(counted):
            found.setdefault(key(genotype), (record, genotype))
    if not found:
        raise NasError(f"no network of the space fits the budget {budget}", where=space.name)
    yield from sorted(found.items())


def _merged(genotypes: dict[str, tuple[dict, Genotype]], proxy: ProxySettings) -> str:
    """A word of warning where networks of the space are one and the same at the proxy's width and depth."""
    classes = next(iter(genotypes.values()))[1].classes
    small = {
        key(scale(one, width=proxy.width, depth=proxy.depth, clip=proxy.clip.clip, classes=classes)[0])
        for _, one in genotypes.values()
    }
    if len(small) == len(genotypes):
        return ""
    told = f"at width x{proxy.width:g} and depth x{proxy.depth:g} only {len(small)} of {len(genotypes)} networks differ"
    return f"{told}: raise them in the recipe for a table that tells the others apart"


def _opened(file: Path, space: Space, wanted: Recipe, pack) -> Table:
    """The table of the file, of the same space, proxy and videos, or a new one."""
    if not file.exists():
        facts = {"videos": pack.fingerprint, "val_clips": len(pack.val), "versions": versions()}
        return Table(file, table.about(space, wanted) | facts)
    found = table.load(file)
    found.require(space, wanted)
    if found.about["videos"] != pack.fingerprint:
        raise NasError("was made from other videos", where=str(file), fix="name the former data, or another --out")
    return found


class _Trainings:
    """The driver of a table: hands out what is missing, writes down what comes."""

    def __init__(
        self,
        found: Table,
        genotypes: dict[str, tuple[dict, Genotype]],
        jobs: list[tuple[str, int]],
        console: Console,
        progress: Callable[[int, int, str], None],
    ):
        self.found, self.genotypes, self.jobs, self.console, self.progress = found, genotypes, jobs, console, progress
        self.given, self.done, self.saved = 0, 0, time.monotonic()
        self.failing: list[tuple[str, int]] = []  # failed trainings in a row
        self.deaths: Counter[int] = Counter()  # lost workers of each job
        self.lost: list[int] = []  # jobs that are to be given again

    def next(self) -> Job | None:
        """A training that lost its worker, else the next missing one."""
        if self.lost:
            return self._job(self.lost.pop())
        if self.given == len(self.jobs):
            return None
        self.given += 1
        return self._job(self.given - 1)

    def step(self, number: int, done: int, total: int) -> None:
        """Nobody looks so closely."""

    def epoch(self, number: int, row: dict) -> bool:
        """Every training runs to its end."""
        return True

    def ended(self, number: int, outcome: dict[str, Any]) -> None:
        """Add a training."""
        self.failing = []
        self._add(number, [{name: row[name] for name in ("epoch", *CURVE)} for row in outcome["curve"]])

    def failed(self, number: int, reason: str) -> None:
        """Add that a training failed: no rows; raises NasError, and takes them back, after too many in a row."""
        name, index = self.jobs[number]
        say(self.console, f"{self.found.networks[name].summary}, seed {index}: failed: {reason}")
        self._add(number, [])
        self.failing.append((name, index))
        if len(self.failing) == MAX_FAILURES:
            for name, index in self.failing:
                del self.found.networks[name].trainings[index]
            problem = f"{MAX_FAILURES} trainings in a row failed; the last one: {reason}"
            raise NasError(problem, fix="mend the cause and run the same command again")

    def died(self, number: int, reason: str, *, begun: bool = True) -> None:
        """Train it again, or add that it failed after so many attempts."""
        self.deaths[number] += begun
        if self.deaths[number] >= MAX_DEATHS:
            self.failed(number, reason)
        else:
            self.lost.append(number)

    def note(self, text: str) -> None:
        """A line that stays."""
        say(self.console, text)

    def _job(self, number: int) -> Job:
        name, index = self.jobs[number]
        _, genotype = self.genotypes[name]
        seed = self.found.about["seed"] + index  # the table's own, whatever the recipe's is by now
        return Job(number, to_yaml(genotype), seed_for(seed, "training", name))

    def _add(self, number: int, rows: list[dict]) -> None:
        name, index = self.jobs[number]
        self.found.networks[name].trainings[index] = rows
        self.done += 1
        if time.monotonic() - self.saved >= SAVED_EVERY:
            self.found.save()
            self.saved = time.monotonic()
        self.progress(self.done, len(self.jobs), "training")


def _score(
    found: Table,
    genotypes: dict[str, tuple[dict, Genotype]],
    proxy: ProxySettings,
    progress: Callable[[int, int, str], None],
) -> None:
    """Add the scores that are missing."""
    missing = [(n, s) for n in genotypes for s in scores.SCORES if s not in found.networks[n].scores]
    for done, (name, score) in enumerate(missing, 1):
        found.networks[name].scores[score] = scores.in_study(score, genotypes[name][1], proxy)
        progress(done, len(missing), "scores")
