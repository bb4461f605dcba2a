"""Which clips validate where a data set does not say: a fifth of each class, by a hash of their names."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from nas.data.lists.listing import Rows

# Share of each class that validates.
HELD_OUT = 0.2


def held_out(rows: Rows, classes: np.ndarray, seed: int) -> np.ndarray:
    """Flags of the clips that validate, bool (n,): at least one of each class of two, and rows of one name together.

    `classes` int64 (n,) groups the clips. Files that come or go move few others, unlike a draw by position.
    """
    names = rows.ways[0].names.dictionary_encode()
    pairs = classes.astype(np.int64) * (len(names.dictionary) + 1) + names.indices.to_numpy()
    distinct, at, each = np.unique(pairs, return_index=True, return_inverse=True)
    groups = classes[at]
    order = np.lexsort((_hashes(rows, at, seed), groups))
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    counts = np.where(sizes > 1, np.maximum(1, np.rint(HELD_OUT * sizes)), 0)
    ranks = np.arange(len(distinct)) - np.repeat(starts, sizes)
    flags = np.empty(len(distinct), dtype=bool)
    flags[order] = ranks < np.repeat(counts, sizes)
    return flags[each]


def _hashes(rows: Rows, at: np.ndarray, seed: int) -> np.ndarray:
    """A number for each of some rows, uint64 (n,), that its label, its file's name and the seed decide."""
    some = rows.take(at)
    pairs = zip(some.labels.to_pylist(), some.ways[0].names.to_pylist(), strict=True)
    texts = (f"{seed}/{_text(label)}/{os.path.basename(name)}" for label, name in pairs)
    return np.fromiter(map(_hash, texts), np.uint64, len(at))


def _text(label: str | list[str]) -> str:
    return label if isinstance(label, str) else ",".join(label)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
