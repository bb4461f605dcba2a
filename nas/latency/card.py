"""What `nas latency` prints: networks with their milliseconds and memory, and blocks with what they do for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nas.console import count, digits, say
from nas.latency.inversions import Inversion, Row
from nas.latency.named import Named
from nas.latency.results import Line
from nas.latency.times import Times

MIB = 1 << 20
TOLD = 12  # inversions that are printed
# what a column is called that is shown where the lines differ in it
VARYING: dict[str, tuple[str, Callable[[Line], str]]] = {
    "clip": ("clip", lambda line: line["clip"]),
    "hardware": ("device", lambda line: line["hardware"]),
    "threads": ("threads", lambda line: str(line["threads"])),
    "dtype": ("dtype", lambda line: line["dtype"]),
    "memory_format": ("format", lambda line: line["memory_format"].removesuffix("_last")),
    "batch": ("batch", lambda line: str(line["batch"])),
    "compiled": ("compiled", lambda line: "yes" if line["compiled"] else "no"),
}


def show(lines: Sequence[Line], networks: Sequence[Named], console: Console) -> None:
    """A row a measurement, columns for whatever differs, and below what all have in common."""
    varying = [name for name in VARYING if len({line[name] for line in lines}) > 1]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("network", overflow="fold", min_width=12)
    rated = any(named.accuracy is not None for named in networks)
    names = ["accuracy"] * rated + [VARYING[name][0] for name in varying]
    summed = any(line["blocks_ms"] for line in lines)
    for name in [*names, "GFLOPs", "ms", "±", "ms/\nGFLOP", "MiB", *["sum of\nblocks", "ratio"] * summed]:
        table.add_column(name, justify="right", no_wrap=True)
    for line, named in zip(lines, networks, strict=True):
        own = ["-" if named.accuracy is None else f"{named.accuracy:.3f}"] * rated
        table.add_row(escape(named.name), *own, *(VARYING[name][1](line) for name in varying), *_figures(line, summed))
    console.print(table)
    _legend(lines, varying, summed, console)


def _figures(line: Line, summed: bool) -> list[str]:
    gflops, known = digits(line["gflops"]), line["median_ms"]
    if known is None:
        reason = "no memory" if "out of memory" in line["error"] else "fails"
        return [gflops, reason, "", "", "", *["", ""] * summed]
    mark = "~" if doubtful(line) else ""
    pieces = line["blocks_ms"]
    sums = ["-", "-"] if pieces is None else [digits(pieces), f"{pieces / known:.2f}"]
    memory = f"{line['activation_bytes'] / MIB:.0f}"
    return [gflops, mark + digits(known), digits(line["iqr_ms"]), digits(line["ms_per_gflop"]), memory, *sums * summed]


def doubtful(line: Line) -> bool:
    """Whether a measurement was disturbed."""
    return Times(line["median_ms"], line["iqr_ms"], line["samples"], line["disturbed"]).doubtful


def _legend(lines: Sequence[Line], varying: Sequence[str], summed: bool, console: Console) -> None:
    first = lines[0]
    common = {
        "hardware": first["hardware"],
        "threads": count(first["threads"], "thread") if first["threads"] else "",
        "dtype": first["dtype"],
        "memory_format": first["memory_format"],
        "batch": f"batch {first['batch']}",
        "compiled": "compiled" if first["compiled"] else "",
        "clip": f"clips of {first['clip']}",
    }
    told = [text for name, text in common.items() if text and name not in varying]
    what = "a training step (forward and backward)" if first["training"] else "inference"
    say(console, f"{what} on {', '.join(told)}; torch {first['torch']}")
    say(console, "ms: median of a batch, ± the interquartile range of its samples; GFLOPs = 10^9 multiply-accumulates "
        "of one clip; ms/GFLOP: of one clip; MiB: the most that is held besides weights and clip")  # fmt: skip
    if summed:
        say(console, "sum of blocks: what a search would take it for, from blocks measured alone; ratio: that over ms")
    if any(doubtful(line) for line in lines if line["median_ms"]):
        say(console, "~ disturbed by other programs: may be too slow; --force measures anew")
    for told in dict.fromkeys(f"{line['name']}, {line['dtype']}: {line['error']}" for line in lines if line["error"]):
        say(console, told)


def show_blocks(network: str, found: Sequence[Row], slow: Sequence[Inversion], console: Console) -> None:
    """The blocks of one network in the order of computation; equal neighbours share a row, which tells one of them."""
    beaten = {_kind(pair.slow) for pair in slow}
    total = sum(row.ms for row in found)
    title = escape(f"{network}: {digits(total)} ms, the sum of its blocks")
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("block", overflow="fold")
    for name in ("input", "GFLOPs", "ms", "±", "ms/\nGFLOP", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for rows in _runs(found):
        row, several = rows[0], f" x{len(rows)}" if len(rows) > 1 else ""
        per = digits(row.ms / row.gflops) if row.macs else "-"
        figures = [_size(row), _gflops(row), digits(row.ms), digits(row.iqr), per, f"{len(rows) * row.ms / total:.1%}"]
        table.add_row(f"{row.name}{several}", *figures, "slower" if _kind(row) in beaten else "")
    console.print(table)


def show_inversions(every: Sequence[Row], slow: Sequence[Inversion], console: Console) -> None:
    """How many blocks with fewer FLOPs run slower, and the worst of them, one of each kind at each input."""
    say(console, "input: channels x frames x height x width; GFLOPs of one clip, ms of a batch, ± interquartile range; "
        "x3: three such blocks, of which the row tells one")  # fmt: skip
    kinds = {_kind(row) for row in every}
    places = {(row.enters, row.leaves, row.layout) for row in every}
    if len(places) == len(kinds):
        return
    say(console, f"{len(slow)} of {len(kinds)} different blocks at {count(len(places), 'place')} are slower than "
        "another one there that has more FLOPs (the same input and output)"
        f"{'; of each kind, the worst at its place' if slow else ''}")  # fmt: skip
    if not slow:
        return
    worst: dict[tuple, Inversion] = {}
    for pair in slow:
        worst.setdefault((pair.slow.words, pair.slow.enters), pair)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("input", justify="right", no_wrap=True)
    table.add_column("fewer FLOPs, yet slower", overflow="fold", ratio=1)
    for name in ("GFLOPs", "ms"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("more FLOPs, yet faster", overflow="fold", ratio=1)
    for name in ("GFLOPs", "ms", "times\nas long"):
        table.add_column(name, justify="right", no_wrap=True)
    for pair in list(worst.values())[:TOLD]:
        table.add_row(_size(pair.slow), *_told(pair.slow), *_told(pair.fast), f"{pair.factor:.2f}")
    console.print(table)
    if len(worst) > TOLD:
        say(console, f"and {len(worst) - TOLD} more (--json tells all)")


def _told(row: Row) -> list[str]:
    return [escape(row.words), _gflops(row), digits(row.ms)]


def _size(row: Row) -> str:
    return "x".join(map(str, row.enters))


def _gflops(row: Row) -> str:
    return digits(row.gflops) if row.macs else "0"


def _kind(row: Row) -> tuple:
    """Equal for blocks that are one and the same to a table."""
    return row.words, row.enters, row.leaves, row.layout, row.macs, row.ms


def _runs(found: Sequence[Row]) -> list[list[Row]]:
    """Neighbours that are equal but for their number."""
    runs: list[list[Row]] = []
    for row in found:
        if runs and _kind(runs[-1][-1]) == _kind(row):
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs
