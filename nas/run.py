"""The commands around a study, from request to result: search and pareto."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from nas import content, files, fronts, session, sources, strict_yaml
from nas import study as studies
from nas.console import say
from nas.driving import LOCK, driving
from nas.latency import costing
from nas.preparation import preparation
from nas.progress import SearchReporter, front_table
from nas.recipe import Recipe
from nas.search import loop, registry
from nas.search.start import Start, starts
from nas.sources import Means, Source
from nas.space import Space
from nas.study import Study
from nas.terminal_front import drawing
from nas.trial import Trial
from nas.units import CONVENTION

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


def search(
    target: str | None,
    flags: dict[str, Any],
    means: Means,
    *,
    console: Console,
    engine: str = "train",
    table: str | None = None,
    storage: str | None = None,
) -> None:
    """Create, resume or join a study and run it to its number of trials, by training or by a `table`.

    Its trials are in its folder, or in the database that the URL `storage` names, where several drivers may search.
    """
    asked = session.request(target, flags)
    address = studies.address_of(asked.folder, storage)
    alone = driving(asked.folder, shared=address is not None)
    with files.tidied(asked.folder, LOCK), alone:
        try:
            with ExitStack() as leaving:  # in there, an interrupt may be the end of a cluster
                if begun := session.begun(asked, address):
                    study, space = begun
                    wanted = session.wanted(study, asked)
                    if wanted.timed:
                        costing.resume(space, wanted.limits, study.folder, console, quiet=means.undisturbed)
                else:
                    study, wanted = None, asked.recipe
                    registry.require(wanted.sampler.kind, "sampler")  # what is unknown: before anything is written
                    loop.screen_of(wanted)
                    space = session.open_space(wanted, _measuring(wanted, asked.folder, console))
                    known, over = starts(space, wanted.start_from, wanted.limits)
                    if wanted.start_from:
                        _tell_starts(known, over, console)
                leaving.enter_context(means.reached(console))
                source = _source(wanted, space, means, engine, table, console)
                if study is None:
                    told = costing.keep(space, asked.folder, quiet=means.undisturbed) if wanted.timed else ""
                    study, space = session.start(asked, space, source, known, told, address)
                session.check_source(study, source)
                _search(study, space, source, asked.recipe.trials, means, console)
        except KeyboardInterrupt:
            say(console, "interrupted: every finished trial is kept, and the same command goes on")
            sys.exit(INTERRUPTED)


def _measuring(wanted: Recipe, folder: Path, console: Console) -> Callable[[Space], None] | None:
    """What lets a space tell milliseconds, where the recipe asks for them."""
    if not wanted.timed:
        return None
    own = folder / costing.TABLE
    return partial(costing.begin, limits=wanted.limits, settings=wanted.latency, console=console, own=own)


def _source(wanted: Recipe, space, means: Means, engine: str, table: str | None, console: Console) -> Source:
    if engine == "table":
        return sources.replayed(wanted, space, table)
    with preparation(console) as progress:
        return sources.training(wanted, means, progress)


def _tell_starts(known: list[Start], over: list[str], console: Console) -> None:
    names = ", ".join(start.name for start in known)
    told = f"starts from {len(known)} of the known networks, at the space's clip: {names}"
    say(console, told if known else "no published network that fits the budget is in this space")
    if over:
        more = f" and {len(over) - 3} more" if len(over) > 3 else ""
        say(console, f"over the budget, left out: {', '.join(over[:3])}{more}")


def _search(study: Study, space, source: Source, trials: int, means: Means, console: Console) -> None:
    settings = study.recipe
    budget = settings.budget or "none"
    engine, told = source.engine(study)
    say(console, f"{study.folder}: {space.name}, budget {budget}, {settings.sampler.kind}, seed {settings.seed}")
    say(console, f"{source.told}; proxy {settings.proxy}; {told}")
    if study.shared:
        say(console, f"trials in {study.storage.where}, study {study.name}; other hosts join by the same command")
    study.storage.tell = partial(say, console)
    epochs = settings.proxy.train.epochs
    reporter = SearchReporter(console, str(study.folder), settings.objectives, trials, epochs)
    with reporter.shown():
        why = loop.run(study, space, engine, reporter, trials=trials)
    say(console, why)
    say(console, f"front: nas pareto {study.folder}")


def pareto(target: str, *, console: Console) -> None:
    """Print the front and write pareto.csv, pareto.yaml and pareto.html into the study's folder."""
    from nas.dashboard import board, static
    from nas.dashboard.payload import payload

    study = studies.open_study(content.study_folder(target))
    trials = study.trials()
    best = fronts.front(trials, study.recipe.objectives)
    table = fronts.frame(study)
    if best:
        console.print(front_table(best, title=f"{study.name}: {len(best)} on the front of {len(trials)} trials"))
        if drawn := drawing(trials, {trial.number for trial in best}, width=console.width):
            console.print(Text(f"\n{table.attrs['metric']} over GFLOPs: o on the front, . dominated\n{drawn}\n"))
        facts = table.attrs
        say(
            console,
            f"{CONVENTION} of {facts['clip']}; {facts['metric']} of the proxy ({facts['proxy']}) on {facts['dataset']}",
        )
        if facts["latency"]:
            say(console, f"ms: inference, the sum of blocks measured on {facts['latency']}")
        if facts["val_clips"]:
            noise = "its standard error from the number of validation clips (the spread between seeds comes on top)"
            say(console, f"± {noise}")
    else:
        say(console, f"{study.name}: no complete trial yet, of {len(trials)}")
    if engine := table.attrs["engine"]:
        say(console, f"accuracies from {engine}: nothing was trained in this study")
    if stopped := table.attrs["stopped"]:
        say(console, f"stopped early: {stopped}")
    rows = table.drop(columns="genotype", errors="ignore").rename(columns={"latency": "latency_ms"})
    files.write(study.folder / "pareto.csv", rows.to_csv(index=False).encode())
    files.write(study.folder / "pareto.yaml", _front_yaml(best).encode())
    static.write(study.folder / "pareto.html", payload([study], board.load("pareto")))
    say(console, f"wrote {study.folder}/pareto.csv, pareto.yaml and pareto.html")


def _front_yaml(best: list[Trial]) -> str:
    rows = []
    for trial in best:
        described = strict_yaml.plain(strict_yaml.parse(trial.genotype))
        costs = {
            "gflops": trial.cost.macs / 1e9,
            "ginteractions": trial.cost.interactions / 1e9,
            "mparams": trial.cost.params / 1e6,
            **({} if trial.cost.latency is None else {"latency_ms": trial.cost.latency}),
        }
        rows.append(
            {
                "trial": trial.number,
                "accuracy": trial.accuracy,
                **costs,
                "key": trial.key,
                "genotype": described,
            }
        )
    return strict_yaml.dump({"front": rows})
