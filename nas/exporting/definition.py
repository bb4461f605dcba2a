"""A class or function of the generated file: its source, and what each of its instances passes to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nas.exporting.arguments import Parameter, written
from nas.exporting.code import Call, Code
from nas.layers import Node

Passed = tuple[tuple[str | None, Code], ...]


@dataclass(frozen=True, eq=False)
class Definition:
    """Its source in `lines`, and which of its parameters' values are those of an instance (`numbers`)."""

    name: str
    parameters: tuple[Parameter, ...]
    lines: tuple[str, ...]
    numbers: Mapping[Node, int]

    def maker(self, node: Node) -> Code:
        """What makes an instance when it is called without arguments: the class itself where it takes none."""
        told = self.passed([node], lambda values, parameter: written(values[0]))
        return Call("partial", ((None, self.name), *told)) if told else self.name

    def passed(self, nodes: Sequence[Node | None], tell: Callable[[Sequence, Parameter], str]) -> Passed:
        """The arguments of a call that makes `nodes`; `tell` turns the values of a parameter into text."""
        told = []
        for parameter in self.parameters:
            text = tell([node and parameter.values[self.numbers[node]] for node in nodes], parameter)
            if not (parameter.has_default and text == written(parameter.default)):
                told.append((None if parameter.kind == "channels" else parameter.name, text))
        return tuple(told)


def signature(parameters: Sequence[Parameter]) -> str:
    """The parameters as `__init__` names them.

    >>> signature([Parameter("c_in", "channels", (64, 256)), Parameter("stride", "stride", (1, 1, 2))])
    'c_in, stride=1'
    """
    told = [f"{one.name}={written(one.default)}" if one.has_default else one.name for one in parameters]
    return ", ".join(told)
