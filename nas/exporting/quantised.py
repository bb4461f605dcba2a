"""The network as an ONNX file of 8-bit numbers, by post-training quantisation on clips of the training data.

Weights are 8-bit integers with a scale per output channel. Inputs and outputs of convolutions, linear layers, ReLUs and
sums have one scale each, the range of all but a hundred-thousandth of their values on the calibration clips. They get 8
bits, and 16 where 8 do not keep the classes of those clips (a small CT-Net fell from 0.545 to 0.17 with 8, and had
0.550 with 16). Gates, averages and poolings stay in float32. Nothing is trained.

Activations are signed. onnxruntime 1.31 computes some 3D convolutions of unsigned ones wrongly on CPUs once it fuses
them (a small SEVNet fell from 0.83 to 0.46, and to 0.83 with its fusions switched off), so the file is run both ways
before it is let out. Known limit: the file is smaller, not faster (3D convolutions of 8-bit numbers take onnxruntime
longer than those of float32 on a CPU).
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nas.errors import NasError
from nas.exporting import onnx_file
from nas.exporting.comparing import relative

# What is computed with integers, by its name in ONNX.
OPERATORS = ["Conv", "Gemm", "MatMul", "Relu", "Add"]
# How much of an activation's values its range holds, in percent: the few that are larger would make all steps coarse.
PERCENTILE = 99.999
# The bits of activations, in the order in which they are tried.
ACTIVATIONS = ("int8", "int16")
# The share of calibration clips that must keep their class for 8-bit activations to be enough.
KEPT = 0.75
# The largest difference between what the file says and what onnxruntime makes of it, in shares of the largest score:
# fused operators round once more or less, by one of 256 steps.
LARGEST = 0.1
CHECKED = 8  # clips of those, at most


@dataclass(frozen=True)
class Quantised:
    """How a file came out.

    `activations` is their type, `kept` the share of calibration clips that have the class of float32 with each type
    that was tried, and `fused` how far onnxruntime's result is from what the file says, in shares of the largest score.
    """

    activations: str
    kept: dict[str, float]
    fused: float


def write(source: Path, path: Path, calibration: Sequence[Tensor]) -> Quantised:
    """Write the float32 ONNX file `source` as an 8-bit one, whose ranges are those of batches of clips.

    Raises NasError where onnxruntime computes something else than what the file says.
    """
    onnx_file.require("write")
    expected = _classes(source, calibration)
    kept = {}
    for activations in ACTIVATIONS:
        _write(source, path, calibration, activations)
        kept[activations] = float((_classes(path, calibration) == expected).float().mean())
        if kept[activations] >= KEPT:
            break
    return Quantised(activations, kept, _run_both_ways(path, calibration))


def _write(source: Path, path: Path, calibration: Sequence[Tensor], activations: str) -> None:
    """Write the file with activations of one type."""
    import onnx
    from onnxruntime import quantization

    kinds = {"int8": quantization.QuantType.QInt8, "int16": quantization.QuantType.QInt16}
    with _quiet():
        quantization.quantize_static(
            source,
            path,
            _Clips(calibration),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=OPERATORS,
            per_channel=True,
            activation_type=kinds[activations],
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": PERCENTILE, "CalibStridedMinMax": 1},  # a batch after the other
        )
    onnx_file.save(onnx.load(path), path)


def _classes(path: Path, calibration: Sequence[Tensor]) -> Tensor:
    """The class that a file gives each calibration clip, int64 (clips,)."""
    session = onnx_file.Session(path)
    return torch.cat([session(batch).argmax(1) for batch in calibration])


def _run_both_ways(path: Path, calibration: Sequence[Tensor]) -> float:
    """The difference that onnxruntime's fusions make; raises NasError where it is more than rounding."""
    batches = [calibration[index] for index in range(min(CHECKED, len(calibration)))]
    fused, plain = (
        torch.cat([session(batch) for batch in batches])
        for session in (onnx_file.Session(path), onnx_file.Session(path, optimised=False))
    )
    found = relative(fused, plain)
    if found > LARGEST:
        import onnxruntime

        problem = f"onnxruntime {onnxruntime.__version__} computes the 8-bit network wrongly, by {found:.2g} of a score"
        raise NasError(problem, fix="leave int8 out, or install another onnxruntime")
    return found


class _Clips:
    """Batches as onnxruntime asks for them: those of a range, one at each call, and None at its end."""

    def __init__(self, batches: Sequence[Tensor]):
        self.batches, self.left = batches, iter(())

    def __len__(self) -> int:
        return len(self.batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Begin a range; without ranges, all activations of all batches would be kept in memory."""
        self.left = iter(self.batches[index] for index in range(start_index, min(end_index, len(self.batches))))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch."""
        batch = next(self.left, None)
        return None if batch is None else {onnx_file.INPUT: batch.contiguous().numpy()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """onnxruntime prints its progress, and advice that does not apply: norms are folded into convolutions already."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
