"""The tensor operator (CT-Net, 2021): the channel dimension as a grid of C = C_1 * ... * C_K, convolved axis by axis.

Channel c stands at c = c_1 + C_1 * (c_2 + C_2 * ...), so axis 1 is contiguous. A tensor separable convolution along
axis k is a grouped convolution with C / C_k groups on channels in whose order axis k varies fastest. C3D, R(2+1)D and
CSN are special cases: one axis of all channels; two operations over all channels each; axes of C and of 1.

Permutations are what this costs beside the arithmetic. The channels stay in the order of the last convolution until
another one needs another order; what stands between does not mind (norm, ReLU, sums), or learns in either order
(1x1x1 over all channels, gates). So K axes need K shuffles at most, in place of four an axis.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import prod
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from nas.blocks.conv import CUBE, deflate, share_stride
from nas.blocks.excitation import Gates
from nas.blocks.registry import Excitation, Part, operator
from nas.errors import NasError
from nas.layers import Act, Conv, Node, Norm, Seq, Shuffle, Sum, Triple, branches
from nas.schema import Count

Sizes = tuple[int, ...]
Children = list[tuple[str, Node]]


@operator("tensor")
def tensor(
    c_in: int,
    c_out: int,
    stride: Triple,
    flat: bool,
    *,
    dims: Count | None = None,
    sizes: Annotated[tuple[Count | Literal["rest", "all"], ...], Field(min_length=1)] | None = None,
    kernels: Annotated[tuple[Triple, ...], Field(min_length=1)] = (CUBE,),
    connection: Literal["parallel", "serial", "coupled"] = "parallel",
    pointwise: StrictBool = False,
    excitation: Excitation | None = None,
) -> Node:
    """One operation per axis: `dims` balanced axes, or axes of the given `sizes`.

    `sizes` are numbers whose product is the number of channels, C_1 first; `rest` stands for what the others leave,
    `all` for an operation over all channels, outside of the grid. `kernels` is one t x h x w for all axes or one for
    each. An operation is, by `connection`, parallel: 1 x h x w plus t x 1 x 1, each with norm and ReLU, on the same
    input; serial: one after the other; coupled: t x h x w at once. `excitation` acts in every operation: its spatial
    and its temporal gate on the branches (in serial and coupled ones, one after the other), its whole gate (all of SE,
    of feature gating) on what the operation gives. `pointwise` puts a dense 1x1x1 between operations.
    Where the number of channels changes, the first operation does it if it is over all channels; else a dense 1x1x1
    comes first, at the input's resolution.
    """
    axes = axis_sizes(c_out, dims, sizes)
    shapes = [deflate(kernel, flat) for kernel in _one_each(kernels, len(axes))]
    plan = _Plan(c_out, axes, pointwise)
    if c_in != c_out and axes[0] != c_out:
        plan.add(("pointwise0", Conv(c_in, c_out)), *_norm_act("pointwise0", c_out))
        c_in = c_out
    for axis, operation in enumerate(_operations(shapes, stride, connection)):
        plan.operate(axis, c_in if axis == 0 else c_out, operation, connection, excitation)
    return plan.tree()


def axis_sizes(c: int, dims: int | None, sizes: tuple | None) -> Sizes:
    """The numbers of channels C_1 ... C_K along the axes; an axis written `all` has all of them.

    >>> axis_sizes(128, 2, None), axis_sizes(64, None, ("rest", 4)), axis_sizes(64, None, ("all", "all"))
    ((16, 8), (16, 4), (64, 64))

    Raises NasError where they do not make up `c` channels.
    """
    if sizes is None:
        return balanced(c, dims or 2)
    if dims is not None:
        raise NasError("give dims or sizes, one of the two", fix="dims: 2 or sizes: [16, 16]")
    grid = [size for size in sizes if size != "all"]
    known = prod(size for size in grid if size != "rest")
    if grid.count("rest") > 1:
        raise NasError(f"sizes {_listed(sizes)} hold rest twice", fix="give the other sizes as numbers")
    whole = "rest" not in grid
    if c % known or (whole and grid and known != c):
        raise NasError(
            f"the sizes {_listed(sizes)} multiply to {known}, the operator has {c} channels",
            fix=f"use for example {list(balanced(c, min(max(len(grid), 1), prime_count(c))))}, rest for one of them, "
            f"or dims: {len(sizes)}",
        )
    return tuple(c if size == "all" else c // known if size == "rest" else size for size in sizes)


@cache
def balanced(c: int, dims: int) -> Sizes:
    """`dims` sizes of at least 2 with product `c` and the smallest sum (the fewest weights), larger ones first.

    >>> [balanced(c, 3) for c in (64, 128, 256, 512)]
    [(4, 4, 4), (8, 4, 4), (8, 8, 4), (8, 8, 8)]

    Raises NasError where `c` has fewer prime factors than that.
    """
    if dims > (most := prime_count(c)) and dims > 1:
        raise NasError(f"{c} channels do not split into {dims} axes", fix=f"use dims of 1 to {max(most, 1)}")
    return min(_factorisations(c, dims, c), key=lambda sizes: (sum(sizes), sizes))


def prime_count(c: int) -> int:
    """How many prime factors `c` has, repeated ones included."""
    count, prime = 0, 2
    while c > 1:
        if c % prime:
            prime += 1
        else:
            c, count = c // prime, count + 1
    return count


class _Plan:
    """The operator's children as they are laid down, and the order that the channels are in (slowest axis first)."""

    def __init__(self, c: int, axes: Sizes, pointwise: bool):
        self.c, self.axes, self.pointwise = c, axes, pointwise
        grid = [axis for axis, size in enumerate(axes) if 1 < size < c]
        self.home = self.order = tuple(reversed(grid))
        self.children: Children = []

    def add(self, *children: tuple[str, Node]) -> None:
        self.children += children

    def operate(
        self,
        axis: int,
        c_in: int,
        operation: list[tuple[Triple, Triple]],
        connection: str,
        excitation: Part | None,
    ) -> None:
        """One operation along `axis`, behind a 1x1x1 or a shuffle where it needs one."""
        wanted = (*(other for other in self.order if other != axis), axis) if axis in self.order else self.order
        if axis and self.pointwise:
            self.add((f"pointwise{axis}", Conv(self.c, self.c)), *_norm_act(f"pointwise{axis}", self.c))
            self.order = wanted  # learned: its outputs are in the order that the next operation wants
        self._shuffle(wanted, f"shuffle{axis}")
        size = self.axes[axis]
        gates = excitation(self.c, size) if excitation else Gates()
        convs = [Conv(c_in, self.c, kernel, stride, groups=self.c // size) for kernel, stride in operation]
        if connection == "serial":
            convs[1] = replace(convs[1], c_in=self.c)
        if connection == "parallel":
            self._parallel(f"axis{axis + 1}", convs, gates)
        else:
            self._in_line(f"axis{axis + 1}", convs, gates)
        if gates.whole:
            self.add((f"axis{axis + 1}_gate", gates.whole))

    def tree(self) -> Node:
        """The whole, with the channels back in their order; a plain sequence's last norm and ReLU are the block's."""
        if [type(node) for _, node in self.children[-2:]] == [Norm, Act]:
            del self.children[-2:]
        self._shuffle(self.home, "shuffle_back")
        return Seq(tuple(self.children)) if len(self.children) > 1 else self.children[0][1]

    def _parallel(self, name: str, convs: list[Conv], gates: Gates) -> None:
        spatial, temporal = (
            Seq((("conv", conv), ("norm", Norm(self.c)), ("act", Act()), *([("gate", gate)] if gate else [])))
            for conv, gate in zip(convs, gates[:2], strict=True)
        )
        self.add((name, branches(Sum, spatial=spatial, temporal=temporal)))

    def _in_line(self, name: str, convs: list[Conv], gates: Gates) -> None:
        """Convolutions one after the other; a coupled one takes the gates of both."""
        coupled = len(convs) == 1
        for number, conv in enumerate(convs):
            step = f"{name}_{'coupled' if coupled else ('spatial', 'temporal')[number]}"
            self.add((step, conv), *_norm_act(step, self.c))
            own = gates[:2] if coupled else gates[number : number + 1]
            self.add(*((f"{step}_gate{count}", gate) for count, gate in enumerate(own) if gate))

    def _shuffle(self, wanted: tuple[int, ...], name: str) -> None:
        if wanted != self.order:
            sizes = tuple(self.axes[axis] for axis in self.order)
            self.add((name, Shuffle(sizes, tuple(self.order.index(axis) for axis in wanted))))
            self.order = wanted


def _operations(kernels: list[Triple], stride: Triple, connection: str) -> list[list[tuple[Triple, Triple]]]:
    """Kernel and stride of each convolution of each operation; parallel ones stride alike."""
    if connection == "coupled":
        return [[pair] for pair in zip(kernels, share_stride(kernels, stride), strict=True)]
    if connection == "parallel":
        shares = share_stride(kernels, stride)
        return [[((1, h, w), s), ((t, 1, 1), s)] for (t, h, w), s in zip(kernels, shares, strict=True)]
    parts = [part for t, h, w in kernels for part in ((1, h, w), (t, 1, 1))]
    pairs = list(zip(parts, share_stride(parts, stride), strict=True))
    return [pairs[start : start + 2] for start in range(0, len(pairs), 2)]


def _one_each(kernels: tuple[Triple, ...], count: int) -> tuple[Triple, ...]:
    if len(kernels) == 1:
        return kernels * count
    if len(kernels) != count:
        raise NasError(
            f"{len(kernels)} kernels are given for {count} axes", fix="give one kernel for all axes, or one for each"
        )
    return kernels


def _norm_act(name: str, c: int) -> Children:
    return [(f"{name}_norm", Norm(c)), (f"{name}_act", Act())]


def _factorisations(c: int, dims: int, largest: int):
    if dims == 1:
        if c <= largest:
            yield (c,)
        return
    for size in range(min(largest, c // 2), 1, -1):
        if c % size == 0:
            yield from ((size, *others) for others in _factorisations(c // size, dims - 1, size))


def _listed(sizes: tuple) -> str:
    return f"[{', '.join(map(str, sizes))}]"
