"""Weights of another training as the start of a network: 2D kernels are inflated over time, 3D ones deflated.

A kernel h x w becomes t x h x w by repetition over time divided by t (the I3D paper, 2017). So on a static clip the
inflated network computes what the 2D one does, except for frames so near the clip's ends that zero padding cuts
kernels off. The other way round, t x h x w becomes 1 x h x w by its sum over time, which computes the same on static
clips, or by its centre.

A factorised convolution on 2D weights (`spatial`, norm, ReLU, `temporal`, norm) takes the 2D kernel and norm in
its spatial half; its temporal half starts as the identity and its last norm as what undoes itself, which is exact on
any clip. Not so where nothing but a sum follows (the second convolution of a `simple` block: the ReLU between would
cut what the sum needs) nor with `first: temporal`: there the temporal half starts as initialised.

Known limit: pixels are normalised by 0.45 and 0.225 here, and norms have an epsilon of 1e-5. ImageNet weights of
other libraries saw slightly other pixels (torchvision's GoogLeNet about half as wide ones, and an epsilon of 1e-3).
The norms take that up in the first steps of training; before them, the outputs are not the source's to the digit.
torchvision's GoogLeNet also pools without padding, rounding sizes up: its windows lie one pixel beside those of I3D's
poolings here, so that network starts near the 2D one, not as it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.weights import State, named_as_here

COUNTER = "num_batches_tracked"  # of a norm: old files lack it, and nothing here depends on it
CLASSIFIER = ("head.fc.weight", "head.fc.bias")
DEFLATED = {
    "sum": lambda kernel: kernel.sum(2, keepdim=True),
    "centre": lambda kernel: kernel[:, :, kernel.shape[2] // 2, None],
}
SHOWN = 3  # modules named in a line; the others are counted
FIX = (
    "give weights of this genotype (any deflation, any number of classes), or torchvision's ResNet or GoogLeNet "
    "where the network has its depths and widths"
)


@dataclass(frozen=True)
class Report:
    """What became of the tensors: how many were taken and how, which modules start anew, which found no place."""

    copied: int
    inflated: int
    deflated: int
    # temporal halves of factorised convolutions that start as the identity
    identities: int
    # modules that only the network has: they stay as initialised
    anew: tuple[str, ...]
    # modules that only the file has
    unused: tuple[str, ...]
    # numbers of classes (in the file, in the network) where they differ: the classifier stays as initialised
    classes: tuple[int, int] | None = None

    def lines(self) -> list[str]:
        """One or two lines for the screen.

        >>> Report(107, 53, 0, 0, (), (), (1000, 400)).lines()
        ['107 tensors copied, 53 inflated', 'starting anew: the classifier (1000 classes in the file, 400 here)']
        """
        told = [(self.inflated, "inflated"), (self.deflated, "deflated")]
        told += [(self.identities, "temporal convolutions as identity")]
        taken = ", ".join([f"{self.copied} tensors copied", *(f"{n} {what}" for n, what in told if n)])
        left = [("starting anew", [*self._classifier(), *self.anew]), ("in the file alone", list(self.unused))]
        rest = "; ".join(f"{what}: {_summary(names)}" for what, names in left if names)
        return [taken, rest] if rest else [taken]

    def _classifier(self) -> list[str]:
        return ["the classifier ({} classes in the file, {} here)".format(*self.classes)] if self.classes else []


@torch.no_grad()
def inflate(state: Mapping[str, Tensor], model: nn.Module, *, deflated: Literal["sum", "centre"] = "sum") -> Report:
    """Put a state dict into a built network, in place; see the top of this file.

    >>> inflate(read(path).tensors, build(genotype)).lines()  # doctest: +SKIP
    ['266 tensors copied, 53 inflated']

    Tensors go by their names, or by those of torchvision's ResNet and GoogLeNet. `deflated` says what is left of a
    kernel that loses its temporal extent: the sum (the default, since it keeps what the kernel makes of a static clip)
    or the centre. A classifier of another number of classes, and layers that the file lacks, stay as they are.

    Raises NasError, and leaves the network alone, when a shape does not fit, when more than half of the network's
    tensors are in the network alone and more than half of the file's in the file alone, and for values that are not
    finite.
    """
    ours = model.state_dict()
    theirs, made = _across_factorised(named_as_here(state), ours, dict(model.named_modules()))
    plan: dict[str, tuple[Tensor, str]] = {name: (tensor, "made") for name, tensor in made.items()}
    anew, classes = [], None
    for name in [name for name in ours if name not in made]:
        fitted = _fitted(theirs[name], ours[name], deflated) if name in theirs else None
        if fitted:
            plan[name] = fitted
        elif name not in theirs:
            anew.append(name)
        else:
            classes = _other_classes(name, theirs[name], ours[name])
    unused = [name for name in theirs if name not in ours]
    _check_enough(anew, unused, theirs, ours)
    _check_finite(plan)
    for name, (value, _) in plan.items():
        ours[name].copy_(value)
    how = Counter(way for name, (_, way) in plan.items() if not name.endswith(COUNTER))
    return Report(
        how["copied"], how["inflated"], how["deflated"], sum(name.endswith(".temporal.weight") for name in made),
        _modules(anew, ours), _modules(unused, theirs), classes,
    )  # fmt: skip


def _fitted(source: Tensor, target: Tensor, deflated: str) -> tuple[Tensor, str] | None:
    """The source in the target's shape and type, and how it got there; None where it does not fit."""
    if source.shape == target.shape:
        return source, "copied"
    kernel = source.unsqueeze(2) if source.ndim == 4 else source
    if kernel.ndim != 5 or target.ndim != 5 or _without_time(kernel) != _without_time(target):
        return None
    t, wanted = kernel.shape[2], target.shape[2]
    if t == wanted:
        return kernel, "copied"
    if t == 1:
        return kernel.to(target.dtype).expand(target.shape) / wanted, "inflated"
    return (DEFLATED[deflated](kernel.to(target.dtype)), "deflated") if wanted == 1 else None


