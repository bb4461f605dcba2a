"""What `nas evaluate` writes: all figures as JSON, the scores of each video and the confusion of classes as tables.

A folder belongs to one evaluation: the same one (weights, videos, views, precision) replaces its files, another one is
refused.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from nas import checkpoint, evaluation_card, files
from nas.console import count
from nas.errors import NasError
from nas.evaluation import Asked, Evaluation, Subject, forward, seconds
from nas.testing import Arrow, Found, TestResult
from nas.trained import WEIGHTS
from nas.versions import versions

FIGURES, SCORES, CONFUSION, DRAWN = "evaluation.json", "scores.csv", "confusion.csv", "confusion.html"
LONGEST = 100  # letters of a folder's name
BETWEEN = "|"  # several classes in one cell


def usual_folder(subjects: list[Subject], asked: Asked, *, elsewhere: bool) -> Path:
    """Where an evaluation goes: into the run's folder, or for several into evaluations/ of the working folder.

    The name tells the views, and what else differs from the plain test of a run: split, precision, with `elsewhere` the
    data, and the weights.
    """
    parts = ["+".join(dict.fromkeys(_views(subject) for subject in subjects))]
    parts += [told for told, usual in ((asked.split, "val"), (asked.precision, "auto")) if told != usual]
    parts += [subjects[0].set] if elsewhere else []
    if len(subjects) > 1:
        names = "+".join(_slug(subject.name) for subject in subjects)
        return Path("evaluations") / names[:LONGEST] / _slug("-".join(parts))
    weights = subjects[0].trained.weights
    parts += [weights.stem] if weights.name != WEIGHTS else []
    return subjects[0].trained.folder / "evaluations" / _slug("-".join(parts))


def identity(subjects: list[Subject], asked: Asked) -> dict[str, Any]:
    """What decides the figures, as JSON values: the same file of weights gives the same from whatever folder."""
    networks = [
        {
            "weights": one.sha256,
            "videos": one.fingerprint,
            "clip": one.trained.clip.model_dump(mode="json"),
            "views": one.views.model_dump(mode="json"),
        }
        for one in subjects
    ]
    return {"split": asked.split, "precision": asked.precision, "networks": networks}


@contextmanager
def claimed(out: Path, evaluation_of: dict, *, force: bool) -> Iterator[None]:
    """A folder, or the folder of a .csv file, that may be written to; taken away again where nothing was.

    Raises NasError where it cannot be made, and unless `force` where it holds another evaluation or the file is there.
    """
    if not force:
        _check_free(out, evaluation_of)
    folder = out.parent if out.suffix == ".csv" else out
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NasError(f"cannot be made ({error.strerror})", where=str(folder), fix="give --out FOLDER") from None
    try:
        yield
    except BaseException:
        with suppress(OSError):  # not empty
            for path in new:
                path.rmdir()
        raise


def write(out: Path, found: Evaluation, told: dict[str, Any]) -> list[Path]:
    """Write all files into the folder `out`, or the scores alone into a .csv file; gives their paths."""
    if out.suffix == ".csv":
        files.write(out, _scores(found, found.final))
        return [out]
    for name in _ours(out):
        (out / name).unlink(missing_ok=True)  # of the evaluation that was here
    files.write(out / FIGURES, (json.dumps(told, indent=2) + "\n").encode())
    tables = {SCORES: found.final}
    if found.together:
        tables |= {part(place): forward(one) for place, one in enumerate(found.found)}
    for name, result in tables.items():
        files.write(out / name, _scores(found, result))
    drawn = _confusion(out, found) if found.final.video.confusion is not None else []
    return [out / FIGURES, *(out / name for name in tables), *drawn]


def to_plain(found: Evaluation, evaluation_of: dict[str, Any]) -> dict[str, Any]:
    """All figures and what they are of, as JSON values."""
    first, asked = found.subjects[0], found.asked
    rows = [
        _network(subject, one) | {"scores": part(place) if found.together else SCORES}
        for place, (subject, one) in enumerate(zip(found.subjects, found.found, strict=True))
    ]
    told = {
        "data": first.set,
        "split": asked.split,
        "videos": found.final.video.count,
        "left_out": list(found.left_out),
        "multilabel": first.trained.multilabel,
        "metric": first.trained.metric,
        "networks": rows,
    }
    if found.together:
        costs = {"gflops_a_video": found.gflops_a_video, "mparams": sum(row["mparams"] for row in rows)}
        told["ensemble"] = {**costs, **_figures(found.together), "scores": SCORES}
    told["classes"] = _classes(found)
    told |= {"device": found.device, "precision": asked.precision, "batch": asked.batch}
    told |= {"seconds": found.seconds, "versions": versions()}
    return {**told, "of": evaluation_of}


def part(place: int) -> str:
    """The table of one network of an ensemble."""
    return f"scores-{place + 1}.csv"


def _network(subject: Subject, found: Found) -> dict[str, Any]:
    trained = subject.trained
    return {
        "name": subject.name,
        "weights": {"file": trained.weights.name, "sha256": subject.sha256},
        "settings": {
            "clip": trained.clip.model_dump(mode="json"),
            "views": subject.views.model_dump(mode="json"),
        },
        "shown": subject.shown,
        "gflops": subject.gflops,
        "views_a_video": subject.views_a_video,
        "mparams": subject.mparams,
        **_figures(found),
        "seconds": seconds(found),
    }


def _figures(found: Found) -> dict[str, Any]:
    told = _measured(forward(found))
    if isinstance(found, Arrow):
        change = {"top1_difference": found.difference, "top1_difference_error": found.error}
        told["reversed"] = {**_measured(found.backward), **change}
    return told


def _measured(result: TestResult) -> dict[str, Any]:
    video = {**result.video.to_plain(), "top1_error": result.video.error}
    return {"video": video, "clip": result.clip.to_plain() if result.clip else None}


def _classes(found: Evaluation) -> dict[str, Any]:
    """Of each class its videos, and how well they do: the share that is recognised, or the average precision."""
    video, named = found.final.video, found.subjects[0].trained.classes
    name = "top1" if video.confusion is not None else "average_precision"
    rows = zip(named, video.counts.tolist(), video.per_class.tolist(), strict=True)
    return {one: {"videos": count, name: value if count else None} for one, count, value in rows}


def _scores(found: Evaluation, result: TestResult) -> bytes:
    """A row a video: its path below the data's folder, its cut where there are any, its classes, and all scores."""
    subject = found.subjects[0]
    kept, classes = subject.kept, subject.trained.classes
    cut = not (np.isnan(kept.videos.start).all() and np.isnan(kept.videos.end).all())
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["video", *(["start", "end"] if cut else []), "true class", "predicted class", *classes])
    best = result.scores.argmax(1).tolist()
    for row, (name, scores) in enumerate(zip(kept.names(), result.scores, strict=True)):
        video = kept.videos[row]
        times = ["" if time is None else f"{time:g}" for time in (video.start, video.end)] if cut else []
        true = BETWEEN.join(classes[number] for number in kept.split.labels[row])
        rows.writerow([name, *times, true, classes[best[row]], *map("%.6g".__mod__, scores.tolist())])
    return text.getvalue().encode("utf-8", "surrogateescape")


