"""Costs on record, held against what is built: a genotype that says what it costs must still cost that."""

from __future__ import annotations

from nas.cost import Cost, cost
from nas.errors import NasError
from nas.facts import Exact
from nas.genotype import Clip, Genotype

COUNTED = ("macs", "conv_macs", "linear_macs", "weights", "params", "interactions", "norm_elements")
FIX = "put the genotype back as it was, or take its `exact` facts away to train it as it is"


def record(genotype: Genotype) -> Exact:
    """The exact costs of a genotype at its own clip and classes, to be kept with it.

    >>> record(genotype).params == cost(genotype).params  # doctest: +SKIP
    True
    """
    counted = cost(genotype)
    costs = {name: getattr(counted, name) for name in ("macs", "weights", "params", "interactions")}
    return Exact(frames=genotype.input.frames, size=genotype.input.size, **costs)


def check(genotype: Genotype, where: str) -> None:
    """Raise NasError where a cost in the genotype's `exact` facts is another than that of the network it describes."""
    for fact in genotype.exact:
        clip = Clip(frames=fact.frames, size=fact.size)
        network = genotype.model_copy(update={"input": clip, "classes": fact.classes or genotype.classes})
        counted = cost(network)
        for name in COUNTED:
            written, is_now = getattr(fact, name), getattr(counted, name)
            if written is not None and written != is_now:
                problem = f"exact: {name} = {written:,} at {clip}, but what is built has {is_now:,}"
                raise NasError(problem, where=where, fix=FIX)


def check_trial(recorded: Cost, genotype: Genotype, where: str) -> None:
    """Raise NasError where a trial's costs, as they were stored, are not those of its genotype."""
    counted = cost(genotype)
    for name in ("macs", "params", "interactions"):
        written, is_now = getattr(recorded, name), getattr(counted, name)
        if written != is_now:
            problem = f"{name} = {written:,} on record, but what is built has {is_now:,}"
            fix = "use the version of nas that trained it (nas search --replay tells which), or search anew"
            raise NasError(problem, where=where, fix=fix)


def check_built(genotype: Genotype) -> None:
    """Raise NasError unless torch counts as many multiply-accumulates and parameters as the genotype costs.

    The network is built without memory for its weights, and half of what torch counts in a forward pass is compared.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from nas.build import module_of
    from nas.network import network

    clip, counted = genotype.input, cost(genotype)
    with torch.device("meta"):  # what measures a block of the user's runs it, and must not be counted
        model, x = module_of(network(genotype)).eval(), torch.empty(1, 3, clip.frames, clip.size, clip.size)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x)
    built = sum(parameter.numel() for parameter in model.parameters())
    found = {"macs": counter.get_total_flops() // 2, "params": built}
    for name, number in found.items():
        if number != getattr(counted, name):
            problem = f"the built network has {number:,} {name}, its cost says {getattr(counted, name):,}"
            fix = "report it as a bug, unless a block of yours is built otherwise each time"
            raise NasError(problem, fix=fix)
