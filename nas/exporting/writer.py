"""Trees as expressions that make layers: a fold over several trees of one skeleton at once.

They are walked side by side, so each place shows the numbers that it has in each of them, and
`nas.exporting.arguments` makes literals, expressions and parameters of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from string import ascii_lowercase

from nas.errors import NasError
from nas.exporting.arguments import Arguments, Parameter
from nas.exporting.code import Call, Code, call
from nas.exporting.definition import Definition
from nas.exporting.shapes import grouping, is_flat
from nas.layers import (
    Act,
    AvgPool,
    Conv,
    Dropout,
    Linear,
    Mean,
    Node,
    Norm,
    Opaque,
    Pool,
    Shuffle,
)

Nodes = Sequence[Node | None]  # the same place in all instances; None where one lacks it
Path = tuple[str, ...]
ONES = "(1, 1, 1)"


class Writer:
    """Writes the inside of one class or of the network: expressions that make layers.

    `definition_of` tells the class or function that makes a join or a sequence, None where it is written out;
    `leaving` are the channels that leave each instance, `grid` says that it convolves along an axis of a grid of
    channels, and `dropout` is the text of the share that is zeroed.
    """

    def __init__(
        self,
        definition_of: Callable[[Node], Definition | None],
        *,
        leaving: Sequence[int | None] = (),
        grid: bool = False,
        dropout: str = "0.0",
    ):
        self.arguments = Arguments()
        self.definition_of = definition_of
        self.leaving, self.grid, self.share = list(leaving), grid, dropout

    def expression(self, nodes: Nodes, path: Path = (), *, flat: bool = False) -> Code:
        """What makes the layer or the sequence at a place; `flat` where (b, c) enters it."""
        first = next(node for node in nodes if node is not None)
        if type(first) in _LEAVES:
            return _LEAVES[type(first)](self, nodes, path, flat)
        definition = self.definition_of(first)
        if definition is None:
            return self.sequence(nodes, path, flat=flat)
        names = _names(definition, path)
        told = definition.passed(nodes, lambda values, one: self._passed(values, one, names[one.name]))
        return Call(definition.name, told)

    def triple(self, triples: Sequence[tuple[int, int, int] | None], kind: str) -> str:
        """A kernel or a stride."""
        sides = self.sides(triples, kind)
        alike = len(set(sides)) == 1 and not sides[0].isdecimal()
        return sides[0] if alike and kind == "stride" else f"({', '.join(sides)})"

    def sides(self, triples: Sequence[tuple[int, int, int] | None], kind: str) -> list[str]:
        """Its three numbers."""
        t, h, w = ([one and one[axis] for one in triples] for axis in range(3))
        names = {"kernel": ("t", "k", "k"), "stride": ("stride" if t == h else "stride_t", "stride", "stride")}[kind]
        return [self.arguments.number(*told) for told in zip((t, h, w), (kind,) * 3, names, strict=True)]

    def channels(self, values: Sequence[int | None], path: Path = ()) -> str:
        """A number of channels."""
        leaves = list(values) == self.leaving
        return self.arguments.number(values, "channels", "c_out" if leaves else _channel_name(path))

    def sequence(self, nodes: Nodes, path: Path = (), *, flat: bool = False) -> Call:
        """A sequence written out."""
        first, told = next(node for node in nodes if node is not None), []
        for number, (name, child) in enumerate(first.children):
            inside = [node and node.children[number][1] for node in nodes]
            told.append((name, self.expression(inside, (*path, name), flat=flat)))
            flat = is_flat(child, flat)
        return Call("sequence", tuple(told))

    def _passed(self, values: Sequence, parameter: Parameter, name: str) -> str:
        """An argument of an inner class."""
        leaves = parameter.kind == "channels" and list(values) == self.leaving
        return self.arguments.number(values, parameter.kind, "c_out" if leaves else name)

    def conv(self, nodes: Nodes, path: Path, flat: bool) -> Code:
        """A convolution, whose kernel and stride are left out where they are 1."""
        c_in, c_out = self.channels(_each(nodes, "c_in"), path), self.channels(_each(nodes, "c_out"), path)
        kernel = self.triple(_each(nodes, "kernel"), "kernel")
        stride = self.triple(_each(nodes, "stride"), "stride")
        told = {"kernel": kernel, "stride": stride, "groups": self._groups(nodes, path, c_in)}
        named = {name: text for name, text in told.items() if text not in (ONES, "1")}
        return call("conv", c_in, c_out, **named)

    def _groups(self, nodes: Nodes, path: Path, c_in: str) -> str:
        """The groups of a convolution: a number, the channels, or these over what one group has of them."""
        if {grouping(node) for node in nodes if node} == {"depthwise"}:
            return c_in
        groups = _each(nodes, "groups")
        if (told := self.arguments.known(groups, "groups")) is not None:
            return told
        widths = [node and node.c_in // node.groups for node in nodes]
        if self.grid or _size_name(path) != "size":  # what a reader knows of a grid is its axes
            size = self.arguments.number(widths, "size", _size_name(path))
            return self.arguments.work_out(Parameter("groups", "groups", tuple(groups)), f"{c_in} // {size}")
        if (told := self.arguments.known(widths, "size")) is not None:
            return f"{c_in} // {told}"
        return self.arguments.number(groups, "groups", "groups")

    def norm(self, nodes: Nodes, path: Path, flat: bool) -> Code:
        return call("nn.BatchNorm3d", self.channels(_each(nodes, "channels"), path))

    def act(self, nodes: Nodes, path: Path, flat: bool) -> Code:
        return call("nn.ReLU", inplace="True")

    def max_pool(self, nodes: Nodes, path: Path, flat: bool) -> Code:
        """A window of odd sizes never exceeds what it pools with its padding, so torch's own layer does."""
        kernels = _each(nodes, "kernel")
        odd = all(k % 2 for kernel in kernels if kernel for k in kernel)
        sides, stride = self.sides(kernels, "kernel"), self.triple(_each(nodes, "stride"), "stride")
        padding = [str((int(k) - 1) // 2) if k.isdecimal() else f"({k} - 1) // 2" for k in sides]
        told = [f"({', '.join(sides)})", stride, f"({', '.join(padding)})"]
        return call("nn.MaxPool3d" if odd else "MaxPool", *told)

    def average(self, nodes: Nodes, path: Path, flat: bool) -> Code:
        kernel = self.triple(_each(nodes, "kernel"), "kernel")
        return call("AvgPool", kernel, self.triple(_each(nodes, "stride"), "stride"))

    def mean(self, nodes: Nodes, path: Path, flat: bool) -> Code:
        return call("Mean", self.arguments.number(_each(nodes, "over"), "text", "over"))

    def linear(self, nodes: Nodes, path: Path, flat: bool) -> Code:
        c_in, c_out = self.channels(_each(nodes, "c_in"), path), self.channels(_each(nodes, "c_out"), path)
        return call("nn.Linear" if flat else "ChannelLinear", c_in, c_out)

    def dropout(self, nodes: Nodes, path: Path, flat: bool) -> Code:
        return call("nn.Dropout", self.share)

    def shuffle(self, nodes: Nodes, path: Path, flat: bool) -> Code:
        order = next(filter(None, nodes)).order
        columns = [[node and node.sizes[axis] for node in nodes] for axis in range(len(order))]
        names = [f"c{number}" for number in range(len(order), 0, -1)]  # slowest first, as the grid begins
        sizes = [self.arguments.number(column, "size", name) for column, name in zip(columns, names, strict=True)]
        return call("Shuffle", f"({', '.join(sizes)})", repr(order))

    def opaque(self, nodes: Nodes, path: Path, flat: bool) -> Code:
        kind = next(filter(None, nodes)).kind
        problem = f"the block '{kind}' is a torch module of your own, whose code is not known"
        raise NasError(problem, fix="use --format torch or onnx, which keep what it computes")


_LEAVES = {
    Conv: Writer.conv,
    Norm: Writer.norm,
    Act: Writer.act,
    Pool: Writer.max_pool,
    AvgPool: Writer.average,
    Mean: Writer.mean,
    Linear: Writer.linear,
    Dropout: Writer.dropout,
    Shuffle: Writer.shuffle,
    Opaque: Writer.opaque,
}


def _each(nodes: Nodes, name: str) -> list:
    """A field of each node."""
    return [None if node is None else getattr(node, name) for node in nodes]


def _names(definition: Definition, path: Path) -> dict[str, str]:
    """How the parameters of an inner class are called in the outer one: after their place, or as they are inside."""
    names = {one.name: _size_name(path) if one.kind == "size" else one.name for one in definition.parameters}
    if path[:1] and path[0].startswith("branch"):
        inner = [one.name for one in definition.parameters if one.kind == "channels" and one.name != "c_in"]
        branch = path[0].removeprefix("branch")
        names |= {name: f"c{branch}{letter}" for name, letter in zip(inner, ascii_lowercase, strict=False)}
    return names


def _size_name(path: Path) -> str:
    """How the size of an axis of a grid of channels is called, whose operation is at `path` (see `nas.blocks.tensor`).

    >>> _size_name(("conv_b", "axis2")), _size_name(("gate", "reduce"))
    ('c2', 'size')
    """
    axes = [found[1] for name in path if (found := re.match(r"axis(\d+)", name))]
    return f"c{axes[-1]}" if axes else "size"


def _channel_name(path: Path) -> str:
    """How a number of channels is called that first comes out of the layer at `path`.

    >>> _channel_name(("conv_a",)), _channel_name(("branch1", "conv_b", "spatial")), _channel_name(("gate", "reduce"))
    ('width', 'c1b', 'reduced')
    """
    if path[:1] and path[0].startswith("branch") and len(path) > 1:
        return f"c{path[0].removeprefix('branch')}{path[1].removeprefix('conv_')}"
    return "reduced" if path[-1:] == ("reduce",) else "width"
