"""From a video file to a network's input by somebody who has export.json and nothing of this project.

Written from the sentences of `preprocessing`, with numpy, PyAV and torch; it imports nothing from nas.
"""

from __future__ import annotations

import av
import numpy as np
import torch


def views(path, told) -> torch.Tensor:
    """Every view of a video, float32 (views, 3, t, h, w)."""
    frames = kept(path, told["frames"])
    clips = [frames[moments] for moments in clips_of(len(frames), told["clip"])]
    squares = [resized(square, told["crop"]["size"]) for clip in clips for square in cut(clip, told["crop"])]
    pixels = torch.stack(squares).transpose(1, 2).float() / told["pixels"]["divide_by"]
    mean, std = (torch.tensor(told["pixels"][name])[:, None, None, None] for name in ("mean", "std"))
    return (pixels - mean) / std


def probabilities(scores, told) -> torch.Tensor:
    """The video's probabilities from the scores of its views."""
    apply = {"softmax": lambda x: x.softmax(1), "sigmoid": torch.sigmoid}[told["scores"]["activation"]]
    return apply(scores).mean(0)


def kept(path, told) -> np.ndarray:
    """The frames that are kept, uint8 (n, h, w, 3)."""
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        shown = sorted(film.decode(stream), key=lambda frame: frame.pts)
        seconds = [float(frame.pts * stream.time_base) for frame in shown]
        if told["rate"]:
            shown = at_rate(shown, seconds, float(1 / stream.average_rate), told["rate"])
        else:
            shown = shown[:: told["every"]]
        if told["at_most"] and len(shown) > told["at_most"]:
            first = (len(shown) - told["at_most"]) // 2
            shown = shown[first : first + told["at_most"]]
        factor = told["short_side"] / min(shown[0].width, shown[0].height)
        size = round(shown[0].width * factor), round(shown[0].height * factor)
        return np.stack([frame.reformat(*size, "rgb24", interpolation="BILINEAR").to_ndarray() for frame in shown])


def at_rate(shown, seconds, one, rate):
    """The frame that is shown at each instant, looked up a quarter of a frame later."""
    count = int(np.ceil((seconds[-1] + one - seconds[0]) * rate - 0.05))
    instants = seconds[0] + np.arange(count) / rate + 0.25 * one
    return [shown[int(np.searchsorted(seconds, instant, side="right")) - 1] for instant in instants]


def clips_of(n, told) -> list[list[int]]:
    """The kept frames of each clip."""
    count, frames = told["clips"], told["frames"]
    if count == "all":
        return [[min(i, n - 1) for i in range(max(n, frames))]]
    if told["sampling"] == "segments":
        edges = [i * n // frames for i in range(frames + 1)]
        shares = [(i + 0.5) / count for i in range(count)]
        return [[a + min(int(s * (b - a)), max(b - a - 1, 0)) for a, b in zip(edges, edges[1:])] for s in shares]  # noqa: B905
    shares = [0.5] if count == 1 else [i / (count - 1) for i in range(count)]
    if told["sampling"] == "uniform":
        window = told["window"] or n
        room = max(0, n - window)
        steps = [int(i * (window - 1) / (frames - 1) + 0.5) for i in range(frames)]
        return [[min(min(int(s * (room + 1)), room) + step, n - 1) for step in steps] for s in shares]
    span = (frames - 1) * told["stride"] + 1
    if n < span:
        return [[min(i * told["stride"], n - 1) for i in range(frames)] for _ in shares]
    room = n - span
    starts = [min(int(s * (room + 1)), room) for s in shares]
    return [[start + i * told["stride"] for i in range(frames)] for start in starts]


def cut(clip, told) -> list[np.ndarray]:
    """The squares of a clip uint8 (t, h, w, 3)."""
    height, width = clip.shape[1:3]
    side = round(told["share"] * min(height, width))
    squares = []
    for place in [0.5] if told["crops"] == 1 else [0.0, 0.5, 1.0]:
        along, across = (place, 0.5) if width >= height else (0.5, place)
        left, top = (min(int(p * (room + 1)), room) for p, room in ((along, width - side), (across, height - side)))
        squares.append(clip[:, top : top + side, left : left + side])
    return squares


def resized(clip, size) -> torch.Tensor:
    """uint8 (t, h, w, 3) as uint8 (t, 3, size, size)."""
    x = torch.from_numpy(np.ascontiguousarray(clip)).permute(0, 3, 1, 2)
    if x.shape[2] != size:
        x = torch.nn.functional.interpolate(x, (size, size), mode="bilinear", antialias=True)
    return x
