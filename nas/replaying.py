"""`nas search --replay`: repeats a study from its own recipe and seed, and reports what comes out otherwise."""

from __future__ import annotations

import sys
from itertools import zip_longest
from pathlib import Path

from rich.console import Console

from nas import content, files, fronts, recipe, run, session
from nas import study as studies
from nas.console import count, say
from nas.errors import NasError
from nas.latency.costing import TABLE
from nas.recipe import Recipe
from nas.sources import Means
from nas.study import Study
from nas.trial import Trial

DIFFERENT = 1  # exit status
TOLD = 10  # differences that are printed


def replay(target: str, means: Means, *, table: str | None, console: Console) -> None:
    """Search again, into `<study>-replay`, as many trials as the study has ended, and compare."""
    first = studies.open_study(content.study_folder(target))
    ended = [trial for trial in first.trials() if trial.state != "running"]
    if not ended:
        raise NasError("has no trial that ended, so there is nothing to repeat", where=str(first.folder))
    folder = first.folder.parent / f"{first.folder.name}-replay"
    own = folder / "study.yaml"
    if own.exists():
        _require_same(recipe.load(own), first, folder)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        files.write(own, recipe.to_yaml(first.recipe).encode())
        if (first.folder / TABLE).exists():
            files.write(folder / TABLE, (first.folder / TABLE).read_bytes())
    engine = first.attributes.get("engine", "train")
    run.search(str(folder), {"trials": len(ended)}, means, console=console, engine=engine, table=table)
    second = studies.open_study(folder)
    found = differences(first, second)
    alike = f"{count(len(ended), 'trial')} repeated: the same networks, curves and front"
    say(console, f"{folder}: {alike if not found else count(len(found), 'difference') + ' to ' + str(first.folder)}")
    for line in found[:TOLD]:
        say(console, f"  {line}")
    if len(found) > TOLD:
        say(console, f"  and {len(found) - TOLD} more")
    if found:
        sys.exit(DIFFERENT)


def _require_same(repeated: Recipe, first: Study, folder: Path) -> None:
    """Raise NasError where the folder repeats another study, such as a former one of this name."""
    lines = recipe.differences(recipe.to_plain(repeated), recipe.to_plain(first.recipe))
    if changed := [line for line in lines if not line.startswith(session.FREE)]:
        problem = f"repeats a study of another recipe: {'; '.join(changed)}"
        raise NasError(problem, where=str(folder), fix="move it away")


def differences(first: Study, second: Study) -> list[str]:
    """What two studies do not share, one line each: versions, trials by number, the front."""
    lines = _facts(first, second)
    names = first.recipe.objectives
    ended = [{trial.number: trial for trial in study.trials() if trial.state != "running"} for study in (first, second)]
    for number in sorted(ended[0].keys() | ended[1].keys()):
        one, other = (trials.get(number) for trials in ended)
        if one is None or other is None:
            lines.append(f"trial {number}: ended in one of the two only")
        elif told := _trial(one, other):
            lines.append(f"trial {number}: {told}")
    fronts_ = [{trial.key for trial in fronts.front(list(trials.values()), names)} for trials in ended]
    if fronts_[0] != fronts_[1]:
        shared = len(fronts_[0] & fronts_[1])
        lines.append(f"the front: {shared} of {len(fronts_[0])} networks are on the repeated one of {len(fronts_[1])}")
    return lines


def _facts(first: Study, second: Study) -> list[str]:
    lines = []
    for name in ("space", "data"):
        if first.attributes[name] != second.attributes[name]:
            lines.append(f"{name}: another fingerprint")
    versions = [study.attributes.get("versions", {}) for study in (first, second)]
    return lines + [f"version of {line}" for line in recipe.differences(*versions)]


def _trial(one: Trial, other: Trial) -> str:
    """How two trials of one number differ, or nothing."""
    if one.key != other.key:
        return f"another network ({_decisions(one, other)})"
    if one.state != other.state:
        return f"{one.state} -> {other.state}"
    for epoch, (a, b) in enumerate(zip_longest(one.curve, other.curve), 1):
        if a != b:
            device = one.outcome.get("device"), other.outcome.get("device")
            place = f"; device {device[0]} -> {device[1]}" if device[0] != device[1] else ""
            return f"accuracy after epoch {epoch}: {a} -> {b}{place}"
    return ""


def _decisions(one: Trial, other: Trial) -> str:
    return "; ".join(recipe.differences(one.record, other.record))
