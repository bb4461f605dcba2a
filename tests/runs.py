"""Finished runs of `nas retrain`, small enough for tests: real videos, and networks trained for a second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from nas import genotype as genotypes
from nas import retrain
from nas.data import formats
from nas.data_settings import ClipSettings, DataSettings, PackSettings, ViewSettings
from nas.packed import packed
from nas.preparation import Preparation
from nas.recipe import RetrainSettings, TrainSettings

CLIP = ClipSettings(frames=4, size=20, flip="never")
PACK = PackSettings(every=1, frames=8, size=24)
STAGE = {"depth": 1, "width": 8, "block": {"kind": "bottleneck", "conv": {"kind": "depthwise"}}}
QUIET = Preparation(lambda *step: None, Console(quiet=True))


def network(clip: ClipSettings, classes: int) -> genotypes.Genotype:
    """A network of some layers."""
    stem = {"width": 8, "stride": [1, 2, 2], "pool": None}
    given = {"frames": clip.frames, "size": clip.size}
    return genotypes.parse({"input": given, "classes": classes, "stem": stem, "stages": [STAGE]})


def finished(
    folder: Path,
    data: DataSettings,
    *,
    clip: ClipSettings = CLIP,
    test: ViewSettings | None = None,
    seed: int = 0,
    name: str = "",
) -> Path:
    """A run in `folder`, whose videos are packed in the cache that NAS_CACHE names."""
    _, pack = packed(data, QUIET, workers=1)
    train = TrainSettings(epochs=12, batch=8, lr=0.2, warmup=0.0)
    settings = RetrainSettings(train=train, clip=clip, test=test or ViewSettings(clips=2))
    retrain.retrain(
        network(clip, len(pack.classes)), pack, settings, folder, seed=seed, data=data, name=name, device="cpu"
    )
    return folder


def listed(folder: Path, videos: Path, *, leave_out: Sequence[int] = (), several: bool = False) -> DataSettings:
    """The videos of a generated set under lists of one's own, but for some of those that validate.

    With `several`, every third has the next class too.
    """
    found = formats.read(videos, DataSettings())
    folder.mkdir(parents=True)
    for name, split in (("train", found.train), ("val", found.val)):
        rows = []
        for number, video in enumerate(split):
            if name == "val" and number in leave_out:
                continue
            labels = [video.labels[0], *([(video.labels[0] + 1) % 10] if several and number % 3 == 0 else [])]
            path = Path(video.path).relative_to(found.root)
            rows.append(f"{path},{','.join(found.classes[label] for label in labels)}\n")
        (folder / f"{name}.txt").write_text("".join(rows if not leave_out else reversed(rows)))
    return DataSettings(path=str(folder), videos=str(found.root), pack=PACK)
