"""What every other score is measured against: depth, params, GFLOPs, interactions, and the interaction field.

All but the last are the exact costs of `nas.cost`, as they stand in every table.
"""

from __future__ import annotations

from functools import lru_cache
from math import log2, prod

from nas.cost import cost
from nas.errors import NasError
from nas.field import block_fields
from nas.genotype import Genotype
from nas.layers import Opaque, leaves
from nas.network import Piece, pieces
from nas.scores.registry import score


@score("depth")
def depth(genotype: Genotype) -> float:
    """Convolutions and linear layers on the longest path."""
    return cost(genotype).depth


@score("params")
def params(genotype: Genotype) -> float:
    """Trainable parameters."""
    return cost(genotype).params


@score("gflops")
def gflops(genotype: Genotype) -> float:
    """10^9 multiply-accumulates per clip, at the genotype's own clip."""
    return cost(genotype).macs / 1e9


@score("interactions")
def interactions(genotype: Genotype) -> float:
    """Pairs of input channels that meet in one filter, over all filters."""
    return cost(genotype).interactions


@score("field")
def field(genotype: Genotype) -> float:
    """How much of its input one output of a conv operator mixes: log2 of channels x frames x height x width.

    The mean over the network's blocks of log2 of the volume that `nas show` prints as the operator's interaction
    field (`16 of 64 channels, 3x3x3` is log2(16 * 27) = 8.75), gates left out; the larger count where outputs see
    different numbers of channels. Of the operator and not of the block, since a block's 1x1x1 convolutions connect
    all channels whatever stands between them; a mean and no sum, which would be the depth once more.

    >>> from nas import content, genotype
    >>> round(field(genotype.load(content.find("ir-csn-50", "models"))), 3)  # depthwise: log2(27)
    4.755

    Blocks of 1x1x1 convolutions alone have no operator and do not count. Raises NasError where a block is a torch
    module, which cannot be followed.
    """
    stem, *stages = pieces(genotype)
    total, count, c_in = 0.0, 0, stem.c_out
    for stage in stages:
        volume, operators = _stage(stage, c_in)
        total, count, c_in = total + volume, count + operators, stage.c_out
    return total / count if count else 0.0


@lru_cache(maxsize=1 << 16)
def _stage(stage: Piece, c_in: int) -> tuple[float, int]:
    """The sum of the operators' log2 volumes, and their number."""
    volumes = []
    for block in stage.parts:
        volumes += _operator(block, c_in)
        c_in = block.c_out
    return sum(volumes), len(volumes)


@lru_cache(maxsize=1 << 16)
def _operator(block: Piece, c_in: int) -> list[float]:
    """The log2 volume of a block's operator, if it has one; an axis that is averaged away counts as 1."""
    if opaque := next((leaf for leaf in leaves(block.tree) if isinstance(leaf, Opaque)), None):
        raise NasError(
            f"the score 'field' cannot follow the block '{opaque.kind}', a torch module", fix="return a tree from it"
        )
    operator, _ = block_fields(block, c_in)
    return [] if operator is None else [log2(operator.channels[1] * prod(size or 1 for size in operator.extent))]
