"""A smaller copy of a genotype for proxy training: narrower, shallower, at a smaller clip.

The design choices stay: the block, the operator (depthwise stays depthwise), the number of groups wherever it
divides the new width, the number of axes of a tensor operator, the share of layers that are 3D. What could not stay
is told in notes, never hidden.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from nas.blocks.registry import changed, found
from nas.errors import NasError
from nas.genotype import Clip, Deflation, Genotype, Replacement, Stage
from nas.network import flat_layers, stage_piece, stem_piece

MULTIPLE = 8  # scaled widths are multiples of this
REPLACED = 3  # blocks that stages keep where some blocks are replaced: with fewer, "odd" and "rest" are the same
COUNTED = ("pointwise_groups", "groups")  # genes that are numbers of groups
FORMS = {  # how notes tell genes
    "groups": "{} groups",
    "pointwise_groups": "{} groups",
    "dims": "{} axes",
    "sizes": "sizes {}",
    "reduction": "reduction {}",
}
Sizes = tuple[int | str, ...]


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
    and rounded half up (at least 1, and 3 in a network that replaces
    some of its blocks). Raises NasError where the genotype describes no network.
    """
    stem = genotype.stem.model_copy(update={"width": _narrowed(genotype.stem.width, width)})
    c_in, stages, notes = stem_piece(stem, ()).c_out, [], []
    least = REPLACED if any(map(_some_replaced, genotype.stages)) else 1
    for number, stage in enumerate(genotype.stages):
        shrunk = _shrunk(stage, width, depth, least)
        small = _buildable(shrunk, c_in)
        notes += [f"stages.{number}: {change}" for change in _changes(stage, small)]
        if small.width != shrunk.width:
            notes.append(f"stages.{number}: width {shrunk.width} became {small.width}, to have room for added channels")
        stages.append(small)
        c_in = stage_piece(small, c_in, ()).c_out
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


def _shrunk(stage: Stage, width: float, depth: float, least: int) -> Stage:
    narrow, fewer = _narrowed(stage.width, width), max(min(least, stage.depth), int(stage.depth * depth + 0.5))
    ratio = narrow / stage.width
    small = changed(stage, "group_width", lambda value: max(min(2, value), int(value * ratio + 0.5)))
    small = changed(small, "axis", lambda value: max(1, int(value * ratio + 0.5)))
    small = changed(small, "sizes", lambda sizes: _shortened(sizes, ratio))
    replace = _kept(small.replace, stage.depth, fewer, width)
    return small.model_copy(update={"width": narrow, "depth": fewer, "replace": replace})


def _some_replaced(stage: Stage) -> bool:
    return bool(stage.replace and len(stage.replace.indices(stage.depth)))


def _narrowed(width: int, factor: float) -> int:
    if factor == 1:
        return width
    return max(MULTIPLE, int(width * factor / MULTIPLE + 0.5) * MULTIPLE)


def _kept(replace: Replacement | None, before: int, after: int, width: float) -> Replacement | None:
    """Which blocks of a shallower stage are replaced: where some were, at least its last one."""
    if replace is None:
        return None
    if replace.width:
        replace = replace.model_copy(update={"width": _narrowed(replace.width, width)})
    if not len(replace.indices(before)):
        return replace
    inside = tuple(i for i in replace.indices(after) if i < after)
    if inside and isinstance(replace.at, str):
        return replace
    return replace.model_copy(update={"at": inside or (after - 1,)})


def _shortened(sizes: Sizes, factor: float) -> Sizes:
    """Given sizes of axes at another width: all shorter by the same factor, as balanced ones are; one is the rest."""
    numbers = [size for size in sizes if isinstance(size, int)]
    if factor == 1 or not numbers:
        return sizes
    short = factor ** (1 / sum(size != "all" for size in sizes))
    longest = sizes.index(max(numbers)) if "rest" not in sizes else -1
    scaled = (size if isinstance(size, str) else max(1, int(size * short + 0.5)) for size in sizes)
    return tuple("rest" if axis == longest else size for axis, size in enumerate(scaled))


def _buildable(stage: Stage, c_in: int) -> Stage:
    """The stage, or the nearest one (`_nearby`) that its channels allow; raises NasError where none does."""
    try:
        stage_piece(stage, c_in, ())
        return stage
    except NasError as error:
        for candidate in _nearby(stage):
            try:
                stage_piece(candidate, c_in, ())
                return candidate
            except NasError:
                continue
        raise error


def _nearby(stage: Stage) -> Iterator[Stage]:
    """Stages with other groups, smaller given sizes, smaller reductions or fewer axes, little changes first.

    As a last resort the stage is wider: a downsample module must add channels to those it has.
    """
    widths, axes, sizes = list(found(stage, "group_width")), list(found(stage, "dims")), list(found(stage, "sizes"))
    for wider, dims, size, reduction, groups, width in itertools.product(
        range(4),
        range(max(axes, default=1), 0, -1),
        _limits(size for given in sizes for size in given if isinstance(size, int)),
        _limits([*found(stage, "reduction"), *found(stage, "axis")]),
        _limits(value for name in COUNTED for value in found(stage, name)),
        _around(max(widths, default=1)),
    ):
        one = stage.model_copy(update={"width": stage.width + wider * MULTIPLE})
        one = changed(one, "dims", lambda value, most=dims: min(value, most))
        one = changed(one, "sizes", lambda given, most=size: tuple(_cut(s, most) for s in given))
        for name in ("reduction", "axis"):
            one = changed(one, name, lambda value, most=reduction: _cut(value, most))
        one = changed(one, "group_width", lambda value, new=width: new)
        for name in COUNTED:
            one = changed(one, name, lambda value, most=groups: _cut(value, most))
        yield one


def _limits(values: Iterable[int]) -> list[int]:
    """Numbers to cut all values down to, the largest first."""
    return sorted({divisor for value in values for divisor in _divisors(value)}, reverse=True) or [1]


def _around(value: int) -> list[int]:
    """The value, then the numbers nearest to it by ratio."""
    return sorted(range(1, 2 * value + 1), key=lambda other: max(other / value, value / other))


def _cut(value: int | str, most: int) -> int | str:
    """The largest divisor of a number that is at most `most`; words stay."""
    return max(d for d in _divisors(value) if d <= most) if isinstance(value, int) else value


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


def _changes(stage: Stage, small: Stage) -> list[str]:
    """What is not simply smaller: numbers of groups and axes, sizes of axes, reductions, replaced blocks."""
    told = []
    for name, form in FORMS.items():
        told += _differences(form, found(stage, name), found(small, name))
    widths = [(stage.width // w, small.width // v) for w, v in _pairs(stage, small, "group_width")]
    told += _differences(FORMS["groups"], (a for a, _ in widths), (b for _, b in widths))
    if stage.replace and isinstance(small.replace.at, tuple) and stage.replace.at != small.replace.at:
        told.append(f"replaced blocks {_written(stage.replace.at)} became {_written(small.replace.at)}")
    return [f"{change} at width {small.width}" for change in dict.fromkeys(told)]


def _pairs(stage: Stage, small: Stage, name: str) -> list[tuple[int, int]]:
    return list(zip(found(stage, name), found(small, name), strict=True))


def _differences(form: str, before: Iterator, after: Iterator) -> list[str]:
    pairs = zip(before, after, strict=True)
    return [f"{form.format(_written(old))} became {_written(new)}" for old, new in pairs if old != new]


def _written(value) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def _divisors(number: int) -> list[int]:
    return [d for d in range(number, 0, -1) if number % d == 0]
