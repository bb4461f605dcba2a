"""A smaller copy of a genotype for proxy training: narrower, shallower, at a smaller clip.

The design choices stay: the block, the operator (depthwise stays depthwise), the number of groups wherever it
divides the new width, the share of layers that are 3D. What could not stay is told in notes, never hidden.
"""

from __future__ import annotations

import itertools
from typing import Any

from nas.blocks.registry import Part
from nas.errors import NasError
from nas.genotype import Clip, Deflation, Genotype, Stage
from nas.network import flat_layers, stage_piece, stem_piece

MULTIPLE = 8  # scaled widths are multiples of this


def scale(
    genotype: Genotype,
    *,
    width: float = 1.0,
    depth: float = 1.0,
    clip: Clip | None = None,
    classes: int | None = None,
) -> tuple[Genotype, list[str]]:
    """The scaled genotype, and notes on what had to change besides; `scale(g)[0] == g`.

    Widths are multiplied by `width` and rounded to multiples of 8 (at least 8), numbers of blocks by `depth`
    and rounded half up (at least 1). Raises SchemaError where the genotype describes no network.
    """
    stem = genotype.stem.model_copy(update={"width": _narrowed(genotype.stem.width, width)})
    c_in, stages, notes = stem_piece(stem, ()).c_out, [], []
    for number, stage in enumerate(genotype.stages):
        wanted = _shrunk(stage, width, depth)
        found = _buildable(wanted, c_in)
        if found != wanted:
            notes.append(
                f"stages.{number}: {_groups_of(wanted)} groups became {_groups_of(found)} at width {found.width}"
            )
        stages.append(found)
        c_in = stage_piece(found, c_in, ()).c_out
    smaller = genotype.model_copy(
        update={
            "stem": stem,
            "stages": tuple(stages),
            "input": clip or genotype.input,
            "classes": classes or genotype.classes,
            "exact": (),
            "published": (),
        }
    )
    return smaller.model_copy(update={"deflation": _same_share(genotype, smaller)}), notes


def _shrunk(stage: Stage, width: float, depth: float) -> Stage:
    narrow = _narrowed(stage.width, width)
    block = _map_gene(stage.block, "group_width", lambda value: max(1, value * narrow // stage.width))
    fewer = max(1, int(stage.depth * depth + 0.5))
    return stage.model_copy(update={"width": narrow, "depth": fewer, "block": block})


def _narrowed(width: int, factor: float) -> int:
    if factor == 1:
        return width
    return max(MULTIPLE, int(width * factor / MULTIPLE + 0.5) * MULTIPLE)


def _buildable(stage: Stage, c_in: int) -> Stage:
    """The stage with the largest group counts, dividing those it has, that its channels allow."""
    for candidate in _fewer_groups(stage):
        try:
            stage_piece(candidate, c_in, ())
        except NasError:
            continue
        return candidate
    return stage


def _fewer_groups(stage: Stage):
    present = [_gene(stage.block, name) for name in GROUP_GENES]
    for values in itertools.product(*([None] if value is None else _divisors(value) for value in present)):
        block = stage.block
        for name, value in zip(GROUP_GENES, values, strict=True):
            block = _map_gene(block, name, lambda _, value=value: value)
        yield stage.model_copy(update={"block": block})


GROUP_GENES = ("pointwise_groups", "group_width", "groups")


def _same_share(genotype: Genotype, smaller: Genotype) -> Deflation:
    """A count of 3D layers, kept in proportion to the number of layers."""
    deflation = genotype.deflation
    if isinstance(deflation.keep, str):
        return deflation
    before, after = (_layers(one) for one in (genotype, smaller))
    return deflation.model_copy(update={"keep": int(deflation.keep * after / before + 0.5) if before else 0})


def _layers(genotype: Genotype) -> int:
    everything = genotype.model_copy(update={"deflation": Deflation()})
    return sum(map(len, flat_layers(everything)))


def _divisors(number: int) -> list[int]:
    return [d for d in range(number, 0, -1) if number % d == 0]


def _gene(part: Any, name: str) -> int | None:
    """The first gene called `name` in a part or in the parts among its genes."""
    for key, value in part.genes:
        found = value if key == name else _gene(value, name) if isinstance(value, Part) else None
        if found is not None:
            return found
    return None


def _map_gene(part: Part, name: str, change) -> Part:
    genes = tuple(
        (
            key,
            change(value)
            if key == name and value is not None
            else _map_gene(value, name, change)
            if isinstance(value, Part)
            else value,
        )
        for key, value in part.genes
    )
    return Part(part.family, part.kind, genes)


def _groups_of(stage: Stage) -> str:
    return "/".join(str(value) for name in GROUP_GENES if (value := _gene(stage.block, name)) is not None)
