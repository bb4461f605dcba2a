"""What `nas data check` tells of a data set, on the screen and on its page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nas.console import count, duration, say
from nas.data import findings
from nas.data.inspection import Inspection
from nas.data.videos import Videos

MANY = 5  # kinds, reasons and names of classes that are told one by one
SPLITS = ("split", "videos", "classes", "duration", "unreadable")


def show(found: Inspection, console: Console) -> None:
    """Print what was found: the splits, then a line or more a fact."""
    say(console, plain(f"{found.set.name}: {origin(found)}"))
    say(console, reach(found))
    console.print("", _splits(found), "", _facts(found))


def origin(found: Inspection) -> str:
    """How the set is listed, and where it is."""
    return plain(f"listed as {found.set.format}, in {found.set.root}")


def reach(found: Inspection) -> str:
    """How much of the set was looked into."""
    done, files = int(found.files.looked_at.sum()), len(found.files)
    if done == files:
        return f"looked into all {count(files, 'file')}"
    return f"looked into {done:,} of {count(files, 'file')}, spread over the set: what is told of files is of these"


def splits(found: Inspection) -> list[tuple[str, ...]]:
    """A row for each split, with `SPLITS`."""
    first = len(found.set.train)
    parts = (("train", found.set.train, slice(0, first)), ("val", found.set.val, slice(first, None)))
    return [_split(found, *part) for part in parts]


def _split(found: Inspection, name: str, videos: Videos, which: slice) -> tuple[str, ...]:
    spent = findings.durations(found, which)
    classes = np.count_nonzero(findings.per_class(videos, found.set.classes))
    bad = np.count_nonzero(found.problems[which] != "")
    return name, f"{len(videos):,}", f"{classes:,}", _long(spent.total if spent else 0), f"{bad:,}"


def facts(found: Inspection) -> Iterator[tuple[str, list[str]]]:
    """What was found, as (what it is of, lines); nothing of what there is none of, but for missing and the like."""
    yield "classes", _classes(found)
    yield "missing", list(_missing(found))
    yield "unreadable", list(_problems(found))
    yield "duplicates", list(_duplicates(found))
    if spent := findings.durations(found):
        yield "durations", _durations(found, spent)
        yield "sizes", list(_sizes(found))
        yield "rates", list(_rates(found))
        yield "codecs", [_told(findings.common(found.files.codec[found.files.readable]))]
    if found.set.notes:
        yield "notes", [plain(note) for note in found.set.notes]


def about(found: Inspection, number: int) -> str:
    """One listed video: split, duration and what it is cut from, size, rate and codec."""
    files, at, start = found.files, found.of[number], found.video(number).start
    cut = "" if start is None else f" from {_seconds(start)} on"
    shape = f"{files.width[at]}x{files.height[at]}, {files.rate[at]:.4g} frames a second, {files.codec[at]}"
    return f"{found.split(number)}, {_seconds(found.seconds[number])}{cut}, {shape}"


def plain(text: str) -> str:
    """A text from the user's files without what would move a terminal's cursor or break a line.

    >>> plain("a\\nb\\x1b[2J")
    'a b?[2J'
    """
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "?" for letter in text)


def _splits(found: Inspection) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in SPLITS:
        table.add_column(name, justify="left" if name == "split" else "right")
    for row in splits(found):
        table.add_row(*row)
    return table


def _facts(found: Inspection) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for name, lines in facts(found):
        for place, line in enumerate(lines):
            table.add_row("" if place else name, Text(line))
    return table


def _classes(found: Inspection) -> list[str]:
    total = f"{len(found.set.classes):,}{', several a video' if found.set.multilabel else ''}"
    named = (("train", found.set.train), ("val", found.set.val))
    return [total, *(_smallest(name, videos, found.set.classes) for name, videos in named)]


def _smallest(name: str, videos: Videos, classes: Sequence[str]) -> str:
    """How many videos the classes of a split have, and which have the fewest."""
    counts = findings.per_class(videos, classes)
    least, middle, most = counts.min(), np.median(counts), counts.max()
    if least == most:
        return f"{name}: {count(int(least), 'video')} each"
    order = np.argsort(counts, kind="stable")[:MANY]
    fewest = ", ".join(f"{plain(classes[number])} ({counts[number]:,})" for number in order)
    return f"{name}: {least:,} to {most:,} videos each, median {middle:,.4g}; the fewest: {fewest}"


def _missing(found: Inspection) -> Iterator[str]:
    absent, listed = found.set.missing, len(found) + len(found.set.missing)
    if not absent:
        yield f"none of {count(listed, 'listed video')}"
        return
    share = len(absent) / listed
    yield plain(f"{len(absent):,} of {count(listed, 'listed video')} ({share:.1%}), such as {found.short(absent[0])}")
    if share > found.settings.missing:
        yield f"more than training allows: data.missing is {found.settings.missing:g}"


def _problems(found: Inspection) -> Iterator[str]:
    rows, opened = findings.problems(found), int(found.looked_at.sum())
    if not rows:
        yield f"none of {count(opened, 'video')}"
        return
    bad = sum(row.count for row in rows)
    yield f"{bad:,} of {count(opened, 'video')} ({bad / opened:.1%})"
    if bad > found.settings.unreadable * opened:
        yield f"more than training allows: data.unreadable is {found.settings.unreadable:g}"
    for row in rows[:MANY]:
        yield plain(f"{row.count:,}: {row.reason}, such as {found.short(row.example)}")
    if len(rows) > MANY:
        yield f"{sum(row.count for row in rows[MANY:]):,}: other reasons"


def _duplicates(found: Inspection) -> Iterator[str]:
    equal = findings.duplicates(found)
    if equal.groups:
        copy, first = map(found.short, equal.example)
        told = f"{count(equal.more, 'video')} with the content of another ({count(equal.groups, 'group')})"
        yield plain(f"{told}, such as {copy}, the same as {first}")
    else:
        yield "none by content"
    if equal.leaked:
        groups = count(equal.crossing, "group")
        yield f"{count(equal.leaked, 'validation video')} with the content of one to train on ({groups})"
    if equal.disagreeing:
        yield f"{count(equal.disagreeing, 'video')} with another label than the first of the same content"
    if found.unhashed:
        yield f"{count(found.unhashed, 'file')} could not be compared: too slow to read, or gone"


def _durations(found: Inspection, spent: findings.Durations) -> list[str]:
    told = (spent.least, spent.low, spent.median, spent.high, spent.most)
    least, low, median, high, most = map(_seconds, told)
    about = "" if found.looked_at.all() else "about "
    return [
        f"{least} each" if least == most else f"{least} to {most}, median {median}, nine of ten {low} to {high}",
        f"{about}{_long(spent.total)} in all",
    ]


def _sizes(found: Inspection) -> Iterator[str]:
    files, readable = found.files, found.files.readable
    yield _told(findings.resolutions(found))
    upright, turned = np.count_nonzero((files.height > files.width)[readable]), np.count_nonzero(files.turned)
    parts = [(upright, "upright (higher than wide)"), (turned, "turned by a flag in the file")]
    if told := [f"{number:,} {what}" for number, what in parts if number]:
        yield ", ".join(told)


def _rates(found: Inspection) -> Iterator[str]:
    yield f"{_told(findings.rates(found))} frames a second"
    if variable := np.count_nonzero(found.files.variable):
        yield f"{count(variable, 'file')} with a variable rate"


def _told(pairs: Sequence[tuple[str, int]]) -> str:
    """The most frequent ones; one alone needs no number.

    >>> _told([("h264", 1200), ("vp9", 3)])
    'h264 (1,200), vp9 (3)'
    """
    if len(pairs) == 1:
        return plain(pairs[0][0])
    named = ", ".join(f"{plain(name)} ({number:,})" for name, number in pairs[:MANY])
    others = f", {count(len(pairs) - MANY, 'other')} ({sum(number for _, number in pairs[MANY:]):,})"
    return named + (others if len(pairs) > MANY else "")


def _seconds(seconds: float) -> str:
    """A duration with a decimal where that counts.

    >>> _seconds(0.96), _seconds(12.5), _seconds(400)
    ('0.96 s', '12.5 s', '6 min 40 s')
    """
    if seconds >= 100:
        return duration(seconds)
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def _long(seconds: float) -> str:
    """A sum of durations.

    >>> _long(75), _long(1_800_000)
    ('1 min 15 s', '500 h')
    """
    return duration(seconds) if seconds < 36_000 else f"{seconds / 3600:,.0f} h"
