"""A pack: the frames of a data set, decoded once, in memory-mapped files that every trial of every study reads.

Its name is a hash of the videos (name, size, time of change, labels, cut) and settings, so that it is never taken for
another's; it gets it when it is whole. Frames of a video lie side by side, because scattered cold reads lose most of
what a pack gains.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from nas import locks
from nas.console import count
from nas.data import packing
from nas.data.clips import Split
from nas.data.shards import Store, Table
from nas.data.task import Task, task
from nas.data.videos import Labels, VideoSet
from nas.data_settings import DataSettings
from nas.errors import NasError

# Raised when packs are written differently, so that older ones are not read.
FORMAT = 2
# Which sizes and times of change the files had when their checksums were last right.
STAMP = "verified.json"

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Pack:
    """The frames of a data set, ready to be read, and what is to be told of them.

    `skipped` is how many videos are missing or broken; `skipped.csv` in its folder has path and reason of each.
    """

    folder: Path
    task: Task
    train: Split
    val: Split
    skipped: int

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the network's outputs."""
        return self.task.classes

    @property
    def losses(self) -> str:
        """How many videos are missing, and where that is told, in words; '' where none is."""
        told = f"{count(self.skipped, 'video')} missing or unreadable"
        return f"{told}: see {self.folder / 'skipped.csv'}" if self.skipped else ""

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the videos and settings."""
        return self.folder.name

    def __reduce__(self):
        """Another process maps the same files: a pickled memory map would be a copy of all frames."""
        return read, (self.folder, self.task)


def pack(
    videos: VideoSet,
    settings: DataSettings,
    cache: Path,
    *,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Pack:
    """The pack of `videos` in `cache`, made on the first call by one process a core.

    Broken videos are left out and listed in `skipped.csv`. A killed packing goes on where it was; of two processes
    that ask at once, one packs and the other waits. `progress(done, total, what)` is told of all that takes time.
    Raises NasError when a class keeps no video to train on, when none is left to validate with, when too many cannot
    be read, or when the disk is too small.
    """
    folder, progress = Path(cache) / "packs" / fingerprint(videos, settings), progress or _silent
    found = task(videos, settings)
    try:
        if not is_whole(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _alone(folder, progress):
                if not is_whole(folder):
                    packing.make(folder, videos, settings, progress, workers)
                    _stamp(folder)
        made = verified(read(folder, found), progress)
    except OSError as error:
        fix = "free some space or set NAS_CACHE to another disk: what is decoded is kept, and the same command goes on"
        raise NasError(f"the pack cannot be written: {error.strerror}", where=str(folder), fix=fix) from None
    return made


def is_whole(folder: Path) -> bool:
    """Whether the pack in this folder was finished."""
    return (folder / "index.json").is_file()


def fingerprint(videos: VideoSet, settings: DataSettings) -> str:
    """Sixteen hexadecimal digits that change when a video, a label or a setting of its frames does."""
    told = settings.model_dump(mode="json", include={"frames", "frame_rate", "decoder", "pack"})
    digest = hashlib.sha256(json.dumps([FORMAT, told, videos.classes], sort_keys=True).encode())
    for split in (videos.train, videos.val):
        paths = split.paths.tolist()
        text = "\n".join([path.removeprefix(videos.root) for path in paths])
        digest.update(text.encode("utf-8", "surrogateescape"))
        stats = [_stat(path) for path in dict.fromkeys(paths)]  # of a list of events, many are cut out of one file
        for column in (np.array(stats), split.start, split.end, split.labels.offsets, split.labels.ids):
            digest.update(column.tobytes() + b"|")
    return digest.hexdigest()[:16]


def read(folder: Path, task: Task) -> Pack:
    """The finished pack in `folder`. Raises NasError when files of it are gone or have another size."""
    try:
        about = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        with np.load(folder / "index.npz") as found:
            columns = {name: found[name] for name in found.files}
        for name, size in about["shards"].items():
            if (folder / name).stat().st_size != size:
                raise ValueError(f"{name} has {(folder / name).stat().st_size} bytes, not {size}")
    except (OSError, ValueError, KeyError) as error:
        raise _damaged(folder, error) from None
    labels = {name: Labels(columns.pop(f"{name}_offsets"), columns.pop(f"{name}_ids")) for name in ("train", "val")}
    store = Store(folder, Table(tuple(about["shards"]), **columns))
    first = about["train"]
    train = Split(store, np.arange(first), labels["train"], task)
    val = Split(store, np.arange(first, len(store)), labels["val"], task)
    return Pack(folder, task, train, val, about["skipped"])


def verify(pack: Pack, progress: Progress | None = None) -> None:
    """Read every frame again; raises NasError where their checksums are not those of when they were written."""
    store, total = pack.train.store, len(pack.train.store)
    for index in range(total):
        if store.crc(index) != store.table.crc[index]:
            name = store.table.names[store.table.shard[index]]
            raise _damaged(pack.folder, f"video {index} in {name} has changed")
        if progress and (index % 100 == 0 or index == total - 1):
            progress(index + 1, total, "checking the pack")
    _stamp(pack.folder)


def verified(pack: Pack, progress: Progress | None = None) -> Pack:
    """The pack, verified where its files were changed, or copied, since their checksums were last right."""
    if _stale(pack.folder):
        verify(pack, progress)
    return pack


def skipped(pack: Pack) -> list[tuple[str, str]]:
    """Path and reason of each video that is not in the pack."""
    with (pack.folder / "skipped.csv").open(newline="", encoding="utf-8") as file:
        return [tuple(row) for row in list(csv.reader(file))[1:]]


def _damaged(folder: Path, problem: object) -> NasError:
    return NasError(f"this pack is damaged ({problem})", where=str(folder), fix="delete the folder")


@contextmanager
def _alone(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock of a pack, with a note of who does; where another process has it, tell so and wait."""
    lock, note = FileLock(f"{folder}.lock"), folder.with_suffix(".holder.json")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(0, 1, f"waiting for another packing of these videos: {locks.holder(note)}")
        lock.acquire()
    with lock, locks.noted(note):
        yield


def _silent(done: int, total: int, what: str) -> None:
    pass


def _stat(path: str) -> tuple[int, int]:
    """Size and time of change; of a folder of frames, the number of its files and sums over three of them.

    All of them would be millions: what overwrites frames in place overwrites the first, the middle and the last.
    """
    try:
        found = os.stat(path)
        if not stat.S_ISDIR(found.st_mode):
            return found.st_size, found.st_mtime_ns
        names = sorted(os.listdir(path))
        some = [os.stat(os.path.join(path, names[at])) for at in {0, len(names) // 2, len(names) - 1} if names]
    except OSError:  # gone since the list was read: skipped with its reason when it is decoded
        return 0, 0
    return len(names) + sum(one.st_size for one in some), sum(one.st_mtime_ns for one in some) % (1 << 62)


def _files(folder: Path) -> dict[str, list[int]]:
    return {path.name: list(_stat(str(path))) for path in sorted(folder.glob("*.frames"))}


def _stamp(folder: Path) -> None:
    (folder / STAMP).write_text(json.dumps(_files(folder)), encoding="utf-8")


def _stale(folder: Path) -> bool:
    """Whether files were changed, or copied here, since their checksums were last right."""
    try:
        return json.loads((folder / STAMP).read_text(encoding="utf-8")) != _files(folder)
    except (OSError, ValueError):
        return True
