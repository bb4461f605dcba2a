"""What `nas retrain` says and draws of a training: what is not as one would think, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.console import count
from nas.recipe import RetrainSettings

if TYPE_CHECKING:
    from nas.data.pack import Pack
    from nas.group import Group
    from nas.train import Result


def short(settings: RetrainSettings, pack: Pack) -> Iterator[str]:
    """Where the videos are fewer or shorter than the settings ask for."""
    if settings.train.batch > len(pack.train):
        yield f"batches of {len(pack.train)}, all clips that there are, in place of {settings.train.batch}"
    longest = int(max(split.shapes[:, 0].max() for split in (pack.train, pack.val)))
    if settings.clip.frames > longest:
        frames = f"clips of {settings.clip.frames} frames repeat the last one"
        yield f"{frames}: the packed videos have {count(longest, 'frame')} at most"


def noteworthy(settings: RetrainSettings, group: Group) -> str:
    """What is not as one would think: a preset, a scaled learning rate, gradients added up, several processes."""
    train = settings.train
    told = [f"preset {settings.preset}"] if settings.preset else []
    told += [f"peak lr {train.peak:.3g} for batches of {train.batch}"] if train.lr_batch else []
    parts = math.ceil(train.batch // group.size / train.at_once(group.size))
    told += [f"gradients of {parts} parts added up"] if parts > 1 else []
    told += [f"{group.size} processes"] if group.size > 1 else []
    return "".join(f"; {one}" for one in told)


def ended(facts: Mapping[str, Any], result: Result, metric: str, dataset: str) -> str:
    """What came out, beside what the proxy of a trial had; on which videos, where these were others."""
    told = f"{metric} {result.accuracy:.3f} after full training (one view, as validated)"
    if result.precise:
        before, clips = result.curve[-1]["val_accuracy"], result.precise["clips"]
        told += f", {before:.3f} before norms were measured on {clips} clips"
    if "proxy" not in facts:
        return told
    accuracy, elsewhere = facts["proxy_accuracy"], facts["proxy_data"] != dataset
    told += f", {'none' if accuracy is None else f'{accuracy:.3f}'} by the proxy"
    return f"{told} on {facts['proxy_data']}" if elsewhere else told


def draw(result: Result, folder: Path, dataset: str, clip: str, metric: str) -> None:
    """Write the curve, and which classes the test took for which, as pages into the folder."""
    _draw_curve(result.curve, folder, dataset, clip, metric)
    _draw_confusion(folder, dataset)


def _draw_curve(curve: Sequence[dict], folder: Path, dataset: str, clip: str, metric: str) -> None:
    import pandas as pd

    from nas.plots import style
    from nas.plots.learning_curves import learning_curves

    rows = pd.DataFrame(curve)
    rows.attrs = {"dataset": dataset, "clip": clip, "metric": metric}
    learning_curves(rows).write_html(folder / "curve.html", include_plotlyjs=True, config=style.CONFIG)


def _draw_confusion(folder: Path, dataset: str) -> None:
    """Which classes the test took for which, where each video has one."""
    import pandas as pd

    from nas.plots import style
    from nas.plots.confusion_matrix import confusion_matrix

    if not (folder / "confusion.csv").exists():
        return
    counts = pd.read_csv(folder / "confusion.csv", index_col=0)
    counts.attrs = {"dataset": dataset}
    confusion_matrix(counts).write_html(folder / "confusion.html", include_plotlyjs=True, config=style.CONFIG)
