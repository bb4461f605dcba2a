"""What is to be told of each video: the classes, one or several a video, what a mirror does to them, and the metric."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from nas.data.mirror import Mirror, mirroring, resolve
from nas.data.videos import VideoSet
from nas.data_settings import DataSettings
from nas.errors import NasError
from nas.metrics import resolved


@dataclass(frozen=True)
class Task:
    """`metric` is what `accuracy` stands for: top1, mean_class or map; `mirrored` are pairs that a mirror exchanges."""

    classes: tuple[str, ...]
    multilabel: bool = False
    metric: str = "top1"
    mirrored: tuple[tuple[str, str], ...] = ()

    @cached_property
    def mirror(self) -> Mirror:
        """What a horizontal mirror does to the classes."""
        return mirroring(self.classes, self.mirrored)

    def mirrored_by(self, flip: str) -> str:
        """What `flip` (auto, always, never, swap) comes to here, in a line; nothing where it is plain.

        Raises NasError where it asks for labels that the classes do not have.
        """
        return resolve(flip, self.mirror)[2]


def task(videos: VideoSet, settings: DataSettings) -> Task:
    """The task of a data set; raises NasError for a metric that does not go with it."""
    if len(videos.classes) < 2:
        problem = f"has a single class, {videos.classes[0]!r}" if videos.classes else "has no class"
        raise NasError(problem, where=videos.name, fix="nas data check tells how the folder is read")
    try:
        metric = resolved(settings.metric, videos.multilabel)
    except NasError as error:
        raise error.at(videos.name) from None
    return Task(videos.classes, videos.multilabel, metric, settings.mirrored)
