"""The embedded data sets: short labelled videos, generated as real H.264 files in the Kinetics layout.

`motion` is told by its direction in time, as Something-Something is: a disc moves left, right, up or down, circles
clockwise or the other way, approaches or recedes, appears or vanishes, pairs that only the order of the frames tells
apart. `motion-appearance` is told by any single frame, as Kinetics mostly is: the label is the disc's two colours.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock

from nas.data import pool
from nas.data.motion_drawing import ACTIONS, COLOURS, KINDS, RATE, USUAL, draw, path
from nas.data_settings import MotionSettings
from nas.errors import NasError, nearest

__all__ = ["ACTIONS", "COLOURS", "KINDS", "MotionSettings", "draw", "encode", "generate", "key", "label", "path"]

# Raised when the pictures change, so that a cached older set is not taken for this one.
VERSION = 1
# The settings that there were from the start; others are part of a set's name only where they are not the defaults,
# so that a set keeps its name when one is added.
FIRST = ("train", "val", "seed", "distractor", "frames", "size")
# Constant quality, no looking ahead: else libx264 now and then gives other bytes for the same small pictures.
STEADY = {"preset": "veryfast", "tune": "zerolatency", "qp": "22"}
# Each file's time stamp: generated again, the set has the same fingerprint and its packs stay valid.
STAMP = 1_700_000_000


def generate(
    cache: Path,
    settings: MotionSettings = USUAL,
    *,
    kind: str = "motion",
    progress: Callable[[int, int, str], None] | None = None,
    workers: int | None = None,
) -> Path:
    """The folder of a set: `train.csv`, `val.csv`, `train/*.mp4`, `val/*.mp4`, `motion.json`.

    >>> generate(Path("cache"), MotionSettings(classes=4), kind="motion-appearance")  # doctest: +SKIP
    PosixPath('cache/motion-appearance-3a6b43')

    Written once. It gets its name only when it is whole, so a killed generation is redone and never taken
    for the set; of two processes that ask at once, one writes and the other waits. Raises NasError for an unknown
    kind, an odd number of actions, and where nothing can be written.
    """
    _check(settings, kind)
    folder = Path(cache) / f"{kind}-{key(settings, kind)}"
    try:
        if not _is_whole(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{folder}.lock"):
                if not _is_whole(folder):
                    _make(folder, settings, kind, progress or (lambda done, total, what: None), workers)
    except OSError as error:
        raise NasError(f"the motion set cannot be written: {error.strerror}", where=str(folder)) from None
    return folder


def key(settings: MotionSettings, kind: str = "motion") -> str:
    """Six hexadecimal digits that name a set and begin each of its video ids.

    >>> key(MotionSettings()), key(MotionSettings(shake=0.1))
    ('7d7a55', 'fbc5d3')
    """
    text = json.dumps([VERSION, _told(settings, kind)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def label(index: int, settings: MotionSettings, kind: str = "motion") -> str:
    """The label of the video at `index` in its list: every class is equally frequent."""
    return KINDS[kind].labels[index % settings.classes]


def _check(settings: MotionSettings, kind: str) -> None:
    if kind not in KINDS:
        raise NasError(f"there is no embedded set '{kind}'", fix=nearest(kind, KINDS))
    if kind == "motion" and settings.classes % 2:
        problem = f"classes = {settings.classes} parts an action from its opposite"
        fix = f"use {settings.classes - 1} or {settings.classes + 1}, or the set motion-appearance"
        raise NasError(problem, where="data.motion", fix=fix)


def _told(settings: MotionSettings, kind: str) -> dict:
    """What decides the videos of a set."""
    told = {name: value for name, value in settings if name in FIRST or value != getattr(USUAL, name)}
    return told if kind == "motion" else {"kind": kind, **told}


def _is_whole(folder: Path) -> bool:
    return (folder / "motion.json").is_file()


def _make(folder: Path, settings: MotionSettings, kind: str, progress: Callable, workers: int | None) -> None:
    partial = folder.with_suffix(".partial")
    for leftover in (partial, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    _write_set(partial, settings, kind, progress, workers)
    os.replace(partial, folder)


def _write_set(folder: Path, settings: MotionSettings, kind: str, progress: Callable, workers: int | None) -> None:
    calls = []
    for split, count in (("train", settings.train), ("val", settings.val)):
        (folder / split).mkdir(parents=True)
        ids = [_id(settings, kind, split, i) for i in range(count)]
        _write_list(folder / f"{split}.csv", split, ids, settings, kind)
        names = (f"{one}_{0:06d}_{_seconds(settings):06d}.mp4" for one in ids)
        calls += [(str(folder / split / name), settings, split, i, kind) for i, name in enumerate(names)]
    progress(0, len(calls), "writing motion videos")
    for done, _ in enumerate(pool.spread(write, calls, workers=workers), 1):
        progress(done, len(calls), "writing motion videos")
    (folder / "motion.json").write_text(json.dumps({"version": VERSION, **_told(settings, kind)}, indent=1))


def _write_list(path: Path, split: str, ids: list[str], settings: MotionSettings, kind: str) -> None:
    with path.open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["label", "youtube_id", "time_start", "time_end", "split"])
        for index, one in enumerate(ids):
            lines.writerow([label(index, settings, kind), one, 0, _seconds(settings), split])


def _id(settings: MotionSettings, kind: str, split: str, index: int) -> str:
    return f"{key(settings, kind)}{index + (settings.train if split == 'val' else 0):05d}"


def _seconds(settings: MotionSettings) -> int:
    return -(-settings.frames // RATE)


def write(path: str, settings: MotionSettings, split: str, index: int, kind: str = "motion") -> None:
    """Draw one video of a set and encode it into `path`."""
    rng = np.random.default_rng([settings.seed, int(split == "val"), index])
    encode(path, draw(rng, label(index, settings, kind), settings, kind=kind))
    os.utime(path, (STAMP, STAMP))


def encode(path: str, video: np.ndarray, *, rate: int = RATE, options: dict[str, str] | None = None) -> None:
    """Write uint8 frames (t, h, w, 3) as an H.264 MP4 file; height and width must be even."""
    import av

    options = {**STEADY, **(options or {})}
    with av.open(path, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.height, stream.width = video.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for picture in video:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