def _without_time(kernel: Tensor) -> tuple[int, ...]:
    return (*kernel.shape[:2], *kernel.shape[3:])


def _other_classes(name: str, source: Tensor, target: Tensor) -> tuple[int, int]:
    """The numbers of classes in file and network; raises NasError unless they are all that differs."""
    theirs, ours = tuple(source.shape), tuple(target.shape)
    if name in CLASSIFIER and theirs[:1] and theirs[1:] == ours[1:]:
        return theirs[0], ours[0]
    raise NasError(f"is of another architecture: {name} is {theirs} in the file, {ours} in the network", fix=FIX)


def _check_enough(anew: list[str], unused: list[str], theirs: State, ours: State) -> None:
    lacking, strange, wanted = _counted(anew), _counted(unused), _counted(ours)
    # the file's own half is for a CT-Net on a ResNet: 427 of its 659 tensors are new, yet 232 of the file's 267 serve
    if 2 * len(lacking) <= len(wanted) or (theirs and 2 * len(strange) <= len(_counted(theirs))):
        return
    found = f"only {len(wanted) - len(lacking)} of the network's {len(wanted)} tensors are in the file"
    name = lacking[0]
    other = f", {strange[0]} {tuple(theirs[strange[0]].shape)} is" if strange else ""
    problem = f"is of another architecture: {found}; {name} {tuple(ours[name].shape)} is not{other}"
    raise NasError(problem, fix=FIX)


def _check_finite(plan: Mapping[str, tuple[Tensor, str]]) -> None:
    for name, (value, _) in plan.items():
        if not torch.isfinite(value).all():
            raise NasError(f"{name} holds values that are not finite", fix="give the weights of an earlier epoch")


def _counted(names: Iterable[str]) -> list[str]:
    return [name for name in names if not name.endswith(COUNTER)]


def _modules(names: list[str], of: Iterable[str]) -> tuple[str, ...]:
    """The largest modules all of whose tensors are among `names`, which are some of those in `of`."""
    some = set(names)
    others = {prefix for name in _counted(of) if name not in some for prefix in _prefixes(name)}
    return tuple(dict.fromkeys(next(p for p in _prefixes(name) if p not in others) for name in _counted(names)))


