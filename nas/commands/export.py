"""The commands `nas export` and `nas predict`."""

from __future__ import annotations

from typing import Annotated

import typer

from nas.commands.options import Device, Imports
from nas.console import console
from nas.exporting import FORMATS

Trial = Annotated[int | None, typer.Option(min=0, help="A trial whose full training is meant, of a study.")]


def export(
    run: Annotated[str, typer.Argument(help="A folder of nas retrain, or a .safetensors file in it; or a study.")],
    trial: Trial = None,
    formats: Annotated[
        str, typer.Option("--format", help=f"{', '.join(FORMATS)}, several with commas, or all.")
    ] = "python",
    out: Annotated[str | None, typer.Option(help="Folder; default export/ in the run's.")] = None,
    data: Annotated[str | None, typer.Option(help="int8: videos in place of the run's.")] = None,
    videos: Annotated[
        int, typer.Option(min=1, help="int8: at most so many validation videos compare it with float32.")
    ] = 1000,
    force: Annotated[
        bool, typer.Option("--force", help="Replace another export in the same folder, all of its formats.")
    ] = False,
    imports: Imports = None,
) -> None:
    """Write a trained network as files that stand alone: PyTorch source, ONNX, a torch program, 8-bit ONNX."""
    wanted = _formats(formats)
    from nas.exporting import exporting

    exporting.export(run, trial=trial, formats=wanted, out=out, data=data, videos=videos, force=force, console=console)


def predict(
    export: Annotated[str, typer.Argument(help="A folder of nas export, or of nas retrain.")],
    video: Annotated[list[str], typer.Argument(help="Video files, or folders of frames.")],
    top: Annotated[int, typer.Option(min=1, help="So many classes, the likeliest first.")] = 5,
    views: Annotated[
        str | None, typer.Option(help="Clips x crops of each video, such as 10x3 or all; default as it was tested.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="Which of the export's formats; default the first.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each video.")] = False,
    imports: Imports = None,
    device: Device = "auto",
) -> None:
    """Classify video files with an exported or a trained network."""
    asked = _views(views)
    if form is not None and form not in FORMATS:
        raise typer.BadParameter(f"'{form}' is none of {', '.join(FORMATS)}", param_hint="--format")
    from nas import classifying

    failed = classifying.classify(
        export, video, top=top, views=asked, form=form, as_json=as_json, device=device, console=console
    )
    if failed:
        raise typer.Exit(1)


def _formats(text: str) -> tuple[str, ...]:
    """The formats asked for, in their usual order."""
    asked = FORMATS if text == "all" else tuple(part.strip() for part in text.split(","))
    if unknown := [name for name in asked if name not in FORMATS]:
        raise typer.BadParameter(f"'{unknown[0]}' is none of {', '.join(FORMATS)}, all", param_hint="--format")
    return tuple(name for name in FORMATS if name in asked)


def _views(text: str | None) -> dict[str, int | str] | None:
    """`10x3` as clips and crops."""
    if text is None:
        return None
    clips, _, crops = text.partition("x")
    fits = clips == "all" or (clips.isascii() and clips.isdigit() and int(clips) > 0)
    if not fits or crops not in ("", "1", "3"):
        raise typer.BadParameter(f"'{text}' is not such as 10x3, 10x1 or all", param_hint="--views")
    return {"clips": clips if clips == "all" else int(clips), "crops": int(crops or 1)}
