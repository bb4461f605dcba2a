"""`nas latency`: from the names of networks to measured milliseconds and memory, on the screen and on file."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from nas.console import count, say
from nas.errors import NasError
from nas.latency import card
from nas.latency.alone import alone, cache
from nas.latency.blocks import Web
from nas.latency.named import Named
from nas.latency.results import NAME, Line, Results, line
from nas.latency.setting import Setting
from nas.latency.table import Table, agreement, opened

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


@dataclass(frozen=True)
class Asked:
    """How networks are run: every combination of these; what is empty is taken from the study, or by default."""

    device: str | None = None
    dtypes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()
    compiled: bool = False  # as well
    training: bool = False  # in place of inference
    rounds: int = 10
    force: bool = False


class Case(NamedTuple):
    """A network at one setting."""

    named: Named
    setting: Setting


def measure(networks: Sequence[Named], asked: Asked, *, as_json: bool, console: Console) -> None:
    """Measure networks that were not measured yet, write that down, and show all that was asked for.

    Raises NasError where no network runs as asked.
    """
    cases = [case for named in networks for case in _cases(named, asked)]
    stand = Stand(asked, console)
    try:
        lines = stand.lines(cases)
    except KeyboardInterrupt:
        say(console, "interrupted: what was measured is kept, and the same command goes on")
        sys.exit(INTERRUPTED)
    if as_json:
        print(json.dumps(lines))
    else:
        card.show(lines, [case.named for case in cases], console)
        _tell_agreement(lines, console)
    if all(told["error"] for told in lines):
        raise NasError("nothing could be measured", fix=f"what stood in the way: {lines[0]['error']}")
    say(console, f"kept in {', '.join(dict.fromkeys(str(stand.file(case).path) for case in cases))}")


def _cases(named: Named, asked: Asked) -> list[Case]:
    from nas.latency import present

    usual = named.usual
    threads, dtypes = asked.threads or (usual.threads,), asked.dtypes or (usual.dtype,)
    formats, batches = asked.formats or (usual.memory_format,), asked.batches or (usual.batch,)
    found = []
    for thread, dtype, memory_format, batch in product(threads, dtypes, formats, batches):
        place = {"device": asked.device or usual.device, "threads": thread}
        one = present.setting(**place, dtype=dtype, memory_format=memory_format, batch=batch)
        one = replace(one, training=asked.training)
        found += [Case(named, one), *[Case(named, replace(one, compiled=True))] * asked.compiled]
    return found


def setting_of(asked: Asked, networks: Sequence[Named]) -> Setting:
    """The one setting at which blocks are measured; raises NasError where several were asked for."""
    several = {
        "--dtype": asked.dtypes, "--memory-format": asked.formats, "--batch": asked.batches, "--threads": asked.threads
    }  # fmt: skip
    if many := next((option for option, values in several.items() if len(values) > 1), None):
        raise NasError(
            "names several, and blocks are measured at one setting", where=many, fix="name one with --blocks"
        )
    plain = Named("", networks[0].genotype, usual=networks[0].usual) if networks else Named("", None)
    return _cases(plain, replace(asked, compiled=False, training=False))[0].setting


class Stand:
    """Where networks are measured: the files of what was measured before, and the tables of pieces."""

    def __init__(self, asked: Asked, console: Console):
        self.asked, self.console = asked, console
        self.files: dict[Path, Results] = {}
        self.tables: dict[str, Table] = {}

    def file(self, case: Case) -> Results:
        """The measurements of a study, or of all networks that are of none."""
        path = (case.named.study or cache()) / NAME
        if path not in self.files:
            self.files[path] = Results(path)
        return self.files[path]

    def lines(self, cases: Sequence[Case]) -> list[Line]:
        """A line each; those measured before are read, unless all is to be measured anew."""
        waiting = [case for case in dict.fromkeys(cases) if self.asked.force or not self._known(case)]
        self._pieces(cases, waiting)
        failed: dict[Case, Line] = {}
        if waiting:
            with alone(lambda text: say(self.console, text)):
                failed = self._measure(waiting)
        found = [failed.get(case) or self._known(case) for case in cases]
        if known := len(dict.fromkeys(cases)) - len(waiting):
            say(self.console, f"{count(known, 'measurement')} of before taken over; --force measures anew")
        return [
            told | {"name": case.named.name, "trial": case.named.trial, "blocks_ms": self._sum(case)}
            for told, case in zip(found, cases, strict=True)
        ]

    def _known(self, case: Case) -> Line | None:
        return self.file(case).find(case.named.genotype, case.setting, rounds=self.asked.rounds)

    def _pieces(self, cases: Sequence[Case], waiting: Sequence[Case]) -> None:
        """Measure the pieces whose sums are told beside whole networks."""
        from nas.latency.completing import complete

        for setting in dict.fromkeys(case.setting for case in cases if case.setting.predictable):
            table = self.tables[str(setting)] = opened(setting, cache())
            anew = self.asked.force and any(case.setting == setting for case in waiting)
            web = Web(case.named.genotype for case in cases if case.setting == setting)
            complete(table, web, setting, self.console, anew=anew)

    def _measure(self, waiting: Sequence[Case]) -> dict[Case, Line]:
        """Measure group by group, and write each down; returns the lines of those that do not run."""
        from nas.latency import wholes
        from nas.preparation import preparation

        failed, groups = {}, [waiting[at : at + wholes.GROUP] for at in range(0, len(waiting), wholes.GROUP)]
        rounds, done = self.asked.rounds * len(groups), 0
        with preparation(self.console) as progress:

            def tick() -> None:
                nonlocal done
                done += 1
                progress(done, rounds, f"rounds of {count(len(waiting), 'measurement')}")

            for group in groups:
                jobs = [wholes.Job(case.named.genotype, case.setting) for case in group]
                found = wholes.measured(jobs, rounds=self.asked.rounds, tick=tick)
                for case, whole in zip(group, found, strict=True):
                    told = self._line(case, whole)
                    if told["error"]:
                        failed[case] = told
                    else:
                        self.file(case).add([told])
                        self._check(case, whole)
        return failed

    def _line(self, case: Case, whole: Any) -> Line:
        named = {"name": case.named.name, "trial": case.named.trial}
        return line(case.named.genotype, case.setting, whole, **named, pieces=self._sum(case))

    def _sum(self, case: Case) -> float | None:
        table = self.tables.get(str(case.setting)) if case.setting.predictable else None
        return table and table.latency(case.named.genotype)

    def _check(self, case: Case, whole: Any) -> None:
        from nas.latency.wholes import add_check

        table = self.tables.get(str(case.setting))
        if case.setting.predictable and table and not whole.times.doubtful:
            add_check(table, case.named.genotype, whole.times.median)
            table.save()


def _tell_agreement(lines: Sequence[Line], console: Console) -> None:
    """How the sums of pieces compare with what was measured undisturbed."""
    known = [told for told in lines if told["blocks_ms"] and told["median_ms"] and not card.doubtful(told)]
    ratios = [told["blocks_ms"] / told["median_ms"] for told in known]
    if len(ratios) > 1:
        say(console, f"the sum of blocks is {agreement(ratios)}")
