"""The processes that train one network together, as torchrun starts them: who this one is, and what they share.

Each takes its part of every batch; gradients are averaged, and what norms, dropout and mixup make of a clip is what
they would make of it in one process, so a group's results are those of one process. One process is a group of its own,
and nothing is sent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm as Norm
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
        device = next(model.parameters()).device
        _make_global(model, device, norms=norms == "global")
        # kernels with axes of length 1 have several equal strides; torch warns of that at every start
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated")  # its other name is newer than 2.11
        ids = [device] if device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=ids, broadcast_buffers=norms == "local")

    @torch.no_grad()
    def agree(self, model: nn.Module) -> None:
        """Give all processes the mean of what local norms saw in each, in place; with global norms it is that."""
        for buffer in model.buffers() if self.size > 1 else ():
            if buffer.is_floating_point():
                dist.all_reduce(buffer)
                buffer.div_(self.size)

    def ringed(self, x: Tensor) -> Tensor:
        """The rows of `x` (b, ...), and behind them the first row of the next process: what follows its last one."""
        if self.size == 1:
            return x
        first = x[:1].contiguous()
        told = [torch.empty_like(first) for _ in range(self.size)]
        dist.all_gather(told, first)
        following = told[(self.rank + 1) % self.size]
        return torch.cat([x, following.to(memory_format=torch.channels_last_3d) if x.ndim == 5 else following])

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

    GPUs talk over NCCL, CPUs over gloo. Where processes fail, the first one that does raises its error, and the others,
    which fail for the same reason or since they lost it, leave with status 1 and without a word.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        yield ALONE
        return
    group, store = _met()
    try:
        place = group.device(device)
        if place.type == "cuda":
            torch.cuda.set_device(place)
        backend = "nccl" if place.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=dist.PrefixStore("group", store), rank=group.rank, world_size=group.size)
        yield group
    except Exception as error:
        _speak_for_all(store)
        if not lost_another(error):
            raise
        fix = "see above, or in its host's messages, why; the same command goes on"
        raise NasError(f"process {group.rank} lost another one of the {group.size}", fix=fix) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def standing(local: int) -> Group:
    """The group that this process was brought into by other means, such as Ray Train's, with torch's processes met.

    `local` numbers it among those of its host that have a GPU each.
    """
    return Group(dist.get_rank(), dist.get_world_size(), local)


def _met() -> tuple[Group, dist.Store]:
    """The group that the environment tells of, and where its processes leave word for each other."""
    told = os.environ
    try:
        group = Group(int(told["RANK"]), int(told["WORLD_SIZE"]), int(told.get("LOCAL_RANK", "0")))
        return group, next(dist.rendezvous("env://"))[0]
    except (KeyError, ValueError) as error:
        problem = f"WORLD_SIZE = {told['WORLD_SIZE']} in the environment, without the rest of what torchrun sets there"
        raise NasError(problem, fix="start it with torchrun, or unset WORLD_SIZE") from error


def _speak_for_all(store: dist.Store) -> None:
    """Return in the first process that fails, and end the others: one mistake is told once."""
    with contextlib.suppress(dist.DistError):  # the store may be on the host that was lost
        if store.add("failed", 1) > 1:
            raise SystemExit(1) from None
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun ends all once one has ended: let this one have its say


def lost_another(error: Exception) -> bool:
    """Whether this process failed because another one of its group did."""
    return isinstance(error, dist.DistError) or any(words in str(error) for words in ("by peer", "Broken pipe"))


def unsynchronised(model: nn.Module, last: bool) -> contextlib.AbstractContextManager:
    """For all but the `last` of the parts of a step: gradients add up in each process before they are averaged."""
    return contextlib.nullcontext() if last or not isinstance(model, DistributedDataParallel) else model.no_sync()


# Norms and dropout as one process would have them. PyTorch's own norms over processes are for GPUs alone.


def _make_global(module: nn.Module, device: torch.device, *, norms: bool) -> None:
    """Replace dropout, and with `norms` each batch norm, below `module` by what works on the clips of all processes.

    Tensors and their names stay.
    """
    for name, child in module.named_children():
        if norms and isinstance(child, Norm):
            on_gpu = device.type == "cuda"
            made = nn.SyncBatchNorm.convert_sync_batchnorm(child) if on_gpu else _over_processes(child)
        elif isinstance(child, nn.Dropout):
            made = GlobalDropout(child.p)
        else:
            _make_global(child, device, norms=norms)
            continue
        setattr(module, name, made.train(child.training))


def _over_processes(norm: Norm) -> GlobalNorm:
    tracked = norm.track_running_stats
    made = GlobalNorm(norm.num_features, norm.eps, norm.momentum, norm.affine, tracked)
    made.weight, made.bias = norm.weight, norm.bias
    made.running_mean, made.running_var = norm.running_mean, norm.running_var
    made.num_batches_tracked = norm.num_batches_tracked
    return made


class GlobalDropout(nn.Dropout):
    """Dropout that drops what one process would: each draws for the clips of all, which have equally many."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, ...) -> the same."""
        if not self.training or not self.p:
            return x
        first = dist.get_rank() * len(x)
        drawn = F.dropout(torch.ones_like(torch.cat([x] * dist.get_world_size())), self.p)
        return x * drawn[first : first + len(x)]


class GlobalNorm(Norm):
    """Batch normalisation over the clips of all processes, which have equally many; on CPUs."""

    def forward(self, x: Tensor) -> Tensor:
        """(b, c, ...) -> the same."""
        if not self.training:
            return super().forward(x)
        axes, rest = (0, *range(2, x.ndim)), (1,) * (x.ndim - 2)
        count = x.numel() // x.shape[1] * dist.get_world_size()
        whole = x.float()
        mean = _AllSum.apply(whole.sum(axes)) / count
        centred = whole - mean.view(-1, *rest)
        var = _AllSum.apply(centred.square().sum(axes)) / count
        if self.track_running_stats:
            self._follow(mean.detach(), var.detach() * (count / (count - 1)))
        scale = torch.rsqrt(var + self.eps)
        if not self.affine:
            return (centred * scale.view(-1, *rest)).to(x.dtype)
        return (centred * (scale * self.weight).view(-1, *rest) + self.bias.view(-1, *rest)).to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, var: Tensor) -> None:
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(var, share)

    def _check_input_dim(self, x: Tensor) -> None:
        """Any number of axes will do."""


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
