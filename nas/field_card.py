"""The interaction fields of a genotype as a table of `nas show`."""

from __future__ import annotations

from itertools import pairwise

from rich.table import Table

from nas.field import Interaction, fields
from nas.genotype import Genotype

TITLE = "interaction field (channels, and frames x height x width, that meet in one output)"
CAPTION = "operator: without gates; network: the stem's channels, frames and pixels of the input"


def table(genotype: Genotype) -> Table:
    """One row for the stem, for equal blocks of each stage, and for the network (see `nas.field.fields`)."""
    table = Table(title=TITLE, caption=CAPTION, title_justify="left", caption_justify="left", box=None)
    table.padding = (0, 1, 0, 0)
    table.add_column("stage")
    table.add_column("blocks", no_wrap=True)
    table.add_column("kind", overflow="fold")
    table.add_column("operator", justify="right")
    table.add_column("extent", no_wrap=True)
    table.add_column("block", justify="right")
    table.add_column("extent", no_wrap=True)
    for row in fields(genotype):
        cells = [*_cells(row.operator, ""), *_cells(row.whole, "unknown")]
        table.add_row(row.name, numbers(row.blocks), row.kind, *cells)
    return table


def numbers(blocks: tuple[int, ...]) -> str:
    """Numbers of blocks, briefly where four or more keep one distance.

    >>> numbers((0,)), numbers((0, 2, 3)), numbers((1, 2, 3, 4)), numbers((1, 3, 5, 7, 9))
    ('0', '0 2 3', '1 to 4', '1 3 ... 9')
    """
    distances = {after - before for before, after in pairwise(blocks)}
    if len(blocks) < 4 or len(distances) > 1:
        return " ".join(map(str, blocks))
    if distances == {1}:
        return f"{blocks[0]} to {blocks[-1]}"
    return f"{blocks[0]} {blocks[1]} ... {blocks[-1]}"


def _cells(found: Interaction | None, missing: str) -> tuple[str, str]:
    if not found:
        return missing, ""
    return f"all {found.of}" if found.channels == (found.of, found.of) else f"{found.count} of {found.of}", found.box
