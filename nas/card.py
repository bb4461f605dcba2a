"""What `nas show` tells about a genotype: its exact costs, its stages, and the published facts beside them."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from nas import field_card
from nas.cost import Cost, cost, stage_costs
from nas.facts import Published
from nas.genotype import Genotype
from nas.network import key
from nas.published import compare

G, M = 1e9, 1e6
# columns of the published facts: those of texts, and the longest line of some on a screen narrower than NARROW letters
TEXTS = ("source", "data set", "note")
LONGEST = {"source": 12, "data set": 19, "GFLOPs": 10, "Mparams": 10, "Mweights": 10}
NARROW = 110


def to_json(genotype: Genotype, name: str) -> str:
    """One JSON object with the exact integers."""
    counted = cost(genotype)
    told: dict[str, Any] = {
        "name": name,
        "clip": str(genotype.input),
        "classes": genotype.classes,
        "macs": counted.macs,
        **counted.known(),
        "key": key(genotype),
    }
    return json.dumps(told)


def show(genotype: Genotype, name: str, console: Console) -> None:
    """Print the card."""
    counted = cost(genotype)
    parts = [_title(genotype, name), _costs(counted), _stages(genotype), field_card.table(genotype)]
    if genotype.published:
        parts.append(_published(genotype, console.width))
    console.print(Group(*parts))


def _title(genotype: Genotype, name: str) -> Text:
    text = Text(name, style="bold")
    text.append(f"  one clip of {genotype.input}, {genotype.classes} classes", style="not bold")
    return text


def _costs(counted: Cost) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_column(style="dim")
    t, h, w = counted.receptive_field
    for label, value, note in (
        ("MACs", f"{counted.macs / G:.3f} G", f"{counted.macs:,}; GFLOPs here and in the papers"),
        ("FLOPs", f"{2 * counted.macs / G:.3f} G", "two per multiply-accumulate (MAC)"),
        ("params", f"{counted.params / M:.3f} M", f"{counted.params:,} in all trainable tensors"),
        ("weights", f"{counted.weights / M:.3f} M", f"{counted.weights:,} convolution and linear weights"),
        ("interactions", f"{counted.interactions / G:.3f} G", f"{counted.interactions:,} channel pairs"),
        (
            "activations",
            f"{counted.activations / M:.3f} M",
            f"{counted.activations:,} outputs of conv and linear",
        ),
        (
            "norm elements",
            f"{counted.norm_elements / M:.3f} M",
            f"{counted.norm_elements:,} through batch norms",
        ),
        ("depth", f"{counted.depth}", "conv and linear layers on the longest path"),
        ("receptive field", f"{t}x{h}x{w}", "frames x height x width before the last average"),
    ):
        table.add_row(label, value, note)
    if counted.measured:
        note = "blocks are modules: depth, field, weights of unusual layers unknown"
        table.add_row("measured", f"{counted.measured}", note)
    return table


def _stages(genotype: Genotype) -> Table:
    table = Table(title="per stage (outputs as channels x frames x height x width)", title_justify="left", box=None)
    table.add_column("stage")
    for name in ("blocks", "output", "GMACs", "Mparams", "Ginteractions", "depth"):
        table.add_column(name, justify="right")
    depths = ["", *(str(stage.depth) for stage in genotype.stages), ""]
    for (name, counted, shape), depth in zip(stage_costs(genotype), depths, strict=True):
        table.add_row(
            name,
            depth,
            "x".join(map(str, shape)) if name != "head" else str(shape[0]),
            f"{counted.macs / G:.3f}",
            f"{counted.params / M:.3f}",
            f"{counted.interactions / G:.3f}",
            str(counted.depth),
        )
    return table


def _published(genotype: Genotype, width: int) -> Group:
    """Facts as printed, a column for each kind that some fact has; remarks are numbered below."""
    notes = list(dict.fromkeys(note for fact in genotype.published for note in remarks(fact)))
    rows = [_fact(genotype, fact, notes) for fact in genotype.published]
    title = "published (in brackets: ours, where it is another figure)"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    for name in names:
        table.add_column(name, justify="left" if name in TEXTS else "right", no_wrap=name != "source")
    for row in rows:
        table.add_row(*(Text(_broken(row[name], name) if width < NARROW else row[name]) for name in names))
    told = Table.grid(padding=(0, 1))
    for number, note in enumerate(notes, start=1):
        told.add_row(f"{number}:", Text(note))
    return Group(table, told) if notes else Group(table)


def _fact(genotype: Genotype, fact: Published, notes: list[str]) -> dict[str, str]:
    costs = {compared.name: str(compared) for compared in compare(genotype, fact)}
    shape = f"{fact.frames}x{fact.size}" if fact.frames and fact.size else str(fact.frames or "")
    return {
        "source": fact.source,
        "data set": fact.dataset,
        "clip x\nviews": f"{shape} x{fact.views}" if fact.views else shape,
        "top-1\n%": "" if fact.top1 is None else str(fact.top1),
        "top-5\n%": "" if fact.top5 is None else str(fact.top5),
        "GFLOPs": costs.get("gflops", ""),
        "Mparams": costs.get("mparams", ""),
        "Mweights": costs.get("mweights", ""),
        "Ginter-\nactions": costs.get("ginteractions", ""),
        "note": " ".join(str(1 + notes.index(note)) for note in remarks(fact)),
    }


def remarks(fact: Published) -> list[str]:
    """What no column holds, one line each."""
    said = [f"pre-trained on {fact.pretrained}"] if fact.pretrained else []
    said += ["GFLOPs with 2 per norm element, as this paper counts"] if fact.counted == "ct-net" else []
    told = ": ".join(part for part in ("" if fact.reproducible else "not reproducible", fact.note) if part)
    return [*said, told] if told else said


def _broken(text: str, column: str) -> str:
    """A cell broken between words, as far as its column is."""
    return textwrap.fill(text, LONGEST.get(column, len(text) or 1), break_long_words=False, break_on_hyphens=False)
