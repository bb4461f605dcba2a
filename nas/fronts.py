"""What a study found, as tables: every trial, the front, and the published networks beside them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import content, genotype, pareto, peers
from nas.console import count
from nas.cost import cost
from nas.data_settings import METRICS
from nas.errors import NasError
from nas.genotype import Clip, Genotype
from nas.pareto import Objective
from nas.published import alike
from nas.strict_yaml import parse, plain
from nas.study import Study
from nas.summary import summary
from nas.trial import Trial
from nas.units import OBJECTIVES, SHOWN

if TYPE_CHECKING:
    import pandas as pd

ENGINES = {"table": "a table of earlier trainings"}  # where accuracies come from, unless they were trained
COSTS = ("macs", "params", "weights", "interactions", "activations", "norm_elements", "depth")
# what a network may have been trained on before and still be compared: no other videos
PLAIN = ("", "ImageNet")


def front(trials: list[Trial], objectives: tuple[str, ...]) -> list[Trial]:
    """The complete trials that no other one dominates, by rising GFLOPs."""
    complete = [trial for trial in trials if trial.state == "complete"]
    points = [[trial.value(name) for name in objectives] for trial in complete]
    kept = pareto.front(points, named(objectives)) if points else []
    return sorted((t for t, keep in zip(complete, kept, strict=True) if keep), key=lambda t: t.cost.macs)


def named(objectives: tuple[str, ...]) -> list[Objective]:
    """Objectives with their directions."""
    return [Objective(name, OBJECTIVES[name]) for name in objectives]


def pick(trials: list[Trial], objectives: tuple[str, ...], how: str) -> Trial:
    """A trial of the front: knee, best (most accurate) or cheapest (fewest GFLOPs); raises NasError."""
    best = front(trials, objectives)
    if not best:
        raise NasError("the study has no complete trial to pick from", fix="run nas search first")
    if how == "best":
        return max(best, key=lambda trial: trial.accuracy)
    if how == "cheapest":
        return best[0]
    return best[pareto.knee([[trial.value(name) for name in objectives] for trial in best], named(objectives))]


def stops(trials: list[Trial], epochs: int) -> str:
    """How many trials were stopped after how many of the `epochs` of a proxy, and what that saved; '' where none was.

    >>> stops([], 8)
    ''
    """
    after = Counter(len(trial.curve) for trial in trials if trial.state == "stopped")
    if not after:
        return ""
    places = ", ".join(f"{number} after {count(rung, 'epoch')}" for rung, number in sorted(after.items()))
    ended = [len(trial.curve) for trial in trials if trial.state in ("complete", "stopped")]
    saved = 1 - sum(ended) / (epochs * len(ended))
    return f"{places} of {epochs}; {sum(ended):,} epochs trained in place of {epochs * len(ended):,}, {saved:.0%} saved"


def genotype_of(trial: Trial) -> Genotype:
    """The genotype on a trial's record."""
    return _read(trial.genotype)


def described(trial: Trial) -> str:
    """A trial's network in a few words; older studies have none on record."""
    return trial.summary or summary(genotype_of(trial))


@lru_cache(maxsize=1 << 12)
def _read(text: str) -> Genotype:
    return genotype.parse(plain(parse(text, name="the genotype on record")))


def frame(study: Study) -> pd.DataFrame:
    """One row per trial, in the columns that `nas.plots` describes; facts about the study in `attrs`."""
    import pandas as pd

    trials = study.trials()
    on_front = {trial.number for trial in front(trials, study.recipe.objectives)}
    trained = study.attributes.get("engine") not in ENGINES
    table = pd.DataFrame([_row(trial, trial.number in on_front, trained) for trial in trials])
    for name in table.columns:
        if name.startswith("decision."):  # whole numbers stay whole where another trial has none
            table[name] = table[name].convert_dtypes()
    table.attrs = facts(study, trials)
    return table


def facts(study: Study, trials: list[Trial]) -> dict[str, Any]:
    """What a reader must know to read the numbers."""
    recipe = study.recipe
    clips = next((trial.outcome["val_clips"] for trial in trials if "val_clips" in trial.outcome), None)
    clip = genotype_of(trials[0]).input if trials else None
    return {
        "study": study.name,
        "space": recipe.space,
        "clip": str(clip) if clip else "",
        "views": 1,
        "dataset": study.attributes.get("dataset", ""),
        "proxy": str(recipe.proxy),
        "sampler": recipe.sampler.kind,
        "seed": recipe.seed,
        "budget": recipe.budget or "none",
        "objectives": list(recipe.objectives),
        "val_clips": clips,
        "metric": METRICS[study.attributes.get("metric", "top1")],
        "versions": study.attributes.get("versions", {}),
        "dropped": {
            reason: sum(trial.dropped.get(reason, 0) for trial in trials)
            for reason in ("invalid", "over_budget", "repeated", "unscored")
        },
        "skipped_videos": study.attributes.get("skipped_videos", 0),
        "engine": ENGINES.get(study.attributes.get("engine"), ""),
        "epochs": recipe.proxy.train.epochs,
        "rungs": list(recipe.stopping.rungs) if recipe.stopping else [],
        "stopped": stops(trials, recipe.proxy.train.epochs),
        "latency": study.attributes.get("latency", ""),
    }


