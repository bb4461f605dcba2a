"""A trained network as `nas retrain` left it: what to build, with which weights, and what its clips are made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import content, recorded
from nas import genotype as genotypes
from nas.data_settings import ClipSettings, DataSettings, ViewSettings
from nas.errors import NasError
from nas.genotype import Genotype
from nas.schema import SchemaError, validate

if TYPE_CHECKING:
    from torch import nn

METRICS, GENOTYPE, WEIGHTS = "metrics.json", "genotype.yaml", "weights.safetensors"
CHECKPOINT = "checkpoint.safetensors"  # of a training that goes on, or went on: not weights alone
RUNS = "retrained"  # the folder of a study that holds its runs, by trial
SETTINGS = {"data": DataSettings, "clip": ClipSettings, "test": ViewSettings}


@dataclass(frozen=True)
class Trained:
    """A finished run in `folder`, with the `weights` that were asked for.

    `data` says which videos it was trained on and which of their frames are kept (`data.pack`), `clip` what the network
    sees of these, `test` in how many views it was tested. `metric` is what its accuracy is (top1, mean_class or map),
    `about` all of metrics.json.
    """

    name: str
    folder: Path
    genotype: Genotype
    weights: Path
    classes: tuple[str, ...]
    multilabel: bool
    metric: str
    data: DataSettings
    clip: ClipSettings
    test: ViewSettings
    about: dict[str, Any]

    def model(self) -> nn.Module:
        """The network with its weights, on the CPU, in eval mode.

        Raises NasError for weights of another network, of a newer schema, cut off or altered.
        """
        from nas import checkpoint
        from nas.build import build

        model = build(self.genotype, seed=0)
        checkpoint.load_weights(self.weights, model)
        return model.eval()


def load(target: str | Path) -> Trained:
    """A trained network: the folder that `nas retrain` wrote, or one of the .safetensors files in it.

    >>> load("studies/motion/retrained/4/best.safetensors").classes  # doctest: +SKIP
    ('appear', 'approach', ...)

    A folder stands for the weights of the last epoch, weights.safetensors. Raises NasError where the run is not
    finished, its files are missing or damaged, or its genotype costs something else than what is on record in it.
    """
    path = Path(target)
    folder, weights = (path.parent, path) if path.suffix == ".safetensors" else (path, path / WEIGHTS)
    about = _about(folder)
    if not weights.is_file():
        there = ", ".join(sorted({file.name for file in folder.glob("*.safetensors")} - {CHECKPOINT})) or "nothing"
        raise NasError("is not there", where=str(weights), fix=f"name a file of weights that is: {there}")
    found, told = genotypes.load(folder / GENOTYPE), about["data"]
    recorded.check(found, str(folder / GENOTYPE))
    written = {"data": told["settings"], "clip": about["clip"], "test": about["test"]["settings"]}
    try:
        read = {key: validate(model, written[key]) for key, model in SETTINGS.items()}
    except SchemaError as error:
        raise _damaged(folder, error.problem) from None
    if len(told["names"]) != found.classes:
        raise _damaged(folder, f"it names {len(told['names'])} classes, and {GENOTYPE} has {found.classes}")
    return Trained(
        name=about["name"], folder=folder, genotype=found, weights=weights, classes=tuple(told["names"]),
        multilabel=told["multilabel"], metric=told["metric"], about=about, **read,
    )  # fmt: skip


def told_apart(names: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """The names of runs, no two the same: where several have one, their folders follow, then numbers.

    >>> told_apart(["tiny, trial 4", "tiny, trial 4", "s3d"], [Path("a/4"), Path("b/long"), Path("s3d")])
    ['tiny, trial 4 (4)', 'tiny, trial 4 (long)', 's3d']
    """
    pairs = [(name, folder.resolve()) for name, folder in zip(names, folders, strict=True)]
    alone = [name for name, _ in dict.fromkeys(pairs)]
    told = [name if alone.count(name) == 1 else f"{name} ({folder.name})" for name, folder in pairs]
    return [
        f"{name} ({told[:place].count(name) + 1})" if name in told[:place] else name for place, name in enumerate(told)
    ]


def of_study(target: str, trial: int) -> Trained:
    """The network of a study's trial that `nas retrain` trained at full size.

    >>> of_study("studies/motion", 4).folder  # doctest: +SKIP
    PosixPath('studies/motion/retrained/4')

    Raises NasError where that was not done, and as `load` does.
    """
    study = content.study_folder(target)
    folder = study / RUNS / str(trial)
    if not folder.is_dir():
        there = f"; trained are {' '.join(map(str, _runs(study)))}" if _runs(study) else ""
        fix = f"run nas retrain {study} --trial {trial}{there}"
        raise NasError(f"trial {trial} is not trained at full size", where=str(study), fix=fix)
    return load(folder)


def _about(folder: Path) -> dict[str, Any]:
    """metrics.json, whose parts that are needed are there."""
    path = folder / METRICS
    if not path.exists():
        raise _unfinished(folder)
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        complete = {"settings", "names", "multilabel", "metric"} <= about["data"].keys() and "name" in about
        about["clip"], about["test"]["settings"]  # noqa: B018  (asked for below)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder, "cannot be read") from error
    if not complete:
        fix = "repeat the nas retrain that wrote it: it adds what is missing"
        raise NasError("was written before runs told their data", where=str(path), fix=fix)
    return about


def _unfinished(folder: Path) -> NasError:
    """Why there is no metrics.json in `folder`."""
    begun = (folder / CHECKPOINT).exists() or (folder / GENOTYPE).exists()
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "no such folder"
        return NasError(problem, where=str(folder), fix="name a folder that nas retrain wrote")
    if begun:
        return NasError("its training is not finished", where=str(folder), fix="repeat the nas retrain that began it")
    if runs := _runs(folder):
        fix = f"name one of its networks, such as {folder / RUNS / str(runs[0])}, or add --trial {runs[0]}"
        return NasError("is a study", where=str(folder), fix=fix)
    return NasError("is no folder of a trained network", where=str(folder), fix="name a folder that nas retrain wrote")


def _runs(study: Path) -> list[int]:
    """The trials of a study that were trained at full size."""
    return sorted(int(path.parent.name) for path in study.glob(f"{RUNS}/*/{METRICS}") if path.parent.name.isdigit())


def _damaged(folder: Path, problem: str) -> NasError:
    fix = "delete it: the nas retrain that wrote it writes it again from the checkpoint"
    return NasError(f"is damaged: {problem}", where=str(folder / METRICS), fix=fix)
