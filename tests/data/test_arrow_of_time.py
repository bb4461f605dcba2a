"""The arrow of time, as in Table 1 of the S3D paper (2018): where direction matters, a 3D network fails on reversed
frames; where a single frame suffices it does not notice; a network of 2D kernels notices neither.

Small networks on four classes of calm 8x24x24 clips, 21 seconds of one core in all. Accuracies over seven seeds:

                     3D            3D reversed   2D, both ways   2D, one frame
motion               0.91 to 0.99  0.00 to 0.02  0.23 to 0.27    0.24 to 0.28
motion-appearance    0.99 to 1.00  0.99 to 1.00  0.99 to 1.00    0.95 to 0.98
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas import genotype as genotypes
from nas.build import build
from nas.data import motion
from nas.data.motion import MotionSettings

SEED = 0
SETTINGS = MotionSettings(classes=4, frames=8, size=24, distractor=0, seed=SEED)
CHANCE = 1 / SETTINGS.classes


@dataclass(frozen=True)
class Accuracy:
    """Of one network on one set's 400 validation clips: as they are, reversed, and of their middle frame alone."""

    forward: float
    reversed: float
    frame: float


@pytest.fixture(scope="module")
def accuracies():
    """Of the networks with temporal kernels of 3 ("3d") and of 1 ("2d") on each set."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield {
        (kind, name): measure(kernel, clips(kind, "train", 640), clips(kind, "val", 400))
        for kind in motion.KINDS
        for name, kernel in (("3d", 3), ("2d", 1))
    }
    torch.set_num_threads(threads)


def test_reversed_frames_undo_a_3d_network_where_direction_matters(accuracies):
    found = accuracies["motion", "3d"]
    assert found.forward > CHANCE + 0.5
    assert found.reversed < CHANCE - 0.15, "below chance: reversed, an action is another class"


def test_reversed_frames_leave_a_3d_network_alone_where_one_frame_suffices(accuracies):
    found = accuracies["motion-appearance", "3d"]
    assert found.forward > CHANCE + 0.5
    assert abs(found.forward - found.reversed) < 0.05


@pytest.mark.parametrize("kind", motion.KINDS)
def test_reversed_frames_leave_a_2d_network_alone(accuracies, kind):
    found = accuracies[kind, "2d"]
    assert abs(found.forward - found.reversed) < 0.01, "the same mean over frames, but for rounding"


def test_a_2d_network_learns_appearance_and_not_direction(accuracies):
    assert accuracies["motion", "2d"].forward < CHANCE + 0.15
    assert accuracies["motion-appearance", "2d"].forward > CHANCE + 0.5


def test_a_single_frame_shows_the_appearance(accuracies):
    found = accuracies["motion-appearance", "2d"]
    assert found.frame > found.forward - 0.15


def measure(kernel: int, train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor]) -> Accuracy:
    """Train a network with this temporal kernel and test it."""
    model, (x, y) = network(kernel), val
    learn(model, *train)
    model.eval()
    with torch.inference_mode():
        views = (x, x.flip(2), x[:, :, 4:5])
        return Accuracy(*((model(view).argmax(1) == y).float().mean().item() for view in views))


def clips(kind: str, split: str, count: int) -> tuple[Tensor, Tensor]:
    """Drawn, not read: float (b, 3, t, h, w) in -1..1 and labels (b,)."""
    drawn = [
        motion.draw(
            np.random.default_rng([SEED, split == "val", i]), motion.label(i, SETTINGS, kind), SETTINGS, kind=kind
        )
        for i in range(count)
    ]
    x = torch.from_numpy(np.stack(drawn)).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last_3d), torch.arange(count) % SETTINGS.classes


def network(kernel: int) -> nn.Module:
    """Two residual blocks without temporal strides, which let even 2D kernels see other frames when reversed."""
    conv = {"kind": "dense", "kernel": [kernel, 3, 3]}
    block = {"kind": "simple", "conv": conv}
    stem = {"width": 16, "conv": conv, "stride": [1, 2, 2], "pool": None}
    stages = [{"depth": 1, "width": 16, "block": block}, {"depth": 1, "width": 32, "stride": [1, 2, 2], "block": block}]
    return build(genotypes.parse({"classes": SETTINGS.classes, "stem": stem, "stages": stages}), seed=SEED)


def learn(model: nn.Module, x: Tensor, y: Tensor, epochs: int = 5, batch: int = 32, lr: float = 0.1) -> None:
    """SGD with a cycle of the learning rate."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=1e-4)
    steps = epochs * (len(y) // batch)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=0.2, cycle_momentum=False)
    order = torch.Generator().manual_seed(SEED)
    model.train()
    for _ in range(epochs):
        for some in torch.randperm(len(y), generator=order)[: len(y) // batch * batch].split(batch):
            F.cross_entropy(model(x[some]), y[some]).backward()
            optimizer.step()
            optimizer.zero_grad()
            cycle.step()
