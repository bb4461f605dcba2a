"""Making a pack: every video decoded once, by one process a core, into a folder that gets its name when it is whole.

A killed packing goes on at the first video that was not finished; a file that hangs or crashes the decoder loses
itself alone.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from nas.console import count
from nas.data import pool, shards
from nas.data.journal import Journal
from nas.data.task import Task
from nas.data.videos import Labels, Video, VideoSet
from nas.data_settings import DataSettings
from nas.errors import NasError

# Videos that are decoded first, spread over the set, to estimate the disk space that all need.
PROBES = 8
# In the folder of a pack: which of the listed videos it holds, counting those to train on first.
KEPT = "kept.npy"

Progress = Callable[[int, int, str], None]


def make(folder: Path, videos: VideoSet, settings: DataSettings, progress: Progress, workers: int | None) -> None:
    """Write the pack of `videos` into `folder`, by way of a folder beside it that a later call goes on with.

    Raises NasError where nothing is left to train on or validate with, too many cannot be read, or the disk is too
    small, and OSError where it becomes full meanwhile.
    """
    check_splits(videos, [len(videos.train), len(videos.val)], [(one, "") for one in videos.missing])
    partial = folder.with_suffix(".partial")
    partial.mkdir(parents=True, exist_ok=True)
    with Journal(partial / "journal.jsonl", len(videos.train) + len(videos.val)) as journal:
        _sweep(partial, journal)
        _decode(partial, journal, videos, settings, progress, workers)
        skipped = [*((path, "not there") for path in videos.missing), *_failed(journal, videos)]
        _write_skipped(partial / "skipped.csv", skipped)
        _check_readable(partial, journal, videos, settings)
        _write_index(partial, journal, videos, settings, skipped)
    (partial / "journal.jsonl").unlink()
    _sync(partial)
    os.replace(partial, folder)


def check_splits(videos: VideoSet, there: Sequence[int], skipped: Sequence[tuple[str, str]]) -> None:
    """Raise NasError unless `there` are videos in both splits: train and val.

    Classes that lost all of theirs are no error: lists of large sets outlive many of their videos.
    """
    if all(there):
        return
    path, reason = skipped[-1] if skipped else ("", "")
    why = f"{len(skipped)} were skipped, such as {path}: {reason or 'not there'}" if skipped else ""
    purpose = "validate with" if there[0] else "train on"
    raise NasError(f"no readable video to {purpose}", where=videos.name, fix=why)


def untrained(task: Task, train: Labels, val: Labels) -> str:
    """Which classes are validated that have no video to train on, in a line; nothing where there are none."""
    alone = np.setdiff1d(val.ids, train.ids)
    if not len(alone):
        return ""
    names = ", ".join(repr(task.classes[i]) for i in alone[:5])
    more = f" and {len(alone) - 5} more" if len(alone) > 5 else ""
    return f"no video to train on for {count(len(alone), 'class')} that validate: {names}{more}"


def _sweep(partial: Path, journal: Journal) -> None:
    """Take away files that nothing in the journal refers to."""
    for file in partial.glob("*.frames"):
        if file.name not in journal.names:
            file.unlink()


def _decode(
    partial: Path, journal: Journal, videos: VideoSet, settings: DataSettings, progress: Progress, workers: int | None
) -> None:
    """Decode what the journal lacks, first a few videos that tell how much space the others need."""
    left, total, before = journal.left(), len(journal.shard), journal.bytes
    some = left[np.linspace(0, len(left) - 1, min(PROBES, len(left))).astype(int)]
    order = np.concatenate([some, np.setdiff1d(left, some)])
    what = "decoding videos"
    for done, (number, result) in enumerate(_results(partial, order, videos, settings, workers), 1):
        journal.add(int(number), result)
        if done < len(some) < len(left):
            progress(done, len(some), "decoding a few, to see how large they are")
            continue
        if done == len(some) < len(left):
            what = _estimate(partial, journal.bytes - before, done, len(left) - done)
        progress(total - len(left) + done, total, what)


def _results(
    partial: Path, order: np.ndarray, videos: VideoSet, settings: DataSettings, workers: int | None
) -> Iterator[tuple[int, shards.Run | str]]:
    """(number of the video, its run or why there is none), as they end; whatever hung or crashed is tried twice."""
    if not len(order):
        return

    def call(number: int) -> tuple:
        video = _numbered(videos, number)
        return str(partial), settings, video.path, video.start, video.end

    calls = (call(int(number)) for number in order)
    workers, lost = min(workers or pool.cores(), len(order)), []
    for place, result in pool.attempts(shards.keep, calls, workers=workers, timeout=settings.timeout):
        if isinstance(result, pool.Lost):
            lost.append(order[place])
        else:
            yield order[place], result
    again = (call(int(number)) for number in lost)  # alone: memory may have been short, or the disk slow
    for place, result in pool.attempts(shards.keep, again, workers=1, timeout=settings.timeout) if lost else ():
        yield lost[place], result.reason if isinstance(result, pool.Lost) else result


def _estimate(partial: Path, written: int, done: int, left: int) -> str:
    """What is going on, with the space that it will take; raises NasError where that is not free."""
    need, free = written / done * left, shutil.disk_usage(partial).free
    if need <= free:
        return f"decoding videos (about {amount(written + need)}, {amount(free)} are free)"
    raise NasError(
        f"{left} videos need about {amount(need)} and {amount(free)} are free",
        where=str(partial.parent),
        fix="keep fewer or smaller frames (pack: every, frames, size, jpeg) or set NAS_CACHE to another disk",
    )


def amount(size: float) -> str:
    """Bytes in words.

    >>> amount(3_210_000_000)
    '3.2 GB'
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _failed(journal: Journal, videos: VideoSet) -> Iterator[tuple[str, str]]:
    """Path and reason of every video that could not be decoded."""
    for number, reason in sorted(journal.reasons.items()):
        yield _numbered(videos, number).path, reason


