"""What `nas evaluate` prints: a row for each network, one for their ensemble, and what no table holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nas import testing
from nas.console import count, digits, duration, say
from nas.data_card import plain
from nas.evaluation import Evaluation, forward
from nas.metrics import NAMES
from nas.testing import Arrow, Found

SPLITS = {"val": "validation videos", "train": "training videos"}
NOISE = "±: the standard error from the number of videos (the spread between seeds comes on top)"
NONE = "-"
Cell = Callable[[Found], str]


def show(found: Evaluation, console: Console) -> None:
    """The table, then what it does not hold, line by line."""
    say(console, plain(heading(found)))
    console.print("", table(found), "")
    for line in lines(found):
        say(console, plain(line))


def heading(found: Evaluation) -> str:
    """What was tested on what."""
    videos = found.final.video
    told = f"{videos.count:,} {SPLITS[found.asked.split]} of {found.subjects[0].set}"
    return f"{title(found)}: {told}, {count(len(videos.counts), 'class')}"


def title(found: Evaluation) -> str:
    """The network, or how many of them, in words."""
    return found.subjects[0].name if not found.together else f"ensemble of {count(len(found.subjects), 'network')}"


def table(found: Evaluation) -> Table:
    """Costs and all figures that are defined, of one network a row; that of the ensemble has the sums of the costs."""
    drawn = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    drawn.add_column("network", overflow="fold")
    columns = dict(_columns(found))
    for name in ("GFLOPs\nx views", "Mparams", *columns):
        drawn.add_column(name, justify="right", no_wrap=True)
    for one, tested in zip(found.subjects, found.found, strict=True):
        costs = f"{digits(one.gflops)} x {one.views_a_video}", digits(one.mparams)
        drawn.add_row(escape(plain(one.name)), *costs, *(cell(tested) for cell in columns.values()))
    if found.together:
        costs = digits(found.gflops_a_video), digits(sum(one.mparams for one in found.subjects))
        drawn.add_row("ensemble", *costs, *(cell(found.together) for cell in columns.values()))
    return drawn


def lines(found: Evaluation) -> Iterator[str]:
    """Views, reversal, the ensemble's gain, videos left out, and what the test took."""
    yield from _views(found)
    yield NOISE
    for name, tested in _rows(found):
        if isinstance(tested, Arrow):
            of = f", {name}" if found.together else ""
            yield f"frames reversed{of}: {testing.reversal(tested)}"
    if found.together:
        yield _gain(found)
    if found.left_out:
        example = f"such as {found.left_out[0]}"
        yield f"left out: {count(len(found.left_out), 'video')} that not every network's pack holds, {example}"
    yield f"tested in {duration(found.seconds)} on {found.device}"


def _rows(found: Evaluation) -> list[tuple[str, Found]]:
    """What each row of the table is called, and its test."""
    together = [("ensemble", found.together)] if found.together else []
    return [*zip([one.name for one in found.subjects], found.found, strict=True), *together]


def _columns(found: Evaluation) -> Iterator[tuple[str, Cell]]:
    """What each column is called, and how it comes from a test."""
    videos = found.final.video
    first, *others = ("map", "top1", "top5") if videos.map is not None else ("top1", "top5", "mean_class")
    short = {**NAMES, "mean_class": "mean\nper class"}
    if any(one.views_a_video > 1 for one in found.subjects):
        yield f"clip\n{NAMES[first]}", lambda tested: _figure(forward(tested).clip, first)
    for name in (first, *others):
        if getattr(videos, name) is not None:
            head = short[name] if "\n" in short[name] else f"video\n{short[name]}"
            yield head, lambda tested, name=name: _figure(forward(tested).video, name)
    if isinstance(found.found[0], Arrow):
        yield f"reversed\n{NAMES[first]}", lambda tested: _figure(tested.backward.video, first, noise=False)


def _figure(measures, name: str, *, noise: bool = True) -> str:
    """A figure; the top-1 of videos with its standard error."""
    if measures is None:
        return NONE
    return f"{getattr(measures, name):.3f}" + (f" ±{measures.error:.3f}" if name == "top1" and noise else "")


def _views(found: Evaluation) -> Iterator[str]:
    """What each network sees of a video, in one line where that is the same for all."""
    if len({one.shown for one in found.subjects}) == 1:
        yield f"of each video: {found.subjects[0].shown}"
        return
    for one in found.subjects:
        yield f"of each video, {one.name}: {one.shown}"


def _gain(found: Evaluation) -> str:
    """What the ensemble adds to the best of its networks; for top-1 with the error of the videos' differences."""
    metric, best = found.subjects[0].trained.metric, found.best
    alone, together = forward(found.found[best]), found.final
    change = round(getattr(together.video, metric) - getattr(alone.video, metric), 3) + 0.0  # never -0.000
    noise = f" ±{testing.paired(alone.hits, together.hits)[1]:.3f}" if metric == "top1" else ""
    return f"ensemble: {NAMES[metric]} {change:+.3f}{noise} over {found.subjects[best].name}, the best by itself"
