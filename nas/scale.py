"""A smaller copy of a genotype for proxy training: narrower, shallower, at a smaller clip.

The design choices stay: the block, the operator (depthwise stays depthwise), the number of groups wherever it
divides the new width, the share of layers that are 3D. What could not stay is told in notes, never hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel

from nas.blocks.registry import Part
from nas.errors import NasError
from nas.genotype import Clip, Deflation, Genotype, Stage
from nas.layers import Conv, leaves
from nas.network import flat_layers, stage_piece, stem_piece

MULTIPLE = 8  # scaled widths are multiples of this
GROUP_GENES = ("pointwise_groups", "group_width", "groups")


def scale(
    genotype: Genotype,
    *,
    width: float = 1.0,
    depth: float = 1.0,
    clip: Clip | None = None,
    classes: int | None = None,
) -> tuple[Genotype, list[str]]:
    """The scaled genotype without its facts, and notes on what had to change besides.

    Widths are multiplied by `width` and rounded to multiples of 8 (at least 8), numbers of blocks by `depth`
    and rounded half up (at least 1). Raises NasError where the genotype describes no network.
    """
    stem = genotype.stem.model_copy(update={"width": _narrowed(genotype.stem.width, width)})
    c_in, small_in, stages, notes = genotype.stem.width, stem_piece(stem, ()).c_out, [], []
    for number, stage in enumerate(genotype.stages):
        small = _buildable(_shrunk(stage, width, depth), small_in)
        before, after = _groups(stage, c_in), _groups(small, small_in)
        if before != after:
            notes.append(f"stages.{number}: {before} groups became {after} at width {small.width}")
        stages.append(small)
        c_in, small_in = stage_piece(stage, c_in, ()).c_out, stage_piece(small, small_in, ()).c_out
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
    block = _with_gene(stage.block, "group_width", lambda value: max(1, value * narrow // stage.width))
    fewer = max(1, int(stage.depth * depth + 0.5))
    return stage.model_copy(update={"width": narrow, "depth": fewer, "block": block})


def _narrowed(width: int, factor: float) -> int:
    if factor == 1:
        return width
    return max(MULTIPLE, int(width * factor / MULTIPLE + 0.5) * MULTIPLE)


def _buildable(stage: Stage, c_in: int) -> Stage:
    """The stage with the largest numbers of groups, at most those it has, that its channels allow.

    Raises NasError where none does.
    """
    try:
        stage_piece(stage, c_in, ())
        return stage
    except NasError as error:
        for candidate in _fewer_groups(stage):
            try:
                stage_piece(candidate, c_in, ())
                return candidate
            except NasError:
                continue
        raise error


def _fewer_groups(stage: Stage) -> Iterator[Stage]:
    """The stage with every group gene cut down to a divisor of it that is at most some limit, largest first."""
    genes = [value for name in GROUP_GENES for value in _genes(stage.block, name)]
    for limit in sorted({d for value in genes for d in _divisors(value)}, reverse=True):
        block = stage.block
        for name in GROUP_GENES:
            block = _with_gene(block, name, lambda value, limit=limit: max(d for d in _divisors(value) if d <= limit))
        yield stage.model_copy(update={"block": block})


def _same_share(genotype: Genotype, smaller: Genotype) -> Deflation:
    """A count of 3D layers, kept in proportion to the number of layers; a network that sees time goes on seeing it."""
    deflation = genotype.deflation
    if isinstance(deflation.keep, str) or deflation.keep == 0:
        return deflation
    before, after = (_layers(one) for one in (genotype, smaller))
    return deflation.model_copy(update={"keep": max(1, int(deflation.keep * after / before + 0.5))})


def _layers(genotype: Genotype) -> int:
    everything = genotype.model_copy(update={"deflation": Deflation()})
    return sum(map(len, flat_layers(everything)))


def _groups(stage: Stage, c_in: int) -> str:
    """The numbers of groups of a block's grouped convolutions, such as `8` or `4/32`; depthwise by name."""
    tree = stage_piece(stage, c_in, ()).parts[-1].tree
    convs = [leaf for leaf in leaves(tree) if isinstance(leaf, Conv) and leaf.groups > 1]
    told = ["depthwise" if _is_always_depthwise(stage, conv) else str(conv.groups) for conv in convs]
    return "/".join(dict.fromkeys(told)) or "no"


def _is_always_depthwise(stage: Stage, conv: Conv) -> bool:
    """Depthwise by its operator, whatever the width; not by a number of groups that happens to be the width."""
    return conv.groups == conv.c_in and not any(list(_genes(stage.block, name)) for name in ("groups", "group_width"))


def _divisors(number: int) -> list[int]:
    return [d for d in range(number, 0, -1) if number % d == 0]


def _genes(value: Any, name: str) -> Iterator[int]:
    """Every gene called `name` at or below a part, where it is set."""
    for key, inner in _fields(value):
        if key == name and inner is not None:
            yield inner
        else:
            yield from _genes(inner, name)


def _with_gene(value: Any, name: str, change: Callable[[int], int]) -> Any:
    """The same part with every gene called `name`, where it is set, changed."""

    def new(key: str, inner: Any) -> Any:
        return change(inner) if key == name and inner is not None else _with_gene(inner, name, change)

    if isinstance(value, Part):
        return Part(value.family, value.kind, tuple((key, new(key, inner)) for key, inner in value.genes))
    if isinstance(value, BaseModel):
        return value.model_copy(update={key: new(key, inner) for key, inner in _fields(value)})
    if isinstance(value, tuple):
        return tuple(_with_gene(inner, name, change) for inner in value)
    return value


def _fields(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Part):
        return list(value.genes)
    if isinstance(value, BaseModel):
        return [(key, getattr(value, key)) for key in type(value).model_fields]
    return [("", inner) for inner in value] if isinstance(value, tuple) else []