def _numbered(videos: VideoSet, number: int) -> Video:
    """The video of a number of the journal, which counts those to train on first."""
    first = len(videos.train)
    return videos.train[number] if number < first else videos.val[number - first]


def _check_readable(partial: Path, journal: Journal, videos: VideoSet, settings: DataSettings) -> None:
    """Raise NasError where too few could be decoded: what was decoded stays, for when the limit is raised."""
    failed, total = len(journal.reasons), len(journal.shard)
    kept = journal.shard >= 0
    there = [int(kept[: len(videos.train)].sum()), int(kept[len(videos.train) :].sum())]
    check_splits(videos, there, [*((one, "") for one in videos.missing), *_failed(journal, videos)])
    if failed <= settings.unreadable * total:
        return
    (reason, often), *_ = Counter(journal.reasons.values()).most_common(1)
    problem = f"{failed} of {total} videos cannot be read ({often} of them: {reason})"
    fix = f"see {partial / 'skipped.csv'}; data.unreadable sets how many may be"
    raise NasError(problem, where=videos.name, fix=fix)


def _write_skipped(path: Path, skipped: Sequence[tuple[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("path", "reason"), *skipped])


def _write_index(
    partial: Path, journal: Journal, videos: VideoSet, settings: DataSettings, skipped: Sequence[tuple[str, str]]
) -> None:
    table, there = journal.table()
    np.save(partial / KEPT, there)
    train = int((there < len(videos.train)).sum())
    labels = [videos.train.labels.take(there[:train]), videos.val.labels.take(there[train:] - len(videos.train))]
    columns = {name: getattr(table, name) for name in ("shard", "at", "shapes", "crc", "first", "sizes")}
    for name, some in zip(("train", "val"), labels, strict=True):
        columns |= {f"{name}_offsets": some.offsets, f"{name}_ids": some.ids}
    np.savez(partial / "index.npz", **columns)
    about = {
        "name": videos.name,
        "format": videos.format,
        "settings": settings.pack.model_dump(mode="json"),
        "classes": videos.classes,
        "shards": {name: (partial / name).stat().st_size for name in table.names},
        "train": train,
        "skipped": len(skipped),
    }
    (partial / "index.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


def _sync(folder: Path) -> None:
    """What was written survives a power cut, not only a crash of this process."""
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
