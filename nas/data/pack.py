"""A pack: the frames of a data set, decoded once, in two memory-mapped files that every trial reads.

Each video is a run of uint8 frames (t, h, w, 3) whose short side is `settings.size`; its frames lie side by
side, because scattered cold reads lose most of the gain. A pack's name is a hash of its videos (name, size,
time of change, label, cut) and settings, so it is never taken for another's; it gets it when it is whole.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from nas.data import decode, pool
from nas.data.clips import Split
from nas.data.lists import Video, VideoSet
from nas.errors import NasError
from nas.recipe import PackSettings

# Raised when packs are written differently, so that older ones are not read.
FORMAT = 1
# Videos decoded to estimate the disk space that all need.
PROBES = 5
# What is kept of a video, in the order of the index.
SHAPE = ("frames", "height", "width")

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Pack:
    """The frames of a data set, ready to be read; `skipped` has path and reason of each broken video."""

    folder: Path
    classes: tuple[str, ...]
    train: Split
    val: Split
    skipped: tuple[tuple[str, str], ...]
    fingerprint: str

    def __reduce__(self):
        """Another process maps the same files: a pickled memory map would be a copy of all frames."""
        return read, (self.folder,)


def pack(
    video_set: VideoSet,
    settings: PackSettings,
    cache: Path,
    *,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Pack:
    """The pack of `video_set` in `cache`, made on the first call by one process a core.

    Broken videos are left out and listed in `skipped.csv`. A killed packing is redone; of two processes that
    ask at once, one packs and the other waits. Raises `NasError` when a class keeps no video to train on,
    when none is left to validate with, or when the disk is too small.
    """
    key = fingerprint(video_set, settings)
    folder = Path(cache) / "packs" / key
    try:
        if not _is_whole(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{folder}.lock"):
                if not _is_whole(folder):
                    _make(folder, video_set, settings, progress or (lambda done, total, what: None), workers)
    except OSError as error:
        raise NasError(f"the pack cannot be written: {error.strerror}", where=str(folder)) from None
    return read(folder)


def _is_whole(folder: Path) -> bool:
    return (folder / "index.json").is_file()


def fingerprint(video_set: VideoSet, settings: PackSettings) -> str:
    """Sixteen hexadecimal digits that change when a video, a label or a setting does."""
    root = os.path.commonpath([os.path.dirname(v.path) for v in video_set.train + video_set.val])
    lines = [
        [split, os.path.relpath(v.path, root), *_stat(v.path), v.label, v.start, v.end]
        for split, videos in (("train", video_set.train), ("val", video_set.val))
        for v in videos
    ]
    text = json.dumps([FORMAT, settings.model_dump(), video_set.classes, lines], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _stat(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:  # gone since the list was read: skipped with its reason when it is decoded
        return 0, 0
    return found.st_size, found.st_mtime_ns


def read(folder: Path) -> Pack:
    """The finished pack in `folder`. Raises `NasError` when it is damaged."""
    try:
        index = json.loads((folder / "index.json").read_text())
        splits = {name: _open(folder / f"{name}.bin", index[name]) for name in ("train", "val")}
    except (OSError, ValueError, KeyError) as error:
        raise NasError(f"this pack is damaged ({error})", where=str(folder), fix="delete the folder") from None
    skipped = tuple((path, reason) for path, reason in index["skipped"])
    return Pack(folder, tuple(index["classes"]), **splits, skipped=skipped, fingerprint=folder.name)


def _open(path: Path, index: dict[str, list[int]]) -> Split:
    shapes = np.array([index[name] for name in SHAPE], dtype=np.int64).T.reshape(-1, 3)
    size = int(shapes.prod(axis=1).sum()) * 3
    if path.stat().st_size != size:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes, not {size}")
    store = np.memmap(path, np.uint8, mode="r") if size else np.zeros(0, np.uint8)
    return Split(store, shapes, np.array(index["label"], dtype=np.int64))


# ---- making one


def _make(folder: Path, video_set: VideoSet, settings: PackSettings, progress: Progress, workers: int | None) -> None:
    videos = video_set.train + video_set.val
    partial = folder.with_suffix(".partial")
    for leftover in (partial, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    _check_listed(video_set)
    _check_disk(folder.parent, videos, settings)
    partial.mkdir()
    try:
        frames = _decoded(videos, settings, progress, workers)
        skipped = [(path, "not there") for path in video_set.missing]
        train = _store(partial / "train.bin", video_set, video_set.train, frames, skipped)
        val = _store(partial / "val.bin", video_set, video_set.val, frames, skipped)
        _check_classes(video_set, train, val, skipped)
        _write_notes(partial, settings, {"classes": video_set.classes, "train": train, "val": val, "skipped": skipped})
        os.replace(partial, folder)
    except BaseException:  # Ctrl-C too: half a pack is of no use, and large
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _check_disk(folder: Path, videos: Sequence[Video], settings: PackSettings) -> None:
    """Raise `NasError` when a few videos, decoded for their sizes, say that all will not fit."""
    probes = (decode.attempt(v.path, settings, v.start, v.end) for v in videos[:: -(-len(videos) // PROBES)])
    sizes = [frames.nbytes for frames in probes if not isinstance(frames, str)]
    need, free = len(videos) * sum(sizes) / max(1, len(sizes)), shutil.disk_usage(folder).free
    if need > free:
        raise NasError(
            f"{len(videos)} videos need about {need / 1e9:.1f} GB and {free / 1e9:.1f} GB are free",
            where=str(folder),
            fix="keep fewer or smaller frames (pack: every, frames, size) or set NAS_CACHE to another disk",
        )


def _decoded(videos: Sequence[Video], settings: PackSettings, progress: Progress, workers: int | None) -> Iterator:
    """Frames, or the reason why there are none, for each video in order."""
    progress(0, len(videos), "decoding videos")
    calls = [(v.path, settings, v.start, v.end) for v in videos]
    for done, frames in enumerate(pool.spread(decode.attempt, calls, workers=workers), 1):
        progress(done, len(videos), "decoding videos")
        yield frames


def _store(
    path: Path,
    video_set: VideoSet,
    videos: Sequence[Video],
    decoded: Iterator,
    skipped: list[tuple[str, str]],
) -> dict[str, list[int]]:
    """Write the frames of `videos` one after the other; returns their part of the index."""
    index: dict[str, list[int]] = {name: [] for name in (*SHAPE, "label")}
    number = {name: i for i, name in enumerate(video_set.classes)}
    with path.open("wb") as file:
        for video, frames in zip(videos, decoded, strict=False):  # what is left in `decoded` is the next split's
            if isinstance(frames, str):
                skipped.append((video.path, frames))
                continue
            file.write(frames.data)
            for name, value in zip(index, (*frames.shape[:3], number[video.label]), strict=True):
                index[name].append(value)
        file.flush()
        os.fsync(file.fileno())
    return index


def _check_listed(video_set: VideoSet) -> None:
    """The check below, for what is known before anything is decoded."""
    listed = [{"label": [video_set.classes.index(v.label) for v in some]} for some in (video_set.train, video_set.val)]
    _check_classes(video_set, *listed, [(path, "not there") for path in video_set.missing])


def _check_classes(video_set: VideoSet, train: dict, val: dict, skipped: list[tuple[str, str]]) -> None:
    absent = [name for i, name in enumerate(video_set.classes) if i not in set(train["label"])]
    if not absent and val["label"]:
        return
    names = ", ".join(repr(name) for name in absent[:5]) + (f" and {len(absent) - 5} more" if absent[5:] else "")
    problem = f"no readable video to train on for class {names}" if absent else "no readable video to validate with"
    why = f"{len(skipped)} were skipped, such as {skipped[-1][0]}: {skipped[-1][1]}" if skipped else ""
    raise NasError(problem, where=video_set.name, fix=why)


def _write_notes(folder: Path, settings: PackSettings, index: dict) -> None:
    with (folder / "skipped.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("path", "reason"), *index["skipped"]])
    with (folder / "index.json").open("w") as file:
        json.dump({"format": FORMAT, "settings": settings.model_dump(), **index}, file)
        file.flush()
        os.fsync(file.fileno())
