"""Some videos of a set to look at: four pictures of each, spread over its time."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

import numpy as np

from nas.data import pool, shards
from nas.data.decoding import decode
from nas.data.inspection import Inspection, Progress
from nas.data_settings import DataSettings, PackSettings

PICTURES = 4
# Sides of a picture at most, in pixels, and its JPEG quality: 60 videos of pure noise stay below 5 MB.
SHORT, LONG, QUALITY = 112, 160, 65


@dataclass(frozen=True)
class Sample:
    """The number of a listed video and its pictures, JPEG, in the order of time; or why there are none."""

    number: int
    pictures: tuple[bytes, ...] = ()
    problem: str = ""


def samples(
    found: Inspection,
    settings: DataSettings,
    *,
    progress: Progress,
    most: int = 60,
    seed: int = 0,
    workers: int | None = None,
) -> list[Sample]:
    """Decode at most `most` videos that nothing is known against, spread over the classes, in their order."""
    chosen = pick(found, most, seed)
    if not len(chosen):
        return []
    calls = (_call(found, int(number), settings) for number in chosen)
    workers = min(workers or pool.cores(), len(chosen))
    made: dict[int, Sample] = {}
    with closing(pool.attempts(pictures, calls, workers=workers, timeout=settings.timeout)) as results:
        for place, result in results:
            made[place] = _sample(int(chosen[place]), result)
            progress(len(made), len(chosen), "decoding samples")
    return [made[place] for place in range(len(chosen))]


def _sample(number: int, result: list[bytes] | str | pool.Lost) -> Sample:
    reason = result.reason if isinstance(result, pool.Lost) else result
    return Sample(number, problem=reason) if isinstance(reason, str) else Sample(number, tuple(reason))


def pick(found: Inspection, most: int, seed: int = 0) -> np.ndarray:
    """Numbers of random videos that can be used, the first of each class before the second of any, sorted by class."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.flatnonzero(found.looked_at & (found.problems == "")))
    of = _classes(found)[rows]
    by_class = np.argsort(of, kind="stable")
    rows, of = rows[by_class], of[by_class]
    _, start, group, times = np.unique(of, return_index=True, return_inverse=True, return_counts=True)
    turn = np.arange(len(rows)) - np.repeat(start, times)
    chosen = np.lexsort((rng.permutation(len(start))[group], turn))[:most]
    return rows[np.sort(chosen)]


def _classes(found: Inspection) -> np.ndarray:
    """The first class of each listed video, -1 where it has none: int64 (n,)."""
    parts = []
    for labels in (found.set.train.labels, found.set.val.labels):
        first = np.full(len(labels), -1)
        some = np.diff(labels.offsets) > 0
        first[some] = labels.ids[labels.offsets[:-1][some]]
        parts.append(first)
    return np.concatenate(parts)


def _call(found: Inspection, number: int, settings: DataSettings) -> tuple:
    """What a worker is told of a video: its pictures are a quarter of its frames apart."""
    video, files, at = found.video(number), found.files, found.of[number]
    whole, seconds = files.seconds[at], found.seconds[number]
    share = seconds / whole if whole > 0 else 1.0
    sides = int(files.width[at]), int(files.height[at])
    size = max(1, min(SHORT, *sides, LONG * min(sides) // max(sides)))
    pack = PackSettings(every=max(1, int(files.frames[at] * share) // PICTURES), frames=PICTURES, size=size)
    return video.path, settings.model_copy(update={"pack": pack}), video.start, video.end


def pictures(path: str, settings: DataSettings, start: float | None, end: float | None) -> list[bytes] | str:
    """The frames of a video that `settings.pack` keeps, as JPEG; or why there are none."""
    frames = decode.attempt(settings, path, start, end)
    return frames if isinstance(frames, str) else shards.pictures(np.ascontiguousarray(frames), QUALITY)
