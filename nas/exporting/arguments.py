"""Numbers of equal trees as the arguments of one class: what is the same for all is written out, what is a multiple of
another number is worked out from it, and what is left becomes a parameter.

`values` are those of one place in all instances of a class; None where an instance lacks the place (a shortcut).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

Values = Sequence[int | str | None]
TIMES = range(2, 65)  # factors and divisors that are looked for
# Kinds of numbers whose usual value may be left out of a call.
WITH_DEFAULT = ("stride", "kernel", "flag")
ORDER = ("channels", "size", "groups", "text", "kernel", "stride", "flag")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a class: numbers of a `kind` are compared with each other alone."""

    name: str
    kind: str
    values: tuple[int | str | None, ...]

    @property
    def default(self) -> int | str | None:
        """What may be left out: the most frequent value."""
        return Counter(value for value in self.values if value is not None).most_common(1)[0][0]

    @property
    def has_default(self) -> bool:
        """Whether a call may leave it out."""
        return self.kind in WITH_DEFAULT


class Arguments:
    """The parameters of a class, which grow as its places are written down.

    >>> some = Arguments()
    >>> some.number([64, 128, 256], "channels", "width"), some.number([256, 512, 1024], "channels", "c_out")
    ('width', 'c_out')
    >>> some.results, some.number([3, 3, 3], "kernel", "t")
    (['c_out = 4 * width'], '3')
    """

    def __init__(self):
        self.parameters: list[Parameter] = []
        self.results: list[str] = []  # lines that work numbers out of parameters
        self._worked_out: list[Parameter] = []

    def number(self, values: Values, kind: str, name: str) -> str:
        """Values as Python: a literal, an expression of former parameters, or a new parameter called `name`."""
        if told := self.known(values, kind):
            return told
        one = Parameter(name, kind, tuple(values))
        if kind == "channels" and (multiple := _multiple(values, self._alike(kind))):
            return self.work_out(one, multiple)
        self.parameters.append(replace(one, name=self._free(name)))
        return self.parameters[-1].name

    def work_out(self, one: Parameter, expression: str) -> str:
        """Give a name to what an expression of parameters comes to."""
        named = replace(one, name=self._free(one.name))
        self._worked_out.append(named)
        self.results.append(f"{named.name} = {expression}")
        return named.name

    def known(self, values: Values, kind: str) -> str | None:
        """The same where it takes no new name; else None."""
        there = {value for value in values if value is not None}
        if len(there) <= 1:
            return written(next(iter(there), None))
        return next((one.name for one in self._alike(kind) if _fit(values, one.values, lambda a: a)), None)

    @property
    def ordered(self) -> list[Parameter]:
        """The parameters as a signature has them: channels first, what may be left out last."""
        return sorted(self.parameters, key=lambda one: ORDER.index(one.kind))

    def _alike(self, kind: str) -> list[Parameter]:
        return [one for one in (*self.parameters, *self._worked_out) if one.kind == kind]

    def _free(self, name: str) -> str:
        taken = {one.name for one in (*self.parameters, *self._worked_out)}
        names = [name, *(f"{name}{number}" for number in range(2, 1000))]
        return next(one for one in names if one not in taken)


def written(value: int | str | bool | None) -> str:
    """A value as Python, with the quotes that are customary."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _multiple(values: Values, parameters: list[Parameter]) -> str | None:
    """A whole multiple or an exact part of a parameter."""
    for one in parameters:
        for times in TIMES:
            if _fit(values, one.values, lambda a, k=times: a * k):
                return f"{times} * {one.name}"
            if _fit(values, one.values, lambda a, k=times: a / k):
                return f"{one.name} // {times}"
    return None


def _fit(values: Values, others: Values, change) -> bool:
    pairs = [(value, other) for value, other in zip(values, others, strict=True) if value is not None]
    return all(other is not None and value == change(other) for value, other in pairs)
