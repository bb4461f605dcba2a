"""A training run on disk: one safetensors file, without pickle, replaced as a whole or not at all.

The tensors are the weights, the optimiser's, and those of a moving average; everything else (which run this is, its
curve, the state of the loss scaler) is JSON text in the file's metadata. Reading checks first and changes the model
last, so a file that is cut off, altered, of another network or of a newer schema costs one line and no weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from nas import files
from nas.errors import NasError

SCHEMA = 2
CHECKPOINT, WEIGHTS = "nas checkpoint", "nas weights"
RESTART = "delete it, or put its backup back: nas retrain goes on from what is there"


@dataclass(frozen=True)
class Progress:
    """How far a run is; `len(curve)` epochs are done.

    `run` says what is trained (settings, clip, seed, data), as plain JSON values; `curve` has one row an
    epoch; `scaler` is the state of the fp16 loss scaler, empty in other precisions.
    """

    run: dict
    curve: list[dict]
    scaler: dict


def save(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    average: Mapping[str, Tensor] | None = None,
) -> None:
    """Write weights, the optimiser's state, `average` (weights by name) and `progress` to `path`.

    Whoever kills this finds the previous file.

    >>> save(Path("checkpoint.safetensors"), model, optimizer, Progress(run={}, curve=[], scaler={}))  # doctest: +SKIP
    """
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in (average or {}).items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            if value is not None:
                tensors[f"optimiser.{key}.{name}"] = value
    files.write(path, _encode(tensors, CHECKPOINT, asdict(progress)))


def peek(path: Path) -> Progress:
    """The progress in a checkpoint."""
    return _progress(path, _read(path, CHECKPOINT)[0])


def load(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, average: Mapping[str, Tensor] | None = None
) -> Progress:
    """Put a checkpoint into `model`, `optimizer` and `average` (tensors by name); all may be on any device.

    Raises NasError when the file is damaged, not a checkpoint, of another network or of a newer schema; all three are
    then untouched.
    """
    state, tensors = _read(path, CHECKPOINT)
    progress = _progress(path, state)
    weights, means, moved = (_below(tensors, kind) for kind in ("model.", "average.", "optimiser."))
    parameters = dict(model.named_parameters())
    _check_same_network(path, weights, model.state_dict())
    if bool(means) != bool(average):
        problem = "has a moving average of the weights" if means else "has no moving average of the weights"
        raise NasError(f"{problem}, unlike this run", where=str(path), fix="give the former ema, or start anew")
    _check_same_network(path, means, average or {})
    states = {key: _below(moved, f"{key}.") for key in {name.partition(".")[0] for name in moved}}
    for some in states.values():
        sized = {name: tensor for name, tensor in some.items() if tensor.ndim}
        _check_same_network(path, sized, {name: parameters[name] for name in sized if name in parameters})
    _copy(weights, model.state_dict())
    _copy(means, average or {})
    for key, some in states.items():
        for name, tensor in some.items():
            optimizer.state[parameters[name]][key] = _beside(tensor, parameters[name])
    return progress


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _beside(tensor: Tensor, parameter: Tensor) -> Tensor:
    """The optimiser's tensor on the parameter's device, in its memory format, as training would have made it."""
    if not tensor.ndim:
        return tensor.to(parameter.device)
    return torch.empty_like(parameter).copy_(tensor).detach()


def save_weights(path: Path, model: nn.Module, about: Mapping) -> None:
    """Write the weights alone, under the module's own names; `about` is JSON kept in the metadata."""
    files.write(path, _encode(model.state_dict(), WEIGHTS, dict(about)))


def load_weights(path: Path, model: nn.Module) -> dict:
    """Put the weights of a `save_weights` file into `model`; returns what the file says about itself."""
    about, tensors = _read(path, WEIGHTS)
    _check_same_network(path, tensors, model.state_dict())
    _copy(tensors, model.state_dict())
    return about


def differences(old: object, new: object, name: str = "") -> list[str]:
    """What changed between two nests of dicts and lists, a line for each leaf.

    >>> differences({"train": {"epochs": 8}, "seed": 0}, {"train": {"epochs": 12}, "seed": 0})
    ['train.epochs was 8, is 12']
    """
    if isinstance(old, list) and isinstance(new, list):
        old, new = dict(enumerate(old)), dict(enumerate(new))
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [f"{name} was {old}, is {new}"]
    found = []
    for key in [*old, *(key for key in new if key not in old)]:
        below = f"{name}.{key}" if name else str(key)
        found += differences(old.get(key, "absent"), new.get(key, "absent"), below)
    return found


