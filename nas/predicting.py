"""What a network says of video files: the same frames, crops and averages as in its test, without a data set.

A file is decoded into what a pack would keep of it and stays in memory; from there on the code is that of
`nas.data.clips`, so the scores are those of the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from nas import checkpoint
from nas import device as devices
from nas import genotype as genotypes
from nas import trained as runs
from nas.build import build
from nas.data.clips import Split
from nas.data.decoding import decode
from nas.data.task import Task
from nas.data.videos import Labels
from nas.data_settings import ClipSettings, DataSettings, ViewSettings
from nas.errors import NasError, nearest
from nas.exporting import FORMATS, about
from nas.exporting.about import Export
from nas.trained import Trained

BATCH = 16  # views at once
ALL = slice(None)


@dataclass(frozen=True, eq=False)
class Prediction:
    """The probability of each class for the video at `path`, float32 (classes,), or the `problem` with it."""

    path: str
    scores: np.ndarray | None = None
    problem: str = ""

    def top(self, count: int) -> list[int]:
        """The classes with the highest probabilities, the highest first."""
        return np.argsort(-self.scores, kind="stable")[:count].tolist()


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network on its `device`, the `labels` of its outputs, and how it sees a video.

    `form` is what it was read from: a format of an export, or a run.
    """

    name: str
    form: str
    model: nn.Module
    labels: tuple[str, ...]
    multilabel: bool
    data: DataSettings
    clip: ClipSettings
    views: ViewSettings
    device: torch.device

    def videos(self, paths: list[str]) -> Iterator[Prediction]:
        """What it says of each file, one after the other; a file that cannot be read stops none of the others."""
        for path in paths:
            frames = decode.attempt(self.data, path, None, None)
            if isinstance(frames, str):
                yield Prediction(path, problem=frames)
            else:
                yield Prediction(path, self.scores(frames))

    @torch.inference_mode()
    def scores(self, frames: np.ndarray) -> np.ndarray:
        """The mean of the probabilities over the views of kept frames, uint8 (t, h, w, 3): float32 (classes,)."""
        split = Split(_Kept(frames), np.arange(1), Labels.single([0]), Task(self.labels, self.multilabel))
        sums, seen = torch.zeros(1, len(self.labels)), 0
        for x, videos in split.views(self.clip, self.views, batch=BATCH, device=self.device):
            logits = self.model(x).float().cpu()
            sums.index_add_(0, videos, logits.sigmoid() if self.multilabel else logits.softmax(1))
            seen += len(x)
        return (sums[0] / seen).numpy()


class _Kept:
    """The frames of one video in memory, as `nas.data.shards.Store` has those of many."""

    jpeg = False

    def __init__(self, frames: np.ndarray):
        self.video, self.table = frames, SimpleNamespace(shapes=np.array([frames.shape[:3]]))

    def frames(
        self, index: int, which: slice | np.ndarray = ALL, rows: slice = ALL, columns: slice = ALL
    ) -> np.ndarray:
        """A box of some frames, uint8 (t, h, w, 3)."""
        return self.video[which, rows, columns]


def load(target: str | Path, *, form: str | None = None, views: dict | None = None, device: str = "auto") -> Predictor:
    """The network of an export, in one of its formats, or of a finished run.

    >>> load("studies/motion/retrained/4/export").form  # doctest: +SKIP
    'python'

    `form` is a format of the export (default: the first that it has of python, torch, onnx and int8), `views` replace
    clips and crops of its test. Raises NasError where nothing can be read, or what is read cannot do what is asked.
    """
    folder = Path(target)
    if not folder.exists():
        raise NasError("no such folder", where=str(target), fix="name a folder that nas export or nas retrain wrote")
    if about.raw(folder) is None:
        return _of_run(runs.load(target), form, views or {}, device)
    export = about.read(folder)
    chosen = _chosen(folder, export, form)
    seen = export.settings
    test = ViewSettings(**{**seen.test.model_dump(), **(views or {})})
    place = _place(chosen, device)
    _check_shape(folder, export, chosen, seen.clip, test)
    model = _READERS[chosen](folder, export, place)
    return Predictor(
        export.name, chosen, model.eval() if chosen != "torch" else model, export.labels, export.multilabel,
        seen.data, seen.clip, test, place,
    )  # fmt: skip


def _of_run(run: Trained, form: str | None, views: dict, device: str) -> Predictor:
    if form:
        raise NasError("is a run, no export", where=str(run.folder), fix="leave --format out, or run nas export")
    place, test = devices.pick(device), ViewSettings(**{**run.test.model_dump(), **views})
    model = run.model().to(device=place, memory_format=torch.channels_last_3d)
    return Predictor(run.name, "run", model, run.classes, run.multilabel, run.data, run.clip, test, place)


def _chosen(folder: Path, export: Export, form: str | None) -> str:
    """The format to use; raises NasError where the export does not have it."""
    there = [name for name in FORMATS if name in export.formats]
    if form and form not in there:
        fix = nearest(form, there) if form not in FORMATS else f"it has {' '.join(there)}"
        raise NasError(f"the format '{form}' is not in this export", where=str(folder), fix=fix)
    return form or there[0]


def _place(form: str, device: str) -> torch.device:
    if form in ("python", "torch"):
        return devices.pick(device)
    if device not in ("auto", "cpu"):
        problem = f"ONNX files run on CPUs here, not on '{device}'"
        raise NasError(problem, fix="use --format python or torch, or leave --device out")
    return torch.device("cpu")


def _check_shape(folder: Path, export: Export, form: str, clip: ClipSettings, views: ViewSettings) -> None:
    """Raise NasError where a file of one shape of clips is asked for others."""
    if form == "python" or views.clips != "all":
        return
    frames = export.input["shape"][2]
    problem = f"{export.formats[form].file} takes clips of {frames} frames, and all frames of a video are asked for"
    raise NasError(problem, where=str(folder), fix="use --format python, or give --views such as 10x1")


def _python(folder: Path, export: Export, place: torch.device) -> nn.Module:
    """Built by our own code from the genotype: the generated file is for others, and is not run."""
    model = build(genotypes.load(about.checked(folder, export, "genotype.yaml")), seed=0)
    checkpoint.load_weights(about.checked(folder, export, "weights.safetensors"), model)
    return model.to(device=place, memory_format=torch.channels_last_3d)


def _torch(folder: Path, export: Export, place: torch.device) -> nn.Module:
    from nas.exporting import program

    return program.read(about.checked(folder, export, FORMATS["torch"]), place)


def _onnx(folder: Path, export: Export, place: torch.device, form: str = "onnx") -> nn.Module:
    from nas.exporting.onnx_file import Session

    return Session(about.checked(folder, export, FORMATS[form]))


def _int8(folder: Path, export: Export, place: torch.device) -> nn.Module:
    return _onnx(folder, export, place, "int8")


_READERS = {"python": _python, "torch": _torch, "onnx": _onnx, "int8": _int8}
