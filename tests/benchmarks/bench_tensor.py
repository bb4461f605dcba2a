"""What it saves to permute channels as rarely as possible in the tensor operator of CT-Net's bottleneck.

    python tests/benchmarks/bench_tensor.py

Side by side in one run, forward and backward in training mode, at the places of a ResNet-50: the operator as built,
the same with every grouped convolution between its own two permutations (the definition, literally), and the same
with none at all (another function: what the arithmetic alone takes). Prints ratios to the definition.
"""

from statistics import median
from time import perf_counter

import torch

from nas.blocks import BLOCKS, Place
from nas.build import ChannelShuffle, module_of
from nas.layers import Conv, Node, Residual, Scale, Seq, Shuffle, Sum

PLACES = [(64, 56), (128, 28), (256, 14), (512, 7)]
FRAMES, BATCH, TURNS = 8, 2, 9


def main() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"CT-Net bottlenecks, {BATCH} clips of {FRAMES} frames, {device}, {torch.get_num_threads()} threads")
    for pointwise in (False, True):
        for dims in (2, 3):
            for width, size in PLACES:
                row(width, size, dims, pointwise, device)


def row(width: int, size: int, dims: int, pointwise: bool, device: str) -> None:
    genes = {"kind": "bottleneck", "conv": {"kind": "tensor", "dims": dims, "pointwise": pointwise}}
    tree = BLOCKS.parse(genes)(Place(4 * width, width))
    variants = {"built": tree, "definition": literally(tree, width), "none": without(tree)}
    steps = {name: stepper(variant, 4 * width, size, device) for name, variant in variants.items()}
    times = {name: [] for name in steps}
    for _ in range(TURNS):  # interleaved: the machine is shared
        for name, step in steps.items():
            times[name].append(step())
    base = median(times["definition"])
    shares = {name: median(taken) / base for name, taken in times.items()}
    counts = {name: sum(isinstance(m, ChannelShuffle) for m in module_of(v).modules()) for name, v in variants.items()}
    print(
        f"K={dims}{' with 1x1x1' if pointwise else '':11} {width:4} channels {size:3}^2: "
        f"{1e3 * base:7.1f} ms literally ({counts['definition']} permutations), as built {shares['built']:.2f} "
        f"({counts['built']}), without any {shares['none']:.2f}"
    )


def stepper(tree: Node, c_in: int, size: int, device: str):
    module = module_of(tree).to(device, memory_format=torch.channels_last_3d).train()
    x = torch.randn(BATCH, c_in, FRAMES, size, size, device=device)
    x = x.contiguous(memory_format=torch.channels_last_3d).requires_grad_()

    def step() -> float:
        started = perf_counter()
        module(x).mean().backward()
        if device == "cuda":
            torch.cuda.synchronize()
        return perf_counter() - started

    step()
    return step


def literally(tree: Node, c: int) -> Node:
    """Every grouped convolution with a permutation before and one after it, and no other."""

    def change(node: Node) -> Node:
        if isinstance(node, Conv) and 1 < node.groups < c:
            seen = node.c_in // node.groups
            there, back = Shuffle((seen, node.groups), (1, 0)), Shuffle((node.groups, seen), (1, 0))
            return Seq((("there", there), ("conv", node), ("back", back)))
        return node

    return mapped(without(tree), change)


def without(tree: Node) -> Node:
    """The same without permutations."""
    return mapped(tree, lambda node: node)


def mapped(node: Node, change) -> Node:
    if isinstance(node, Seq):
        kept = [(name, child) for name, child in node.children if not isinstance(child, Shuffle)]
        return Seq(tuple((name, mapped(child, change)) for name, child in kept))
    if isinstance(node, Sum):
        return Sum(tuple((name, mapped(child, change)) for name, child in node.branches))
    if isinstance(node, Residual):
        return Residual(mapped(node.body, change), node.shortcut, node.act)
    if isinstance(node, Scale):
        return Scale(mapped(node.gate, change))
    return change(node)


if __name__ == "__main__":
    main()