def check_same_run(path: Path, old: object, new: object) -> None:
    """Raise NasError with the difference unless `path` was written for the run that goes on now."""
    found = differences(old, new)
    if found:
        more = f" and {len(found) - 4} more" if len(found) > 4 else ""
        fix = "give the former settings, or move this folder away to start again"
        raise NasError(f"is of another run: {', '.join(found[:4])}{more}", where=str(path), fix=fix)


def _encode(tensors: Mapping[str, Tensor], kind: str, state: dict) -> bytes:
    # safetensors stores contiguous tensors only; the memory format comes back from the model at loading
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(state)
    about = {"format": kind, "schema": SCHEMA, "digest": _digest(plain, text), "state": text}
    # one entry, because safetensors writes several in any order: equal runs leave equal files
    return safetensors.torch.save(plain, {"nas": json.dumps(about)})


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    """SHA-256 over names, types, shapes, bytes and state: safetensors itself has no checksum."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _read(path: Path, kind: str) -> tuple[dict, dict[str, Tensor]]:
    """State and tensors of a whole, unaltered file of this `kind`.

    It is read in one go: `safe_open` opens the path twice, and would mix two files when a writer replaces it
    in between.
    """
    try:
        data = path.read_bytes()
        tensors = safetensors.torch.load(data)
    except SafetensorError as error:
        problem = "is cut off or not a safetensors file"
        raise NasError(problem, where=str(path), fix=RESTART) from error
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise NasError(problem, where=str(path), fix="give the path of a file that can be read") from error
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    about = _about(path, header.get("__metadata__", {}).get("nas"), kind)
    if about["digest"] != _digest(tensors, about["state"]):
        raise NasError("was altered after it was written", where=str(path), fix=RESTART)
    return json.loads(about["state"]), _upgraded(tensors, int(about["schema"]))


def _upgraded(tensors: dict[str, Tensor], schema: int) -> dict[str, Tensor]:
    """Tensors under the names of the present schema: the first one knew no optimiser but SGD."""
    if schema > 1:
        return tensors
    old, new = "momentum.", "optimiser.momentum_buffer."
    return {new + name.removeprefix(old) if name.startswith(old) else name: t for name, t in tensors.items()}


def _about(path: Path, text: str | None, kind: str) -> dict:
    """What the metadata says of the file; raises NasError unless this program can read such a file."""
    try:
        about = json.loads(text or "{}")
        found, schema = about.get("format"), int(about.get("schema", 0))
    except (ValueError, TypeError, AttributeError) as error:
        raise NasError("its metadata is damaged", where=str(path), fix=RESTART) from error
    if found != kind:
        problem = f"is not a {kind} file" + (f" but a {found} file" if found else "")
        raise NasError(problem, where=str(path), fix="give a file that nas wrote")
    if schema > SCHEMA:
        problem = f"was written by a newer nas (schema {schema}; this one reads up to {SCHEMA})"
        raise NasError(problem, where=str(path), fix="upgrade nas")
    if schema < 1 or not all(isinstance(about.get(key), str) for key in ("digest", "state")):
        raise NasError("its metadata is damaged", where=str(path), fix=RESTART)
    return about


def _progress(path: Path, state: dict) -> Progress:
    if set(state) != {"run", "curve", "scaler"}:
        raise NasError("is not a checkpoint of a training run", where=str(path), fix=RESTART)
    return Progress(**state)


def _check_same_network(path: Path, got: Mapping[str, Tensor], want: Mapping[str, Tensor]) -> None:
    fix = "load it into the network it was trained as"
    for name in [*want, *(name for name in got if name not in want)]:
        if name not in got or name not in want:
            where = "the network" if name in want else "the file"
            raise NasError(f"is of another network: only {where} has {name}", where=str(path), fix=fix)
        ours, theirs = tuple(want[name].shape), tuple(got[name].shape)
        if ours != theirs:
            problem = f"is of another network: {name} is {theirs} in the file, {ours} in the network"
            raise NasError(problem, where=str(path), fix=fix)


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])
