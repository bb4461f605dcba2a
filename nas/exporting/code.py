"""Python expressions as calls within calls, laid out in lines that are not too long."""

from __future__ import annotations

import keyword
import textwrap
from dataclasses import dataclass

WIDTH = 100


@dataclass(frozen=True)
class Call:
    """A call: its function as text, and arguments with a name or None each."""

    function: str
    arguments: tuple[tuple[str | None, Code], ...] = ()

    @property
    def line(self) -> str:
        """The call in one line."""
        return f"{self.function}({', '.join(_named(name, in_line(value)) for name, value in self.arguments)})"


Code = str | Call


def call(function: str, *values: Code, **named: Code) -> Call:
    """A call of positional and named arguments.

    >>> call("conv", "3", "64", groups="8").line
    'conv(3, 64, groups=8)'
    """
    return Call(function, (*((None, value) for value in values), *named.items()))


def in_line(code: Code) -> str:
    """An expression in one line."""
    return code if isinstance(code, str) else code.line


def laid_out(code: Code, *, indent: int = 0, before: str = "", after: str = "") -> list[str]:
    """Lines of `before`, the expression and `after`, indented; a call that is too long has a line an argument.

    >>> laid_out(call("f", "a" * 60, "b" * 60), before="x = ", after=",")[0]
    'x = f('
    """
    space = " " * indent
    line = f"{space}{before}{in_line(code)}{after}"
    if isinstance(code, str) or len(line) <= WIDTH or not code.arguments:
        return [line]
    inside = []
    for name, value in code.arguments:
        opening, closing = _around(name)
        inside += laid_out(value, indent=indent + 4, before=opening, after=f"{closing},")
    return [f"{space}{before}{code.function}(", *inside, f"{space}){after}"]


def laid_out_text(text: str, *, indent: int) -> list[str]:
    """A docstring."""
    space = " " * indent
    lines = textwrap.wrap(text, WIDTH - indent - 6, break_on_hyphens=False)
    first = f'{space}"""{lines[0]}'
    if len(lines) == 1:
        return [f'{first}"""']
    return [first, *(f"{space}{line}" for line in lines[1:-1]), f'{space}{lines[-1]}"""']


def is_plain(name: str) -> bool:
    """Whether a name can stand in Python as it is: users' blocks may call layers 3x3.

    >>> is_plain("conv_a"), is_plain("3x3"), is_plain("class")
    (True, False, False)
    """
    return name.isidentifier() and not keyword.iskeyword(name)


def _named(name: str | None, text: str) -> str:
    opening, closing = _around(name)
    return f"{opening}{text}{closing}"


def _around(name: str | None) -> tuple[str, str]:
    """What stands before and behind an argument of this name."""
    if name is None:
        return "", ""
    return (f"{name}=", "") if is_plain(name) else (f"**{{{name!r}: ", "}")
