"""A genotype: the description of one network without holes, every default written out.

It is checked section by section; a search, which meets the same stage thousands of times, looks equal
sections up. `to_yaml(load(path))` is the canonical form.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from nas import strict_yaml
from nas.blocks import Place  # noqa: F401  (importing the package registers the built-in blocks)
from nas.blocks.registry import OPERATORS, Block, Operator, Part, plain
from nas.errors import NasError, nearest
from nas.facts import Exact, Published
from nas.frozen import FrozenMap, freeze, thaw
from nas.layers import ONES
from nas.schema import Count, SchemaError, Settings, Triple, dotted, validate

SCHEMA = 1
Index = Annotated[int, Field(ge=0, lt=1000, strict=True)]


class Clip(Settings):
    """The clip at which costs and budgets are counted."""

    # number of frames
    frames: Count = 8
    # height and width, in pixels
    size: Count = 224

    def __str__(self) -> str:
        return f"{self.frames}x{self.size}x{self.size}"


class Pool(Settings):
    """A max pooling, padded so that stride 1 keeps the size of odd kernels (even ones are not padded)."""

    kernel: Triple = (1, 3, 3)
    stride: Triple = (1, 2, 2)


class Stem(Settings):
    """The first convolution, its norm and ReLU, and the pooling behind them."""

    # output channels
    width: Count = 64
    # the conv operator, from 3 channels to the width
    conv: Operator = OPERATORS.parse({"kind": "dense", "kernel": (3, 7, 7)})
    # in place of the conv operator's own kernel, so that `conv` may be shared with the stages; null: its own
    kernel: Triple | None = None
    stride: Triple = (1, 2, 2)
    # null: no pooling
    pool: Pool | None = Pool()

    @property
    def operator(self) -> Part:
        """The conv operator with the stem's kernel; raises NasError where it has no single one."""
        return self.conv.with_gene("kernel", self.kernel) if self.kernel else self.conv


class Replacement(Settings):
    """Another block in the place of some of a stage's blocks, as CT-Net's among those of a ResNet."""

    # which: none, odd (every second, from the one after the first), rest (all but the first), all, one number or
    # several, such as [1, 3]; they count from 0
    at: Literal["none", "odd", "rest", "all"] | Annotated[tuple[Index, ...], Field(min_length=1)]
    # the block that stands there
    block: Block
    # its width where that means something else than for the others; null: the stage's
    width: Count | None = None

    @field_validator("at", mode="before")
    @classmethod
    def _several(cls, at: Any) -> Any:
        return (at,) if type(at) is int else at

    @field_validator("at")
    @classmethod
    def _once(cls, at: Any) -> Any:
        if not isinstance(at, str) and len(set(at)) < len(at):
            raise ValueError("name each block once")
        return at if isinstance(at, str) else tuple(sorted(at))

    def indices(self, depth: int) -> range | tuple[int, ...]:
        """The numbers of the replaced blocks of a stage.

        >>> [list(Replacement(at=at, block={"kind": "simple"}).indices(4)) for at in ("odd", "rest", (0, 3))]
        [[1, 3], [1, 2, 3], [0, 3]]
        """
        named = {"none": range(0), "odd": range(1, depth, 2), "rest": range(1, depth), "all": range(depth)}
        return named[self.at] if isinstance(self.at, str) else self.at


class Stage(Settings):
    """Blocks of one width; the first one carries the stride."""

    # number of blocks
    depth: Annotated[int, Field(gt=0, le=1000, strict=True)]
    # channels inside a block (a bottleneck's output is wider by its expansion)
    width: Count
    # stride of the first block (t, h, w)
    stride: Triple = ONES
    # a max pooling in front of the first block; null: none
    pool: Pool | None = None
    # every block of the stage
    block: Block
    # another block in the place of some of them; null: none
    replace: Replacement | None = None

    @cached_property
    def blocks(self) -> tuple[Part, ...]:
        """The block at each place; raises SchemaError where one that is not there should be replaced."""
        return tuple(self.replace.block if self.replaces(i) else self.block for i in range(self.depth))

    def replaces(self, number: int) -> bool:
        """Whether another block stands at a place."""
        return number in self._replaced

    def width_of(self, number: int) -> int:
        """The width of the block at a place."""
        return (self.replace.width or self.width) if self.replaces(number) else self.width

    @cached_property
    def _replaced(self) -> frozenset[int]:
        replaced = frozenset(self.replace.indices(self.depth)) if self.replace else frozenset()
        if beyond := sorted(number for number in replaced if number >= self.depth):
            raise SchemaError(
                f"block {beyond[0]} is outside of a stage of {self.depth}",
                path=("replace", "at"),
                fix=f"number the blocks from 0 to {self.depth - 1}, or write none, odd, rest or all",
            )
        return replaced

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.depth, self.width, self.stride, self.pool, self.block, self.replace))


