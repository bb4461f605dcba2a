"""From a genotype to the tree of the whole network: stem, stages of blocks, head.

Trees are memoised by what decides them (a stage, its input channels, which of its layers are 2D), so a search
builds each stage once.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import islice
from typing import Any

from nas import genotype as genotypes
from nas.blocks.registry import Part, Place
from nas.errors import NasError
from nas.genotype import Genotype, Stage, Stem
from nas.layers import (
    ONES,
    Act,
    AvgPool,
    Concat,
    Conv,
    Dropout,
    Linear,
    Mean,
    Node,
    Norm,
    Opaque,
    Pool,
    Residual,
    Seq,
    Sum,
    Triple,
    last,
    seq,
)
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
        head=head_piece(genotype, c_out).tree,
    )


def key(genotype: Genotype) -> str:
    """The network key: equal for genotypes that build the same layers in the same order, at the same clip.

    A hash of the tree (16 hexadecimal digits), in which fields at their default, names, and borders between
    stages do not count.
    """
    trees = pieces(genotype)
    blocks = [block.digest for piece in trees for block in piece.parts or (piece,)]
    clip = f"{genotype.input.frames}x{genotype.input.size}"
    heads = [] if genotype.head.average == "all" else [head_piece(genotype, trees[-1].c_out).digest]
    return sha256(",".join([clip, *blocks, *heads, str(genotype.classes)]).encode()).hexdigest()[:16]


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
    stages = [_located(("stages", number), _layers, stage) for number, stage in enumerate(genotype.stages)]
    counts = [genotype.stem.conv.layers, *stages]
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


def _layers(stage: Stage) -> int:
    return sum(part.layers for part in stage.blocks)


@lru_cache(maxsize=1 << 16)
def stage_piece(stage: Stage, c_in: int, flat: Flat) -> Piece:
    """The blocks of a stage, named by their number, behind its pooling (`pool`) if it has one."""
    blocks = stage.blocks
    parts, stride, layers = [], stage.stride, iter(flat)
    names = [str(number) for number in range(stage.depth)]
    if stage.pool:
        parts.append(pool_piece(stage.pool, c_in))
        names.insert(0, "pool")
    for number, part in enumerate(blocks):
        own = tuple(islice(layers, part.layers)) or (False,) * part.spec.layers
        where = ("replace",) if stage.replaces(number) else ()
        parts.append(_located(where, block_piece, part, Place(c_in, stage.width_of(number), stride, own)))
        c_in, stride = parts[-1].c_out, ONES
    tree = Seq(tuple((name, part.tree) for name, part in zip(names, parts, strict=True)))
    return Piece(tree, c_in, tuple(parts))


@lru_cache(maxsize=1 << 16)
def block_piece(part: Part, place: Place) -> Piece:
    """One block at its place."""
    tree = part(place) if part.spec.built_in else _of_user(part, place)
    if not isinstance(tree, Node):
        from nas.opaque import wrapped

        tree = wrapped(part, place)
    return Piece(tree, out_channels(tree, place.c_in))


def _of_user(part: Part, place: Place) -> Any:
    try:
        return part(place)
    except NasError:
        raise
    except Exception as error:  # whatever a user's code does
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        raise NasError(f"the block '{part.kind}' fails at {place}: {told}") from error


@lru_cache(maxsize=1 << 12)
def pool_piece(pool: genotypes.Pool, c_in: int) -> Piece:
    """The pooling in front of a stage."""
    return Piece(Pool(pool.kernel, pool.stride), c_in)


@lru_cache(maxsize=1 << 12)
def stem_piece(stem: Stem, flat: Flat) -> Piece:
    """The stem's convolution, norm, ReLU, and pooling if it has one."""
    conv = stem.operator(3, stem.width, stem.stride, any(flat))
    children = {"conv": conv}
    if isinstance(last(conv), Conv):
        children |= {"norm": Norm(stem.width), "act": Act()}
    if stem.pool:
        children["pool"] = Pool(stem.pool.kernel, stem.pool.stride)
    return Piece(seq(**children), stem.width)


def head_piece(genotype: Genotype, c_in: int) -> Piece:
    """The averages and the classifier; see `genotype.Head`."""
    average = genotype.head.average
    if isinstance(average, tuple) and all(all(flat) for flat in flat_layers(genotype)):
        average = (1, *average[1:])
    return _head(average, c_in, genotype.classes)


@lru_cache(maxsize=1 << 12)
def _head(average: str | Triple, c_in: int, classes: int) -> Piece:
    scores = {"drop": Dropout(), "fc": Linear(c_in, classes)}
    if average == "all":
        return Piece(seq(pool=Mean(), **scores), classes)
    pool = Mean("hw") if average == "frames" else AvgPool(average)
    return Piece(seq(pool=pool, **scores, average=Mean()), classes)


def out_channels(node: Node, c_in: int) -> int:
    """The channels that leave a tree which `c_in` channels enter."""
    if isinstance(node, Conv | Linear | Opaque):
        return node.c_out
    if isinstance(node, Seq):
        for _, child in node.children:
            c_in = out_channels(child, c_in)
        return c_in
    if isinstance(node, Residual):
        return out_channels(node.body, c_in)
    if isinstance(node, Concat):
        return sum(out_channels(branch, c_in) for _, branch in node.branches)
    return out_channels(node.branches[0][1], c_in) if isinstance(node, Sum) else c_in


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
