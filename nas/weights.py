"""Weights that others wrote: what a file holds, as tensors under the names that `nas.build` gives.

Names of torchvision's ResNet and GoogLeNet are translated: a mark by which such a state dict is known, and
substitutions, one after the other.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from nas.errors import NasError

State = dict[str, Tensor]

WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model")  # keys under which training scripts keep weights

RESNET = [
    (r"^conv1\.", "stem.conv."),
    (r"^bn1\.", "stem.norm."),
    (r"^fc\.", "head.fc."),
    (r"\.downsample\.0\.", ".shortcut.conv."),
    (r"\.downsample\.1\.", ".shortcut.norm."),
    *((rf"^layer{number + 1}\.", f"stages.{number}.") for number in range(4)),
    *((rf"\.conv{number}\.", f".conv_{letter}.") for number, letter in enumerate("abc", start=1)),
    *((rf"\.bn{number}\.", f".norm_{letter}.") for number, letter in enumerate("abc", start=1)),
]
MIXED = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
GOOGLENET = [
    (r"^conv1\.conv\.", "stem.conv."),
    (r"^conv1\.bn\.", "stem.norm."),
    (r"^conv2\.", "stages.0.0.a."),
    (r"^conv3\.", "stages.0.0.b."),
    (r"^fc\.", "head.fc."),
    *((rf"^inception{name}\.", f"stages.{number}.0.") for number, name in enumerate(MIXED, start=1)),
    (r"\.branch1\.", ".branch0.a."),
    (r"\.branch2\.0\.", ".branch1.a."),
    (r"\.branch2\.1\.", ".branch1.b."),
    (r"\.branch3\.0\.", ".branch2.a."),
    (r"\.branch3\.1\.", ".branch2.b."),
    (r"\.branch4\.1\.", ".branch3.a."),
    (r"\.([ab])\.conv\.", r".conv_\1."),
    (r"\.([ab])\.bn\.", r".norm_\1."),
]
DIALECTS = {"layer1.0.conv1.weight": RESNET, "inception3a.branch1.conv.weight": GOOGLENET}
AUXILIARY = ("aux1.", "aux2.")  # GoogLeNet's classifiers for training alone


@dataclass(frozen=True)
class Weights:
    """Tensors by name, with the file they are from and its SHA-256."""

    path: Path
    sha256: str
    tensors: State
    # what a deflated layer takes of a kernel: its sum over time, or its centre
    deflated: Literal["sum", "centre"] = "sum"


def read(path: Path) -> Weights:
    """The weights in a .safetensors file, or in any file that `torch.load` reads (.pt, .pth).

    >>> read(Path("studies/motion/retrained/4/weights.safetensors")).tensors["stem.conv.weight"]  # doctest: +SKIP

    Only tensors are unpickled. A state dict inside of a training script's dict and prefixes of wrappers (`module.`) are
    looked through. Raises NasError when the file cannot be read or holds no tensors by name.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        fix = "give the path of a .safetensors, .pt or .pth file"
        raise NasError(f"cannot be read ({error.strerror})", where=str(path), fix=fix) from error
    tensors = _safetensors(path, data) if path.suffix == ".safetensors" else _pickled(path, data)
    return Weights(path, hashlib.sha256(data).hexdigest(), _unwrapped(tensors))


def named_as_here(state: Mapping[str, Tensor]) -> State:
    """The state dict under the names that `nas.build` gives, if it has those of torchvision."""
    for mark, rules in DIALECTS.items():
        if mark in state:
            return {_renamed(name, rules): state[name] for name in state if not name.startswith(AUXILIARY)}
    return dict(state)


def _renamed(name: str, rules: list[tuple[str, str]]) -> str:
    for pattern, new in rules:
        name = re.sub(pattern, new, name)
    return name


def _safetensors(path: Path, data: bytes) -> State:
    try:
        return safetensors.torch.load(data)
    except SafetensorError as error:
        fix = "copy it anew from where it came from"
        raise NasError("is cut off or not a safetensors file", where=str(path), fix=fix) from error


def _pickled(path: Path, data: bytes) -> State:
    fix = "give a state dict: torch.save(model.state_dict(), path), or a .safetensors file"
    try:
        loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged pickle or archive raises is anybody's guess
        raise NasError("is cut off, or holds more than tensors", where=str(path), fix=fix) from error
    for key in WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    tensors = loaded.items() if isinstance(loaded, Mapping) else ()
    state = {str(name): tensor.detach() for name, tensor in tensors if isinstance(tensor, Tensor)}
    if not state:
        raise NasError("holds no tensors by name", where=str(path), fix=fix)
    return state


def _unwrapped(state: State) -> State:
    """Without the names of wrappers around the network; of our checkpoints the averaged weights, if there are some."""
    state = {name: tensor for name, tensor in state.items() if not name.startswith(("momentum.", "optimiser."))}
    averaged = {name: tensor for name, tensor in state.items() if name.startswith("average.")}
    state = averaged or state
    for prefix in ("module.", "model.", "average.", "module."):
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state
