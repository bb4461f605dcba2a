"""`nas export`: from a finished run to a folder that stands alone, with what was measured of each of its files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

import nas
from nas import cost as costs
from nas import files, testing
from nas import genotype as genotypes
from nas import trained as runs
from nas.console import say
from nas.exporting import about, card, onnx_file
from nas.exporting.about import Export, Format, Seen
from nas.exporting.comparing import Shape
from nas.exporting.folder import check, fresh, listed
from nas.exporting.forms import FORMS, Job
from nas.exporting.preprocessing import activation, preprocessing
from nas.genotype import Clip
from nas.preparation import preparation
from nas.trained import GENOTYPE, Trained

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it
FOLDER = "export"  # in that of the run, unless told otherwise


def export(
    target: str,
    *,
    trial: int | None,
    formats: tuple[str, ...],
    out: str | None,
    data: str | None,
    videos: int,
    force: bool,
    console: Console,
) -> None:
    """Write the network of a run, or of a study's trial, in some formats into a folder; print what was measured.

    Raises NasError where the run cannot be read, where the folder exists (see `folder.fresh`), where packages are not
    installed, and where a format gives other scores than PyTorch.
    """
    run = runs.load(target) if trial is None else runs.of_study(target, trial)
    place = Path(out) if out else run.folder / FOLDER
    check(place.resolve(), force=force)
    if {"onnx", "int8"} & set(formats):
        onnx_file.require("write")
    try:
        before = listed(place)
        with preparation(console) as progress, fresh(place, force=force) as part:
            job = Job(run, run.model().eval(), shape(run), part, progress, data, videos)
            made = {name: FORMS[name](job) for name in formats}
            files.write(part / GENOTYPE, genotypes.to_yaml(run.genotype).encode())
            told = described(run, made, part)
            about.write(part, told)
    except KeyboardInterrupt:
        say(console, "interrupted: nothing was exported; decoded videos are kept")
        sys.exit(INTERRUPTED)
    card.show(told, place, console)
    if gone := sorted(before - told.files.keys()):
        say(console, f"replaced an export that also had {', '.join(gone)}")


def shape(run: Trained) -> Shape:
    """Frames, height and width of the clips that the run's test shows."""
    size = run.test.size or run.clip.size
    return run.clip.frames, size, size


def described(run: Trained, formats: dict[str, Format], folder: Path) -> Export:
    """All that the export says of itself; `folder` holds its files."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return Export(
        name=run.name,
        labels=run.classes,
        multilabel=run.multilabel,
        metric=run.metric,
        input=_input(shape(run)),
        output={
            "name": onnx_file.OUTPUT,
            "type": "float32",
            "axes": "batch, class",
            "shape": [None, len(run.classes)],
            "probabilities": activation(run.multilabel),
        },
        preprocessing=preprocessing(run.data, run.clip, run.test, multilabel=run.multilabel),
        settings=Seen(data=_without_paths(run), clip=run.clip, test=run.test),
        test={key: run.about["test"][key] for key in ("views", "video", "clip") if key in run.about["test"]},
        costs=_costs(run),
        formats=formats,
        files={name: about.stamp(folder / name) for name in names},
        weights={"file": run.weights.name, "sha256": about.stamp(run.weights).sha256},
        versions={"video-nas": nas.__version__, **onnx_file.versions(formats)},
    )


def _input(shape: Shape) -> dict[str, Any]:
    axes = "batch, RGB, frame, height, width"
    return {"name": onnx_file.INPUT, "type": "float32", "axes": axes, "shape": [None, 3, *shape]}


def _without_paths(run: Trained) -> Any:
    """Which frames of a video are kept; where the run's own videos are is nobody's business."""
    return run.data.model_copy(update={"path": "", "videos": "", "format": "auto"})


def _costs(run: Trained) -> dict[str, Any]:
    """The exact costs of a view, and how many views the run's test shows of each video."""
    frames, size, _ = shape(run)
    clip = Clip(frames=frames, size=size)
    counted = costs.cost(run.genotype.model_copy(update={"input": clip}))
    exact = {"clip": str(clip), "macs": counted.macs, **counted.known()}
    return {"convention": "multiply-accumulates of convolutions and linear layers", **exact, "views": run.test.each,
            "views_in_words": testing.in_words(run.test)}  # fmt: skip
