"""The value of a score for a genotype: the one place that builds models, draws clips and refuses what is no number."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable
from typing import Any

from nas.errors import NasError
from nas.genotype import Genotype
from nas.recipe import ProxySettings
from nas.scores.registry import Score, find
from nas.seeds import seed_for
from nas.summary import summary


def evaluate(name: str, genotype: Genotype, *, seed: int = 0, batch: int = 8, device: str = "cpu") -> float:
    """The score `name` of a genotype: a finite float that depends on the arguments alone.

    >>> from nas import content, genotype
    >>> evaluate("depth", genotype.load(content.find("ir-csn-50", "models")))
    50.0

    Scores that need a model get one with weights drawn from the seed, and `batch` clips of normal noise at the
    genotype's own input; give a copy with a smaller `input` (`nas.scale.scale`) where that is too slow. Random
    generators are left as they were. Raises NasError for an unknown score, for a value that is no finite number and
    where a user's function fails, and what building the network raises.
    """
    found = find(name)
    return _number(name, genotype, _value(found, genotype, lambda: _run(found, genotype, seed, batch, device)))


def in_study(name: str, genotype: Genotype, proxy: ProxySettings, *, seed: int = 0, device: str = "cpu") -> float:
    """The score of a genotype in a study: those that need a model see the proxy, which is what a study trains.

    The others tell of the network itself, as its exact costs do. Raises what `evaluate` raises.
    """
    if find(name).needs == "network":
        return evaluate(name, genotype)
    from nas.scale import scale

    small, _ = scale(genotype, width=proxy.width, depth=proxy.depth, clip=proxy.clip.clip, classes=genotype.classes)
    return evaluate(name, small, seed=seed, device=device)


def _value(found: Score, genotype: Genotype, run: Callable[[], Any]) -> Any:
    try:
        return run()
    except NasError:
        raise
    except Exception as error:  # whatever a user's code does
        if found.built_in:
            raise
        told = (f"{type(error).__name__}: {error}".splitlines() or [""])[0]
        raise NasError(f"the score '{found.name}' of {summary(genotype)} fails: {told}") from error


def _run(found: Score, genotype: Genotype, seed: int, batch: int, device: str) -> Any:
    if found.needs == "network":
        return found.function(genotype)
    from nas.build import build
    from nas.device import pick, seeded

    place = pick(device)
    with seeded(seed, 0, place):  # for functions that draw numbers themselves
        return found.function(build(genotype, seed=seed).to(place), _noise(genotype, seed, batch).to(place))


def _noise(genotype: Genotype, seed: int, batch: int) -> Any:
    """Clips (b, 3, t, h, w) of normal noise, drawn on the CPU so that every device sees the same."""
    import torch

    clip = genotype.input
    generator = torch.Generator().manual_seed(seed_for(seed, "score clips"))
    return torch.randn(batch, 3, clip.frames, clip.size, clip.size, generator=generator)


def _number(name: str, genotype: Genotype, value: Any) -> float:
    try:
        plain = value.detach() if hasattr(value, "detach") else value
        number = math.nan if isinstance(plain, str) else float(plain)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        problem = f"the score '{name}' of {summary(genotype)} is {reprlib.repr(value)}"
        raise NasError(problem, fix="a score is one finite number")
    return number
