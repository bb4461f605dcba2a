"""What `nas latency TARGET...` is about: networks by name, file or pattern, and the fronts of studies."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nas import content, targets
from nas.errors import NasError
from nas.genotype import Genotype
from nas.recipe import LatencySettings
from nas.space import Space
from nas.storage import pointer

GENOTYPE = "genotype.yaml"  # of a folder that nas retrain wrote


@dataclass(frozen=True)
class Named:
    """A network, the name it goes by, and the study and trial that it is of, if any."""

    name: str
    genotype: Genotype
    study: Path | None = None
    trial: int | None = None
    accuracy: float | None = None  # of the proxy
    usual: LatencySettings = LatencySettings()  # how its study takes latencies


@dataclass(frozen=True)
class Clip:
    """Frames, size and classes in place of a network's own; None leaves them."""

    frames: int | None = None
    size: int | None = None
    classes: int | None = None


def resolve(names: Sequence[str], trial: int | None, clip: Clip) -> tuple[list[Named], list[Space]]:
    """The networks and spaces that are meant, each once; a study without `trial` stands for its front.

    Raises NasError for a name that is no network, study or space, and for a study without a complete trial.
    """
    found = [one for name in names for each in _files(name) for one in _resolved(each, trial)]
    spaces = [one for one in found if isinstance(one, Space)]
    networks = {}
    for one in found:
        if isinstance(one, Named):
            at = targets.Network(one.genotype, one.name).at(frames=clip.frames, size=clip.size, classes=clip.classes)
            networks.setdefault((one.name, one.study), replace(one, genotype=at))
    return list(networks.values()), spaces


def _files(name: str) -> list[str]:
    """The files that a pattern means; a name without one is itself."""
    if not glob.has_magic(name) or Path(name).exists():
        return [name]
    if found := sorted(glob.glob(name)):
        return found
    raise NasError("no file is called like this", where=name, fix="name networks, or a pattern such as 'models/ir-*'")


def _resolved(name: str, trial: int | None) -> Iterator[Named | Space]:
    folder = content.study_folder(name)
    if pointer.exists(folder) or trial is not None:
        yield from _of_study(folder, trial)
    elif (folder / GENOTYPE).is_file():
        found = targets.resolve(str(folder / GENOTYPE))
        yield Named(name.rstrip("/"), found.genotype)
    elif folder.is_dir():
        fix = "name a study that was searched, a folder of nas retrain, or files in quotes such as 'models/ir-*'"
        raise NasError("is a folder without networks", where=name, fix=fix)
    else:
        found = targets.resolve(name)
        yield found if isinstance(found, Space) else Named(found.name, found.genotype)


def _of_study(folder: Path, trial: int | None) -> Iterator[Named]:
    from nas import fronts
    from nas.study import open_study

    study = open_study(folder)
    chosen = [study.trial(trial)] if trial is not None else fronts.front(study.trials(), study.recipe.objectives)
    if not chosen:
        raise NasError("has no complete trial yet", where=str(folder), fix=f"run nas search {folder}, or add --trial N")
    for one in chosen:
        named = f"{study.name}, trial {one.number}"
        yield Named(named, fronts.genotype_of(one), folder, one.number, one.accuracy, study.recipe.latency)
