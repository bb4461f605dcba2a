"""`nas audit`: what foretells the accuracies of a study, and whether its proxy orders networks as full training does.

Everything is kept in the study's folder (scores in scores.csv, full trainings in retrained/), so that the same command
goes on where it was stopped, and a later one adds to it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.console import Console

from nas import (
    audit_card,
    content,
    correlation,
    fidelity,
    figures_page,
    files,
    fronts,
    retraining,
    run,
    score_table,
    session,
)
from nas import study as studies
from nas.console import count, say
from nas.data_settings import ClipSettings
from nas.errors import NasError
from nas.plots.proxy_fidelity import proxy_fidelity
from nas.plots.score_correlations import score_correlations
from nas.preparation import preparation
from nas.scores import SCORES, find
from nas.seeds import seed_for
from nas.study import Study
from nas.tally import Diverged
from nas.train_settings import TrainSettings
from nas.trial import Trial

BASELINES = ("depth", "params", "gflops", "interactions")  # exact costs, of the network at full size
TAKEN = ("accuracy", "number", "trial", "key")  # columns of the tables, which no score may be called
RUNG = "epoch "  # what the accuracies of early epochs are called
PAIRS = 2  # networks trained in full without which there is no order


def audit(target: str, *, full: int | None, scores: tuple[str, ...] | None, device: str, console: Console) -> None:
    """Compare scores, rungs and costs with the accuracies of a study, and the proxy with `full` full trainings.

    Writes audit.csv, audit.html and, where networks were trained in full, fidelity.csv into the study's folder. Of the
    scores, all that are known unless some are named. Raises NasError where fewer than 3 trials are complete.
    """
    study = studies.open_study(content.study_folder(target))
    trials = study.trials()
    complete = _complete(study, trials)
    names = _asked(scores)
    chosen = fidelity.spread(_costs(study, complete), full, objectives=study.recipe.objectives) if full else []
    try:
        with preparation(console) as progress:
            values = score_table.scores(study, complete, names, device=device, progress=progress)
        found = correlation.audit(*_predictors(study, complete, values), seed=study.recipe.seed)
        _show(study, found, trials, console)
        if chosen:
            _train(study, [study.trial(number) for number in chosen], device, console)
    except KeyboardInterrupt:
        say(console, "interrupted: scores and finished epochs are kept, and the same command goes on")
        sys.exit(run.INTERRUPTED)
    _report(study, found, complete, console)


def _complete(study: Study, trials: Sequence[Trial]) -> list[Trial]:
    complete = [trial for trial in trials if trial.state == "complete"]
    if len(complete) < correlation.FEW:
        problem = f"has {count(len(complete), 'complete trial')}, and fewer than {correlation.FEW} show no order"
        raise NasError(problem, where=str(study.folder), fix=f"run nas search {study.folder} --trials N")
    return complete


def _asked(scores: tuple[str, ...] | None) -> list[str]:
    """The scores besides the baselines, which are always there."""
    names = [find(name).name for name in scores] if scores else list(SCORES)
    if taken := [name for name in names if name in TAKEN or name.startswith(RUNG)]:
        raise NasError(f"a score called '{taken[0]}' cannot be audited", fix="give it another name")
    return [name for name in dict.fromkeys(names) if name not in BASELINES]


def _predictors(
    study: Study, complete: Sequence[Trial], values: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, correlation.Kind]]:
    """The table that `correlation.audit` takes, and what kind of predictor each of its columns is."""
    rungs = _rungs(study)
    rows = [
        {
            "number": trial.number,
            "accuracy": trial.accuracy,
            "gflops": trial.cost.macs / 1e9,
            "depth": trial.cost.depth,
            "params": trial.cost.params,
            "interactions": trial.cost.interactions,
            **{name: trial.curve[rung - 1] for name, rung in rungs.items() if rung <= len(trial.curve)},
        }
        for trial in complete
    ]
    table = pd.DataFrame(rows).join(values, on="number")
    table.attrs = fronts.facts(study, list(complete))
    kinds = dict.fromkeys(BASELINES, "baseline") | dict.fromkeys(values.columns, "score")
    return table, kinds | {name: "rung" for name in rungs if name in table}


def _rungs(study: Study) -> dict[str, int]:
    """The epochs at which trials were compared, or could have been: powers of two below the last."""
    epochs = study.recipe.proxy.train.epochs
    rungs = study.recipe.stopping.rungs or [2**power for power in range(epochs.bit_length()) if 2**power < epochs]
    return {f"{RUNG}{rung}": rung for rung in rungs}


def _show(study: Study, found: pd.DataFrame, trials: Sequence[Trial], console: Console) -> None:
    """The table and the verdicts, and what they do not hold."""
    audit_card.show(found, console)
    for line in _limits(study, trials):
        say(console, line)


def _limits(study: Study, trials: Sequence[Trial]) -> list[str]:
    """Which trials are left out, and what that does to the figures."""
    states, lines = Counter(trial.state for trial in trials), []
    if len(accuracies := {trial.accuracy for trial in trials if trial.state == "complete"}) == 1:
        lines.append(f"all complete trials have the accuracy {accuracies.pop():.3f}, so there is no order to foretell")
    if stopped := states["stopped"]:
        lines.append(
            f"{count(stopped, 'stopped trial')} left out, without a final accuracy: rungs are judged among the trials "
            "that went on, which makes them look worse than they are"
        )
    others = [f"{states[state]} {told}" for state, told in (("failed", "failed"), ("running", "in training"))]
    if told := [text for text in others if not text.startswith("0 ")]:
        lines.append(f"left out: {', '.join(told)}")
    if (kind := study.recipe.sampler.kind) != "uniform":
        lines.append(f"trials were chosen by the sampler {kind}: correlations over the whole space may differ")
    return lines


def _report(study: Study, found: pd.DataFrame, complete: Sequence[Trial], console: Console) -> None:
    """The proxy against full training, where there is any, and the files."""
    pairs, others = _pairs(study, complete)
    files.write(study.folder / "audit.csv", found.to_csv(index=False).encode())
    wrote = ["audit.csv"]
    parts = [(score_correlations(found), lambda page: _show(study, found, study.trials(), page))]
    if len(pairs) >= PAIRS:
        agreed = fidelity.fidelity(pairs, study.recipe.objectives, seed=study.recipe.seed)
        console.print(audit_card.fidelity(agreed))
        files.write(study.folder / "fidelity.csv", pairs.to_csv(index=False).encode())
        wrote.append("fidelity.csv")
        parts.append((proxy_fidelity(pairs, agreed), lambda page: page.print(audit_card.fidelity(agreed))))
    if others:
        trained = ", ".join(map(str, others))
        say(console, f"trained in full with other settings, weights or data than the recipe's, left out: {trained}")
    figures_page.write(study.folder / "audit.html", f"{study.name}: audit", parts)
    say(console, f"wrote {study.folder}/{', '.join(wrote)} and audit.html")


def _costs(study: Study, trials: Sequence[Trial]) -> pd.DataFrame:
    """Number, state, accuracy, GFLOPs and all objectives of the trials."""
    names = dict.fromkeys(["accuracy", "gflops", *study.recipe.objectives])
    rows = [{"number": t.number, "state": t.state} | {name: t.value(name) for name in names} for t in trials]
    return pd.DataFrame(rows)


def _pairs(study: Study, trials: Sequence[Trial]) -> tuple[pd.DataFrame, list[int]]:
    """Accuracies by the proxy and after full training; and the trials that were trained in full in another way."""
    full, others = {}, []
    for trial in trials:
        path = _folder(study, trial) / "metrics.json"
        if path.exists():
            told = _metrics(path)
            if _as_the_recipe_says(study, trial, told, path):
                full[trial.number] = told["accuracy"]
            else:
                others.append(trial.number)
    table = _costs(study, [trial for trial in trials if trial.number in full]).rename(
        columns={"number": "trial", "accuracy": "proxy"}
    )
    pairs = table.assign(full=list(full.values())).drop(columns="state", errors="ignore")
    pairs.attrs = fronts.facts(study, list(trials))
    return pairs, others


def _as_the_recipe_says(study: Study, trial: Trial, told: dict, path: Path) -> bool:
    """Whether a full training is of this network, on the study's data, from scratch, as study.yaml has it."""
    wanted = session.retraining(study)
    try:
        settings = TrainSettings.model_validate(told["train"]), ClipSettings.model_validate(told["clip"])
        videos = told.get("facts", {}).get("proxy_videos", told["data"]["fingerprint"])
        run_of = told["seed"], videos, told.get("initial")
    except (KeyError, TypeError, ValueError):
        raise _damaged(path) from None
    seed = seed_for(study.recipe.seed, "retraining", trial.key)
    return settings == (wanted.train, wanted.clip) and run_of == (seed, study.attributes["data"], None)


