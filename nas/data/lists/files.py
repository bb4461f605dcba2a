"""Files by their names: which are videos, which are pictures, and what a folder holds."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

VIDEOS = frozenset(
    (
        ".3gp", ".avi", ".flv", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm",
    )
)  # fmt: skip
PICTURES = frozenset((".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".webp"))
# The endings of videos as a regular expression of pyarrow.
ENDINGS = rf"(?i:\.(?:{'|'.join(sorted(ending[1:] for ending in VIDEOS))}))"


def is_video(name: str) -> bool:
    """Whether a file of this name is taken for a video."""
    return os.path.splitext(name)[1].lower() in VIDEOS and not name.startswith(".")


def is_picture(name: str) -> bool:
    """Whether a file of this name is taken for a frame of a video."""
    return os.path.splitext(name)[1].lower() in PICTURES and not name.startswith(".")


def is_frames(folder: str | Path) -> bool:
    """Whether a folder holds pictures, and neither videos nor folders."""
    pictures = False
    with os.scandir(folder) as found:
        for one in found:
            if is_video(one.name) or (one.is_dir() and not one.name.startswith(".")):
                return False
            pictures = pictures or is_picture(one.name)
    return pictures


def entries(folder: str | Path) -> list[os.DirEntry]:
    """What a folder holds, sorted, without links to nowhere; nothing where there is no such folder."""
    try:
        with os.scandir(folder) as found:
            there = [one for one in found if not one.is_symlink() or os.path.exists(one.path)]
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return []
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return []
        raise
    return sorted(there, key=lambda one: one.name)


@dataclass(frozen=True, eq=False)
class Folder:
    """What a folder holds, without links to nowhere: all names, sorted, and which are those of folders.

    A list cannot call names that are not UTF-8: these stand aside as `odd`.
    """

    path: str
    names: pyarrow.StringArray
    folders: frozenset[str]
    odd: tuple[str, ...] = ()

    def videos(self) -> pyarrow.StringArray:
        """The names of its videos."""
        import pyarrow.compute as pc

        files = pc.match_substring_regex(self.names, rf"(?s)^[^.].*{ENDINGS}$")
        return self.names.filter(pc.and_not(files, self._are_folders()))

    def all_videos(self) -> pyarrow.StringArray:
        """The names of its videos, and of those of its folders that hold frames."""
        import pyarrow as pa

        frames = [name for name in self.seen() if is_frames(os.path.join(self.path, name))]
        return pa.concat_arrays([self.videos(), pa.array(frames, pa.string())])

    def seen(self) -> list[str]:
        """Its folders, sorted, without hidden ones."""
        return sorted(name for name in self.folders if not name.startswith("."))

    def _are_folders(self) -> pyarrow.BooleanArray:
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.is_in(self.names, value_set=pa.array(sorted(self.folders), pa.string()))


def folder(path: str | Path) -> Folder:
    """The folder at `path`; empty where there is none."""
    import pyarrow as pa

    found, odd = entries(path), ()
    try:
        names = pa.array([one.name for one in found], pa.string())
    except UnicodeEncodeError:
        odd = tuple(one.name for one in found if not is_text(one.name))
        found = [one for one in found if is_text(one.name)]
        names = pa.array([one.name for one in found], pa.string())
    return Folder(str(path), names, frozenset(one.name for one in found if one.is_dir()), odd)


def is_text(name: str) -> bool:
    """Whether a file name is UTF-8."""
    return name.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in name)
