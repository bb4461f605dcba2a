"""What is odd about the lists of a data set: `review` tells it in a line each, with counts and an example."""

from __future__ import annotations

import itertools

import numpy as np

from nas.data.videos import Videos, VideoSet

# Classes that a line names.
SHOWN = 3


def review(video_set: VideoSet) -> tuple[str, ...]:
    """What its user should know of a set, a line each; none for a set as it should be.

    >>> from nas.data.videos import Video
    >>> one, two = (Videos.listed([Video("a.mp4", (0,)), Video(name, (0,))]) for name in ("b.mp4", "c.mp4"))
    >>> review(VideoSet("mine", ".", "list", ("run",), one, two))
    ('1 video is in both train and val, such as a.mp4',)
    """
    counts = {split: _counts(videos, len(video_set.classes)) for split, videos in _splits(video_set).items()}
    return (*_classes(video_set, counts), *_numbers(video_set), *_videos(video_set))


def _splits(video_set: VideoSet) -> dict[str, Videos]:
    return {"train": video_set.train, "val": video_set.val}


def _counts(videos: Videos, classes: int) -> np.ndarray:
    return np.bincount(videos.labels.ids, minlength=classes)


def _classes(video_set: VideoSet, counts: dict[str, np.ndarray]) -> list[str]:
    """Classes without videos, or with too few of them."""
    train, val = counts["train"], counts["val"]
    both = int(((train > 0) & (val > 0)).sum())
    some = int(((train > 0) | (val > 0)).sum())
    told = [
        (train + val == 0, "without any video"),
        (train + val == 1, "with one clip"),
        ((train == 0) & (val > 1), "with clips to validate and none to train"),
        ((val == 0) & (train > 1), "with clips to train and none to validate"),
    ]
    notes = [
        f"{_count(int(which.sum()), 'class', 'classes')} {what}: {_named(video_set.classes, which)}"
        for which, what in told
        if which.any()
    ]
    if 2 * both < some:
        notes.append(f"train and val share {both:,} of {some:,} classes: are these lists of one set?")
    return notes


def _named(classes: tuple[str, ...], which: np.ndarray) -> str:
    places = np.flatnonzero(which)
    more = f" and {len(places) - SHOWN:,} more" if len(places) > SHOWN else ""
    return ", ".join(classes[place] for place in places[:SHOWN]) + more


def _numbers(video_set: VideoSet) -> list[str]:
    """Numbers that stand for no class, where classes have numbers for names."""
    if not all(name.isdecimal() for name in video_set.classes):
        return []
    numbers = {int(name) for name in video_set.classes}
    gaps = max(numbers) + 1 - len(numbers)
    if not gaps:
        return []
    first = next(number for number in itertools.count() if number not in numbers)
    are = "number is" if gaps == 1 else "numbers are"
    return [f"the class numbers have gaps: {gaps:,} {are} missing from 0 to {max(numbers):,}, such as {first}"]


def _videos(video_set: VideoSet) -> list[str]:
    """Clips that are listed twice: in a split, or in both."""
    keys, firsts, notes = {}, {}, []
    for split, videos in _splits(video_set).items():
        keys[split], firsts[split], counts = np.unique(_keys(videos), return_index=True, return_counts=True)
        double = int((counts - 1).sum())
        if double:
            example = videos.paths[firsts[split][int(np.argmax(counts))]]
            told = f"1 row of {split} repeats" if double == 1 else f"{double:,} rows of {split} repeat"
            notes.append(f"{told} a clip, such as {example}")
    _, at, _ = np.intersect1d(keys["train"], keys["val"], assume_unique=True, return_indices=True)
    if len(at):
        example = video_set.train.paths[firsts["train"][at[0]]]
        is_in = "is" if len(at) == 1 else "are"
        notes.append(f"{_count(len(at), 'video', 'videos')} {is_in} in both train and val, such as {example}")
    return notes


def _keys(videos: Videos) -> np.ndarray:
    """A number for each clip, its path and cut, int64 (n,): of a million, two are equal by chance once in 10^7 sets."""
    if np.isnan(videos.start).all():
        return np.fromiter(map(hash, videos.paths), np.int64, len(videos))
    times = (np.nan_to_num(column, nan=-1).tolist() for column in (videos.start, videos.end))
    return np.fromiter(map(hash, zip(videos.paths, *times, strict=True)), np.int64, len(videos))


def _count(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
