"""Where a pack's frames lie: files of a few hundred MB, each video in one run, and how they are written and read.

A worker that decodes writes too, into a file of its own, and sends back where the frames are: so nothing travels
between processes but a line. Frames are raw pixels, or one JPEG picture each.
"""

from __future__ import annotations

import os
import uuid
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from nas.data.decoding import decode
from nas.data_settings import DataSettings

# A file that has so many bytes is closed, and the next video begins another.
SHARD = 1 << 28
ALL = slice(None)


class Run(NamedTuple):
    """Where the frames of a video are: in which file, from which byte; `crc` is of their bytes.

    `sizes` are the bytes of each picture; none are given for raw pixels, whose number follows from the shape.
    """

    shard: str
    at: int
    frames: int
    height: int
    width: int
    crc: int
    sizes: tuple[int, ...] = ()

    @property
    def bytes(self) -> int:
        """How many they are."""
        return sum(self.sizes) if self.sizes else self.frames * self.height * self.width * 3


@dataclass
class _Shard:
    """The file that this process writes to."""

    file: BinaryIO
    folder: str


_current: list[_Shard] = []  # of this worker process; none or one


def keep(folder: str, settings: DataSettings, path: str, start: float | None, end: float | None) -> Run | str:
    """Decode a video and append its frames to this process's shard in `folder`; or the reason why it cannot be.

    Raises OSError where the disk is full.
    """
    frames = decode.attempt(settings, path, start, end)
    return frames if isinstance(frames, str) else append(folder, frames, settings.pack.jpeg)


def append(folder: str, frames: np.ndarray, quality: int) -> Run:
    """Write frames uint8 (t, h, w, 3) to this process's shard, as they are or as JPEG pictures of a quality."""
    frames = np.ascontiguousarray(frames)  # those of a turned video are a view
    parts = pictures(frames, quality) if quality else [frames.data]
    file = _shard(folder)
    at, crc = file.tell(), 0
    for part in parts:
        crc = zlib.crc32(part, crc)
        file.write(part)
    file.flush()
    sizes = tuple(map(len, parts)) if quality else ()
    return Run(os.path.basename(file.name), at, *frames.shape[:3], crc, sizes)


def pictures(frames: np.ndarray, quality: int) -> list[bytes]:
    """Frames uint8 (t, h, w, 3) as a JPEG picture each."""
    import simplejpeg

    return [simplejpeg.encode_jpeg(frame, quality, colorsubsampling="420") for frame in frames]


def _shard(folder: str) -> BinaryIO:
    """The file to append to: a new one in another folder, and after `SHARD` bytes."""
    if _current and (_current[0].folder != folder or _current[0].file.tell() >= SHARD):
        close()
    if not _current:
        _current.append(_Shard((Path(folder) / f"{uuid.uuid4().hex[:12]}.frames").open("xb"), folder))
    return _current[0].file


def close() -> None:
    """Finish the file that this process writes to."""
    while _current:
        _current.pop().file.close()


@dataclass(frozen=True)
class Table:
    """Columns of a pack's runs: shard number, first byte, shape (frames, height, width) and crc of each video.

    `first` and `sizes` say where the pictures of a video are, for JPEG: those of video i begin at
    `sizes[first[i]]`.
    """

    names: tuple[str, ...]
    shard: np.ndarray
    at: np.ndarray
    shapes: np.ndarray
    crc: np.ndarray
    first: np.ndarray
    sizes: np.ndarray

    def __len__(self) -> int:
        return len(self.shard)

    def run(self, index: int) -> Run:
        """One of them."""
        frames, height, width = map(int, self.shapes[index])
        first = int(self.first[index])
        sizes = tuple(self.sizes[first : first + frames].tolist()) if len(self.sizes) else ()
        name, at, crc = self.names[self.shard[index]], int(self.at[index]), int(self.crc[index])
        return Run(name, at, frames, height, width, crc, sizes)


class Store:
    """Reads the frames of a pack; files are mapped when they are first touched, and read where they are."""

    def __init__(self, folder: Path, table: Table):
        self.folder, self.table = folder, table
        self._maps: dict[int, np.ndarray] = {}

    @property
    def jpeg(self) -> bool:
        """Whether frames are JPEG pictures."""
        return len(self.table.sizes) > 0

    def __len__(self) -> int:
        return len(self.table)

    def shape(self, index: int) -> tuple[int, int, int]:
        """Frames, height and width of a video."""
        return tuple(map(int, self.table.shapes[index]))

    def frames(
        self, index: int, which: slice | np.ndarray = ALL, rows: slice = ALL, columns: slice = ALL
    ) -> np.ndarray:
        """A box of some frames of a video, uint8 (t, h, w, 3): raw ones are views of the file where `which` is a slice.

        Nothing of raw frames is read that lies outside of the box.
        """
        run = self.table.run(index)
        data = self._map(int(self.table.shard[index]))[run.at : run.at + run.bytes]
        if not run.sizes:
            return data.reshape(run.frames, run.height, run.width, 3)[which, rows, columns]
        return _decoded(data, run, np.arange(run.frames)[which])[:, rows, columns]

    def crc(self, index: int) -> int:
        """Of a video's bytes as they are now."""
        run = self.table.run(index)
        return zlib.crc32(self._map(int(self.table.shard[index]))[run.at : run.at + run.bytes])

    def _map(self, shard: int) -> np.ndarray:
        if shard not in self._maps:
            self._maps[shard] = np.memmap(self.folder / self.table.names[shard], np.uint8, mode="r")
        return self._maps[shard]


def _decoded(data: np.ndarray, run: Run, which: np.ndarray) -> np.ndarray:
    import simplejpeg

    ends = np.cumsum(run.sizes)
    pictures = np.empty((len(which), run.height, run.width, 3), np.uint8)
    for place, number in enumerate(which):
        if place and number == which[place - 1]:  # a video that stands still
            pictures[place] = pictures[place - 1]
            continue
        simplejpeg.decode_jpeg(data[ends[number] - run.sizes[number] : ends[number]], buffer=pictures[place])
    return pictures
