"""The command `nas latency`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from nas.commands.options import Imports
from nas.console import console


def latency(
    target: Annotated[
        list[str],
        typer.Argument(help="Networks by name, file or 'pattern', a study (its front); with --blocks also spaces."),
    ],
    trial: Annotated[int | None, typer.Option(min=0, help="A trial of a study, in place of its front.")] = None,
    blocks: Annotated[bool, typer.Option("--blocks", help="Block by block: which take long for what they do.")] = False,
    batch: Annotated[str | None, typer.Option(help="Clips at once, such as 1,8.")] = None,
    dtype: Annotated[str | None, typer.Option(help="Number formats, of fp32,bf16,fp16.")] = None,
    memory_format: Annotated[str | None, typer.Option(help="Of channels_last,contiguous.")] = None,
    threads: Annotated[
        str | None, typer.Option(help="CPU threads, such as 1,2; default: as many as torch takes.")
    ] = None,
    compiled: Annotated[bool, typer.Option("--compile", help="Compiled by torch.compile as well.")] = False,
    training: Annotated[bool, typer.Option("--training", help="Forward and backward in place of inference.")] = False,
    frames: Annotated[int | None, typer.Option(min=1, help="Frames of the clip.")] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Height and width of the clip, in pixels.")] = None,
    classes: Annotated[int | None, typer.Option(min=1, help="Number of classes.")] = None,
    repeats: Annotated[int, typer.Option(min=2, help="Samples that make a figure.")] = 10,
    force: Annotated[bool, typer.Option("--force", help="Measure anew what was measured before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All figures as JSON.")] = False,
    imports: Imports = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N; default: a GPU if there is one.")] = None,
) -> None:
    """Milliseconds and memory of networks on this device; of a study, of its front."""
    from nas.errors import NasError
    from nas.latency import named
    from nas.latency.measuring import Asked, measure
    from nas.latency.setting import DTYPES, FORMATS

    if blocks and (compiled or training):
        raise typer.BadParameter("blocks are measured in inference, uncompiled", param_hint="--blocks")
    asked = Asked(
        device=device,
        dtypes=_listed(dtype, "--dtype", DTYPES), formats=_listed(memory_format, "--memory-format", FORMATS),
        batches=_numbers(batch, "--batch"), threads=_numbers(threads, "--threads"),
        compiled=compiled, training=training, rounds=repeats, force=force,
    )  # fmt: skip
    networks, spaces = named.resolve(target, trial, named.Clip(frames, size, classes))
    told = {"as_json": as_json, "console": Console(stderr=True) if as_json else console}
    if blocks:
        from nas.latency.measuring_blocks import measure_blocks

        measure_blocks(networks, spaces, asked, **told)
        return
    if spaces:
        fix = "name networks or a study; --blocks measures the blocks of a space"
        raise NasError("is a space, not a network", where=spaces[0].name, fix=fix)
    measure(networks, asked, **told)


def _listed(text: str | None, option: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Names with commas between, each of those that are known."""
    names = _parts(text)
    if unknown := next((name for name in names if name not in known), None):
        raise typer.BadParameter(f"'{unknown}' is none of {', '.join(known)}", param_hint=option)
    return names


def _numbers(text: str | None, option: str) -> tuple[int, ...]:
    """Whole numbers with commas between."""
    parts = _parts(text)
    if wrong := next((part for part in parts if not part.isdecimal() or int(part) < 1), None):
        raise typer.BadParameter(f"'{wrong}' is no whole number from 1 on", param_hint=option)
    return tuple(map(int, parts))


def _parts(text: str | None) -> tuple[str, ...]:
    return () if text is None else tuple(dict.fromkeys(part.strip() for part in text.split(",")))
