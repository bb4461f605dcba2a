"""The command `nas retrain`: from a trial, a genotype file or a published network to a finished run in a folder.

What is trained is a `Job`; how is the recipe's `retrain:` section, a preset's settings, or either with changes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from nas import content, fronts, presets, recipe, recorded, session, strict_yaml, targets
from nas import study as studies
from nas.console import count, say
from nas.data_settings import METRICS, DataSettings
from nas.errors import NasError
from nas.genotype import Genotype
from nas.network import key
from nas.preparation import Preparation, preparation
from nas.recipe import Recipe, RetrainSettings
from nas.retraining_card import draw, ended, noteworthy, short
from nas.run import INTERRUPTED
from nas.schema import SchemaError, validate
from nas.seeds import seed_for
from nas.study import Study
from nas.summary import summary
from nas.trial import Trial

if TYPE_CHECKING:
    from nas.data.pack import Pack
    from nas.data.task import Task
    from nas.data.videos import VideoSet
    from nas.group import Group
    from nas.weights import Weights

GENOTYPE = "genotype.yaml"  # in the folder of a run
RUNS = "retrained"  # the folder of a study, or here, that holds runs


@dataclass(frozen=True)
class How:
    """What the command line says of a training: a study's recipe, a paper's `preset`, changes, and other videos."""

    recipe: str | None = None
    preset: str | None = None
    changes: tuple[str, ...] = ()
    data: str | None = None


@dataclass(frozen=True)
class Job:
    """One training: which network, how, on which videos, into which folder; `facts` are kept in its metrics."""

    name: str
    genotype: Genotype
    settings: RetrainSettings
    data: DataSettings
    folder: Path
    seed: int
    facts: Mapping[str, Any]
    packs: str = "copy"  # how nodes of a cluster get theirs


@dataclass(frozen=True)
class OnRay:
    """Workers of a Ray cluster in place of this process: at which address (empty: on this machine), and how many."""

    address: str = ""
    workers: int = 1
    cpus: int = 1  # of each
    imports: tuple[str, ...] = ()


def retrain(
    target: str,
    *,
    trial: int | None,
    pick: str | None,
    how: How,
    out: str | None,
    weights: str | None,
    deflated: str,
    device: str,
    console: Console,
    on_ray: OnRay | None = None,
) -> None:
    """Train a network at full size; the same call again goes on, or finds it finished."""
    from nas.group import joined

    with joined(device) as group:
        shown = console if group.is_first else Console(quiet=True)
        try:
            job = _job(target, trial, pick, how, Path(out) if out else None)
            initial = _initial(weights, deflated) if weights else None
            with _trainer(on_ray, device, job.packs, group) as (by, of):
                with preparation(shown) as progress:
                    pack, job = packed(job, progress)
                train(job, pack, initial, device, shown, of, by)
        except KeyboardInterrupt:
            say(shown, "interrupted: finished epochs are kept, and the same command goes on")
            sys.exit(INTERRUPTED)


@contextmanager
def _trainer(on_ray: OnRay | None, device: str, packs: str, group: Group) -> Iterator[tuple[Callable | None, Group]]:
    """Who trains: this process with its group, or workers of a cluster, which is left or ended afterwards."""
    if on_ray is None:
        yield None, group
        return
    if group.size > 1:
        raise NasError("starts its own workers", where="--engine ray", fix="call it without torchrun")
    from nas.cluster import connecting, training

    cpus = max(os.cpu_count() or 1, on_ray.workers * on_ray.cpus)
    with connecting.connected(on_ray.address, cpus=cpus) as found:
        how = {"local": not found, "packs": packs, "imports": on_ray.imports}
        by = training.workers(on_ray.workers, on_ray.cpus, device, **how)
        yield partial(training.retrain, by=by), replace(group, size=on_ray.workers)


def of_trial(study: Study, trial: Trial, settings: RetrainSettings, data: DataSettings, out: Path | None = None) -> Job:
    """The training of a study's trial, into retrained/NUMBER of its folder.

    Raises NasError where the trial's genotype does not cost what is on record.
    """
    genotype = fronts.genotype_of(trial)
    recorded.check_trial(trial.cost, genotype, f"{study.folder}, trial {trial.number}")
    return Job(
        name=f"{study.name}, trial {trial.number}",
        genotype=genotype,
        settings=settings,
        data=data.model_copy(update={"pack": settings.pack or data.pack}),
        folder=out or study.folder / RUNS / str(trial.number),
        seed=seed_for(study.recipe.seed, "retraining", trial.key),
        facts={
            "study": study.name,
            "trial": trial.number,
            "proxy_accuracy": trial.accuracy,
            "proxy": str(study.recipe.proxy),
            "proxy_data": session.dataset(study.recipe.data),
            "proxy_pack": data.pack.model_dump(mode="json"),
        },
        packs=study.recipe.cluster.packs,
    )


def packed(job: Job, progress: Preparation) -> tuple[Pack, Job]:
    """The job's packed videos, and the job with a fingerprint of what proxies saw of them, where it is of a trial."""
    from nas.data.pack import fingerprint
    from nas.data.packing import untrained
    from nas.packed import packed as made
    from nas.retrain import check_genotype

    def fits(videos: VideoSet, task: Task) -> None:
        check_genotype(job.folder, _here(job, len(task.classes)))

    videos, pack = made(job.data, progress, flips=[job.settings.clip.flip], fits=fits)
    if pack.losses:
        progress.note(pack.losses)
    if untaught := untrained(pack.task, pack.train.labels, pack.val.labels):
        progress.note(untaught)
    if "proxy_pack" not in job.facts:
        return pack, job
    seen = DataSettings.model_validate(job.data.model_dump() | {"pack": job.facts["proxy_pack"]})
    same = fingerprint(videos, seen) if seen.pack != job.data.pack else pack.fingerprint
    return pack, replace(job, facts={**job.facts, "proxy_videos": same})


