"""What `nas export` prints at the end: a row a format, and where it all is."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from nas.console import count, digits, say
from nas.data_card import plain
from nas.data_settings import METRICS
from nas.exporting.about import Export, Format
from nas.exporting.comparing import BATCHES

NONE = "-"


def show(export: Export, folder: Path, console: Console) -> None:
    """The table, what its figures are of, the cost of 8-bit numbers, and the folder."""
    console.print("", table(export), "")
    if any(form.difference is not None for form in export.formats.values()):
        at_once = " and ".join([", ".join(map(str, BATCHES[:-1])), str(BATCHES[-1])])
        say(console, f"difference: from PyTorch's scores, in shares of the largest one, for {at_once} clips at once")
    if "int8" in export.formats:
        for line in quantised(export.formats["int8"]):
            say(console, line)
    files = [*export.files, "export.json"]
    say(console, plain(f"wrote {', '.join(files[:-1])} and {files[-1]} to {folder}"))


def table(export: Export) -> Table:
    """Format, file, size, and the largest difference from PyTorch's scores."""
    drawn = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    drawn.add_column("format", no_wrap=True)
    drawn.add_column("file", no_wrap=True)
    for name in ("MB", "largest\ndifference", *(["accuracy"] if "int8" in export.formats else [])):
        drawn.add_column(name, justify="right", no_wrap=True)
    for name, form in export.formats.items():
        names = [form.file, *([form.facts["weights_file"]] if "weights_file" in form.facts else [])]
        size = sum(export.files[file].bytes for file in names)
        told = NONE if form.difference is None else _share(form.difference)
        accuracy = form.facts.get("accuracy")
        cells = f"{size / 1e6:.2f}", told, f"{accuracy['int8']:.3f}" if accuracy else NONE
        drawn.add_row(name, ", ".join(names), *cells[: len(drawn.columns) - 2])
    return drawn


def quantised(form: Format) -> list[str]:
    """What 8-bit numbers change, a line each: accuracy, size and speed, and why activations are not 8-bit."""
    facts = form.facts
    found, seconds = facts["accuracy"], facts["seconds_a_clip"]
    noise = f" ±{found['standard_error']:.3f}" if found["standard_error"] is not None else ""
    change = f"{found['float32']:.3f} ({found['difference']:+.3f}{noise})"
    times = digits(seconds["int8"] / seconds["float32"])
    lines = [
        f"int8: {METRICS[found['metric']]} {found['int8']:.3f} in place of {change} on "
        f"{count(found['videos'], 'validation video')}, {found['views']}; {found['same_class']:.1%} keep their class",
        f"int8: {facts['size_ratio']:.2f} times the size of float32 in ONNX, {times} times its seconds a clip (CPU)",
    ]
    if facts["activations"] != "int8":
        kept = facts["same_class_in_calibration"]["int8"]
        why = f"with 8, {kept:.0%} of the calibration clips kept their class"
        lines.append(f"int8: weights of 8 bits, activations of 16: {why}")
    return lines


def _share(difference: float) -> str:
    return "0" if difference == 0 else f"{difference:.1e}"
