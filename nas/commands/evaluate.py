"""The command `nas evaluate`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from rich.console import Console

from nas.commands.options import Device, Imports
from nas.console import console


def evaluate(
    run: Annotated[
        list[str], typer.Argument(help="Folders of nas retrain, or .safetensors files in them; or a study.")
    ],
    trial: Annotated[
        list[int] | None, typer.Option(min=0, help="A trial whose full training is meant (repeatable), of a study.")
    ] = None,
    clips: Annotated[str | None, typer.Option(help="Clips of each video; all: one of all its frames.")] = None,
    crops: Annotated[int | None, typer.Option(help="Crops of each clip: 1 or 3.")] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Side of the crops, in pixels.")] = None,
    scale: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Part of the short side that a crop covers.")
    ] = None,
    reverse: Annotated[bool | None, typer.Option(help="Test with frames in reversed order too.")] = None,
    split: Annotated[Literal["val", "train"], typer.Option(help="Which videos.")] = "val",
    data: Annotated[str | None, typer.Option(help="Videos in place of the run's: motion, a folder, or a list.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Views at once.")] = 32,
    precision: Annotated[
        Literal["auto", "bf16", "fp16", "fp32"], typer.Option(help="auto: bf16 on a GPU, fp32 on a CPU.")
    ] = "auto",
    out: Annotated[str | None, typer.Option(help="Folder of the files, or a .csv file for the scores alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All figures as one JSON object.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace another evaluation in the same folder.")] = False,
    imports: Imports = None,
    device: Device = "auto",
) -> None:
    """Test trained networks on several views of each video; several: as an ensemble too."""
    if trial and len(run) > 1:
        raise typer.BadParameter("goes with one study", param_hint="--trial")
    if crops not in (None, 1, 3):
        raise typer.BadParameter(f"{crops} is neither 1 nor 3", param_hint="--crops")
    from nas import evaluating
    from nas.evaluation import Asked

    views = {"clips": _clips(clips), "crops": crops, "size": size, "scale": scale, "reverse": reverse}
    views = {name: value for name, value in views.items() if value is not None}
    evaluating.evaluate(
        run,
        Asked(views, batch, split=split, device=device, precision=precision),
        trials=trial or (),
        data=data,
        out=out,
        force=force,
        as_json=as_json,
        console=Console(stderr=True) if as_json else console,
    )


def _clips(text: str | None) -> int | str | None:
    if text in (None, "all"):
        return text
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise typer.BadParameter(f"'{text}' is neither a number of clips nor all", param_hint="--clips")
    return int(text)
