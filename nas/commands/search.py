"""The commands around spaces and studies: show, check, search, pareto, audit, tabulate, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nas.commands.options import Address, Device, Imports, Storage, Workers
from nas.console import console, say

if TYPE_CHECKING:
    from nas.sources import Cluster


def show(
    target: Annotated[str, typer.Argument(help="A published network, a genotype or space file, or a study.")],
    trial: Annotated[int | None, typer.Option(help="Number of a trial, when TARGET is a study.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Frames of the clip.")] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Height and width of the clip, in pixels.")] = None,
    classes: Annotated[int | None, typer.Option(min=1, help="Number of classes.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Exact integers as one JSON object.")] = False,
    imports: Imports = None,
) -> None:
    """Exact costs of a network, or the decisions of a space."""
    from nas import card, targets

    found = targets.resolve(target, trial)
    if isinstance(found, targets.Network):
        genotype = found.at(frames=frames, size=size, classes=classes)
        print(card.to_json(genotype, found.name)) if as_json else card.show(genotype, found.name, console)
        return
    if frames or size or classes or as_json:
        raise typer.BadParameter(f"{target} is a space; --frames, --size, --classes and --json go with a network")
    from nas import space_card

    space_card.show(found, console)


def check(
    space: Annotated[str, typer.Argument(help="A space file, or the name of one in space/.")],
    budget: Annotated[str, typer.Option(help="Limits such as 35gflops, 40ms or 10..35gflops,25mparams.")] = "",
    samples: Annotated[int, typer.Option(min=1, help="Records to draw.")] = 2000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    imports: Imports = None,
) -> None:
    """How much of a space is valid, fits a budget, costs what."""
    from nas import content, space_card
    from nas import space as spaces
    from nas.survey import survey
    from nas.units import Budget

    limits = Budget.parse(budget) if budget else Budget()
    found = spaces.load(content.find(space, "space"))
    if limits.limits_latency():
        from nas.latency import costing
        from nas.recipe import LatencySettings

        try:
            costing.begin(found, limits, LatencySettings(), console)
        except KeyboardInterrupt:
            say(console, "interrupted: blocks that were measured are kept, and the same command goes on")
            raise typer.Exit(130) from None
    counts, never = survey(found, limits, samples=samples, seed=seed)
    space_card.survey(found, limits, counts, never, console)


def search(
    study: Annotated[str | None, typer.Argument(help="A study folder with its recipe; default studies/motion.")] = None,
    space: Annotated[str | None, typer.Option(help="Space file or name.")] = None,
    budget: Annotated[str | None, typer.Option(help="Limits such as 35gflops, 40ms or 10..35gflops,25mparams.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Networks to train, in all.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Decides everything that chance decides.")] = None,
    data: Annotated[str | None, typer.Option(help="motion, a folder of videos, or a list.")] = None,
    objectives: Annotated[str | None, typer.Option(help="accuracy and any costs or latency, with commas.")] = None,
    sampler: Annotated[str | None, typer.Option(help="front, evolution, uniform, tpe, nsga2, nsga3, gp.")] = None,
    start_from: Annotated[
        list[str] | None, typer.Option(help="Train this network first (repeatable); all: all published ones that fit.")
    ] = None,
    screen: Annotated[
        str | None, typer.Option(help="SCORE:FACTOR trains the best by a score of so many proposals, e.g. entropy:8.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Trainings side by side; default 1, on a Ray cluster all that fit.")
    ] = None,
    engine: Annotated[
        Literal["train", "table", "ray"],
        typer.Option(help="train here, replay a table of trainings, or train on a Ray cluster."),
    ] = "train",
    address: Address = None,
    cpus: Annotated[float | None, typer.Option("--cpus-per-trial", min=0.01, help="CPUs that a trial takes.")] = None,
    gpus: Annotated[
        float | None, typer.Option("--gpus-per-trial", min=0, help="GPUs that a trial takes, such as 0.5.")
    ] = None,
    table: Annotated[str | None, typer.Option(help="The table; default studies/SPACE/table.parquet.")] = None,
    storage: Storage = None,
    replay: Annotated[str | None, typer.Option(help="Repeat this study and report what comes out otherwise.")] = None,
    imports: Imports = None,
    device: Device = "auto",
) -> None:
    """Search a space under a budget; repeat it to go on."""
    from nas import run
    from nas.sources import Means

    flags = {
        "space": space,
        "budget": budget,
        "trials": trials,
        "seed": seed,
        "data.path": data,
        "objectives": objectives,
        "sampler.kind": sampler,
        "sampler.screen": screen,
        "start_from": start_from or None,
    }
    cluster = _cluster(engine, device, address, cpus, gpus)
    means = Means(device=device, workers=workers, imports=tuple(imports or ()), cluster=cluster)
    if replay is not None:
        if study is not None or any(value is not None for value in flags.values()):
            told = "goes with --table, --engine, --workers, --device and --import alone"
            raise typer.BadParameter(told, param_hint="--replay")
        from nas import replaying

        replaying.replay(replay, means, table=table, console=console)
        return
    if table is not None and engine != "table":
        raise typer.BadParameter("goes with --engine table", param_hint="--table")
    kind = "table" if engine == "table" else "train"
    run.search(study, flags, means, console=console, engine=kind, table=table, storage=storage)


def _cluster(engine: str, device: str, address: str | None, cpus: float | None, gpus: float | None) -> Cluster | None:
    """The cluster that is asked for, if any; raises BadParameter for options that do not go together."""
    if engine != "ray":
        for option, value in (("address", address), ("cpus-per-trial", cpus), ("gpus-per-trial", gpus)):
            if value is not None:
                raise typer.BadParameter("goes with --engine ray", param_hint=f"--{option}")
        return None
    from nas.sources import Cluster

    if device != "auto":
        fix = "--gpus-per-trial 0" if device == "cpu" else "--gpus-per-trial 1"
        raise typer.BadParameter(f"{device} is not for --engine ray: give {fix}", param_hint="--device")
    if gpus is not None and gpus > 1 and gpus % 1:
        problem = f"{gpus:g} is neither a share of one GPU, such as 0.5, nor a whole number"
        raise typer.BadParameter(problem, param_hint="--gpus-per-trial")
    return Cluster(address or "", cpus, gpus)


def pareto(
    study: Annotated[str, typer.Argument(help="A study folder.")],
    imports: Imports = None,
) -> None:
    """The front of a study: table, CSV, YAML and page."""
    from nas import run

    run.pareto(study, console=console)


def audit(
    study: Annotated[str, typer.Argument(help="A study folder.")],
    full: Annotated[int | None, typer.Option(min=3, help="Retrain so many of its networks at full size.")] = None,
    score: Annotated[list[str] | None, typer.Option(help="A score to audit (repeatable); default all.")] = None,
    imports: Imports = None,
    device: Device = "auto",
) -> None:
    """How well scores, rungs and the proxy rank networks."""
    from nas import auditing

    auditing.audit(study, full=full, scores=tuple(score) if score else None, device=device, console=console)


def tabulate(
    space: Annotated[str, typer.Argument(help="A small space file, or the name of one in space/.")],
    study: Annotated[str | None, typer.Option(help="The recipe; default the study of the space's name.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each network.")] = 2,
    budget: Annotated[str, typer.Option(help="Limits such as 35gflops, 40ms or 10..35gflops,25mparams.")] = "",
    out: Annotated[str | None, typer.Option(help="The table; default studies/SPACE/table.parquet.")] = None,
    data: Annotated[str | None, typer.Option(help="In place of the recipe's.")] = None,
    workers: Workers = 1,
    imports: Imports = None,
    device: Device = "auto",
) -> None:
    """Train every network of a small space into a table."""
    from nas import tabulate as tables
    from nas.sources import Means

    means = Means(device=device, workers=workers, imports=tuple(imports or ()))
    tables.tabulate(space, study=study, seeds=seeds, budget=budget, out=out, data=data, means=means, console=console)


def compare(
    spaces: Annotated[list[str], typer.Argument(help="One space with --samplers; or several to compare.")],
    samplers: Annotated[str | None, typer.Option(help="Samplers, with commas.")] = None,
    engine: Annotated[
        Literal["table", "surrogate"] | None,
        typer.Option(help="Accuracies for samplers: of a table (the default), or made up."),
    ] = None,
    table: Annotated[str | None, typer.Option(help="The table; default studies/SPACE/table.parquet.")] = None,
    study: Annotated[str | None, typer.Option(help="The recipe; default that of the space, or motion.")] = None,
    repeats: Annotated[int, typer.Option(min=2, help="Searches of each sampler.")] = 20,
    stopping: Annotated[Literal["on", "off", "both"], typer.Option(help="Early stopping of the searches.")] = "on",
    budget: Annotated[str | None, typer.Option(help="Limits such as 35gflops, 40ms or 10..35gflops,25mparams.")] = None,
    objectives: Annotated[str | None, typer.Option(help="accuracy and any costs or latency, with commas.")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Of each search (200), or of each space (100).")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Decides everything that chance decides.")] = None,
    data: Annotated[str | None, typer.Option(help="Videos for spaces, in place of the recipe's.")] = None,
    workers: Workers = 1,
    imports: Imports = None,
    device: Device = "auto",
) -> None:
    """Compare samplers, or spaces at equal cost."""
    more = {"workers": workers, "imports": tuple(imports or ()), "console": console}
    if samplers is None:
        if len(spaces) < 2:
            raise typer.BadParameter("give --samplers to compare samplers on one space, or several spaces")
        if objectives is not None or table is not None or engine is not None:
            raise typer.BadParameter("--objectives, --engine and --table go with --samplers")
        from nas import comparing_spaces

        flags = {"budget": budget, "seed": seed, "data.path": data, "study": study}
        comparing_spaces.compare(spaces, flags, trials=trials or 100, device=device, **more)
        return
    if len(spaces) > 1:
        raise typer.BadParameter("samplers are compared on one space")
    if data is not None or (table is not None and engine == "surrogate"):
        raise typer.BadParameter("trains nothing: --data goes with spaces, --table with --engine table")
    from nas import comparing_samplers

    flags = {"budget": budget, "objectives": objectives, "seed": seed}
    comparing_samplers.compare(
        spaces[0], samplers.split(","), engine=engine or "table", given=table, study=study, flags=flags,
        repeats=repeats, trials=trials or 200, stopping=stopping, **more,
    )  # fmt: skip
