"""What `nas show` tells about a genotype: its exact costs, its stages, and the published facts beside them."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from nas.cost import Cost, cost, stage_costs
from nas.genotype import Genotype, Published
from nas.network import key

G, M = 1e9, 1e6


def to_json(genotype: Genotype, name: str) -> str:
    """One JSON object with the exact integers."""
    counted = cost(genotype)
    told: dict[str, Any] = {
        "name": name,
        "clip": str(genotype.input),
        "classes": genotype.classes,
        "macs": counted.macs,
        **counted._asdict(),
        "key": key(genotype),
    }
    return json.dumps(told)


def show(genotype: Genotype, name: str, console: Console) -> None:
    """Print the card."""
    counted = cost(genotype)
    parts = [_title(genotype, name), _costs(counted), _stages(genotype)]
    if genotype.published:
        parts.append(_published(genotype))
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
        ("MACs", f"{counted.macs / G:.3f} G", f"{counted.macs:,} multiply-accumulates; the papers' GFLOPs"),
        ("FLOPs", f"{2 * counted.macs / G:.3f} G", "floating-point operations, two per multiply-accumulate"),
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
        ("receptive field", f"{t}x{h}x{w}", "frames x height x width, before the global average"),
    ):
        table.add_row(label, value, note)
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


def _published(genotype: Genotype) -> Table:
    table = Table(title="published (costs in brackets: ours at the published clip)", title_justify="left", box=None)
    for name in ("source", "data set", "clip x views", "top-1 %", "GFLOPs", "Mweights", "Ginteractions"):
        table.add_column(name, justify="left" if name in ("source", "data set") else "right", overflow="fold")
    for fact in genotype.published:
        table.add_row(*_fact(genotype, fact))
    return table


def _fact(genotype: Genotype, fact: Published) -> list[str]:
    clip = genotype.input
    if fact.frames and fact.size:
        clip = clip.model_copy(update={"frames": fact.frames, "size": fact.size})
    ours = cost(genotype.model_copy(update={"input": clip}))
    pretrained = f" (pre-trained on {fact.pretrained})" if fact.pretrained else ""
    shape = f"{fact.frames}x{fact.size}" if fact.size else str(fact.frames or "")
    return [
        fact.source + pretrained,
        fact.dataset,
        f"{shape} x{fact.views}" if fact.views else shape,
        "" if fact.top1 is None else f"{fact.top1:g}",
        _beside(fact.gflops, ours.macs / G, ".1f"),
        _beside(fact.mparams, ours.weights / M, ".1f"),
        _beside(fact.ginteractions, ours.interactions / G, ".2f"),
    ]


def _beside(printed: float | None, ours: float, form: str) -> str:
    return "" if printed is None else f"{printed:{form}} ({ours:{form}})"
