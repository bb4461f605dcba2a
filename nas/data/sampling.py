"""Which packed frames of a video a clip takes, decided by the video's length and by numbers in 0..1 drawn beforehand.

Nothing random happens here: the same numbers give the same frames, whenever and wherever a clip is read.
"""

from __future__ import annotations

import numpy as np

from nas.data_settings import ClipSettings, ViewSettings

# What numpy indexes frames with.
Moments = slice | np.ndarray


def moments(length: int, clip: ClipSettings, time: float, inner: np.ndarray | None = None) -> Moments:
    """The frames that a clip takes of a video with `length` packed frames, in order.

    `time` in 0..1 places the window of dense and uniform sampling, from the first possible one to the last. Segments
    take the frame at the share `inner` (clip.frames,) of each part, each in 0..1, as training draws them, or all at
    the share `time` without `inner`: 0.5 is the middle frame of each.

    A video shorter than the window stands still on its last frame at the end: playing it again from the start would
    show another action. One with fewer frames than segments shows each of them equally long.

    >>> moments(20, ClipSettings(frames=4, stride=2), 0.5)
    slice(7, 14, 2)
    >>> moments(5, ClipSettings(frames=4, stride=2), 0.5)
    array([0, 2, 4, 4])
    >>> moments(20, ClipSettings(frames=4, sampling="segments"), 0.5)
    array([ 2,  7, 12, 17])
    >>> moments(22, ClipSettings(frames=4, sampling="uniform"), 0.5)
    array([ 0,  7, 14, 21])
    """
    if clip.sampling == "segments":
        return _of_segments(length, clip.frames, time if inner is None else inner)
    if clip.sampling == "uniform":
        return _spread(length, clip.frames, clip.window or length, time)
    span = (clip.frames - 1) * clip.stride + 1
    if length < span:
        return np.minimum(np.arange(clip.frames) * clip.stride, length - 1)
    first = _first(length - span, time)
    return slice(first, first + span, clip.stride)


def all_frames(length: int) -> slice:
    """Every packed frame of a video, as one clip.

    >>> all_frames(3)
    slice(0, 3, None)
    """
    return slice(0, length)


def times(clip: ClipSettings, count: int) -> np.ndarray:
    """The `time` of each of `count` test clips of a video, (count,): one is in the middle.

    Windows go from the video's start to its end; in segments, the frames of the clips divide each part evenly.

    >>> times(ClipSettings(), 3).tolist(), times(ClipSettings(sampling="segments"), 2).tolist()
    ([0.0, 0.5, 1.0], [0.25, 0.75])
    """
    if clip.sampling == "segments" or count == 1:
        return (np.arange(count) + 0.5) / count
    return np.linspace(0, 1, count)


def views(length: int, clip: ClipSettings, settings: ViewSettings) -> list[Moments]:
    """The frames of each test clip of a video with `length` packed frames; where each is cropped says `augment.views`.

    >>> views(20, ClipSettings(frames=4, stride=2), ViewSettings(clips=2))
    [slice(0, 7, 2), slice(13, 20, 2)]
    """
    if settings.clips == "all":
        return [all_frames(length)]
    return [moments(length, clip, float(time)) for time in times(clip, settings.clips)]


def _first(room: int, time: float) -> int:
    """Where a window begins that can be moved by `room` frames; all of the `room` + 1 places are as likely."""
    return min(int(time * (room + 1)), room)


def _of_segments(length: int, frames: int, share: float | np.ndarray) -> np.ndarray:
    """The frame at a share of each of `frames` parts, which differ in length by at most one frame."""
    edges = np.arange(frames + 1) * length // frames
    sizes = np.diff(edges)
    return edges[:-1] + np.minimum((share * sizes).astype(int), np.maximum(sizes - 1, 0))


def _spread(length: int, frames: int, window: int, time: float) -> np.ndarray:
    """Evenly from the first frame of the window to its last: a window of (frames - 1) * s + 1 is a stride of s."""
    steps = np.linspace(0, window - 1, frames) if frames > 1 else np.array([(window - 1) / 2])
    return np.minimum(_first(max(0, length - window), time) + np.floor(steps + 0.5).astype(int), length - 1)
