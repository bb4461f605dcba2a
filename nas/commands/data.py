"""The commands `nas data check` and `nas data pack`."""

from __future__ import annotations

from typing import Annotated

import typer

from nas.console import console

app = typer.Typer(no_args_is_help=True, help="Look at a data set, or decode it once.")
Workers = Annotated[int | None, typer.Option(min=1, help="Decoding processes; default one a core.")]
Format = Annotated[str | None, typer.Option("--format", help="How the videos are listed; default: recognised.")]
Frames = Annotated[str | None, typer.Option(help="File names in folders of frames, such as img_{:05d}.jpg.")]


@app.command()
def check(
    path: Annotated[str, typer.Argument(help="A folder of videos, a list, motion or motion-appearance.")],
    list_format: Format = None,
    frames: Frames = None,
    out: Annotated[str | None, typer.Option(help="Folder of the report; default data-check/NAME.")] = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Open only so many files, spread over the set.")] = None,
    workers: Workers = None,
) -> None:
    """What a data set holds: classes, durations, sizes, missing, broken and double files; a page of pictures."""
    from nas import checking_data
    from nas.data_settings import DataSettings

    told = {"path": path, "format": list_format, "frames": frames}
    settings = DataSettings(**{name: value for name, value in told.items() if value is not None})
    checking_data.check(settings, out=out, sample=sample, workers=workers, console=console)


@app.command()
def pack(
    study: Annotated[str, typer.Argument(help="A study folder with its recipe, such as studies/k400.")],
    data: Annotated[str | None, typer.Option(help="motion, a folder of videos, or a list.")] = None,
    list_format: Format = None,
    frames: Frames = None,
    workers: Workers = None,
    verify: Annotated[bool, typer.Option("--verify", help="Read all frames and compare their checksums.")] = False,
) -> None:
    """Decode the videos of a study once; killed, the same command goes on."""
    from nas import packing_data

    flags = {"data.path": data, "data.format": list_format, "data.frames": frames}
    packing_data.pack(study, flags, workers=workers, verify=verify, console=console)
