"""Opening a video file as what it is: one local file that refers to no other, read by one thread.

FFmpeg takes a path for a URL and a playlist for a video; both could read other files or the network. So paths are
opened with the protocol `file` alone, and only formats that hold their own pictures are recognised.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# Sound and picture formats are among them only so that their files are told as what they are.
FORMATS = (
    "mov mp4 matroska webm avi mpeg mpegvideo mpegts mpegtsraw h264 hevc m4v obu ivf flv live_flv asf ogg rm nut dv "
    "mxf gif wtv yuv4mpegpipe vc1 h263 h261 av1 nsv film_cpk wav mp3 flac aac aiff amr caf"
)
# Formats with an index of key frames and durations that can be trusted.
INDEXED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
# Seconds that one read may take: what the operating system itself does not give up (a FIFO) is not opened at all.
PATIENCE = 30.0


class Unreadable(Exception):
    """A video that cannot be decoded; its text is the reason, on one line."""


@dataclass(frozen=True)
class Film:
    """An open video file: PyAV's container, its first video stream, and the decoder of that."""

    container: Any
    stream: Any

    @property
    def codec(self):
        return self.stream.codec_context

    @property
    def format(self) -> str:
        """Its format, one of `FORMATS`: several names of one format are separated by commas."""
        return self.container.format.name

    @property
    def rate(self) -> float:
        """Units of time stamps a second."""
        return float(1 / self.stream.time_base)

    @property
    def declared(self) -> float | None:
        """The seconds of pictures that the file says it has, where that can be trusted.

        Matroska says the seconds of the longest stream only.
        """
        if self.format not in INDEXED:
            return None
        if self.stream.duration is not None:
            return self.stream.duration / self.rate
        alone = len(self.container.streams) == 1 and self.container.duration is not None
        return self.container.duration / 1e6 if alone else None

    def packets(self) -> Iterator:
        """The packets of the stream from here to its end, in the order of decoding."""
        return (packet for packet in self.container.demux(self.stream) if packet.size)


@contextmanager
def opened(path: str) -> Iterator[Film]:
    """The video file `path`, open; whatever goes wrong with it, also later in the block, is `Unreadable`."""
    import av

    _check(path)
    try:
        with _container(path) as container:
            yield Film(container, _stream(container))
    except (av.error.FFmpegError, OSError) as error:
        raise Unreadable(reason(error)) from error


def _check(path: str) -> None:
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise Unreadable(reason(error)) from error
    if not stat.S_ISREG(found.st_mode):  # opening a FIFO would wait for its writer
        raise Unreadable("neither a regular file nor a folder")
    if not found.st_size:
        raise Unreadable("an empty file")


def _container(path: str):
    import av

    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS.replace(" ", ",")}
    try:
        return av.open(f"file:{path}", container_options=options, timeout=PATIENCE, metadata_errors="replace")
    except av.error.ArgumentError as error:
        raise Unreadable("a playlist, a picture or another kind of file that is no video") from error
    except av.error.InvalidDataError as error:
        raise Unreadable(f"not a video, or its beginning or end is missing ({reason(error)})") from error


def _stream(container):
    pictured = [s for s in container.streams.video if not int(s.disposition) & int(s.disposition.attached_pic)]
    if not pictured:
        raise Unreadable("no video stream")
    stream = pictured[0]
    if stream.codec_context is None:
        raise Unreadable("no decoder for its codec")
    if not stream.time_base:
        raise Unreadable("its time stamps have no unit")
    stream.codec_context.thread_count = 1  # one process a core decodes already
    return stream


def reason(error: Exception) -> str:
    """Why, in one line, without the path."""
    return getattr(error, "strerror", None) or " ".join(str(error).split())