class Deflation(Settings):
    """Which of the spatiotemporal layers stay 3D; the others have temporal kernel size 1 and keep their stride.

    Poolings between blocks are no layers and keep their kernels.
    """

    # all, a number of layers, or a share of them such as 50% (rounded half up)
    keep: int | str = "all"
    # the end of the network at which they stay: top (last layers) or bottom (first layers)
    end: Literal["top", "bottom"] = "top"

    @field_validator("keep", mode="before")
    @classmethod
    def _known(cls, keep: Any) -> Any:
        share = isinstance(keep, str) and keep.endswith("%") and keep[:-1].isdecimal() and int(keep[:-1]) <= 100
        if keep == "all" or share or (type(keep) is int and keep >= 0):
            return keep
        raise ValueError("use all, a number of layers, or a share such as 50%")

    def count(self, layers: int) -> int:
        """How many of `layers` stay 3D; raises NasError when there are fewer than asked for.

        >>> Deflation(keep="50%").count(17)
        9
        """
        if self.keep == "all":
            return layers
        if isinstance(self.keep, str):
            return (2 * layers * int(self.keep[:-1]) + 100) // 200
        if self.keep > layers:
            raise NasError(
                f"keep = {self.keep} is more than the {layers} spatiotemporal layers of this network",
                fix=f"use 0 to {layers}, a share such as 50%, or all",
            )
        return self.keep


class Head(Settings):
    """What turns features into class scores: averages and a linear classifier, with a place for dropout."""

    # all (frames and positions, then classify), frames (classify each frame, average the scores: a 2D backbone), or
    # a window [2, 7, 7] (classify each window, average the scores: I3D). The window is cut to the input's size, and
    # to one frame in a network whose layers are all deflated.
    average: Literal["all", "frames"] | Triple = "all"


class Genotype(Settings):
    """One network, fully described."""

    # schema version of the file
    nas: Literal[1] = SCHEMA
    name: str = ""
    # other names by which it is found
    also: tuple[str, ...] = ()
    input: Clip = Clip()
    # number of classes
    classes: Count = 400
    stem: Stem = Stem()
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    deflation: Deflation = Deflation()
    head: Head = Head()
    # facts: what the network must cost exactly, and what was printed about it
    exact: tuple[Exact, ...] = ()
    published: tuple[Published, ...] = ()


OPTIONAL = ("name", "also", "exact", "published")  # left out of the canonical form when empty


def parse(tree: Any) -> Genotype:
    """A genotype from plain (or frozen) data; raises SchemaError with the path of what does not fit."""
    return _assembled(freeze(tree), _section, _stage)


def parse_known(tree: FrozenMap) -> Genotype:
    """The same for frozen data whose parts were all checked before: equal sections are looked up.

    Only for those, since Python's look-up takes True for 1 and would let what is refused elsewhere pass.
    """
    return _assembled(tree, known_section, known_stage)


def _assembled(tree: Any, section: Callable[[str, Any], Any], stage: Callable[[Any], Stage]) -> Genotype:
    if not isinstance(tree, FrozenMap):
        raise SchemaError("a genotype is a map", fix=f"its keys are {' '.join(Genotype.model_fields)}")
    sections = {}
    for key, value in _in_channels(_upgraded(tree)):
        if key not in Genotype.model_fields:
            raise SchemaError(f"the key '{key}' is unknown", path=(key,), fix=nearest(key, Genotype.model_fields))
        sections[key] = _stages(value, stage) if key == "stages" else section(key, value)
    if "stages" not in sections:
        raise SchemaError("the key 'stages' is missing", fix="add stages: [{depth: ..., width: ..., block: ...}]")
    return Genotype.model_construct(**sections)


