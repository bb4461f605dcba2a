"""The command `nas retrain`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from nas.commands.options import Address, Device, Imports
from nas.console import console


def retrain(
    target: Annotated[str, typer.Argument(help="A study folder, a genotype file, or a published network.")],
    trial: Annotated[int | None, typer.Option(min=0, help="Number of the trial of a study.")] = None,
    pick: Annotated[
        Literal["knee", "best", "cheapest"] | None, typer.Option(help="Of the front, in place of --trial.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="How a paper trains: csn, s3d, sevnet, ct-net, ... in place of the recipe.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="The study whose recipe a network is trained by; default its paper's preset.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting, such as train.lr=0.02 or clip.size=112 (repeatable)."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Short for --set train.epochs=N.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Short for --set train.batch=N.")] = None,
    data: Annotated[str | None, typer.Option(help="Videos, in place of the recipe's.")] = None,
    out: Annotated[str | None, typer.Option(help="Folder; default retrained/TRIAL or NAME.")] = None,
    imports: Imports = None,
    weights: Annotated[
        str | None, typer.Option(help="A file or another run to start from; 2D weights are inflated.")
    ] = None,
    deflated: Annotated[
        Literal["sum", "centre"], typer.Option(help="What deflated layers take of 3D kernels in --weights.")
    ] = "sum",
    device: Device = "auto",
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="ray: by --workers processes on a cluster, or on this machine.")
    ] = "local",
    address: Address = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With --engine ray: processes that share each batch, one per GPU.")
    ] = None,
    cpus_per_worker: Annotated[int | None, typer.Option(min=1, help="Of each of them; default 1.")] = None,
) -> None:
    """Train a chosen network at full size; repeat to go on."""
    if trial is not None and pick is not None:
        raise typer.BadParameter("give --trial or --pick, one of the two")
    if preset is not None and recipe is not None:
        raise typer.BadParameter("give --preset or --recipe, one of the two")
    if engine == "local" and (address or workers or cpus_per_worker):
        raise typer.BadParameter("--address, --workers and --cpus-per-worker go with --engine ray")
    from nas import retraining

    short = {"train.epochs": epochs, "train.batch": batch}
    told = [f"{name}={value}" for name, value in short.items() if value is not None]
    how = retraining.How(recipe=recipe, preset=preset, changes=(*told, *(changes or ())), data=data)
    told_ray = {"address": address or "", "workers": workers or 1, "cpus": cpus_per_worker or 1}
    on_ray = retraining.OnRay(**told_ray, imports=tuple(imports or ())) if engine == "ray" else None
    retraining.retrain(
        target, trial=trial, pick=pick, how=how, out=out, weights=weights, deflated=deflated, device=device,
        console=console, on_ray=on_ray,
    )  # fmt: skip