def _prefixes(name: str) -> list[str]:
    """The modules around a tensor, outermost first, and itself.

    >>> _prefixes("head.fc.bias")
    ['head', 'head.fc', 'head.fc.bias']
    """
    parts = name.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _summary(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


# Factorised convolutions, which are `conv.spatial` and `conv.temporal` in 3D and `conv` alone in 2D


def _across_factorised(theirs: State, ours: State, modules: Mapping[str, nn.Module]) -> tuple[State, State]:
    """The file's tensors, named as on the network's side, and tensors that the file lacks but that follow from it."""
    theirs, made = dict(theirs), {}
    for conv in _factorised(ours):
        if f"{conv}.weight" in theirs:
            made |= _spread(conv, theirs, ours, modules)
    for conv in _factorised(theirs):
        if f"{conv}.weight" in ours:
            _rename(theirs, f"{conv}.spatial.", f"{conv}.")
            _rename(theirs, f"{conv}.spatial_norm.", f"{_beside(conv, 'norm')}.")
    return theirs, made


def _factorised(names: Iterable[str]) -> list[str]:
    return [name.removesuffix(".spatial.weight") for name in names if name.endswith(".spatial.weight")]


def _spread(conv: str, theirs: State, ours: State, modules: Mapping[str, nn.Module]) -> State:
    """Give a 2D convolution's kernel, and where that is exact its norm, to the spatial half; returns the other half."""
    norm, act = _beside(conv, "norm"), _beside(conv, "act")
    relu, spatial_first = f"{conv}.spatial_act" in modules, f"{conv}.spatial_norm" in modules
    if spatial_first or _fitted(theirs[f"{conv}.weight"], ours[f"{conv}.spatial.weight"], "sum"):
        _rename(theirs, f"{conv}.", f"{conv}.spatial.")
    whole = norm in modules and {f"{norm}.weight", f"{norm}.bias"} <= theirs.keys()
    if not (spatial_first and whole and (act in modules or not relu)):
        return {}
    _rename(theirs, f"{norm}.", f"{conv}.spatial_norm.")
    gamma, beta = (theirs[f"{conv}.spatial_norm.{name}"].double() for name in ("weight", "bias"))
    identity = nn.init.dirac_(torch.empty_like(ours[f"{conv}.temporal.weight"]))
    undone = _undoing(gamma, beta, modules[norm].eps, relu=relu)
    return {f"{conv}.temporal.weight": identity} | {f"{norm}.{name}": tensor for name, tensor in undone.items()}


def _undoing(gamma: Tensor, beta: Tensor, eps: float, *, relu: bool) -> State:
    """A norm that changes nothing, behind a norm of weight `gamma` and bias `beta` (and a ReLU).

    With its running figures it is the identity whatever they are. They are those that its input has if the first
    norm's output is normally distributed, so that training, which takes a batch's figures instead, begins close to it.
    """
    mean, var = beta, gamma.square()
    if relu:
        deviation = gamma.abs().clamp_min(1e-12)
        z = beta / deviation
        below, density = torch.special.ndtr(z), torch.exp(-z.square() / 2) / (2 * torch.pi) ** 0.5
        mean = beta * below + deviation * density
        var = ((beta.square() + gamma.square()) * below + beta * deviation * density - mean.square()).clamp_min(0)
    return {"weight": (var + eps).sqrt(), "bias": mean, "running_mean": mean, "running_var": var}


def _beside(conv: str, what: str) -> str:
    """What belongs to a convolution, by the names of the blocks.

    >>> _beside("stem.conv", "norm"), _beside("stages.0.1.conv_b", "act")
    ('stem.norm', 'stages.0.1.act_b')
    """
    parent, _, name = conv.rpartition(".")
    return f"{parent}.{what}{name.removeprefix('conv')}"


def _rename(state: State, old: str, new: str) -> None:
    for name in [name for name in state if name.startswith(old)]:
        state[new + name.removeprefix(old)] = state.pop(name)