def load(path) -> Genotype:
    """Read a genotype file; errors name file and line."""
    item = strict_yaml.read(path)
    return located(lambda: parse(strict_yaml.plain(item)), item, str(path))


def located(make: Callable[[], Any], item: strict_yaml.Item, name: str) -> Any:
    """Run `make`, and say file, line and path of what it finds wrong in `item`."""
    try:
        return make()
    except SchemaError as error:
        line = strict_yaml.at(item, error.path).line
        below = f"{dotted(error.path)}: " if error.path else ""
        raise NasError(below + error.problem, where=f"{name}:{line}", fix=error.fix) from None


def to_plain(genotype: Genotype) -> dict[str, Any]:
    """The canonical form: plain data in a fixed order with every default (facts only where there are some)."""
    written = plain(genotype)
    for facts in ("exact", "published"):
        written[facts] = [{k: v for k, v in fact.items() if v not in (None, "")} for fact in written[facts]]
    return {key: value for key, value in written.items() if value or key not in OPTIONAL}


def to_yaml(genotype: Genotype) -> str:
    """The canonical form as YAML text."""
    return strict_yaml.dump(to_plain(genotype))


def _stages(value: Any, stage: Callable[[Any], Stage]) -> tuple[Stage, ...]:
    if not isinstance(value, tuple) or isinstance(value, FrozenMap) or not value:
        raise SchemaError("stages should be a list", path=("stages",), fix="write [{depth, width, block}, ...]")
    stages = []
    for number, one in enumerate(value):
        try:
            stages.append(stage(one))
        except SchemaError as error:
            raise error.below("stages", number) from None
    return tuple(stages)


def _stage(value: Any) -> Stage:
    return validate(Stage, thaw(value))


def _section(key: str, value: Any) -> Any:
    if key in _SECTIONS:
        try:
            return validate(_SECTIONS[key], thaw(value))
        except SchemaError as error:
            raise error.below(key) from None
    return getattr(validate(Genotype, {"stages": [_PROBE], key: thaw(value)}), key)


known_stage = lru_cache(maxsize=1 << 16)(_stage)
known_section = lru_cache(maxsize=1 << 12)(_section)
_SECTIONS = {"input": Clip, "stem": Stem, "deflation": Deflation, "head": Head}
_PROBE = {"depth": 1, "width": 1, "block": {"kind": "simple"}}

IN_UNITS = ("width", "group_width")  # what `unit` multiplies


def _in_channels(tree: FrozenMap) -> FrozenMap:
    """The tree without its `unit`: every width of stem and stages, and every group width, multiplied by it."""
    sections = dict(tree)
    unit = sections.pop("unit", 1)
    if unit == 1 and unit is not True:
        return FrozenMap(sections.items())
    validate(Unit, {"unit": unit})
    return FrozenMap((k, in_units(v, unit) if k in ("stem", "stages") else v) for k, v in sections.items())


class Unit(Settings):
    """The width that all others are multiples of."""

    unit: Count = 1


@lru_cache(maxsize=1 << 14)
def in_units(value: Any, unit: int) -> Any:
    """A frozen stem or stages with every width and group width multiplied by `unit`.

    >>> in_units(freeze({"width": 8, "block": {"kind": "sev", "group_width": 1}}), 6)
    (('width', 48), ('block', (('kind', 'sev'), ('group_width', 6))))
    """
    if unit == 1:
        return value
    if isinstance(value, FrozenMap):
        return FrozenMap(
            (key, inner * unit if key in IN_UNITS and type(inner) is int else in_units(inner, unit))
            for key, inner in value
        )
    return tuple(in_units(inner, unit) for inner in value) if isinstance(value, tuple) else value


# {from version: function from a tree of that version to one of the next}
UPGRADES: dict[int, Callable[[FrozenMap], FrozenMap]] = {}


def _upgraded(tree: FrozenMap) -> FrozenMap:
    version = dict(tree).get("nas", SCHEMA)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise SchemaError(f"nas: {version} is no schema version", path=("nas",), fix=f"write nas: {SCHEMA}")
    if version > SCHEMA:
        raise SchemaError(
            f"schema version {version} is newer than this program knows ({SCHEMA})",
            path=("nas",),
            fix="update video-nas",
        )
    for old in range(version, SCHEMA):
        tree = UPGRADES[old](tree)
    return tree
