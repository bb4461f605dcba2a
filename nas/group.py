"""The processes that train one network together, as torchrun starts them: who this one is, and what they share.

Each takes its part of every batch; gradients are averaged, so the batch and the learning rate are those of one
process. One process is a group of its own, and nothing is sent.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from nas import device as devices
from nas.errors import NasError


@dataclass(frozen=True)
class Group:
    """Process `rank` of `size`; `local` numbers it among those of its host."""

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def share(self) -> tuple[int, int]:
        """Which part of each batch is this process's."""
        return self.rank, self.size

    @property
    def is_first(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    def device(self, asked: str | torch.device) -> torch.device:
        """The device of this process: the GPU of its number on its host, where several have one each."""
        place = devices.pick(asked)
        if self.size == 1 or place.type == "cpu":
            return place
        if place.index is not None:
            raise NasError(f"device '{asked}' is one for {self.size} processes", fix="use --device cuda with torchrun")
        return devices.pick(f"cuda:{self.local}")

    def wrapped(self, model: nn.Module, norms: str) -> nn.Module:
        """What runs forward and backward for the whole group; `model` itself where it is alone.

        `norms` global makes batch norms see the clips of all processes (in place), local those of their own.
        """
        if self.size == 1:
            return model
        if norms == "global":
            _make_global(model)
        # kernels with axes of length 1 have several equal strides; torch warns of that at every start
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        device = next(model.parameters()).device
        ids = [device] if device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=ids, broadcast_buffers=norms == "local")

    def sums(self, values: Sequence[float]) -> list[float]:
        """Each value, added up over the processes."""
        if self.size == 1:
            return list(values)
        told: list = [None] * self.size
        dist.all_gather_object(told, list(values))
        return [sum(column) for column in zip(*told, strict=True)]

    def gathered(self, items: list[Any]) -> list[Any]:
        """The items of all processes, in the order of ranks."""
        if self.size == 1:
            return items
        told: list = [None] * self.size
        dist.all_gather_object(told, items)
        return [item for some in told for item in some]


ALONE = Group()


@contextlib.contextmanager
def joined(device: str) -> Iterator[Group]:
    """Within it, this process belongs to the group that torchrun's environment tells of, or is alone.

    GPUs talk over NCCL, CPUs over gloo.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    group = Group(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_RANK", "0")))
    place = group.device(device)
    if place.type == "cuda":
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield group
    finally:
        dist.destroy_process_group()


def unsynchronised(model: nn.Module, last: bool) -> contextlib.AbstractContextManager:
    """For all but the `last` of the parts of a step: gradients add up in each process before they are averaged."""
    return contextlib.nullcontext() if last or not isinstance(model, DistributedDataParallel) else model.no_sync()


# Batch norms over the clips of all processes. PyTorch's own ones are for GPUs alone.


def _make_global(module: nn.Module) -> None:
    """Replace each batch norm below `module` by one over all processes, with the same tensors under the same names."""
    for name, child in module.named_children():
        if not isinstance(child, nn.BatchNorm3d):
            _make_global(child)
        elif next(child.parameters()).is_cuda:
            setattr(module, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))
        else:
            setattr(module, name, _over_processes(child))


def _over_processes(norm: nn.BatchNorm3d) -> GlobalNorm:
    made = GlobalNorm(norm.num_features, eps=norm.eps, momentum=norm.momentum)
    made.weight, made.bias = norm.weight, norm.bias
    made.running_mean, made.running_var = norm.running_mean, norm.running_var
    made.num_batches_tracked = norm.num_batches_tracked
    return made.train(norm.training)


class GlobalNorm(nn.BatchNorm3d):
    """Batch normalisation over the clips of all processes, which have equally many; on CPUs."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, t, h, w) -> the same."""
        if not self.training:
            return super().forward(x)
        axes, count = (0, 2, 3, 4), x.numel() // x.shape[1] * dist.get_world_size()
        whole = x.float()
        mean = _AllSum.apply(whole.sum(axes)) / count
        centred = whole - mean[:, None, None, None]
        var = _AllSum.apply(centred.square().sum(axes)) / count
        self._follow(mean.detach(), var.detach() * (count / (count - 1)))
        scale = self.weight * torch.rsqrt(var + self.eps)
        return (centred * scale[:, None, None, None] + self.bias[:, None, None, None]).to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, var: Tensor) -> None:
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(var, share)


class _AllSum(torch.autograd.Function):
    """The sum over processes; so is its gradient."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total