def _confusion(folder: Path, found: Evaluation) -> list[Path]:
    """True classes in rows, predicted ones in columns, as a table and drawn."""
    import pandas as pd

    from nas.plots import style
    from nas.plots.confusion_matrix import confusion_matrix

    classes = list(found.subjects[0].trained.classes)
    counts = pd.DataFrame(found.final.video.confusion, index=classes, columns=classes)
    counts.attrs = {"dataset": found.subjects[0].set, "network": evaluation_card.title(found)}
    counts.attrs |= {"views": found.final.views}
    files.write(folder / CONFUSION, counts.to_csv(index_label="true class").encode())
    files.write(folder / DRAWN, confusion_matrix(counts).to_html(include_plotlyjs=True, config=style.CONFIG).encode())
    return [folder / CONFUSION, folder / DRAWN]


def _check_free(out: Path, evaluation_of: dict) -> None:
    if out.suffix == ".csv":
        if out.exists():
            raise NasError("is there already", where=str(out), fix="give --force to replace it, or another --out")
        return
    parts = [part(place) for place in range(len(evaluation_of["networks"]))]
    if not any((out / name).exists() for name in (FIGURES, SCORES, CONFUSION, DRAWN, *parts)):
        return
    if difference := _difference(_earlier(out).get("of"), evaluation_of):
        fix = "give --force to replace it, or another --out"
        raise NasError(f"holds another evaluation: {difference}", where=str(out), fix=fix)


def _difference(earlier: Any, now: dict) -> str:
    """What two evaluations do not have in common, in words; nothing where they are the same."""
    if not isinstance(earlier, dict) or not isinstance(earlier.get("networks"), list):
        return "nobody knows of what"
    networks = [len(one["networks"]) for one in (earlier, now)]
    if networks[0] != networks[1]:
        return f"of {count(networks[0], 'network')}, not {networks[1]}"
    changed = checkpoint.differences(earlier, now)
    return ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")


def _ours(out: Path) -> list[str]:
    """The tables and figures in a folder that belong to the evaluation there."""
    networks = _earlier(out).get("networks")
    several = range(len(networks) if isinstance(networks, list) else 0)
    return [SCORES, CONFUSION, DRAWN, *(part(place) for place in several)]


def _earlier(out: Path) -> dict[str, Any]:
    """What is told of the evaluation in a folder; nothing where it cannot be read."""
    try:
        told = json.loads((out / FIGURES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _views(subject: Subject) -> str:
    """Views as a part of a folder's name.

    Such as 10x3, allx1, 1x1-256px, 10x3-scale0.8, or 1x1-forward where nothing is reversed.
    """
    views = subject.views
    more = [f"{views.size}px"] if views.size else []
    more += [f"scale{views.scale:g}"] if views.scale else []
    return "-".join([f"{views.clips}x{views.crops}", *more, *([] if views.reverse else ["forward"])])


def _slug(name: str) -> str:
    """A text as a name of a folder.

    >>> _slug("motion, trial 4")
    'motion-trial-4'
    """
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.")[:LONGEST] or "evaluation"
