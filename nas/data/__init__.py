"""Labelled video files, from a folder to batches.

`source` says which videos there are; `nas.data.pack.pack` decodes them once; its splits give batches.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from nas.data_settings import DataSettings
from nas.errors import NasError

# The names of the embedded data sets.
EMBEDDED = ("motion", "motion-appearance")


def source(settings: DataSettings, *, cache: Path, progress: Callable[[int, int, str], None] | None = None):
    """The `VideoSet` that `settings.path` names: an embedded set, a folder, a list, or where empty what NAS_DATA says.

    A path may begin with its format, as ucf101:/videos or ucf101:2:/videos, which then goes before `settings.format`.
    Embedded sets are generated into `cache` when they are not there yet; `progress(done, total, what)` is told of it.
    Raises NasError when nothing is named or the folder holds no data set.
    """
    from nas.data import formats, motion

    path = settings.path or os.environ.get("NAS_DATA")
    if not path:
        fix = "give --data FOLDER, set data: in the recipe, or the variable NAS_DATA"
        raise NasError("no data set is named", fix=fix)
    if path in EMBEDDED:
        path = motion.generate(cache, settings.motion, kind=path, progress=progress)
        settings = settings.model_copy(update={"format": "kinetics"})
    named, _, rest = str(path).rpartition(":")
    if named.partition(":")[0] in formats.FORMATS:
        path, settings = rest, settings.model_copy(update={"format": named})
    return formats.read(path, settings)


def cache_folder() -> Path:
    """Where generated sets and packs are kept, made if need be: $NAS_CACHE, else this user's cache folder.

    One that cannot be written to does where all is there already.
    """
    from platformdirs import user_cache_dir

    folder = Path(os.environ.get("NAS_CACHE") or user_cache_dir("nas")).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"the cache folder cannot be used: {error.strerror or 'cannot be made'}"
        raise NasError(problem, where=str(folder), fix="set NAS_CACHE to another") from None
    return folder
