"""The reduced training that stands in for a full one: a narrower copy of the genotype at a smaller clip."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.build import build
from nas.cost import cost
from nas.genotype import Genotype
from nas.recipe import ProxySettings
from nas.scale import scale
from nas.train import Result, fit, identity, resumable
from nas.versions import versions

if TYPE_CHECKING:
    from nas.data.pack import Pack


def shrunk(genotype: Genotype, settings: ProxySettings, classes: int) -> tuple[Genotype, list[str]]:
    """The genotype that is trained in place of the full one, and what had to change besides its scale."""
    return scale(genotype, width=settings.width, depth=settings.depth, clip=settings.clip.clip, classes=classes)


def evaluate(
    genotype: Genotype,
    pack: Pack,
    settings: ProxySettings,
    *,
    seed: int,
    device: str = "auto",
    on_epoch: Callable[[dict[str, Any]], object] | None = None,
    on_step: Callable[[int, int], None] | None = None,
    checkpoint: Path | None = None,
    saved_after: Collection[int] | None = None,
) -> dict[str, Any]:
    """Train the proxy of a genotype; returns what goes on the trial's record, as plain data.

    `accuracy` is the fraction on the validation clips, by the data set's metric, after the last epoch that was
    trained (`val_clips` is of how many it is a share, 0 where it is none): `on_epoch` gets the same of a training that
    ended there, and ends it by answering False. A `checkpoint` that is damaged or of another training is not used; see
    `train.fit` for the other arguments. Raises what `train.fit` raises: Diverged, OutOfMemory.
    """
    small, notes = shrunk(genotype, settings, len(pack.classes))
    exact = cost(small)
    model = build(small, seed=seed)
    run = identity(pack, settings.train, settings.clip, seed)
    if checkpoint and checkpoint.exists() and not resumable(checkpoint, run):
        checkpoint.unlink(missing_ok=True)

    def told(result: Result) -> dict[str, Any]:
        return {
            "accuracy": result.accuracy,
            "metric": pack.task.metric,
            "val_clips": len(pack.val) if pack.task.metric == "top1" else 0,
            "seed": seed,
            "seconds": round(result.seconds, 3),
            "wait_share": round(result.wait_share, 5),
            "wait_cause": result.wait_cause,
            "peak_memory": result.peak_memory,
            "device": result.device,
            "versions": versions(),
            "proxy": {"macs": exact.macs, "params": exact.params, "notes": notes},
            "curve": result.curve,
        }

    result = fit(
        model,
        pack,
        settings.train,
        settings.clip,
        seed=seed,
        device=device,
        on_epoch=on_epoch and (lambda so_far: on_epoch(told(so_far))),
        on_step=on_step,
        checkpoint=checkpoint,
        saved_after=saved_after,
    )
    return told(result)
