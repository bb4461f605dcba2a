"""What writing each format of an export takes, and how far its scores are from PyTorch's, for published networks.

    python tests/benchmarks/bench_export.py [NETWORK ...]

Networks are at their own clip and size, with weights drawn anew; a difference is in shares of the largest score.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from nas import checkpoint, targets
from nas.build import build
from nas.exporting import comparing, onnx_file, program, python_source
from nas.genotype import Genotype

NETWORKS = ("ir-csn-50", "s3d-g", "sevnet-g8", "ct-net-r50")


def python(genotype: Genotype, model: nn.Module, folder: Path, shape: comparing.Shape) -> nn.Module:
    """The generated source, run."""
    text = python_source.source(genotype, name="network")
    checkpoint.save_weights(folder / "weights.safetensors", model, {})
    names = {"__name__": "network", "__file__": str(folder / "network.py")}
    exec(compile(text, "network.py", "exec"), names)
    return names["load"]()


def torch_program(genotype: Genotype, model: nn.Module, folder: Path, shape: comparing.Shape) -> nn.Module:
    """A program of torch.export, written and read."""
    program.write(model, folder / "network.pt2", shape)
    return program.read(folder / "network.pt2", trusted=True)


def onnx(genotype: Genotype, model: nn.Module, folder: Path, shape: comparing.Shape) -> nn.Module:
    """An ONNX file, written and read."""
    onnx_file.write(model, folder / "network.onnx", shape)
    return onnx_file.Session(folder / "network.onnx")


WAYS: dict[str, Callable[..., nn.Module]] = {"python": python, "torch": torch_program, "onnx": onnx}


def main() -> None:
    """A line a network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    print(f"{torch.get_num_threads()} threads; seconds to write and read, largest difference")
    for name in parser.parse_args().networks:
        genotype = targets.resolve(name).genotype
        clip, model = genotype.input, build(genotype, seed=0).eval()
        shape, told = (clip.frames, clip.size, clip.size), []
        for way, make in WAYS.items():
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                other = make(genotype, model, Path(folder), shape)
                seconds = time.perf_counter() - started
                told.append(f"{way} {seconds:.1f} s, {comparing.difference(model, other, shape):.1e}")
        print(f"{name:<11} {clip!s:<11} {'; '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
