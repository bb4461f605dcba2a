"""How the classes of a generated file are called, and the sentence below their names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from nas.exporting import parts
from nas.exporting.arguments import Arguments
from nas.exporting.shapes import Skeleton, grouping
from nas.layers import Act, Concat, Conv, Linear, Mean, Node, Norm, Residual, Scale, Seq, Sum, children, leaves

# Words of kinds that are not written as other words are.
WORDS = {"sev": "SEV", "r2plus1d": "R2Plus1D", "r3d": "R3D"}
GATES = {
    (Mean, Linear, Act, Linear): "SqueezeExcitation",
    (Mean, Linear): "FeatureGating",
    (Mean, Conv, Norm, Act, Conv): "TensorExcitation",
}
# How blocks of one kind are told apart that are different trees.
ROOTS = {Concat: "Downsample", Seq: "Plain", Sum: "Sum", Scale: "Scale"}
# Names that the generated file has besides those of its own classes and functions.
RESERVED = {*vars(parts), "Network", "partial", "CLIP"}


def kind_name(kind: str, operator: str) -> str:
    """The name of a block's kind with its conv operator, as one word.

    >>> kind_name("bottleneck", "depthwise"), kind_name("sev_r2plus1d", ""), kind_name("simple", "dense")
    ('DepthwiseBottleneck', 'SEVR2Plus1D', 'Simple')
    """
    before = "" if operator in ("", "dense") else _camel(operator)
    return before + _camel(kind)


def names(groups: Mapping[Skeleton, tuple[Sequence[Node], str]]) -> dict[Skeleton, str]:
    """A name for each class: that of its kind, or of what it computes, with what tells it from others of this name."""
    first = {key: label or _joined(nodes[0]) for key, (nodes, label) in groups.items()}
    for tell in (_root, _flatness):
        often = Counter(first.values())
        first = {key: name + tell(groups[key][0][0]) if often[name] > 1 else name for key, name in first.items()}
    taken: Counter[str] = Counter(RESERVED)
    found = {}
    for key, name in first.items():
        taken[name] += 1
        found[key] = name if taken[name] == 1 else f"{name}{taken[name]}"
    return found


def document(name: str, nodes: Sequence[Node], arguments: Arguments) -> str:
    """What a class computes, in a sentence; kernels that differ are told by their parameters."""
    first = nodes[0]
    if isinstance(first, Scale):
        return f"{_in_words(name)}: x * sigmoid(gate(x))."
    if isinstance(first, Concat):
        branches = _capital(_spelt(len(first.branches)))
        return f"{branches} branches of the same input, their channels one after the other."
    steps = _capital(", ".join(_steps(nodes, arguments))) or "No convolution"
    gates = dict.fromkeys(_in_words(_joined(gate)).lower() for gate in _gates(first))
    with_gates = f", with {' and '.join(gates)}" if gates else ""
    if isinstance(first, Residual):
        shortcuts = frozenset(node.shortcut is not None for node in nodes)
        return f"{steps}{with_gates}, added to {_ADDED[shortcuts]}."
    return f"{steps}{with_gates}."


_ADDED = {
    frozenset({True}): "a projection of the input",
    frozenset({False}): "the input",
    frozenset({True, False}): "the input, or to a projection of it where the shape changes",
}


def _steps(nodes: Sequence[Node], arguments: Arguments) -> list[str]:
    """The convolutions on the way through trees of one skeleton; branches that are added have a + between them."""
    first = nodes[0]
    if isinstance(first, Conv):
        sides = ([node.kernel[axis] for node in nodes] for axis in range(3))
        kernel = "x".join(arguments.known(side, "kernel") or letter for letter, side in zip("tkk", sides, strict=True))
        return [kernel if grouping(first) == "dense" else f"{grouping(first)} {kernel}"]
    if isinstance(first, Scale):
        return []
    inside = [_steps(some, arguments) for some in zip(*map(_on_the_way, nodes), strict=True)]
    if isinstance(first, Sum | Concat):
        between = " + " if isinstance(first, Sum) else " | "
        return [between.join(" and ".join(steps) or "the input" for steps in inside)]
    return [step for steps in inside for step in steps]


def _gates(node: Node) -> Iterator[Scale]:
    if isinstance(node, Scale):
        yield node
    for child in _on_the_way(node):
        yield from _gates(child)


def _on_the_way(node: Node) -> list[Node]:
    return [node.body] if isinstance(node, Residual) else children(node)


def _joined(node: Node) -> str:
    """The name of a join that is no block."""
    if isinstance(node, Scale):
        return GATES.get(tuple(type(leaf) for leaf in leaves(node.gate)), "Gate")
    if isinstance(node, Seq):
        layers = [name for name, child in node.children if isinstance(child, Conv)]
        return "_then_".join(layers) if 0 < len(layers) <= 3 and all(map(str.isidentifier, layers)) else "layers"
    if isinstance(node, Sum) and [name for name, _ in node.branches] == ["spatial", "temporal"]:
        return "SpatialAndTemporal"
    return type(node).__name__


def _root(node: Node) -> str:
    return ROOTS.get(type(node), "")


def _flatness(node: Node) -> str:
    flat = all(leaf.kernel[0] == 1 for leaf in leaves(node) if isinstance(leaf, Conv))
    return "2D" if flat else ""


def _camel(text: str) -> str:
    """Words as one: letters, digits and nothing else, since kinds of users' blocks may be called anything."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    joined = "".join(WORDS.get(word, word[:1].upper() + word[1:]) for word in words)
    return joined if joined[:1].isalpha() else f"Block{joined}"


def _in_words(name: str) -> str:
    """'FeatureGating' as 'Feature gating'."""
    return _capital(" ".join(re.findall(r"[A-Z][a-z]*|[0-9]+", name)).lower())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _spelt(number: int) -> str:
    return {2: "two", 3: "three", 4: "four"}.get(number, str(number))
