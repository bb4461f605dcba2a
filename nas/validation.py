"""What a network makes of one view of each validation video: the figures of an epoch."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import torch
from torch import nn

from nas import device as devices
from nas.data_settings import ClipSettings
from nas.group import ALONE, Group
from nas.loss import loss
from nas.metrics import Meter, headline
from nas.tally import Tally, Waiting

if TYPE_CHECKING:
    from nas.data.pack import Split

CHECK_EVERY = 20  # steps between looks at the loss on a GPU: each look waits for the device


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    split: Split,
    clip: ClipSettings,
    *,
    batch: int,
    device: str | torch.device = "auto",
    precision: str = "auto",
    waiting: Waiting | None = None,
    where: str = "the validation",
    group: Group = ALONE,
) -> dict[str, float]:
    """Loss, accuracy and (from 5 classes on) top-5 of `model`, which is on `device`, over one view of each video.

    The accuracy is top-1, or what the metric of the split's task is. The processes of a `group` share the batches and
    get the same figures.

    >>> evaluate(model, pack.val, ClipSettings(), batch=32)  # doctest: +SKIP
    {'val_loss': 0.41, 'val_accuracy': 0.87, 'val_top5': 0.99}
    """
    place, several, metric = devices.pick(device), split.task.multilabel, split.task.metric
    autocast, waiting = devices.autocast(place, precision), waiting or Waiting()
    tally, seen, was_training = Tally(where, every=check_every(place)), [], model.training
    top5 = len(split.task.classes) >= 5
    model.eval()
    more = {"share": group.share} if group.size > 1 else {}
    batches = split.batches(clip, batch=batch, seed=0, epoch=0, train=False, device=place, waiting=waiting, **more)
    with closing(batches):
        for clips, labels in waiting.iterate(batches):
            with autocast():
                logits = model(clips)
                lost = loss(logits, labels, several=several)
            tally.add(lost, logits, labels, top5=top5)
            if metric != "top1":
                seen.append((logits.float().cpu(), labels.cpu()))
    model.train(was_training)
    lost, accuracy, accuracy5 = tally.means(group.sums)
    if metric != "top1":
        accuracy = _measured(group.gathered(seen), where, metric, several)
    return {"val_loss": lost, "val_accuracy": accuracy} | ({"val_top5": accuracy5} if top5 else {})


def check_every(device: torch.device) -> int:
    """Steps between two looks at the loss."""
    return CHECK_EVERY if device.type == "cuda" else 1


def _measured(seen: list, where: str, metric: str, several: bool) -> float:
    meter = Meter(where)
    for logits, labels in seen:
        meter.add(logits, labels)
    return headline(meter.measures(), metric, several)
