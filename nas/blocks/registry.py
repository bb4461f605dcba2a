"""How blocks and conv operators are declared: a function whose keyword-only arguments are its genes.

The annotations of those arguments are the schema, their defaults are the paper's, and the docstring is what
`nas show` and error messages refer to. Adding a block is writing one such function.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, InstanceOf, create_model

from nas.errors import nearest
from nas.layers import Node, Triple
from nas.schema import SchemaError, Settings, validate


@dataclass(frozen=True)
class Place:
    """Where a block stands: input channels, the stage's width, its stride, and which of its layers are 2D."""

    c_in: int
    width: int
    stride: Triple = (1, 1, 1)
    flat: tuple[bool, ...] = (False,)


@dataclass(frozen=True)
class Part:
    """A registered function with all its genes: `{kind: bottleneck, conv: ..., expansion: 4}`."""

    family: str  # "block" or "operator"
    kind: str
    genes: tuple[tuple[str, Any], ...]

    def __call__(self, *where, **context) -> Node:
        """The tree of this part at a place."""
        return REGISTRIES[self.family].specs[self.kind].function(*where, **dict(self.genes), **context)

    @cached_property
    def layers(self) -> int:
        """How many spatiotemporal layers it has: its declared number, or 0 when no kernel extends in time."""
        return REGISTRIES[self.family].specs[self.kind].layers if _extends_in_time(self) else 0

    def plain(self) -> dict[str, Any]:
        """As written in YAML, with every default."""
        return {"kind": self.kind, **{name: plain(value) for name, value in self.genes}}

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.family, self.kind, self.genes))


@dataclass(frozen=True)
class Spec:
    """One registered kind: its function, the schema of its genes, and its number of spatiotemporal layers."""

    function: Callable[..., Node]
    genes: type[BaseModel]
    layers: int


class Registry:
    """The kinds of one family of parts, by name."""

    def __init__(self, family: str):
        self.family = family
        self.specs: dict[str, Spec] = {}

    def register(self, kind: str, *, layers: int = 1):
        """Decorator: make `kind` known to spaces and genotypes."""

        def add(function: Callable[..., Node]) -> Callable[..., Node]:
            self.specs[kind] = Spec(function, _schema_of(kind, function), layers)
            return function

        return add

    def parse(self, value: Any) -> Part:
        """A `{kind: ..., genes}` map as a Part; raises SchemaError."""
        if isinstance(value, Part):
            return value
        if not isinstance(value, dict) or "kind" not in value:
            raise SchemaError(f"{value} is no {self.family}", fix=f"write {{kind: ...}}. {nearest('', self.specs)}")
        kind = value["kind"]
        if not isinstance(kind, str) or kind not in self.specs:
            raise SchemaError(
                f"the {self.family} kind '{kind}' is unknown", path=("kind",), fix=nearest(kind, self.specs)
            )
        model = self.specs[kind].genes
        genes = validate(model, {name: gene for name, gene in value.items() if name != "kind"})
        return Part(self.family, kind, tuple((name, getattr(genes, name)) for name in model.model_fields))


BLOCKS, OPERATORS = Registry("block"), Registry("operator")
REGISTRIES = {registry.family: registry for registry in (BLOCKS, OPERATORS)}
block, operator = BLOCKS.register, OPERATORS.register

Block = Annotated[InstanceOf[Part], BeforeValidator(BLOCKS.parse)]
Operator = Annotated[InstanceOf[Part], BeforeValidator(OPERATORS.parse)]


def plain(value: Any) -> Any:
    """Parts, settings and tuples as the dicts and lists of YAML."""
    if isinstance(value, Part):
        return value.plain()
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def _schema_of(kind: str, function: Callable[..., Node]) -> type[BaseModel]:
    hints = typing.get_type_hints(function, include_extras=True)
    genes = {
        name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    return create_model(kind, __base__=Settings, **genes)


def _extends_in_time(value: Any) -> bool:
    if isinstance(value, Part):
        return any(gene[0] > 1 if name == "kernel" else _extends_in_time(gene) for name, gene in value.genes)
    if isinstance(value, BaseModel):
        return getattr(value, "kernel", (1,))[0] > 1
    return isinstance(value, tuple) and any(_extends_in_time(item) for item in value)
