"""The same frames by torchcodec, where that is installed: it reads with the FFmpeg of the machine, not PyAV's own.

Frames are chosen from the packets that PyAV lists, so both readers give the same ones. What differs: torchcodec turns
frames to RGB before they are resized by the same rule, so that colours differ by a few of 255 levels. Known limits:
files without time stamps, and the beginning of some cut files, are unreadable; mirror flags are taken for turns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nas.data.decoding import packets
from nas.data.decoding.containers import Unreadable, opened, reason
from nas.data.decoding.pictures import Resizer, stacked
from nas.data.decoding.timeline import Timeline, chosen
from nas.data_settings import PackSettings
from nas.errors import NasError

# Frames of full size that are held at once.
BATCH = 16


def decode(path: str, settings: PackSettings, start: float | None = None, end: float | None = None) -> np.ndarray:
    """As `decode.decode` of a file: uint8 (t, h, w, 3); raises `Unreadable`, and NasError without torchcodec.

    torchcodec lists the packets a second time, all of them, also for a cut.
    """
    kind = _decoder()
    with opened(path) as film:
        index = packets.index(film)
    if index.numbered:
        raise Unreadable("it has no time stamps, by which torchcodec chooses frames")
    wanted = chosen(index.timeline, settings, start, end)
    make = Resizer(settings.size)
    try:
        decoder = kind(f"file:{path}", dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="exact")
        return stacked({mark: make(frame) for mark, frame in _frames(decoder, index.timeline, wanted)}, wanted)
    except (RuntimeError, ValueError, IndexError) as error:
        raise Unreadable(f"torchcodec: {reason(error)}") from error


def _decoder() -> type:
    try:
        from torchcodec.decoders import VideoDecoder
    except ImportError as error:
        missing = (
            "is not installed" if isinstance(error, ModuleNotFoundError) else f"cannot be loaded ({reason(error)})"
        )
        raise _unusable(missing) from None
    except (OSError, RuntimeError) as error:  # it finds no FFmpeg, or belongs to another torch
        raise _unusable(f"cannot be loaded ({reason(error)[:120]})") from None
    return VideoDecoder


def _unusable(problem: str) -> NasError:
    fix = "install the torchcodec made for this torch, and FFmpeg's libraries, or set decoder: pyav"
    return NasError(f"torchcodec {problem}", where="decoder = torchcodec", fix=fix)


def _frames(decoder, timeline: Timeline, wanted: list[int]) -> Iterator[tuple]:
    """Marks and frames, checked to be those shown at the wanted times."""
    import av

    marks = list(dict.fromkeys(wanted))
    first, half = decoder.metadata.begin_stream_seconds, timeline.interval / timeline.rate / 2
    for begin in range(0, len(marks), BATCH):
        some = marks[begin : begin + BATCH]
        times = [first + timeline.seconds_of(mark) for mark in some]
        batch = decoder.get_frames_played_at([time + half for time in times])
        for mark, time, at, picture in zip(some, times, batch.pts_seconds.tolist(), batch.data.numpy(), strict=True):
            if abs(at - time) >= half:
                raise Unreadable(f"torchcodec gives the frame at {at:.4g} seconds for that at {time:.4g}")
            yield mark, av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
