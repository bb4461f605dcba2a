"""From a genotype to the tree of the whole network: stem, stages of blocks, head.

Trees are memoised by what decides them (a stage, its input channels, which of its layers are 2D), so a search
builds each stage once.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from hashlib import sha256

from nas.blocks.registry import BLOCKS, Part, Place
from nas.errors import NasError
from nas.genotype import Genotype, Stage, Stem
from nas.layers import ONES, Act, Conv, Linear, Mean, Node, Norm, Pool, Residual, Seq, seq
from nas.schema import SchemaError

Flat = tuple[bool, ...]


class Piece:
    """A tree that is made once and compared by identity, with its output channels.

    A stage is a piece made of its blocks' pieces (`parts`): equal blocks are one object, so their cost and
    digest are worked out once.
    """

    def __init__(self, tree: Node, c_out: int, parts: tuple[Piece, ...] = ()):
        self.tree, self.c_out, self.parts = tree, c_out, parts

    @cached_property
    def digest(self) -> str:
        """The tree's digest."""
        return self.tree.digest


def network(genotype: Genotype) -> Seq:
    """The tree of the network, with children `stem`, `stages` and `head`; raises SchemaError.

    Named as in the papers: `stages.2.3.conv_b` is the operator of the fourth block of the third stage.
    """
    stem, *stages = pieces(genotype)
    c_out = stages[-1].c_out
    return seq(
        stem=stem.tree,
        stages=Seq(tuple((str(number), stage.tree) for number, stage in enumerate(stages))),
        head=head(c_out, genotype.classes),
    )


def key(genotype: Genotype) -> str:
    """The network key: equal for genotypes that build the same layers in the same order, at the same clip.

    A hash of the tree (16 hexadecimal digits), in which fields at their default, names, and borders between
    stages do not count.
    """
    blocks = [block.digest for piece in pieces(genotype) for block in piece.parts or (piece,)]
    clip = f"{genotype.input.frames}x{genotype.input.size}"
    return sha256(",".join([clip, *blocks, str(genotype.classes)]).encode()).hexdigest()[:16]


def pieces(genotype: Genotype) -> list[Piece]:
    """The stem and each stage, deflated as the genotype says; raises SchemaError with the path."""
    flat = flat_layers(genotype)
    trees = [_located(("stem",), stem_piece, genotype.stem, flat[0])]
    for number, stage in enumerate(genotype.stages):
        c_in = trees[-1].c_out
        trees.append(_located(("stages", number), stage_piece, stage, c_in, flat[number + 1]))
    return trees


def flat_layers(genotype: Genotype) -> list[Flat]:
    """For the stem and each stage, which of its spatiotemporal layers lose their temporal extent."""
    counts = [genotype.stem.conv.layers, *(stage.depth * stage.block.layers for stage in genotype.stages)]
    total = sum(counts)
    try:
        kept = genotype.deflation.count(total)
    except NasError as error:
        raise SchemaError(error.problem, path=("deflation", "keep"), fix=error.fix) from None
    first, last = (total - kept, total) if genotype.deflation.end == "top" else (0, kept)
    flat, start = [], 0
    for count in counts:
        flat.append(_flat_part(count, first - start, last - start))
        start += count
    return flat


@lru_cache(maxsize=1 << 16)
def stage_piece(stage: Stage, c_in: int, flat: Flat) -> Piece:
    """The blocks of a stage, named by their number."""
    slots = BLOCKS.specs[stage.block.kind].layers
    parts, stride = [], stage.stride
    for number in range(stage.depth):
        own = flat[number * slots : (number + 1) * slots] or (False,) * slots
        parts.append(block_piece(stage.block, Place(c_in, stage.width, stride, own)))
        c_in, stride = parts[-1].c_out, ONES
    tree = Seq(tuple((str(number), part.tree) for number, part in enumerate(parts)))
    return Piece(tree, c_in, tuple(parts))


@lru_cache(maxsize=1 << 16)
def block_piece(part: Part, place: Place) -> Piece:
    """One block at its place."""
    tree = part(place)
    return Piece(tree, out_channels(tree, place.c_in))


@lru_cache(maxsize=1 << 12)
def stem_piece(stem: Stem, flat: Flat) -> Piece:
    """The stem's convolution, norm, ReLU, and pooling if it has one."""
    conv = stem.conv(3, stem.width, stem.stride, any(flat))
    children = {"conv": conv, "norm": Norm(stem.width), "act": Act()}
    if stem.pool:
        children["pool"] = Pool(stem.pool.kernel, stem.pool.stride)
    return Piece(seq(**children), stem.width)


def head(c_in: int, classes: int) -> Seq:
    """The global average and the classifier."""
    return seq(pool=Mean(), fc=Linear(c_in, classes))


def out_channels(node: Node, c_in: int) -> int:
    """The channels that leave a tree which `c_in` channels enter."""
    if isinstance(node, Conv | Linear):
        return node.c_out
    if isinstance(node, Seq):
        for _, child in node.children:
            c_in = out_channels(child, c_in)
        return c_in
    return out_channels(node.body, c_in) if isinstance(node, Residual) else c_in


@lru_cache(maxsize=1 << 12)
def _flat_part(count: int, first: int, last: int) -> Flat:
    return tuple(not first <= layer < last for layer in range(count))


def _located(path: tuple[str | int, ...], make, *arguments):
    try:
        return make(*arguments)
    except SchemaError as error:
        raise error.below(*path) from None
    except NasError as error:
        raise SchemaError(error.problem, path=path, fix=error.fix) from None
