"""What stands inside a class: lines that make its layers, and lines that apply them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas.exporting import naming
from nas.exporting.code import Code, is_plain, laid_out, laid_out_text
from nas.exporting.definition import signature
from nas.exporting.shapes import channels_out, in_channels, is_flat
from nas.exporting.writer import Writer
from nas.layers import Act, Concat, Node, Norm, Residual, Scale, Seq, Sum

INDENT = 8
SPACE = " " * INDENT


@dataclass(frozen=True)
class Body:
    """The lines of `__init__` behind its first, and those of `forward`."""

    layers: tuple[str, ...]
    forward: tuple[str, ...]


def class_lines(name: str, writer: Writer, nodes: Sequence[Node]) -> list[str]:
    """The source of a class whose instances are `nodes`, of one skeleton; the writer learns its parameters."""
    _entering(writer, nodes)
    inside = _BODIES[type(nodes[0])](writer, nodes)
    parameters = signature(writer.arguments.ordered)
    return [
        f"class {name}(nn.Module):",
        *laid_out_text(naming.document(name, nodes, writer.arguments), indent=4),
        "",
        f"    def __init__(self{', ' if parameters else ''}{parameters}):",
        "        super().__init__()",
        *(SPACE + line for line in writer.arguments.results),
        *inside.layers,
        "",
        "    def forward(self, x):",
        *inside.forward,
    ]


def function_lines(name: str, writer: Writer, nodes: Sequence[Seq]) -> list[str]:
    """The source of a function that makes sequences."""
    _entering(writer, nodes)
    made = laid_out(writer.sequence(nodes), indent=4, before="return ")
    head = f"def {name}({signature(writer.arguments.ordered)}):"
    results = (f"    {line}" for line in writer.arguments.results)
    return [head, *laid_out_text(naming.document(name, nodes, writer.arguments), indent=4), *results, *made]


def _entering(writer: Writer, nodes: Sequence[Node]) -> None:
    """Let the channels that enter be the first parameter."""
    entering = [in_channels(node) for node in nodes]
    if None not in entering:
        same = entering == [channels_out(node) for node in nodes]
        writer.arguments.number(entering, "channels", "channels" if same else "c_in")


def _residual(writer: Writer, nodes: Sequence[Residual]) -> Body:
    layers = _layers(writer, [node.body for node in nodes])
    made, shortcut = _shortcut(writer, nodes)
    *before, last = _chain(nodes[0].body)
    result = f"relu(y + {shortcut})" if nodes[0].act else f"y + {shortcut}"
    return Body((*layers, *made), (*before, f"{SPACE}y = {last}", f"{SPACE}return {result}"))


def _shortcut(writer: Writer, nodes: Sequence[Residual]) -> tuple[list[str], str]:
    """Lines that make the shortcut, and what it adds."""
    paths = [node.shortcut for node in nodes]
    if not any(paths):
        return [], "x"
    made = writer.expression(paths, ("shortcut",))
    if all(paths):
        return laid_out(made, indent=INDENT, before="self.shortcut = "), "self.shortcut(x)"
    condition = _changes(writer, nodes)
    lines = [f"{SPACE}self.shortcut = None", f"{SPACE}if {condition}:"]
    lines += laid_out(made, indent=INDENT + 4, before="self.shortcut = ")
    return lines, "(x if self.shortcut is None else self.shortcut(x))"


def _changes(writer: Writer, nodes: Sequence[Residual]) -> str:
    """When there is a shortcut: where channels or strides say so, else where a flag does."""
    entering, leaving = [in_channels(node) for node in nodes], [channels_out(node) for node in nodes]
    grows = [a != b for a, b in zip(entering, leaving, strict=True)]
    strides = [one for one in writer.arguments.parameters if one.kind == "stride"]
    moves = [any(one.values[number] not in (None, 1) for one in strides) for number in range(len(nodes))]
    conditions = [f"{one.name} != 1" for one in strides]
    if any(grows):
        conditions.insert(0, f"{writer.channels(entering)} != {writer.channels(leaving)}")
    there = [node.shortcut is not None for node in nodes]
    if there == [a or b for a, b in zip(grows, moves, strict=True)]:
        return " or ".join(conditions)
    return writer.arguments.number(there, "flag", "project")


def _sum(writer: Writer, nodes: Sequence[Sum]) -> Body:
    layers = _layers(writer, [Seq(node.branches) for node in nodes])
    applied = [_applied(name, branch, "x") for name, branch in nodes[0].branches]
    return Body(layers, (f"{SPACE}return {' + '.join(applied)}",))


def _concat(writer: Writer, nodes: Sequence[Concat]) -> Body:
    layers = _layers(writer, [Seq(node.branches) for node in nodes])
    applied = [_applied(name, branch, "x") for name, branch in nodes[0].branches]
    return Body(layers, (f"{SPACE}return torch.cat([{', '.join(applied)}], dim=1)",))


def _scale(writer: Writer, nodes: Sequence[Scale]) -> Body:
    made = writer.expression([node.gate for node in nodes], ("gate",))
    spread = "[:, :, None, None, None]" if is_flat(nodes[0].gate) else ""
    forward = f"{SPACE}return x * torch.sigmoid(self.gate(x)){spread}"
    return Body(tuple(laid_out(made, indent=INDENT, before="self.gate = ")), (forward,))


def _seq(writer: Writer, nodes: Sequence[Seq]) -> Body:
    *before, last = _chain(nodes[0])
    return Body(_layers(writer, nodes), (*before, f"{SPACE}return {last}"))


_BODIES = {Residual: _residual, Sum: _sum, Concat: _concat, Scale: _scale, Seq: _seq}


def _layers(writer: Writer, nodes: Sequence[Seq]) -> tuple[str, ...]:
    """Lines that make the children of a sequence; ReLUs have no weights, and are functions."""
    lines: list[str] = []
    for number, (name, child) in enumerate(nodes[0].children):
        if isinstance(child, Act):
            continue
        made: Code = writer.expression([node.children[number][1] for node in nodes], (name,))
        before, after = (f"self.{name} = ", "") if is_plain(name) else (f"self.add_module({name!r}, ", ")")
        lines += laid_out(made, indent=INDENT, before=before, after=after)
    return tuple(lines)


def _chain(sequence: Seq) -> list[str]:
    """Lines that apply a sequence to x, and as the last item the expression of what is left to apply."""
    lines, text, heavy = [], "x", 0
    for name, child in sequence.children:
        light = isinstance(child, Act | Norm)
        if not light and heavy:
            lines.append(f"{SPACE}y = {text}")
            text = "y"
        heavy += not light
        text = _applied(name, child, text)
    return [*lines, text]


def _applied(name: str, child: Node, text: str) -> str:
    if isinstance(child, Act):
        return f"relu({text})"
    return f"self.{name}({text})" if is_plain(name) else f"self.get_submodule({name!r})({text})"