def retrained(study: Study) -> list[dict[str, Any]]:
    """The trials that were trained in full: trial, proxy accuracy and the accuracy of the full training."""
    rows = []
    for path in sorted((study.folder / "retrained").glob("*/metrics.json")):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise NasError("is damaged", where=str(path), fix="move its folder away and retrain") from None
        facts = told.get("facts", told)
        rows.append(
            {
                "trial": facts.get("trial"),
                "proxy": facts.get("proxy_accuracy"),
                "retrained": told.get("accuracy"),
            }
        )
    return rows


def references(
    clip: Clip, dataset: str = "", *, latency: Callable[[Genotype], float | None] = lambda _: None
) -> pd.DataFrame:
    """Published networks to compare with, in the columns of `nas.plots.references`: few, all on one data set.

    That is the study's own `dataset` where papers measured on it, else the one with the most networks. Costs are
    exact at `clip`; those of networks without a file in models/ (`printed`) are as printed, for one view. Accuracies
    are as printed, of trainings without other videos; rows of ablation tables are left out. `latency` tells the
    milliseconds of a network, where they are known.
    """
    import pandas as pd

    table = pd.DataFrame([*_described(clip, latency), *_peers()])
    named = table["dataset"].map(lambda other: alike(other, dataset))
    return table[named if named.any() else table["dataset"] == table["dataset"].mode()[0]].reset_index(drop=True)


def _described(clip: Clip, latency: Callable[[Genotype], float | None]) -> Iterator[dict[str, Any]]:
    """The networks of models/, a row for each data set."""
    for path in content.everything("models"):
        model = _model(path.resolve(), path.stat().st_mtime_ns)
        facts = [f for f in model.published if f.top1 and f.pretrained in PLAIN and not f.ablation]
        counted = cost(model.model_copy(update={"input": clip})) if facts else None
        for dataset in dict.fromkeys(fact.dataset for fact in facts):
            fact = _closest([fact for fact in facts if fact.dataset == dataset], clip)
            yield {
                "name": model.name,
                **{unit.name: unit.of(counted) for unit in SHOWN},
                "latency": latency(model),
                "accuracy": fact.top1 / 100,
                "dataset": dataset,
                "clip": f"{fact.frames}x{fact.size}x{fact.size}" if fact.frames and fact.size else None,
                "views": fact.views,
                "source": f"{fact.source}, pre-trained on {fact.pretrained}" if fact.pretrained else fact.source,
                "printed": False,
            }


@lru_cache(maxsize=1 << 10)
def _model(path: Path, changed: int) -> Genotype:
    """A published network; a live page asks for all of them after each trial."""
    return genotype.load(path)


def _peers() -> Iterator[dict[str, Any]]:
    """The networks without a file in models/."""
    for peer in peers.load():
        told = peer.model_dump(include={"name", "gflops", "mparams", "dataset", "views"})
        source = f"{peer.source}, {peer.note}" if peer.note else peer.source
        clip = f"{peer.frames} frames" if peer.frames else None
        yield told | {"accuracy": peer.top1 / 100, "clip": clip, "source": source, "printed": True}


def _closest(printed: list, clip: Clip):
    """The fact measured at the clip most like the study's."""
    return min(printed, key=lambda fact: abs((fact.frames or 0) - clip.frames))


def _started(trial: Trial, trained: bool) -> datetime | None:
    """When its last training began: a trial that was killed with the search was written long before.

    Where accuracies come from a table, its seconds are those of other trainings.
    """
    seconds = trial.outcome.get("seconds") if trained else None
    return trial.written if trial.ended is None or seconds is None else trial.ended - timedelta(seconds=seconds)


def _row(trial: Trial, on_front: bool, trained: bool) -> dict[str, Any]:
    outcome = trial.outcome
    return {
        "number": trial.number,
        "state": trial.state,
        "on_front": on_front,
        "accuracy": trial.accuracy,
        **{unit.name: unit.of(trial.cost) for unit in SHOWN},
        **({} if trial.cost.latency is None else {"latency": trial.cost.latency}),
        **{name: getattr(trial.cost, name) for name in COSTS},
        "receptive_field": "x".join(map(str, trial.cost.receptive_field)),
        "seconds": outcome.get("seconds"),
        "epochs": len(trial.rows),
        "last_accuracy": trial.rows[-1]["val_accuracy"] if trial.rows else None,
        "started": _started(trial, trained),
        "ended": trial.ended,
        "seed": outcome.get("seed"),
        "wait_share": outcome.get("wait_share"),
        "peak_memory": outcome.get("peak_memory"),
        "device": outcome.get("device", ""),
        "sampler": trial.sampler,
        "reason": outcome.get("reason", ""),
        "key": trial.key,
        "summary": described(trial),
        "genotype": trial.genotype,
        **{f"decision.{name}": label for name, label in trial.record.items()},
    }
