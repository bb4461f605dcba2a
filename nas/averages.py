"""What a network is besides its last step: the moving average of its weights, and norms with precise statistics."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as Norm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Autocast = Callable[[], contextlib.AbstractContextManager]


class Average:
    """An exponential moving average of all weights and statistics of `model`; each step keeps `decay` of it.

    >>> average = Average(network, 0.999)  # doctest: +SKIP
    >>> with average.shown(network):  # doctest: +SKIP
    ...     validate(network)  # with the averaged weights
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)

    def update(self, model: nn.Module) -> None:
        """Take in the weights after a step; the first ones as they are."""
        self.model.update_parameters(model)

    def state(self) -> dict[str, Tensor]:
        """The averaged tensors under the network's own names."""
        return self.model.module.state_dict()

    def resumed(self, steps: int) -> None:
        """Go on after so many updates, whose outcome was put into `state`."""
        self.model.n_averaged.fill_(steps)

    @contextlib.contextmanager
    def shown(self, model: nn.Module) -> Iterator[None]:
        """Within it `model` has the averaged weights, and this keeps its own ones."""
        self.exchange(model)
        try:
            yield
        finally:
            self.exchange(model)

    @torch.no_grad()
    def exchange(self, model: nn.Module) -> None:
        """Swap the weights of `model` and the averaged ones, bit for bit."""
        for ours, theirs in zip(self.state().values(), model.state_dict().values(), strict=True):
            kept = ours.clone()
            ours.copy_(theirs)
            theirs.copy_(kept)


@torch.no_grad()
def precise_norms(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], autocast: Autocast) -> None:
    """Replace the running statistics of all norms, in place, by those of all `batches` together at the present weights.

    Running ones trail behind weights that still move, and the mean of batches' own variances leaves out how batches
    differ ("Rethinking 'Batch' in BatchNorm", 2021, section 3).
    """
    norms = [module for module in model.modules() if isinstance(module, Norm) and module.track_running_stats]
    momenta, was_training, clips = [norm.momentum for norm in norms], model.training, 0
    sums = [torch.zeros(2, norm.num_features, dtype=torch.double, device=norm.running_mean.device) for norm in norms]
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = 1.0  # running statistics are then those of the last batch
    for x, _ in batches:
        with autocast():
            model(x)
        clips += len(x)
        for norm, total in zip(norms, sums, strict=True):
            mean, var = norm.running_mean.double(), norm.running_var.double()
            total.add_(torch.stack([mean, var + mean.square()]), alpha=len(x))
    for norm, momentum, total in zip(norms, momenta, sums, strict=True):
        mean, square = total / clips
        norm.momentum = momentum
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(square - mean.square())
    model.train(was_training)
