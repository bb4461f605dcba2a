"""The files of a full training besides its checkpoint: the claim on the folder, curve, weights, metrics."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from torch import nn

from nas import checkpoint, files
from nas.errors import NasError

LOCK = ".lock"


class Keeper:
    """Writes what each epoch leaves behind besides the checkpoint."""

    def __init__(self, folder: Path, model: nn.Module, curve: list[dict], about: dict, on_epoch: Callable | None):
        self.folder, self.model, self.curve, self.about = folder, model, list(curve), about
        self.on_epoch = on_epoch

    def keep(self, row: dict) -> None:
        """Take in an epoch: best.safetensors where none was better, and the curve."""
        best = max((earlier["val_accuracy"] for earlier in self.curve), default=-1.0)
        self.curve.append(row)
        if row["val_accuracy"] > best:
            self._weights("best.safetensors", row)
        self._write_curve()
        if self.on_epoch:
            self.on_epoch(row)

    def finish(self) -> None:
        """Write weights.safetensors, and the curve once more."""
        self._weights("weights.safetensors", self.curve[-1])
        self._write_curve()

    def _weights(self, name: str, row: dict) -> None:
        about = self.about | {"epoch": row["epoch"], "val_accuracy": row["val_accuracy"]}
        checkpoint.save_weights(self.folder / name, self.model, about)

    def _write_curve(self) -> None:
        """All of the curve, so that a row lost in a crash comes back with the next one."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [*self.curve[0], "val_error"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"val_error": 1 - row["val_accuracy"]} for row in self.curve)
        files.write(self.folder / "curve.csv", text.getvalue().encode())


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """The folder, made and kept for this process; the claim ends with the process, however it ends."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        problem = "another process is training in this folder"
        raise NasError(problem, where=str(folder), fix="wait for it, or choose another folder") from None
    except OSError as error:
        problem = f"cannot be used as a folder ({error.strerror})"
        raise NasError(problem, where=str(folder), fix="choose a folder that can be written to") from error
    with lock:
        yield


def write_confusion(path: Path, classes: tuple[str, ...], counts: np.ndarray) -> None:
    """Counts of videos by true class (rows) and best scored class, as CSV."""
    text = io.StringIO()
    rows = ([name, *row] for name, row in zip(classes, counts.tolist(), strict=True))
    csv.writer(text, lineterminator="\n").writerows([["true class", *classes], *rows])
    files.write(path, text.getvalue().encode())


def write_json(path: Path, value: dict) -> None:
    """Replace a file by `value`, readably."""
    files.write(path, (json.dumps(value, indent=2) + "\n").encode())


def read_metrics(path: Path) -> dict:
    """What metrics.json holds; raises NasError where that cannot be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise unreadable(path) from error


def unreadable(path: Path) -> NasError:
    """The error for a damaged metrics.json."""
    fix = "delete it: the same command writes it again from the checkpoint"
    return NasError("cannot be read as the metrics of a run", where=str(path), fix=fix)
