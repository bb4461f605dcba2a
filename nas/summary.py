"""A genotype in one line, for tables and progress: its blocks, their genes that differ from the default, its sizes."""

from __future__ import annotations

from typing import Any

from nas.blocks.registry import Part
from nas.genotype import Genotype

# how a gene is written; others by their name, and only where they differ from their default
FORMS = {
    "groups": "{}",
    "group_width": "by {}",
    "expansion": "x{}",
    "pointwise_groups": "1x1x1 in {}",
    "dims": "K={}",
    "first": "{} first",
    "connection": "{}",
}
ALWAYS = ("expansion", "group_width")
HIDDEN = ("channels",)  # of Inception blocks: the width tells
MANY = 6  # stages whose depths are still listed


def summary(genotype: Genotype) -> str:
    """The line.

    >>> from nas import content, genotype
    >>> summary(genotype.load(content.find("ir-csn-50", "models")))
    'bottleneck depthwise x4 3-4-6-3, width 64'
    >>> summary(genotype.load(content.find("ct-net-r50", "models")))
    'bottleneck dense 1x3x3 x4 3-4-6-3, width 64, odd: bottleneck tensor K=2 pointwise te x4'
    """
    stages = genotype.stages
    blocks = " / ".join(dict.fromkeys(block_words(stage.block) for stage in stages))
    depths = "-".join(str(stage.depth) for stage in stages)
    if len(stages) > MANY:
        depths = f"{sum(stage.depth for stage in stages)} blocks"
    parts = [f"{blocks} {depths}", f"width {stages[0].width}"]
    return ", ".join([*parts, *_replaced(genotype), *_deflated(genotype)])


def _replaced(genotype: Genotype) -> list[str]:
    """Which blocks are others: `odd: bottleneck tensor K=2`, places of each stage where they differ."""
    places = ["none" if stage.replace is None else _written(stage.replace.at) for stage in genotype.stages]
    others = dict.fromkeys(
        block_words(stage.replace.block)
        for stage in genotype.stages
        if stage.replace and list(stage.replace.indices(stage.depth))
    )
    where = places[0] if len(set(places)) == 1 else "-".join(places)
    return [f"{where}: {' / '.join(others)}"] if others else []


def _deflated(genotype: Genotype) -> list[str]:
    keep = genotype.deflation.keep
    return [] if keep == "all" else [f"{keep} 3D at the {genotype.deflation.end}"]


def block_words(part: Part) -> str:
    """One block in a few words."""
    defaults = {name: field.default for name, field in part.spec.genes.model_fields.items()}
    words = [part.kind]
    for name, value in part.genes:
        told = isinstance(value, Part) or (name in ALWAYS and value is not None) or value != defaults[name]
        if name not in HIDDEN and told:
            words.append(_gene(name, value))
    return " ".join(word for word in words if word)


def _gene(name: str, value: Any) -> str:
    if isinstance(value, Part):
        return block_words(value) if name == "conv" else value.kind
    if value is True:
        return name
    if name in ("kernel", "kernels", "sizes", "steps"):
        return _written(value)
    return FORMS.get(name, f"{name} {{}}").format(_written(value))


def _written(value: Any) -> str:
    """Kernels as 1x3x3, lists as [8 8]."""
    if isinstance(value, tuple) and len(value) == 3 and all(isinstance(item, int) for item in value):
        return "x".join(map(str, value))
    if isinstance(value, tuple):
        return f"[{' '.join(_written(item) for item in value)}]"
    step = {name: getattr(value, name) for name in getattr(type(value), "model_fields", {})}
    return " ".join(f"{_written(v)}" for v in step.values() if v) if step else str(value)
