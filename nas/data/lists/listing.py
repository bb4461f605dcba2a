"""What the lists of a data set say, before anything is looked for on the disk: columns of text, as pyarrow holds them.

A row is a clip. Where its video may be is said by one or several `Way`s, the best first: Kinetics has files that are
cut already, or else whole videos and the times of the cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True, eq=False)
class Way:
    """Where the video of each row may be, and its cut in seconds, float64 (n,), NaN where it is taken whole.

    `names` are paths below the data folder; or, `anywhere`, file names without ending that may lie in any folder.
    """

    names: pyarrow.StringArray
    anywhere: bool = False
    start: np.ndarray | None = None
    end: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Way:
        start, end = (None if times is None else times[rows] for times in (self.start, self.end))
        return Way(_take(self.names, rows), self.anywhere, start, end)


def _unnamed(row: int) -> str:
    return f"row {row + 1}"


@dataclass(frozen=True, eq=False)
class Rows:
    """The clips of a list.

    `labels` is a column of texts, or of lists of texts where a clip may have several; `splits` holds what a column of
    that name says; `where(row)` is the file and line of a row, for errors; `source` is the list.
    """

    labels: pyarrow.Array
    ways: tuple[Way, ...]
    where: Callable[[int], str] = _unnamed
    source: str = ""
    splits: pyarrow.StringArray | None = None

    @classmethod
    def of(
        cls,
        files: Iterable[str],
        labels: Iterable[str] | Iterable[Sequence[str]],
        *,
        where: Callable[[int], str] = _unnamed,
        source: str = "",
    ) -> Rows:
        """From plain sequences: paths below the data folder, and a label or a sequence of labels for each.

        >>> len(Rows.of(["a.mp4", "b/c.avi"], ["run", "jump"]))
        2
        """
        import pyarrow as pa

        labels = list(labels)
        kind = pa.list_(pa.string()) if labels and not isinstance(labels[0], str) else pa.string()
        return cls(pa.array(labels, kind), (Way(pa.array(list(files), pa.string())),), where, source)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Rows:
        """Some of them, in their order."""
        return replace(
            self,
            labels=_take(self.labels, rows),
            ways=tuple(way.take(rows) for way in self.ways),
            where=lambda row: self.where(int(rows[row])),
            splits=None if self.splits is None else _take(self.splits, rows),
        )


@dataclass(frozen=True)
class Classes:
    """The classes in the order of the network's outputs, and the numbers by which lists may call them; who says so.

    Without `numbers`, lists call them by their names, be these numbers or not.
    """

    names: tuple[str, ...]
    numbers: tuple[int, ...] = ()
    source: str = ""


@dataclass(frozen=True, eq=False)
class Listing:
    """What the lists of a data set say.

    Without `val`, a fifth of each class of `train` is held out; without `classes`, those that are listed are all.
    """

    root: Path
    train: Rows
    val: Rows | None
    classes: Classes | None = None
    multilabel: bool = False
    # as in ucf101:2, where the format has several lists
    variant: str = ""
    notes: tuple[str, ...] = ()


def _take(column: pyarrow.Array, rows: np.ndarray) -> pyarrow.Array:
    import pyarrow as pa

    return column.take(pa.array(rows))