def _metrics(path: Path) -> dict:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return told | {"accuracy": float(told["accuracy"])}
    except (KeyError, TypeError, ValueError):
        raise _damaged(path) from None


def _damaged(path: Path) -> NasError:
    fix = "delete it: nas retrain writes it again from the checkpoint"
    return NasError("cannot be read as the metrics of a run", where=str(path), fix=fix)


def _train(study: Study, chosen: Sequence[Trial], device: str, console: Console) -> None:
    """Train in full those that are not; a network whose training diverges is told and left out."""
    done = set(_pairs(study, chosen)[0].get("trial", ()))
    left = [trial for trial in chosen if trial.number not in done]
    earlier = "all are trained in full already" if not left else f"{len(left)} of them to train in full"
    numbers = ", ".join(str(trial.number) for trial in chosen)
    say(console, f"trials spread over the cost of the front: {numbers}; {earlier}")
    if not left:
        return
    settings = session.retraining(study)
    wanted = session.wanted(study, session.request(str(study.folder), {}))
    jobs = [retraining.of_trial(study, trial, settings, wanted.data) for trial in left]
    with preparation(console) as progress:
        pack, first = retraining.packed(jobs[0], progress)
    if first.facts["proxy_videos"] != study.attributes["data"]:
        problem = "the videos differ from those the study was started on"
        raise NasError(problem, where=str(study.folder), fix="name the former ones as data.path in its study.yaml")
    for trial, job in zip(left, jobs, strict=True):
        try:
            facts = {**job.facts, "proxy_videos": study.attributes["data"]}
            retraining.train(replace(job, facts=facts), pack, None, device, console)
        except Diverged as error:
            say(console, f"trial {trial.number}: {error}; left out")


def _folder(study: Study, trial: Trial) -> Path:
    return study.folder / "retrained" / str(trial.number)
