"""Small real video files of every kind, drawn and encoded here, and their frames as a plain decoding gives them."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

SIDE = 48


def drawn(frames: int, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """A texture that slides over another, so that no two frames are alike: uint8 (t, h, w, 3)."""
    rng = np.random.default_rng(0)
    still, moving = (rng.integers(0, 256, (height // 4, width // 4, 3)).repeat(4, 0).repeat(4, 1) for _ in range(2))
    return np.stack([(still + np.roll(moving, (t, 2 * t), (0, 1))) // 2 for t in range(frames)]).astype(np.uint8)


def write(path, codec="libx264", options=None, frames=60, *, pictures=None, rate=16, stamps=None, muxer=None) -> Path:
    """Encode `pictures` (default: `frames` drawn ones) into `path`, shown at `stamps` milliseconds if given."""
    pictures = drawn(frames) if pictures is None else pictures
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.thread_count = 1
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if stamps is not None:
                frame.pts, frame.time_base = stamps[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return Path(path)


def plain(path, size: int = SIDE) -> np.ndarray:
    """All frames, decoded one after the other as PyAV's own example does, with the short side `size`."""
    reformatter = VideoReformatter()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return np.stack([_small(reformatter, frame, size) for frame in container.decode(stream)])


def _small(reformatter, frame, size: int) -> np.ndarray:
    factor = size / min(frame.width, frame.height)
    width, height = round(frame.width * factor), round(frame.height * factor)
    return reformatter.reformat(frame, width, height, "rgb24", interpolation="BILINEAR").to_ndarray()


def turned(path, matrix: tuple[int, int, int, int]) -> Path:
    """Write the display matrix a b c d, of signs, into an MP4 file."""
    content = bytearray(Path(path).read_bytes())
    at = content.index(b"tkhd") + 44  # behind the fields of a track header of version 0
    a, b, c, d = (value << 16 for value in matrix)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    Path(path).write_bytes(content)
    return Path(path)
