"""Measures the pieces that a table lacks, each once: layer by layer, since only a measured piece tells what follows.

Pieces are timed in groups, in turn within a group, and a group is written down before the next begins: whoever stops
the program loses seconds. Some pieces meet their input in two memory layouts, so there may be more than were announced.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
from rich.console import Console

from nas import device as devices
from nas.build import initialise, module_of
from nas.console import count, duration, say
from nas.cost import of_piece
from nas.errors import NasError
from nas.latency.alone import alone
from nas.latency.blocks import Node, State, Web
from nas.latency.setting import Setting
from nas.latency.table import Entry, Table
from nas.latency.timing import ROUNDS, WARM_UP, Subject, interleaved, subject
from nas.preparation import preparation

GROUP = 24  # pieces that are timed in turn,
ROOM = 1 << 29  # bytes of weights and features that they may take together,
LONG = 0.4  # and seconds of a round: so much is lost ten times over when the program is stopped
SLOW, FEW = 0.02, 5  # seconds from which on a piece gets fewer samples, and how many
PROBES = 5  # pieces that are run beforehand to tell how long all will take
MUCH = 10.0  # seconds from which on that is worth a word
BUILDING = 0.03  # seconds a piece, besides its samples


def complete(table: Table, web: Web, setting: Setting, console: Console, *, anew: bool = False) -> None:
    """Measure what the table lacks of the networks in a web (all of them, where `anew`), and write it into its file.

    Pieces that the device does not run stay unmeasured, and so does what only follows them; `console` hears why.
    """
    if not anew and not web.states(table)[1]:
        return
    with alone(lambda text: say(console, text)):
        table.reload()
        seen = Table(None, table.setting, table.versions)  # what needs no measurement
        if not anew:
            seen.take(table.entries)
        known, missing = web.states(seen)
        if missing:
            devices.keep_freed_memory()
            left = _left(web, known)
            _announce(table, left, setting, console)
            _measure_all(table, seen, web, len(left), setting, console)


def _measure_all(table: Table, seen: Table, web: Web, expected: int, setting: Setting, console: Console) -> None:
    done = doubtful = 0
    told = False
    refused: dict[str, str] = {}
    with preparation(console) as progress:
        while missing := [state for state in web.states(seen)[1] if state.key not in refused]:
            for group in _groups(missing, setting, refused):
                found = _measured(group)
                seen.take(found)
                table.replace(found)
                table.save()
                done, doubtful = done + len(group), doubtful + sum(entry.doubtful for entry in found.values())
                if done < expected:
                    progress(done, expected, "blocks measured")
                    told = True
        if told:
            progress(done, done, "blocks measured")
    if refused:
        why = "; ".join(dict.fromkeys(refused.values()))
        say(console, f"{count(len(refused), 'block')} not measured, nor networks that have them: {why}")
    if doubtful:
        say(console, f"{doubtful} of {count(done, 'block')} were disturbed by other programs, and may be told too slow")
        say(console, "on a quiet machine nas latency --force measures them anew")


def piece_subject(state: State, setting: Setting) -> Subject:
    """A piece ready to be timed, with weights drawn anew."""

    def make():
        module = module_of(state.piece.tree)
        initialise(module)
        return module

    return subject(make, state.shape, setting, layout=state.layout)


def _groups(states: list[State], setting: Setting, refused: dict[str, str]) -> Iterator[dict[str, Subject]]:
    """Pieces ready to be timed in turn, by their keys, from cheap to expensive; what does not run is put among the
    `refused`.
    """
    group: dict[str, Subject] = {}
    held, lasts = 0, 0.0
    for state in sorted(states, key=lambda one: (_macs(Node(one.piece, one.shape)), one.key)):
        try:
            one = piece_subject(state, setting)
        except NasError as error:
            refused[state.key] = str(error)
            continue
        group[state.key] = one
        held, lasts = held + one.held + 4 * setting.batch * prod(state.shape), lasts + one.lasts
        if len(group) == GROUP or held > ROOM or lasts > LONG:
            yield group
            group, held, lasts = {}, 0, 0.0
    if group:
        yield group


def _measured(group: dict[str, Subject]) -> dict[str, Entry]:
    """The figures of a group."""
    longest = max(one.lasts for one in group.values())
    times = interleaved(list(group.values()), rounds=FEW if longest > SLOW else ROUNDS)
    return {
        key: Entry(one.median, one.iqr, found.after, one.doubtful)
        for (key, found), one in zip(group.items(), times, strict=True)
    }


def _left(web: Web, known: list[State]) -> list[Node]:
    done = {(state.piece.digest, state.shape) for state in known}
    return list({(node.piece.digest, node.shape): node for node in web.next if _named(node) not in done}.values())


def _named(node: Node) -> tuple:
    return node.piece.digest, node.shape


def _announce(table: Table, left: list[Node], setting: Setting, console: Console) -> None:
    """How many pieces are to be measured, and about how long that takes, where it takes long."""
    if (seconds := _expected(left, setting)) >= MUCH:
        told = f"{count(len(left), 'block')} to measure, once on this device ({table})"
        say(console, f"{told}: about {duration(seconds)}; interrupted, the same command goes on")


def _expected(left: list[Node], setting: Setting) -> float:
    """Seconds that measuring takes, from a few pieces spread over cost."""
    left = sorted(left, key=_macs)
    places = np.unique(np.linspace(0, len(left) - 1, PROBES).round().astype(int))
    states = [State(*left[place], setting.memory_format) for place in places]
    ran = {key: one.lasts for group in _groups(states, setting, {}) for key, one in group.items()}
    if not ran:
        return 0.0
    known = [(_macs(Node(state.piece, state.shape)), ran[state.key]) for state in states if state.key in ran]
    each = np.interp([_macs(node) for node in left], *zip(*known, strict=True))
    return float((each * (np.where(each > SLOW, FEW, ROUNDS) + WARM_UP)).sum() + BUILDING * len(left))


def _macs(node: Node) -> int:
    conv, linear, *_ = of_piece(*node).cost
    return conv + linear
