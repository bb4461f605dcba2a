"""The long-running commands, from request to result: search, pareto, retrain."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from nas import content, files, fronts, session, sources, strict_yaml
from nas import study as studies
from nas.console import count, say
from nas.data_settings import METRICS
from nas.driving import LOCK, driving
from nas.preparation import preparation
from nas.progress import SearchReporter, front_table
from nas.recipe import Recipe, RetrainSettings, TrainSettings
from nas.search import loop, registry
from nas.search.start import Start, starts
from nas.seeds import seed_for
from nas.sources import Means, Source
from nas.study import Study
from nas.summary import summary
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
) -> None:
    """Create or resume a study and run it to its number of trials, by training or by a `table`."""
    asked = session.request(target, flags)
    with files.tidied(asked.folder, LOCK), driving(asked.folder):
        if studies.exists(asked.folder):
            study, space = session.resume(asked)
            wanted = session.wanted(study, asked)
        else:
            study, wanted = None, asked.recipe
            space = session.open_space(wanted)
            registry.require(wanted.sampler.kind, "sampler")  # what is unknown: before anything is written
            loop.screen_of(wanted)
            known, over = starts(space, wanted.start_from, wanted.limits)
            if wanted.start_from:
                _tell_starts(known, over, console)
        try:
            source = _source(wanted, space, means, engine, table, console)
            if study is None:
                study = session.start(asked, space, source, known)
            session.check_source(study, source)
            _search(study, space, source, asked.recipe.trials, means, console)
        except KeyboardInterrupt:
            say(console, "interrupted: every finished trial is kept, and the same command goes on")
            sys.exit(INTERRUPTED)


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
    epochs = settings.proxy.train.epochs
    reporter = SearchReporter(console, str(study.folder), settings.objectives, trials, epochs, means.workers)
    with reporter.shown():
        why = loop.run(study, space, engine, reporter, trials=trials)
    say(console, why)
    say(console, f"front: nas pareto {study.folder}")


def pareto(target: str, *, console: Console) -> None:
    """Print the front and write pareto.csv, pareto.yaml and pareto.html into the study's folder."""
    from nas.page import write_page

    study = studies.open_study(content.study_folder(target))
    trials = study.trials()
    best = fronts.front(trials, study.recipe.objectives)
    table = fronts.frame(study)
    if best:
        console.print(front_table(best, title=f"{study.name}: {len(best)} on the front of {len(trials)} trials"))
        facts = table.attrs
        say(
            console,
            f"{CONVENTION} of {facts['clip']}; {facts['metric']} of the proxy ({facts['proxy']}) on {facts['dataset']}",
        )
        if facts["val_clips"]:
            noise = "its standard error from the number of validation clips (the spread between seeds comes on top)"
            say(console, f"± {noise}")
    else:
        say(console, f"{study.name}: no complete trial yet, of {len(trials)}")
    if engine := table.attrs["engine"]:
        say(console, f"accuracies from {engine}: nothing was trained in this study")
    if stopped := table.attrs["stopped"]:
        say(console, f"stopped early: {stopped}")
    rows = table.drop(columns="genotype", errors="ignore").to_csv(index=False)
    files.write(study.folder / "pareto.csv", rows.encode())
    files.write(study.folder / "pareto.yaml", _front_yaml(best).encode())
    clip = fronts.genotype_of(trials[0]).input if trials else None
    write_page(
        study.folder / "pareto.html",
        table,
        fronts.references(clip, table.attrs["dataset"]) if clip else None,
        retrained=fronts.retrained(study),
        target=str(study.folder),
        knee=fronts.pick(trials, study.recipe.objectives, "knee").number if best else None,
    )
    say(console, f"wrote {study.folder}/pareto.csv, pareto.yaml and pareto.html")


