"""Labelled video files, from a folder to batches.

`source` says which videos there are; `nas.data.pack.pack` decodes them once; its splits give batches.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from nas.data import lists, motion
from nas.data.lists import VideoSet
from nas.errors import NasError

# The name of the embedded data set.
EMBEDDED = "motion"


def source(path: str | None, *, cache: Path, progress: Callable[[int, int, str], None] | None = None) -> VideoSet:
    """The data set that `path` names: "motion", a folder, or for None what the variable NAS_DATA says.

    Motion is generated into `cache` when it is not there yet; `progress(done, total, what)` is told of it.
    Raises `NasError` when nothing is named or the folder holds no data set.
    """
    path = path or os.environ.get("NAS_DATA")
    if not path:
        fix = "give --data FOLDER, set data: in the recipe, or the variable NAS_DATA"
        raise NasError("no data set is named", fix=fix)
    if path == EMBEDDED:
        return lists.read(motion.generate(cache, progress=progress))
    return lists.read(path)


def cache_folder() -> Path:
    """Where generated sets and packs are kept, made if need be: $NAS_CACHE, else this user's cache folder."""
    from platformdirs import user_cache_dir

    folder = Path(os.environ.get("NAS_CACHE") or user_cache_dir("nas")).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, error.strerror or "cannot be made") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(folder, "no permission to write there")
    return folder


def _unusable(folder: Path, reason: str) -> NasError:
    return NasError(f"the cache folder cannot be used: {reason}", where=str(folder), fix="set NAS_CACHE to another")
