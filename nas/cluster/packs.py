"""How the nodes of a cluster come by a pack: at the driver's path, in their own cache, copied, or built there.

A worker opens a `Delivery`. Where its node does not see the driver's pack, it takes that of the node's cache, which
the first worker there brings in while the others wait: a copy comes in pieces from a process on the driver's node, so
that neither side ever holds more than a few of them; a killed copying goes on where it was. The checksums of all frames
are compared before a pack has its name.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from nas.cluster.nodes import beside, here
from nas.data_settings import DataSettings
from nas.errors import NasError

if TYPE_CHECKING:
    from nas.data.pack import Pack
    from nas.data.task import Task
    from nas.data.videos import VideoSet

PIECE = 8 << 20  # bytes that travel at once
AHEAD = 3  # pieces on their way


@dataclass(frozen=True)
class Delivery:
    """Where a pack is, what its files are, and `how` a node gets it that does not see it: copy, build or shared.

    `source` is an actor that reads the files on the driver's node. Pickled, it is small.
    """

    folder: Path
    files: dict[str, int]  # names and bytes; that which says that a pack is whole is the last
    task: Task
    settings: DataSettings
    how: str
    source: Any = None
    piece: int = PIECE

    def open(self) -> Pack:
        """The pack, as this node has it now; NasError, which names the node, where it cannot have it."""
        try:
            return self._open()
        except NasError as error:
            raise error.at(f"node {here()}") from None
        except OSError as error:
            told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            fix = "free some space there, or set NAS_CACHE to another disk before `ray start`"
            raise NasError(f"the pack cannot be had ({told})", where=f"node {here()}", fix=fix) from None

    def _open(self) -> Pack:
        from nas.data import cache_folder
        from nas.data.pack import read

        if self._sees():
            return read(self.folder, self.task)
        if self.how == "shared":
            fix = "mount that storage there, or write packs: copy under cluster: in the recipe"
            raise NasError(f"does not see the pack at {self.folder}", fix=fix)
        own = cache_folder() / "packs" / self.folder.name
        own.parent.mkdir(parents=True, exist_ok=True)
        if self.how == "build":
            return self._built()
        with FileLock(f"{own}.lock"):
            return self._had(own) or self._copied(own)

    def _sees(self) -> bool:
        """Whether the driver's pack is there, as large as at the driver's."""
        try:
            return all((self.folder / name).stat().st_size == size for name, size in self.files.items())
        except OSError:
            return False

    def _had(self, own: Path) -> Pack | None:
        from nas.data.pack import is_whole, read, verified

        return verified(read(own, self.task)) if is_whole(own) else None

    def _copied(self, own: Path) -> Pack:
        """The driver's files, in the node's cache."""
        from nas.data.pack import read, verify

        partial = own.with_suffix(".copying")
        partial.mkdir(exist_ok=True)
        _check_space(partial, sum(self.files.values()))
        for name, size in self.files.items():
            self._fetch(partial / name, size)
        try:
            verify(read(partial, self.task))
        except NasError:
            shutil.rmtree(partial)
            raise
        os.replace(partial, own)
        return read(own, self.task)

    def _fetch(self, path: Path, size: int) -> None:
        """One file, or what an earlier copying lacks of it."""
        with path.open("ab") as file:
            if file.tell() > size:
                file.truncate(0)
            for piece in self._pieces(path.name, file.tell(), size):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())

    def _pieces(self, name: str, start: int, size: int) -> Iterator[bytes]:
        import ray

        places = iter(range(start, size, self.piece))
        coming = []
        try:
            while True:
                for _, at in zip(range(AHEAD - len(coming)), places, strict=False):
                    coming.append(self.source.read.remote(name, at, min(self.piece, size - at)))
                if not coming:
                    return
                yield ray.get(coming.pop(0))
        except ray.exceptions.RayError as error:
            from nas.cluster.failures import line

            fix = "see whether the driver still runs; the same command goes on with what is copied"
            raise NasError(f"the pack does not arrive ({line(error)})", fix=fix) from None

    def _built(self) -> Pack:
        from rich.console import Console

        from nas.packed import packed
        from nas.preparation import Preparation

        def fits(videos: VideoSet, _: Task) -> None:
            self._check(videos)

        quiet = Preparation(lambda done, total, what: None, Console(quiet=True))
        return packed(self.settings, quiet, fits=fits)[1]

    def _check(self, videos: VideoSet) -> None:
        """Raise NasError unless a pack of these videos would be the driver's."""
        from nas.data.pack import fingerprint

        if (own := fingerprint(videos, self.settings)) != self.folder.name:
            problem = f"the videos there are not the driver's (fingerprint {own}, the driver's {self.folder.name})"
            fix = "copy them with their times of change (rsync -a), or write packs: copy under cluster: in the recipe"
            raise NasError(problem, fix=fix)


def delivery(pack: Pack, settings: DataSettings, how: str, *, local: bool = False) -> Delivery:
    """How workers get a pack that the driver made by these settings; `local` where all of them run on this machine."""
    folder = pack.folder.resolve()
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if _travels(path)}
    files["index.json"] = files.pop("index.json")  # last: with it a folder is whole
    source = _reader(folder) if how == "copy" and not local else None
    return Delivery(folder, files, pack.task, _from_anywhere(settings), how, source)


def _travels(path: Path) -> bool:
    """Not what says when checksums were right on this machine."""
    from nas.data.pack import STAMP

    return path.is_file() and path.name != STAMP


def _reader(folder: Path):
    """An actor on this node that reads the files in a folder; it ends with the driver."""
    import ray

    how = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": 3, "max_concurrency": 8}
    return ray.remote(_Reader).options(scheduling_strategy=beside(), **how).remote(str(folder))


class _Reader:
    """Reads pieces of the files in a folder."""

    def __init__(self, folder: str):
        self.folder = Path(folder)

    def read(self, name: str, at: int, size: int) -> bytes:
        with (self.folder / Path(name).name).open("rb") as file:
            file.seek(at)
            return file.read(size)


def _from_anywhere(settings: DataSettings) -> DataSettings:
    """The settings with whole paths: workers have another working folder, and other variables."""
    from nas.data import EMBEDDED, formats

    path = settings.path or os.environ.get("NAS_DATA", "")
    named, _, rest = path.rpartition(":")
    if named.partition(":")[0] in formats.FORMATS:
        path = f"{named}:{Path(rest).expanduser().resolve()}"
    elif path not in EMBEDDED:
        path = str(Path(path).expanduser().resolve())
    videos = str(Path(settings.videos).expanduser().resolve()) if settings.videos else ""
    return settings.model_copy(update={"path": path, "videos": videos})


def _check_space(folder: Path, needed: int) -> None:
    there = sum(path.stat().st_size for path in folder.iterdir())
    free = shutil.disk_usage(folder).free
    if needed - there > free:
        problem = f"the pack takes {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
        fix = "free some space there, or set NAS_CACHE to another disk before `ray start`"
        raise NasError(problem, where=str(folder.parent), fix=fix)