def retrain(
    target: str,
    *,
    trial: int | None,
    pick: str | None,
    epochs: int | None,
    data: str | None,
    weights: str | None,
    deflated: str,
    device: str,
    console: Console,
) -> None:
    """Train one trial's genotype at full size into `retrained/<trial>` of the study's folder."""
    study = studies.open_study(content.study_folder(target))
    chosen = study.trial(trial) if trial is not None else fronts.pick(study.trials(), study.recipe.objectives, pick)
    settings = session.retraining(study)
    wanted = study.recipe.model_copy(
        update={"data": study.recipe.data.model_copy(update={"path": data or study.recipe.data.path})}
    )
    if epochs:
        length = settings.train.model_copy(update=_length(settings.train, epochs))
        settings = settings.model_copy(update={"train": length})
    folder = study.folder / "retrained" / str(chosen.number)
    initial = _initial(weights, deflated) if weights else None
    try:
        with preparation(console) as progress:
            pack = session.prepare(wanted, progress)
        train_in_full(study, chosen, pack, wanted, settings, folder, initial, device, console)
    except KeyboardInterrupt:
        say(console, "interrupted: finished epochs are kept, and the same command goes on")
        sys.exit(INTERRUPTED)


def train_in_full(
    study, chosen, pack, wanted, settings: RetrainSettings, folder: Path, weights, device: str, console: Console
) -> None:
    """Train one trial at full size in `folder`, with what is to be seen on screen."""
    from nas.progress import RetrainReporter
    from nas.retrain import retrain as full_training

    train = settings.train
    genotype = fronts.genotype_of(chosen).model_copy(update={"input": settings.clip.clip, "classes": len(pack.classes)})
    facts = {
        "study": study.name,
        "trial": chosen.number,
        "proxy_accuracy": chosen.accuracy,
        "proxy": str(study.recipe.proxy),
    }
    clips = f"{count(train.epochs, 'epoch')} of {len(pack.train)} clips {genotype.input}"
    say(console, f"trial {chosen.number}: {summary(genotype)}; {clips}")
    metric = METRICS[pack.task.metric]
    reporter = RetrainReporter(console, train.epochs, metric)
    with reporter.shown():
        result = full_training(
            genotype, pack, settings, folder,
            seed=seed_for(study.recipe.seed, "retraining", chosen.key), data=wanted.data,
            name=f"{study.name}, trial {chosen.number}", weights=weights, device=device,
            on_epoch=reporter.epoch, on_step=reporter.step, on_note=reporter.note, facts=facts,
        )  # fmt: skip
    _draw_curve(result.curve, folder, session.dataset(wanted), str(genotype.input), metric)
    _draw_confusion(folder, session.dataset(wanted))
    proxy = "none" if chosen.accuracy is None else f"{chosen.accuracy:.3f}"
    told = f"{metric} {result.accuracy:.3f} after full training (one view, as validated), {proxy} by the proxy"
    say(console, f"{told}; wrote {folder}")


def _length(train: TrainSettings, epochs: int) -> dict[str, Any]:
    """Another number of epochs, and a warm-up that still fits into it."""
    warmup = train.warmup if train.warmup <= epochs else train.warmup * epochs / train.epochs
    return {"epochs": epochs, "warmup": warmup}


def _initial(weights: str, deflated: str):
    from nas.weights import read

    return replace(read(Path(weights)), deflated=deflated)


def _draw_curve(curve: list[dict], folder: Path, dataset: str, clip: str, metric: str) -> None:
    import pandas as pd

    from nas.plots.learning_curves import learning_curves

    rows = pd.DataFrame(curve)
    rows.attrs = {"dataset": dataset, "clip": clip, "metric": metric}
    learning_curves(rows).write_html(folder / "curve.html", include_plotlyjs=True)


def _draw_confusion(folder: Path, dataset: str) -> None:
    """Which classes the test took for which, where each video has one."""
    import pandas as pd

    from nas.plots.confusion_matrix import confusion_matrix

    if not (folder / "confusion.csv").exists():
        return
    counts = pd.read_csv(folder / "confusion.csv", index_col=0)
    counts.attrs = {"dataset": dataset}
    confusion_matrix(counts).write_html(folder / "confusion.html", include_plotlyjs=True)


def _front_yaml(best: list[Trial]) -> str:
    rows = []
    for trial in best:
        described = strict_yaml.plain(strict_yaml.parse(trial.genotype))
        costs = {
            "gflops": trial.cost.macs / 1e9,
            "ginteractions": trial.cost.interactions / 1e9,
            "mparams": trial.cost.params / 1e6,
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
