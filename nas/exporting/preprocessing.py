"""From a video file to a network's input, told so that it can be done again without this project.

The same numbers stand there twice: as fields for programs, and in sentences for whoever writes one.
"""

from __future__ import annotations

from typing import Any

from nas.data.augment import MEAN, STD
from nas.data_settings import ClipSettings, DataSettings, PackSettings, ViewSettings

COLOURS = 3


def preprocessing(data: DataSettings, clip: ClipSettings, views: ViewSettings, *, multilabel: bool) -> dict[str, Any]:
    """All that is done to a video before the network sees it, and to its scores behind it, as JSON values."""
    kept, size = data.pack, views.size or clip.size
    return {
        "frames": {"every": kept.every, "rate": kept.rate, "at_most": kept.frames, "short_side": kept.size},
        "clip": {
            "frames": clip.frames,
            "sampling": clip.sampling,
            "stride": clip.stride,
            "window": clip.window,
            "clips": views.clips,
        },
        "crop": {"share": views.scale or clip.centre, "crops": views.crops, "size": size},
        "pixels": {"colours": "RGB", "divide_by": 255, "mean": [MEAN] * COLOURS, "std": [STD] * COLOURS},
        "scores": {"activation": activation(multilabel), "average": "over the views of a video"},
        "steps": steps(data, clip, views, multilabel=multilabel),
    }


def activation(multilabel: bool) -> str:
    """What makes probabilities of scores."""
    return "sigmoid" if multilabel else "softmax"


def steps(data: DataSettings, clip: ClipSettings, views: ViewSettings, *, multilabel: bool) -> list[str]:
    """The same in sentences, in order."""
    kept, size = data.pack, views.size or clip.size
    told = [
        "Decode the frames in the order in which they are shown; turn them upright as the file's display matrix says; "
        "take pixels as squares, whatever the file says.",
        _kept(kept),
        f"Resize each to a short side of {kept.size} pixels and the other side by the same factor, rounded: bilinear "
        "(FFmpeg's swscale), to 8-bit RGB.",
        _clip(clip, views),
        _crop(views.scale or clip.centre, views.crops),
        f"Resize each crop to {size} x {size}, bilinear with antialiasing on 8-bit pixels (torch.nn.functional."
        "interpolate with antialias=True), unless it has that size.",
        f"Divide by 255, subtract {MEAN}, divide by {STD}: float32 (views, RGB, frames, height, width).",
        f"Apply the {activation(multilabel)} to the scores of each view; the mean over the views is the video's.",
    ]
    if kept.jpeg:
        told.append(
            f"The run was trained and tested on frames kept as JPEG pictures of quality {kept.jpeg}: without that step "
            "scores differ a little."
        )
    return told


def _kept(kept: PackSettings) -> str:
    """Which frames are kept, with n for their number."""
    if kept.rate:
        told = (
            f"Keep the frame that is shown at each of {kept.rate:g} instants a second, from the first frame to the end "
        )
        told += "of the last (looked up a quarter of a frame later, since time stamps are rounded)"
    elif kept.every == 1:
        told = "Keep every frame"
    else:
        told = f"Keep one frame of every {kept.every}, beginning with the first"
    if not kept.frames:
        return f"{told}: n frames."
    most = kept.frames
    return f"{told}; where these are more than {most}, {most} of them from number (n - {most}) // 2 on."


def _clip(clip: ClipSettings, views: ViewSettings) -> str:
    """Which of n kept frames a clip takes."""
    if views.clips == "all":
        return "The clip is all n frames; one of fewer than a network's clip stands still on its last frame."
    f, times = clip.frames, _times(clip, views.clips)
    if clip.sampling == "segments":
        return (
            f"Cut the n frames into {f} parts, at i * n // {f}; a clip takes the frame at the share s of each part "
            f"(first + int(s * length)), for s = {times}."
        )
    if clip.sampling == "uniform":
        window = clip.window or "n"
        return (
            f"A clip is {f} frames spread evenly over a window of {window} frames, from its first to its last, rounded "
            "half up; the window begins at frame min(int(s * (room + 1)), room), where room is n less the window or 0, "
            f"for s = {times}. Frames beyond the end of the video are its last one."
        )
    span = (f - 1) * clip.stride + 1
    return (
        f"A clip is {f} frames, {clip.stride} apart: it begins at frame min(int(s * (room + 1)), room), "
        f"room = n - {span}, for s = {times}. A video of fewer than {span} frames is taken from its first frame on and "
        "stands still on its last."
    )


def _times(clip: ClipSettings, count: int) -> str:
    """The places of the clips of a video in words."""
    from nas.data.sampling import times

    places = [f"{time:.6g}" for time in times(clip, count).tolist()]
    return places[0] if count == 1 else f"{', '.join(places[:-1])} and {places[-1]}"


def _crop(share: float, crops: int) -> str:
    """Where squares are cut out."""
    side = "the short side" if share == 1 else f"{share:g} of the short side (rounded)"
    along = "in its middle" if crops == 1 else "at its beginning, its middle and its end (three views)"
    return (
        f"Cut out squares as wide as {side}: along the longer side {along}, along the shorter one in the middle "
        "(from pixel int((room + 1) / 2) on, at most room, where room is what is left over)."
    )
