"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer


def _import(files: list[str] | None) -> list[str] | None:
    """Make the blocks in the user's files known, before anything else is read."""
    from nas import user_blocks

    for file in files or []:
        user_blocks.load(file)
    return files


def _named(address: str | None) -> str | None:
    if address is not None and not address.strip():
        raise typer.BadParameter("is empty: write HOST:PORT or auto, or leave it away")
    return address


Address = Annotated[
    str | None,
    typer.Option(
        callback=_named, help="HOST:PORT of the Ray cluster, or auto on a node of it; default: one of this machine."
    ),
]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        callback=_import,
        is_eager=True,
        help="A Python file with blocks, scores or samplers of yours.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Storage = Annotated[
    str | None,
    typer.Option(
        envvar="NAS_STORAGE",
        show_envvar=False,
        help="Database for the trials, such as postgresql://USER@HOST/DATABASE (or NAS_STORAGE), in place of a file in "
        "the folder: several hosts may search one study. Its password: NAS_STORAGE_PASSWORD.",
    ),
]
Workers = Annotated[int, typer.Option(min=1, help="Local processes side by side: one per GPU, or sharing the cores.")]