def train(
    job: Job,
    pack: Pack,
    weights: Weights | None,
    device: str,
    console: Console,
    group: Group | None = None,
    by: Callable | None = None,
) -> None:
    """Train a job in its folder, `by` what takes the place of `nas.retrain.retrain`, with what is to be seen."""
    from nas import retrain as here
    from nas.group import ALONE
    from nas.progress import RetrainReporter
    from nas.train import check

    settings, metric, group = job.settings, METRICS[pack.task.metric], group or ALONE
    check(pack, settings.train, group)
    genotype = _here(job, len(pack.classes))
    videos = f"{count(len(pack.train), 'clip')} of {session.dataset(job.data)}, {genotype.input}"
    clips = f"{count(settings.train.epochs, 'epoch')} of {videos}"
    say(console, f"{job.name}: {summary(genotype)}; {clips}{noteworthy(settings, group)}")
    if job.genotype.classes != genotype.classes:
        now = count(genotype.classes, "class")
        say(console, f"its classifier has the {now} of the data, in place of the {job.genotype.classes} on file")
    for line in short(settings, pack):
        say(console, line)
    reporter = RetrainReporter(console, settings.train.epochs, metric)
    with reporter.shown():
        result = (by or here.retrain)(
            genotype, pack, settings, job.folder, seed=job.seed, data=job.data, name=job.name, weights=weights,
            device=device, on_epoch=reporter.epoch, on_step=reporter.step, on_note=reporter.note,
            on_test=reporter.tested, facts=job.facts, group=group,
        )  # fmt: skip
    if group.is_first:
        dataset = session.dataset(job.data)
        draw(result, job.folder, dataset, str(settings.clip.clip), metric)
        say(console, f"{ended(job.facts, result, metric, dataset)}; wrote {job.folder}")


def _here(job: Job, classes: int) -> Genotype:
    """The network as it is trained: at the clip of its settings, for the classes of its data."""
    here = {"input": job.settings.clip.clip, "classes": classes, "exact": (), "published": ()}
    return job.genotype.model_copy(update=here)


# ---- what is asked for


def _job(target: str, trial: int | None, pick: str | None, how: How, out: Path | None) -> Job:
    folder = content.study_folder(target)
    if studies.exists(folder):
        study = studies.open_study(folder)
        if how.recipe:
            raise NasError("is a study, and has its recipe", where=target, fix="leave --recipe away, or give --preset")
        chosen = study.trial(trial) if trial is not None else _picked(study, pick)
        settings = _settings(session.retraining(study), how, fronts.genotype_of(chosen))
        return of_trial(study, chosen, settings, _data(study.recipe.data, how), out)
    if (folder / GENOTYPE).exists():
        fix = f"name {folder / GENOTYPE}, or start another network with --weights {folder}"
        raise NasError("is a training", where=target, fix=fix)
    if trial is not None or pick is not None or _is_study(folder):
        studies.open_study(folder)  # says what is wrong with it
    return _of_network(target, how, out)


