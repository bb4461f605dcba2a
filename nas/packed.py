"""The packed videos that settings of the data name: generated, listed and decoded where that was not done yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nas.data_settings import DataSettings

if TYPE_CHECKING:
    from nas.data.pack import Pack
    from nas.data.task import Task
    from nas.data.videos import VideoSet
    from nas.preparation import Preparation


def packed(
    settings: DataSettings,
    preparation: Preparation,
    *,
    flips: Sequence[str] = (),
    workers: int | None = None,
    fits: Callable[[VideoSet, Task], None] | None = None,
) -> tuple[VideoSet, Pack]:
    """What is listed, and the frames that are kept of it.

    `preparation` is told how far that is, and what its user should know of the videos; of `flips`, how clips will be
    mirrored, what these come to. `fits` may raise NasError for what is listed, before anything is decoded. Raises
    NasError where there is no such data set or it is not usable.
    """
    from nas import data
    from nas.data.pack import pack
    from nas.data.task import task

    cache = data.cache_folder()
    videos = data.source(settings, cache=cache, progress=preparation)
    found = task(videos, settings)
    if fits:
        fits(videos, found)
    for note in dict.fromkeys([*videos.notes, *(found.mirrored_by(flip) for flip in flips)]):
        if note:
            preparation.note(note)
    return videos, pack(videos, settings, cache, progress=preparation, workers=workers)
