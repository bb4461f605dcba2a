"""What a network is made of, as boxes to draw: its sections, their blocks, and the layers of each block in a grid.

Another fold over the tree: a sequence lies along a row, branches lie below one another. Norms, ReLUs and shuffles take
no room. A layer counts as deflated where the same block, had it not been flattened, would extend in time at that place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from nas.blocks.registry import Part, Place
from nas.cost import Cost, Counted, Shape, input_shape, of_piece
from nas.genotype import Genotype, Stage
from nas.layers import (
    AvgPool,
    Concat,
    Conv,
    Linear,
    Mean,
    Node,
    Opaque,
    Pool,
    Residual,
    Scale,
    Seq,
    Sum,
    Triple,
    leaves,
)
from nas.network import Flat, Piece, block_piece, flat_layers, head_piece, pieces, stem_piece
from nas.plots.block_words import conv_words, part_words, stem_words, triple

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
# the kinds of boxes, and what the legend says of them
KINDS = {
    "3D": "3D",
    "deflated": "2D, deflated",
    "2D": "2D (1×h×w)",
    "point": "1×1×1",
    "gate": "excitation",
    "pool": "pooling",
    "other": "other",
}


@dataclass(frozen=True)
class Box:
    """One layer at its place in the grid of a block: column and row from the upper left."""

    kind: str  # of KINDS
    lines: tuple[str, ...]  # written in the box
    told: str  # the whole of it
    column: int
    row: int = 0


@dataclass(frozen=True)
class Block:
    """One block of a stage (or the stem, a pooling, the head); `number` counts from 0, None is no block."""

    number: int | None
    words: str
    boxes: tuple[Box, ...]
    shape: Shape  # that leaves it
    cost: Cost
    piece: Piece
    c_in: int

    @property
    def temporal(self) -> bool:
        """Whether one of its layers extends in time."""
        return any(box.kind == "3D" for box in self.boxes)


@dataclass(frozen=True)
class Section:
    """The stem, a stage or the head, with its blocks in order."""

    name: str
    blocks: tuple[Block, ...]

    @property
    def shape(self) -> Shape:
        """The (c, t, h, w) that leaves it."""
        return self.blocks[-1].shape

    @property
    def cost(self) -> Cost:
        """The exact sum over its blocks."""
        return total(block.cost for block in self.blocks)


def total(costs) -> Cost:
    """The sum of costs; the receptive field is not told."""
    return Cost(*(sum(column) for column in zip(*(cost[:9] for cost in costs), strict=True)))


def sections(genotype: Genotype) -> list[Section]:
    """Stem, stages and head in order; raises SchemaError where the genotype describes no network.

    >>> from nas import content, genotype
    >>> found = sections(genotype.load(content.find("ir-csn-50", "models")))
    >>> [(section.name, len(section.blocks), section.shape) for section in found][:2]
    [('stem', 1, (64, 8, 56, 56)), ('stages.0', 3, (256, 8, 56, 56))]
    >>> found[1].blocks[1].words
    'bottleneck ×4 · depthwise 3×3×3 · width 64'
    """
    stem, *stages = pieces(genotype)
    flats = flat_layers(genotype)
    shape, found = input_shape(genotype), []
    words = stem_words(genotype) + " · deflated to 2D" * any(flats[0])
    block = _block(None, words, stem, stem_piece(genotype.stem, ()).tree, shape)
    found.append(Section("stem", (block,)))
    for number, (stage, piece) in enumerate(zip(genotype.stages, stages, strict=True)):
        found.append(_stage(f"stages.{number}", stage, piece, flats[number + 1], found[-1].shape))
    return [*found, Section("head", (_head(genotype, found[-1].shape),))]


def _head(genotype: Genotype, shape: Shape) -> Block:
    average, head = genotype.head.average, head_piece(genotype, shape[0])
    words = f"averages {average if isinstance(average, str) else triple(average)} · {genotype.classes} classes"
    return _block(None, words, head, head.tree, shape)


def alike(section: Section) -> list[tuple[Block, ...]]:
    """Equal blocks of a section, in the order of the first of each.

    >>> from nas import content, genotype
    >>> stage = sections(genotype.load(content.find("ct-net-r50", "models")))[1]
    >>> [[block.number for block in blocks] for blocks in alike(stage)]
    [[0], [1], [2]]
    """
    groups: dict[tuple, list[Block]] = {}
    for block in section.blocks:
        groups.setdefault((block.piece.digest, block.words, block.c_in, block.shape), []).append(block)
    return [tuple(blocks) for blocks in groups.values()]


def _stage(name: str, stage: Stage, piece: Piece, flat: Flat, shape: Shape) -> Section:
    found, parts, layers = [], list(piece.parts), iter(flat)
    if stage.pool:
        words = f"max pooling {triple(stage.pool.kernel)} · stride {triple(stage.pool.stride)}"
        found.append(_block(None, words, parts.pop(0), None, shape))
    stride = stage.stride
    for number, (part, made) in enumerate(zip(stage.blocks, parts, strict=True)):
        shape = found[-1].shape if found else shape
        own = tuple(islice(layers, part.layers))
        place = Place(shape[0], stage.width_of(number), stride, own or (False,) * part.spec.layers)
        found.append(_block(number, part_words(part, place), made, _unflattened(part, place), shape))
        stride = (1, 1, 1)
    return Section(name, tuple(found))


def _unflattened(part: Part, place: Place) -> Node | None:
    """The same block with all of its layers 3D; None where they are anyway."""
    if not any(place.flat):
        return None
    return block_piece(part, replace(place, flat=(False,) * len(place.flat))).tree


def _block(number: int | None, words: str, piece: Piece, whole: Node | None, shape: Shape) -> Block:
    counted: Counted = of_piece(piece, shape)
    boxes = _boxes(piece, whole)
    return Block(number, words, boxes, counted.shape, Cost(*counted.cost), piece, shape[0])


@lru_cache(maxsize=1 << 12)
def _boxes(piece: Piece, whole: Node | None) -> tuple[Box, ...]:
    return tuple(_laid(piece.tree, whole, (), 0, 0)[0])


Laid = tuple[list[Box], int, int]  # boxes, and how many columns and rows they take


def _laid(node: Node, whole: Node | None, path: tuple[str, ...], column: int, row: int) -> Laid:
    if isinstance(node, Seq):
        return _in_line(list(node.children), whole, path, column, row)
    if isinstance(node, Residual):
        sides = [("body", node.body), *([("shortcut", node.shortcut)] if node.shortcut else [])]
        return _below(sides, whole, path, column, row)
    if isinstance(node, Sum | Concat):
        return _below(list(node.branches), whole, path, column, row)
    box = _gate(node, path) if isinstance(node, Scale) else _leaf(node, whole, path)
    return ([replace(box, column=column, row=row)], 1, 1) if box else ([], 0, 0)


def _in_line(children: list, whole: Node | None, path: tuple, column: int, row: int) -> Laid:
    boxes, columns, rows = [], 0, 0
    for name, child in children:
        more, wide, high = _laid(child, _below_name(whole, name), (*path, name), column + columns, row)
        boxes, columns, rows = boxes + more, columns + wide, max(rows, high)
    return boxes, columns, rows


def _below(branches: list, whole: Node | None, path: tuple, column: int, row: int) -> Laid:
    boxes, columns, rows = [], 0, 0
    for name, branch in branches:
        more, wide, high = _laid(branch, _below_name(whole, name), (*path, name), column, row + rows)
        boxes, columns, rows = boxes + more, max(columns, wide), rows + high
    return boxes, columns, rows


def _below_name(whole: Node | None, name: str) -> Node | None:
    """The child of that name in the tree that was not flattened; below a leaf there is none."""
    if isinstance(whole, Residual):
        return whole.body if name == "body" else whole.shortcut
    named = whole.children if isinstance(whole, Seq) else whole.branches if isinstance(whole, Sum | Concat) else ()
    return dict(named).get(name)


def _leaf(node: Node, whole: Node | None, path: tuple[str, ...]) -> Box | None:
    name = ".".join(path) or "layer"
    if isinstance(node, Conv):
        return Box(_kind(node, whole), _conv_lines(node, path), f"{name}: {conv_words(node)}", 0)
    if isinstance(node, Pool | AvgPool):
        how = "max" if isinstance(node, Pool) else "mean"
        return Box("pool", (how, triple(node.kernel)), f"{name}: {how} pooling {triple(node.kernel)}"
                   f", stride {triple(node.stride)}", 0)  # fmt: skip
    if isinstance(node, Mean):
        over = {"thw": "frames and positions", "t": "frames", "hw": "positions"}.get(node.over, node.over)
        return Box("pool", ("mean", node.over), f"{name}: average over {over}", 0)
    if isinstance(node, Linear):
        return Box("other", ("linear", f"{node.c_in}→{node.c_out}"), f"{name}: linear, {node.c_in} to {node.c_out}", 0)
    if isinstance(node, Opaque):
        return Box("other", (node.kind, "a module"), f"{name}: a module, measured as a whole", 0)
    return None


def _kind(node: Conv, whole: Node | None) -> str:
    if node.kernel[0] > 1:
        return "3D"
    if whole and any(isinstance(leaf, Conv) and leaf.kernel[0] > 1 for leaf in leaves(whole)):
        return "deflated"
    return "2D" if max(node.kernel) > 1 else "point"


def _conv_lines(node: Conv, path: tuple[str, ...]) -> tuple[str, ...]:
    """Kernel (with an arrow where it strides) and channels."""
    return triple(node.kernel) + (" ↓" if max(node.stride) > 1 else ""), _channels(node, path)


def _channels(node: Conv, path: tuple[str, ...]) -> str:
    """Dense: its channels; along an axis of a channel grid: the size of the axis; else its groups."""
    axis = next((step[4:].split("_")[0] for step in path if step.startswith("axis")), "")
    if axis.isdigit():
        return f"C{axis.translate(SUBSCRIPTS)}={node.c_in // node.groups}"
    if node.groups == 1:
        return f"{node.c_in}→{node.c_out}"
    return "depthwise" if node.groups == node.c_in else f"{node.groups} groups"


def _gate(node: Scale, path: tuple[str, ...]) -> Box:
    """Named after its layers: two linear ones make squeeze-excitation, one gating, convolutions tensor excitation."""
    inside = [leaf for leaf in leaves(node.gate) if isinstance(leaf, Conv | Linear)]
    linear = sum(isinstance(leaf, Linear) for leaf in inside)
    name = "TE" if not linear else {1: "gating", 2: "SE"}.get(linear, "gate")
    kernels: list[Triple] = [leaf.kernel for leaf in inside if isinstance(leaf, Conv)]
    more = f", convolutions {' and '.join(triple(kernel) for kernel in kernels)}" if kernels else ""
    return Box("gate", ("×", name), f"{'.'.join(path)}: a gate, {name}{more}", 0)
