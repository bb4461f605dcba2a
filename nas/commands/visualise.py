"""The commands `nas visualise filters`, `weights`, `saliency` and `errors`."""

from __future__ import annotations

from typing import Annotated

import typer

from nas.commands.options import Imports
from nas.console import console

app = typer.Typer(no_args_is_help=True, help="What a trained network learned, and where it looks, as the papers show.")
Run = Annotated[str, typer.Argument(help="A folder of nas retrain, or one of the .safetensors files in it.")]
Out = Annotated[str | None, typer.Option(help="Folder of the files; default RUN/figures.")]


@app.command()
def filters(
    run: Run,
    layer: Annotated[
        list[str] | None,
        typer.Option(help="A layer, or a part such as stages.2 (repeatable); default: depthwise, RGB."),
    ] = None,
    number: Annotated[int, typer.Option("--filters", min=1, help="Filters of each layer, at most.")] = 256,
    out: Out = None,
    imports: Imports = None,
) -> None:
    """Learned depthwise filters, and those of the first layer in colour, as grids and animated."""
    from nas.visualising import drawing

    drawing.filters(run, layers=tuple(layer or ()), limit=number, out=out, console=console)


@app.command()
def weights(run: Run, out: Out = None, imports: Imports = None) -> None:
    """Box plots of each layer's weights by temporal offset."""
    from nas.visualising import drawing

    drawing.weights(run, out=out, console=console)


@app.command()
def saliency(
    run: Run,
    video: Annotated[str, typer.Argument(help="A video file, or a folder of pictures.")],
    name: Annotated[str | None, typer.Option("--class", help="The class to look for; default: the predicted.")] = None,
    layer: Annotated[
        str | None, typer.Option(help="Features of this part, such as stages.2; default: the last.")
    ] = None,
    out: Out = None,
    imports: Imports = None,
) -> None:
    """What in a video speaks for a class: over its frames, as a strip and animated."""
    from nas.visualising import drawing

    drawing.saliency(run, video, name=name, layer=layer, out=out, console=console)


@app.command()
def errors(
    targets: Annotated[list[str], typer.Argument(help="Folders of nas retrain; or a study with --trial.")],
    trial: Annotated[list[int] | None, typer.Option(min=0, help="A trial of the study (repeatable).")] = None,
    out: Annotated[str | None, typer.Option(help="Folder of the file; default figures in the first one.")] = None,
    imports: Imports = None,
) -> None:
    """Training against validation error over epochs, of several trials or runs."""
    from nas.visualising import drawing

    if trial and len(targets) > 1:
        raise typer.BadParameter("goes with one study", param_hint="--trial")
    drawing.errors(targets, trials=trial or (), out=out, console=console)
