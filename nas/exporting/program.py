"""The network as a program of `torch.export`: a .pt2 file, which torch alone runs, without any code of its own.

torch reads such a file with pickle where it holds more than tensors, and evaluates expressions in it, so a file from
elsewhere is looked through first: only plain tensors, operators of torch, and sizes named s0, s1, ... may be in it.
"""

from __future__ import annotations

import json
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.errors import NasError
from nas.exporting.comparing import Shape, clips

# What may be in the archive besides its JSON files, below its own folder.
PLAIN = re.compile(r"data/weights/weight_\d+|archive_format|archive_version|byteorder|\.data/[a-z_]+")
EMPTY = "data/sample_inputs/model.pt"
CONFIG = re.compile(r"data/(weights|constants)/model_\w+\.json")
MODEL = "models/model.json"
# Texts of the program: names, and by their key what torch evaluates, looks up or takes apart.
TEXT = re.compile(r"[\w.,:;+ -]*")
SPECIFICATION = re.compile(r'[\w\s.,:{}"\[\]]*')
TEXTS = {
    "expr_str": re.compile(r"Symbol\('s\d+', positive=True, integer=True\)|s\d+|\d+"),
    "target": re.compile(r"torch\.ops\.aten\.\w+\.\w+"),
    "in_spec": SPECIFICATION,
    "out_spec": SPECIFICATION,
}
UNSAFE = "is not a program that nas export wrote"


@torch.no_grad()
def write(model: nn.Module, path: Path, shape: Shape) -> None:
    """Write `model` for any number of clips of this shape."""
    program = torch.export.export(model, (clips(2, shape),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    program.example_inputs = None
    for node in program.graph.nodes:  # lines of code with the paths of this machine
        node.meta.pop("stack_trace", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tensors in channels_last_3d, whose order is kept
        torch.export.save(program, path)


def read(path: Path, device: torch.device | str = "cpu", *, trusted: bool = False) -> nn.Module:
    """The program as a module: float32 (b, 3, t, h, w) -> (b, classes).

    Raises NasError for a file that is damaged, and unless it is `trusted` for one that holds more than a program of
    plain tensors.
    """
    if not trusted:
        _check(path)
    try:
        program = torch.export.load(path)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"cannot be read by torch {torch.__version__} ({_line(error)})"
        raise NasError(
            problem, where=str(path), fix="export it again with this version, or use --format python"
        ) from error
    if torch.device(device).type != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, str(device))
    return program.module()


def _check(path: Path) -> None:
    """Raise NasError where the archive holds what torch would unpickle, evaluate or load as code."""
    try:
        with zipfile.ZipFile(path) as archive:
            for item in archive.infolist():
                _check_entry(path, archive, item)
    except NasError:
        raise
    except (OSError, zipfile.BadZipFile, ValueError, KeyError) as error:
        raise NasError("is cut off or not a .pt2 file", where=str(path), fix="export it again") from error


def _check_entry(path: Path, archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> None:
    name = item.filename.partition("/")[2]
    if PLAIN.fullmatch(name) or (name == EMPTY and item.file_size == 0):
        return
    if not CONFIG.fullmatch(name) and name != MODEL:
        raise _unsafe(path, f"it holds {item.filename}")
    told = json.loads(archive.read(item))
    if CONFIG.fullmatch(name):
        for about in told["config"].values():
            if about.get("use_pickle", True):
                raise _unsafe(path, "it holds pickled objects")
    if name == MODEL:
        _check_program(path, told)


def _check_program(path: Path, told: dict[str, Any]) -> None:
    if told.get("guards_code"):
        raise _unsafe(path, "it holds code")
    for key, text in _texts("", told):
        if not TEXTS.get(key, TEXT).fullmatch(text):
            raise _unsafe(path, f"it holds {text[:40]!r}")


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a nest of JSON with the key that it stands under; keys are texts too."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield "", name
            yield from _texts(name, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(key, inner)


def _unsafe(path: Path, why: str) -> NasError:
    return NasError(f"{UNSAFE}: {why}", where=str(path), fix="do not run it; export the network again")


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:100]
