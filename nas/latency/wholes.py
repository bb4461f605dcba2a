"""Whole networks, timed beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.console import Console

from nas import device as devices
from nas.build import build
from nas.console import say
from nas.cost import input_shape
from nas.errors import NasError
from nas.genotype import Genotype
from nas.latency.alone import alone
from nas.latency.setting import Setting
from nas.latency.table import Check, Table
from nas.latency.times import Whole
from nas.latency.timing import ROUNDS, Subject, interleaved, peak, subject
from nas.network import key
from nas.summary import summary

GROUP = 6  # networks that are timed in turn,
ROOM = 4 << 30  # and bytes of weights and features that they may take together


class Job(NamedTuple):
    """A network, and how it is to be run."""

    genotype: Genotype
    setting: Setting


def network(job: Job) -> Subject:
    """A network ready to be timed, with weights drawn anew; raises NasError where it does not run."""
    return subject(lambda: build(job.genotype, seed=0), input_shape(job.genotype), job.setting)


def measured(
    jobs: Sequence[Job], *, rounds: int = ROUNDS, tick: Callable[[], None] = lambda: None
) -> list[Whole | NasError]:
    """Time networks in turn; one that does not run is told by its error, and the others go on.

    `tick` is called after each of the rounds.
    """
    devices.keep_freed_memory()
    subjects: list[Subject | NasError] = []
    for job in jobs:
        try:
            subjects.append(network(job))
        except NasError as error:
            subjects.append(error.with_traceback(None))
    running = [one for one in subjects if isinstance(one, Subject)]
    times = iter(interleaved(running, rounds=rounds, tick=tick))
    return [one if isinstance(one, NasError) else Whole(next(times), peak(one), one.held) for one in subjects]


def hold(table: Table, genotypes: Sequence[Genotype], setting: Setting, console: Console) -> None:
    """Measure some networks whole and put that beside the sums of their pieces, which the table knows already."""
    with alone(lambda text: say(console, text)):
        found = measured([Job(genotype, setting) for genotype in genotypes])
        for genotype, whole in zip(genotypes, found, strict=True):
            if isinstance(whole, Whole) and not whole.times.doubtful:
                add_check(table, genotype, whole.times.median)
        table.save()


def add_check(table: Table, genotype: Genotype, milliseconds: float) -> None:
    """Put a network's own time beside the sum of its pieces; the latest measurement of a network counts."""
    if (told := table.latency(genotype)) is not None:
        name = key(genotype)
        table.checks[name] = Check(name, genotype.name or summary(genotype), milliseconds, told)
