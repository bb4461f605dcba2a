"""What each formulation of a convolution takes, pass by pass, and what the rule of `nas.choosing` loses to the best.

    python tests/benchmarks/bench_formulations.py [--network ct-net-r50] [--threads 1]

The shapes are those of the convolutions of a published network at a quarter of its width, for 8 clips of 8x64x64.
"""

from __future__ import annotations

import argparse
from collections import Counter

import torch

from nas import choosing, targets
from nas.build import Convolution, build
from nas.formulations import FORMULATIONS, KERNEL, PASSES, Shape
from nas.genotype import Clip
from nas.scale import scale

CPU = torch.device("cpu")


def shapes(name: str) -> Counter[Shape]:
    """The convolutions of a training step, and how often each is met."""
    clip = Clip(frames=8, size=64)
    genotype, _ = scale(targets.resolve(name).genotype, width=0.25, depth=1.0, clip=clip, classes=10)
    found: Counter[Shape] = Counter()

    def see(layer: Convolution, inputs: tuple, output: torch.Tensor) -> None:
        x = tuple(inputs[0].shape)
        found[Shape(x, layer.out_channels, layer.kernel_size, layer.stride, layer.padding, layer.groups)] += 1

    model = build(genotype, seed=0).eval()
    for layer in (module for module in model.modules() if isinstance(module, Convolution)):
        layer.register_forward_hook(see)
    with torch.no_grad():
        model(torch.randn(8, 3, 8, 64, 64))
    return found


@torch.no_grad()
def times(shape: Shape, one: str) -> dict[str, float]:
    """Milliseconds of each formulation that fits, in one pass."""
    x, k, dy = (choosing._ones(sizes, torch.float32, CPU) for sizes in (shape.x, shape.k, shape.y))
    found = {}
    for name, ways in FORMULATIONS.items():
        if one not in ways.passes or not ways.fits(shape):
            continue
        if one == PASSES[0]:
            found[name] = 1e3 * choosing._median(lambda ways=ways: ways.output(x, k, shape), CPU)
        else:
            wanted = one != KERNEL, one == KERNEL
            found[name] = 1e3 * choosing._median(
                lambda ways=ways, wanted=wanted: ways.gradients(dy, x, k, shape, wanted), CPU
            )
    return found


def main() -> None:
    """Print a line a shape and pass, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="ir-csn-50")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    sums = Counter()
    for shape, count in shapes(asked.network).items():
        for one, taken in zip(PASSES, choosing.rule(shape), strict=True):
            found = times(shape, one)
            sums.update({"rule": count * found[taken], "best": count * min(found.values())})
            sums["plain"] += count * found["plain"]
            told = "  ".join(f"{'*' if name == taken else ''}{name} {ms:.2f}" for name, ms in found.items())
            print(
                f"{count} x {shape.x} -> {shape.c_out}, {shape.kernel}/{shape.stride} g{shape.groups}  {one}: {told} ms"
            )
    ratio = sums["plain"] / sums["rule"]
    print(f"all: plain {sums['plain']:.0f}, rule {sums['rule']:.0f} (*), best {sums['best']:.0f} ms", end="; ")
    print(f"{ratio:.2f} times plain")


if __name__ == "__main__":
    main()
