"""The command `nas retrain`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from nas.commands.options import Device, Imports
from nas.console import console


def retrain(
    study: Annotated[str, typer.Argument(help="A study folder.")],
    trial: Annotated[int | None, typer.Option(min=0, help="Number of the trial.")] = None,
    pick: Annotated[str | None, typer.Option(help="knee, best or cheapest of the front, in place of --trial.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the recipe's.")] = None,
    data: Annotated[str | None, typer.Option(help="In place of the recipe's.")] = None,
    imports: Imports = None,
    weights: Annotated[str | None, typer.Option(help="A file to start from; 2D weights are inflated.")] = None,
    deflated: Annotated[
        Literal["sum", "centre"], typer.Option(help="What deflated layers take of 3D kernels in --weights.")
    ] = "sum",
    device: Device = "auto",
) -> None:
    """Train a chosen genotype at full size; repeat to go on."""
    from nas import run

    if (trial is None) == (pick is None):
        raise typer.BadParameter("give --trial N or --pick knee, one of the two")
    if pick not in (None, "knee", "best", "cheapest"):
        raise typer.BadParameter(f"'{pick}' is none of knee, best, cheapest", param_hint="--pick")
    run.retrain(
        study,
        trial=trial,
        pick=pick,
        epochs=epochs,
        data=data,
        weights=weights,
        deflated=deflated,
        device=device,
        console=console,
    )
