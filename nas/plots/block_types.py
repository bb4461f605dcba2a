"""The block type of each trial, told from its decisions: the family, the block, and the conv operator in it."""

from __future__ import annotations

import re

import pandas as pd

from nas.plots import decisions
from nas.plots import trials as frame

# the last words of decisions that tell a block type, in the order in which it is told
TELLING = ("family", "block", "conv")
# so many types have a mark or curve of their own
TYPES = 12
MIXED, OTHERS, NONE = "mixed", "other types", "trials"


def block_types(trials: pd.DataFrame) -> pd.Series:
    """The block type of each trial, from the decisions whose name ends in family, block or conv.

    'mixed' where a network's stages differ; 'trials' where no decision tells; beyond the twelve most frequent types
    'other types'.

    >>> frame = pd.DataFrame({"decision.a.block": ["ir", "ir", None], "decision.b.block": ["ir", "ip", None]})
    >>> block_types(frame).tolist()
    ['ir', 'mixed', 'trials']
    >>> block_types(pd.DataFrame({"decision.block": ["bottleneck"], "decision.conv": ["depthwise"]})).tolist()
    ['bottleneck depthwise']
    """
    parts = [_answers(trials, ending) for ending in TELLING]
    told = [" ".join(filter(None, answers)) or NONE for answers in zip(*parts, strict=True)]
    types = pd.Series(told, index=trials.index, dtype=object)
    most = types.value_counts().index
    return types if len(most) <= TYPES else types.where(types.isin(most[: TYPES - 1]), OTHERS)


def _answers(trials: pd.DataFrame, ending: str) -> list[str]:
    """What all decisions with this ending say of each trial, '' where none does."""
    columns = [name for name in decisions.columns(trials) if last_word(name) == ending]
    if not columns:
        return [""] * len(trials)
    rows = zip(*(decisions.labels(trials[name]) for name in columns), strict=True)
    kinds = [{label for label in row if label} for row in rows]
    return [MIXED if len(kind) > 1 else next(iter(kind), "") for kind in kinds]


def last_word(name: str) -> str:
    """What a decision is about: the end of its name.

    >>> last_word("decision.family=csn.block"), last_word("decision.block=ct.conv")
    ('block', 'conv')
    """
    return re.split(r"[.=]", str(name).removeprefix(frame.DECISION))[-1]