def _is_study(folder: Path) -> bool:
    """Whether there is a recipe, here or among those that ship, but no trial yet."""
    ships = str(folder).removeprefix("studies/") in content.names("studies") and not folder.exists()
    return ships or (folder / "study.yaml").exists()


def _picked(study: Study, pick: str | None) -> Trial:
    if pick is None:
        fix = "add --trial N for one of its trials, or --pick knee, best or cheapest of its front"
        raise NasError("is a study", where=str(study.folder), fix=fix)
    return fronts.pick(study.trials(), study.recipe.objectives, pick)


def _of_network(target: str, how: How, out: Path | None) -> Job:
    """The training of a genotype file or a published network, into retrained/NAME of the working folder."""
    found = targets.resolve(target)
    if not isinstance(found, targets.Network):
        raise NasError("is a space", where=target, fix="name a network, or search the space and name the study")
    genotype = found.genotype
    base = recipe.load(content.find(how.recipe, "studies")) if how.recipe else _by_preset(genotype, how, target)
    settings = _settings(base.retrain, how, genotype)
    data = _data(base.data, how)
    return Job(
        name=found.name,
        genotype=genotype,
        settings=settings,
        data=data.model_copy(update={"pack": settings.pack or data.pack}),
        folder=out or Path(RUNS) / found.name.replace("/", "-").lstrip("."),
        seed=seed_for(base.seed, "retraining", key(genotype)),
        facts={"network": found.name, "key": key(genotype)},
        packs=base.cluster.packs,
    )


def _by_preset(genotype: Genotype, how: How, target: str) -> Recipe:
    """The default recipe with the preset that is asked for, or that of the paper that published the network."""
    papers = [fact.source.partition(",")[0].lower() for fact in genotype.published]
    known = content.names(presets.FOLDER)
    name = how.preset or next((paper for paper in papers if paper in known), "")
    if not name:
        fix = f"give --preset {', '.join(known)}, or --recipe STUDY for that of a study, such as motion"
        raise NasError("does not say how it is trained", where=target, fix=fix)
    return Recipe(retrain=_preset(name, genotype))


def _settings(base: RetrainSettings, how: How, genotype: Genotype) -> RetrainSettings:
    """The recipe's settings, or a preset's at the genotype's own clip, with the changes that are asked for."""
    base = _preset(how.preset, genotype) if how.preset else base
    told = base.model_dump(mode="json")
    for change in how.changes:
        _change(told, change)
    try:
        return validate(RetrainSettings, told)
    except SchemaError as error:
        raise NasError(f"{'.'.join(map(str, error.path))}: {error.problem}", where="--set", fix=error.fix) from None


def _preset(name: str, genotype: Genotype) -> RetrainSettings:
    clip = {"frames": genotype.input.frames, "size": genotype.input.size}
    return validate(RetrainSettings, {"preset": name, "clip": clip})


def _change(told: dict[str, Any], change: str) -> None:
    """Put `train.epochs=5` into settings as plain data; a shorter training keeps the shape of its schedule."""
    name, found, text = change.partition("=")
    *above, last = name.strip().split(".")
    if name.strip() == "preset":
        raise NasError("a preset is no single setting", where="--set", fix=f"give --preset {text or 'NAME'}")
    if not found or not last:
        raise NasError(f"'{change}' is no setting", where="--set", fix="write NAME=VALUE, such as train.epochs=5")
    section = told
    for step in above:
        section[step] = {} if section.get(step) is None else section[step]
        section = section[step]
        if not isinstance(section, dict):
            raise NasError(f"'{name}' is no setting", where="--set", fix=f"{step} has no settings within it")
    value = strict_yaml.plain(strict_yaml.parse(text, name=f"--set {change}"))
    if name == "train.epochs" and isinstance(value, int) and value > 0:
        _shorten(section, value)
    section[last] = value


def _shorten(train: dict[str, Any], epochs: int) -> None:
    """Milestones in proportion, and so the warm-up where it would take a larger part than before."""
    share = epochs / train["epochs"]
    train["milestones"] = [epoch * share for epoch in train["milestones"]]
    train["warmup"] *= min(1.0, share)


def _data(data: DataSettings, how: How) -> DataSettings:
    return data.model_copy(update={"path": how.data or data.path})


def _initial(weights: str, deflated: str) -> Weights:
    """The weights to start from: a file, or the run of another network."""
    from nas.weights import read

    path = Path(weights)
    file = path / "weights.safetensors" if path.is_dir() else path
    return replace(read(file), deflated=deflated)
