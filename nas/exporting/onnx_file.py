"""The network as an ONNX file, for any number of clips, and how onnxruntime runs one."""

from __future__ import annotations

import contextlib
import importlib
import logging
import warnings
from collections.abc import Collection, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nas.errors import NasError
from nas.exporting.comparing import Shape, clips

if TYPE_CHECKING:
    import onnxruntime

OPSET = 20  # from 2023: what onnxruntime 1.17 and later read
INPUT, OUTPUT = "clips", "scores"
NEEDED = {"write": ("onnx", "onnxruntime", "onnxscript"), "run": ("onnxruntime",)}


def require(what: str) -> None:
    """Raise NasError unless the packages to `write` or to `run` ONNX files are installed."""
    for name in NEEDED[what]:
        try:
            importlib.import_module(name)
        except ImportError as error:
            problem = f"the package {name} is not installed, which ONNX files need"
            raise NasError(problem, fix="pip install 'video-nas[export]'") from error


@torch.no_grad()
def write(model: nn.Module, path: Path, shape: Shape) -> None:
    """Write `model` for any number of clips of this shape, in one file."""
    require("write")
    with _quiet():
        program = torch.onnx.export(
            model, (clips(2, shape),), dynamo=True, opset_version=OPSET, input_names=[INPUT], output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), verbose=False,
        )  # fmt: skip
    save(program.model_proto, path)


def save(model: Any, path: Path) -> None:
    """Write an ONNX model without the lines of code and paths of this machine that exporters add to each operator."""
    import onnx

    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    onnx.checker.check_model(model)
    onnx.save(model, path)


class Session(nn.Module):
    """An ONNX file as a module: float32 (b, 3, t, h, w) -> (b, classes), on CPUs.

    `optimised` lets onnxruntime fuse operators, as it does by default.
    """

    def __init__(self, path: Path, *, optimised: bool = True):
        super().__init__()
        require("run")
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 3
        settings.intra_op_num_threads = torch.get_num_threads()
        if not optimised:
            settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = _session(path, settings)

    def forward(self, x: Tensor) -> Tensor:
        """(b, 3, t, h, w) -> (b, classes)."""
        return torch.from_numpy(self.session.run(None, {INPUT: x.contiguous().numpy()})[0])


def _session(path: Path, settings: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class but this
        told = str(error).splitlines()[0][:100]
        problem = f"cannot be read by onnxruntime {onnxruntime.__version__} ({told})"
        raise NasError(problem, where=str(path), fix="export it again") from error


def versions(formats: Collection[str]) -> dict[str, str]:
    """The versions of the libraries that wrote some formats."""
    needed = ["torch", *(NEEDED["write"] if {"onnx", "int8"} & set(formats) else ())]
    return {name: metadata.version(name) for name in needed}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of packages that are not needed here."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
