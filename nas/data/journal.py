"""What of a pack is done so far: a line a video, so that a packing that was killed goes on where it was.

Held in columns, whose memory for a million videos is some 50 MB.
"""

from __future__ import annotations

import json
import zlib
from array import array
from pathlib import Path

import numpy as np

from nas.data.shards import Run, Table


class Journal:
    """The runs and failures of `count` videos, as far as they are known; `path` is the file of lines.

    Lines whose frames are not in their files as they were written (a power cut) count as not written.
    """

    def __init__(self, path: Path, count: int):
        self.path, self.names, self.reasons = path, {}, {}
        self.shard = np.full(count, -1, dtype=np.int32)
        self.at, self.first = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        self.shapes, self.crc = np.zeros((count, 3), dtype=np.int64), np.zeros(count, dtype=np.uint32)
        self.sizes = array("i")
        self._read()
        self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, number: int, result: Run | str) -> None:
        """Write down what became of a video: its run, or why there is none."""
        self._take(number, result)
        self._file.write(json.dumps([number, result]) + "\n")
        self._file.flush()

    def left(self) -> np.ndarray:
        """The numbers of the videos that nothing is known of."""
        unknown = self.shard < 0
        unknown[list(self.reasons)] = False
        return np.flatnonzero(unknown)

    @property
    def bytes(self) -> int:
        """Of all frames so far."""
        return sum(self.sizes) if self.sizes else int(self.shapes.prod(axis=1).sum()) * 3

    def table(self) -> tuple[Table, np.ndarray]:
        """The runs of all videos that could be decoded, and their numbers."""
        there = np.flatnonzero(self.shard >= 0)
        columns = (self.shard[there], self.at[there], self.shapes[there], self.crc[there], self.first[there])
        return Table(tuple(self.names), *columns, np.array(self.sizes, dtype=np.int32)), there

    def _take(self, number: int, result: Run | str) -> None:
        if isinstance(result, str):
            self.reasons[number] = result
            return
        self.shard[number] = self.names.setdefault(result.shard, len(self.names))
        self.at[number], self.crc[number], self.first[number] = result.at, result.crc, len(self.sizes)
        self.shapes[number] = result.frames, result.height, result.width
        self.sizes.extend(result.sizes)

    def _read(self) -> None:
        if not self.path.exists():
            return
        files: dict[str, np.ndarray] = {}
        whole = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                number, result = json.loads(line)
            except ValueError:  # the last line, half written
                break
            if isinstance(result, list) and not self._is_whole(Run(*result[:6], tuple(result[6])), files):
                continue
            whole.append(line)
            self._take(number, result if isinstance(result, str) else Run(*result[:6], tuple(result[6])))
        self.path.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")

    def _is_whole(self, run: Run, files: dict[str, np.ndarray]) -> bool:
        file = self.path.parent / run.shard
        if run.shard not in files:
            there = file.exists() and file.stat().st_size
            files[run.shard] = np.memmap(file, np.uint8, mode="r") if there else np.zeros(0, np.uint8)
        return zlib.crc32(files[run.shard][run.at : run.at + run.bytes]) == run.crc
