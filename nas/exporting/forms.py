"""Each format of an export: written, read again, and compared with PyTorch's scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from nas import checkpoint, evaluation, files, testing
from nas.data.clips import Split
from nas.data_settings import ClipSettings, ViewSettings
from nas.exporting import FORMATS, comparing, onnx_file, program, quantised
from nas.exporting.about import Format
from nas.exporting.comparing import BATCHES, Shape
from nas.exporting.python_source import source
from nas.packed import packed
from nas.preparation import Preparation
from nas.trained import WEIGHTS, Trained

CALIBRATION = 128  # training videos, one clip each
BATCH = 8  # clips at once
REPEATS = 3  # of which the fastest counts


@dataclass(frozen=True)
class Job:
    """What is exported: the run, its `model` in eval mode, the `shape` of its clips, and the `folder` to write to.

    `data` replaces the run's videos, of which at most `videos` compare 8-bit with 32-bit numbers.
    """

    run: Trained
    model: nn.Module
    shape: Shape
    folder: Path
    progress: Preparation
    data: str | None
    videos: int

    @property
    def view(self) -> ViewSettings:
        """One clip in the middle of a video, one crop in the middle of that, of the size of the run's test."""
        return ViewSettings(size=self.run.test.size, scale=self.run.test.scale, reverse=False)

    def path(self, form: str) -> Path:
        """Where a format is written, and a line that it is."""
        self.progress.note(f"writing {FORMATS[form]}")
        return self.folder / FORMATS[form]

    def measured(self, form: str, other: Callable[[Tensor], Tensor], largest: float = comparing.LARGEST) -> Format:
        """The format, whose scores are near enough to PyTorch's; raises NasError where they are not."""
        found = comparing.difference(self.model, other, self.shape)
        comparing.require(found, FORMATS[form], largest)
        return Format(file=FORMATS[form], difference=found, batches=BATCHES)


def python(job: Job) -> Format:
    """One file of plain PyTorch and the weights; the scores must be the same to the last bit."""
    path = job.path("python")
    text = source(job.run.genotype, name=job.run.name, dropout=float(job.run.about["train"].get("dropout", 0.0)))
    files.write(path, text.encode())
    checkpoint.save_weights(job.folder / WEIGHTS, job.model, {"name": job.run.name})
    names: dict[str, Any] = {"__name__": "network", "__file__": str(path)}
    exec(compile(text, str(path), "exec"), names)  # what was generated a line above
    made = job.measured("python", names["load"](), largest=0.0)
    return made.model_copy(update={"facts": {"lines": text.count("\n"), "weights_file": WEIGHTS}})


def torch_program(job: Job) -> Format:
    """A program of torch.export."""
    path = job.path("torch")
    program.write(job.model, path, job.shape)
    return job.measured("torch", program.read(path, trusted=True))  # written a line above


def onnx(job: Job) -> Format:
    """An ONNX file of 32-bit numbers."""
    path = job.path("onnx")
    onnx_file.write(job.model, path, job.shape)
    made = job.measured("onnx", onnx_file.Session(path))
    return made.model_copy(update={"facts": {"opset": onnx_file.OPSET}})


def int8(job: Job) -> Format:
    """An ONNX file of 8-bit numbers, and what they cost in accuracy."""
    settings = job.run.data.model_copy(update={"path": job.data}) if job.data else job.run.data
    videos, pack = packed(settings, job.progress)
    evaluation.check_classes(job.run, pack.task, videos.name)
    path, whole = job.path("int8"), job.folder / FORMATS["onnx"]
    written = whole.exists()
    if not written:
        onnx_file.write(job.model, whole, job.shape)
    calibration = Clips(some(pack.train, CALIBRATION), job.run.clip, job.view)
    made = quantised.write(whole, path, calibration)
    ratio = path.stat().st_size / whole.stat().st_size
    seconds = {name: _seconds(one, calibration[0]) for name, one in (("float32", whole), ("int8", path))}
    if not written:
        whole.unlink()
    facts = {
        "opset": onnx_file.OPSET,
        "calibration_videos": len(calibration),
        "operators": quantised.OPERATORS,
        "size_ratio": ratio,
        "seconds_a_clip": seconds,
        "weights": "int8",
        "activations": made.activations,
        "same_class_in_calibration": made.kept,
        "fused_difference": made.fused,
        "accuracy": accuracies(job, some(pack.val, job.videos)),
    }
    return Format(file=FORMATS["int8"], difference=None, batches=(), facts=facts)


def accuracies(job: Job, split: Split) -> dict[str, Any]:
    """How well 32-bit and 8-bit numbers do on the same videos, one view each."""

    def tested(model: nn.Module, what: str, device: str) -> testing.TestResult:
        tell = lambda done: job.progress(done, len(split), what)  # noqa: E731
        return testing.test(
            model, split, job.run.clip, job.view, batch=BATCH, device=device, precision="fp32",
            multilabel=job.run.multilabel, on_batch=tell,
        )  # fmt: skip

    before = tested(job.model, "testing float32", "auto")
    after = tested(onnx_file.Session(job.folder / FORMATS["int8"]), "testing int8", "cpu")
    job.model.cpu()
    change, error = testing.paired(before.hits, after.hits)
    metric = job.run.metric
    old, new = (getattr(one.video, metric) for one in (before, after))
    same = float((before.scores.argmax(1) == after.scores.argmax(1)).mean())
    return {
        "metric": metric,
        "float32": old,
        "int8": new,
        "difference": new - old,
        "standard_error": error if metric == "top1" else None,
        "same_class": same,
        "videos": len(split),
        "views": before.views,
    }


def some(split: Split, count: int) -> Split:
    """At most so many videos of a split, spread over it."""
    return rows(split, np.unique(np.linspace(0, len(split) - 1, min(count, len(split))).round().astype(np.int64)))


def rows(split: Split, numbers: np.ndarray) -> Split:
    """Some videos of a split, int64 (n,)."""
    return Split(split.store, split.rows[numbers], split.labels.take(numbers), split.task)


class Clips(Sequence[Tensor]):
    """One clip of each video, float32 (1, 3, t, h, w), read when it is asked for.

    One at a time, because calibration keeps all activations of what it is given: gigabytes for a clip of 64 frames.
    """

    def __init__(self, split: Split, clip: ClipSettings, view: ViewSettings):
        self.split, self.clip, self.view = split, clip, view

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> Tensor:
        if not 0 <= index < len(self):
            raise IndexError(index)
        one = rows(self.split, np.array([index]))
        return next(x for x, _ in one.views(self.clip, self.view, batch=1, device="cpu"))


def _seconds(path: Path, clips: Tensor) -> float:
    """Seconds that onnxruntime takes for a clip, on the CPU."""
    session = onnx_file.Session(path)
    took = []
    for _ in range(1 + REPEATS):
        began = time.perf_counter()
        session(clips)
        took.append(time.perf_counter() - began)
    return min(took[1:]) / len(clips)


FORMS: dict[str, Callable[[Job], Format]] = {"python": python, "torch": torch_program, "onnx": onnx, "int8": int8}
