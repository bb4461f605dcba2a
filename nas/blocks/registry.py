"""How blocks and conv operators are declared: a function whose keyword-only arguments are its genes.

The annotations of those arguments are the schema, their defaults are the paper's, and the docstring is what
`nas show` and error messages refer to. Adding a block is writing one such function.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, InstanceOf, create_model

from nas.errors import NasError, nearest
from nas.layers import Triple
from nas.schema import SchemaError, Settings, validate


@dataclass(frozen=True)
class Place:
    """Where a block stands: input channels, the stage's width, its stride, and which of its layers are 2D.

    The flags are as many as the block kind's `layers`.
    """

    c_in: int
    width: int
    stride: Triple = (1, 1, 1)
    flat: tuple[bool, ...] = (False,)


@dataclass(frozen=True)
class Part:
    """A registered function with all its genes: `{kind: bottleneck, conv: ..., expansion: 4}`."""

    family: str  # "block", "operator" or "excitation"
    kind: str
    genes: tuple[tuple[str, Any], ...]

    @property
    def spec(self) -> Spec:
        """The registered kind."""
        return REGISTRIES[self.family].specs[self.kind]

    def __call__(self, *where) -> Any:
        """What the function makes of a place and these genes: a tree (a module, from an opaque block)."""
        return self.spec.function(*where, **dict(self.genes))

    @cached_property
    def layers(self) -> int:
        """How many spatiotemporal layers it has: its declared number, or 0 when its kernels do not extend in time."""
        kernels = _kernels(self)
        return self.spec.layers if not kernels or any(kernel[0] > 1 for kernel in kernels) else 0

    def with_gene(self, name: str, value: Any) -> Part:
        """The same part with another value of one gene; raises SchemaError where the kind has no such gene."""
        if name not in self.spec.genes.model_fields:
            raise SchemaError(
                f"the {self.family} kind '{self.kind}' has no {name}", fix=nearest(name, self.spec.genes.model_fields)
            )
        return Part(self.family, self.kind, tuple((gene, value if gene == name else old) for gene, old in self.genes))

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

    function: Callable[..., Any]
    genes: type[BaseModel]
    layers: int

    @property
    def built_in(self) -> bool:
        """Whether it comes with this package."""
        return self.function.__module__.startswith("nas.")


class Registry:
    """The kinds of one family of parts, by name; their functions take `places` arguments before the genes."""

    def __init__(self, family: str, places: int):
        self.family, self.places = family, places
        self.specs: dict[str, Spec] = {}

    def register(self, kind: str, *, layers: int = 1):
        """Decorator: make `kind` known to spaces and genotypes; `layers` of its layers are spatiotemporal."""

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            if kind in self.specs:
                raise NasError(f"the {self.family} kind '{kind}' exists already", fix="give yours another name")
            self.specs[kind] = Spec(function, _schema_of(kind, function, self.places), layers)
            return function

        return add

    def parse(self, value: Any) -> Part:
        """A `{kind: ..., genes}` map as a Part; raises SchemaError."""
        if isinstance(value, Part) and value.family == self.family:
            return value
        if not isinstance(value, dict) or "kind" not in value:
            raise SchemaError(f"{value} is no {self.family}", fix=f"write {{kind: ...}}. {nearest('', self.specs)}")
        kind = value["kind"]
        if not isinstance(kind, str) or not self.knows(kind):
            fix = f"{nearest(kind, self.specs)}; --import FILE adds your own"
            raise SchemaError(f"the {self.family} kind '{kind}' is unknown", path=("kind",), fix=fix)
        model = self.specs[kind].genes
        genes = validate(model, {name: gene for name, gene in value.items() if name != "kind"})
        return Part(self.family, kind, tuple((name, getattr(genes, name)) for name in model.model_fields))

    def knows(self, kind: str) -> bool:
        """Whether the kind is registered; installed packages are asked before the answer is no."""
        if kind not in self.specs:
            load_entry_points()
        return kind in self.specs


@cache
def load_entry_points() -> None:
    """Import what installed packages name under the entry point group `nas.blocks`, once."""
    from importlib.metadata import entry_points

    for entry in entry_points(group="nas.blocks"):
        try:
            entry.load()
        except Exception as error:  # whatever an installed package does
            told = f"the installed package {entry.dist.name} fails in its entry point '{entry.name}' of nas.blocks"
            raise NasError(f"{told}: {type(error).__name__}: {error}", fix="mend or uninstall it") from error


BLOCKS, OPERATORS, EXCITATIONS = Registry("block", 1), Registry("operator", 4), Registry("excitation", 2)
REGISTRIES = {registry.family: registry for registry in (BLOCKS, OPERATORS, EXCITATIONS)}
block, operator, excitation = BLOCKS.register, OPERATORS.register, EXCITATIONS.register

Block = Annotated[InstanceOf[Part], BeforeValidator(BLOCKS.parse)]
Operator = Annotated[InstanceOf[Part], BeforeValidator(OPERATORS.parse)]
Excitation = Annotated[InstanceOf[Part], BeforeValidator(EXCITATIONS.parse)]


def plain(value: Any) -> Any:
    """Parts, settings and tuples as the dicts and lists of YAML."""
    if isinstance(value, Part):
        return value.plain()
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def changed(value: Any, name: str, change: Callable[[Any], Any]) -> Any:
    """A part, settings or tuple with every gene called `name`, at any depth and where it is set, changed."""

    def new(key: str, inner: Any) -> Any:
        return change(inner) if key == name and inner is not None else changed(inner, name, change)

    if isinstance(value, Part):
        return Part(value.family, value.kind, tuple((key, new(key, inner)) for key, inner in value.genes))
    if isinstance(value, BaseModel):
        return value.model_copy(update={key: new(key, inner) for key, inner in fields(value)})
    if isinstance(value, tuple):
        return tuple(changed(inner, name, change) for inner in value)
    return value


def found(value: Any, name: str) -> Iterator[Any]:
    """Every gene called `name` at or below a part, settings or tuple, where it is set."""
    for key, inner in fields(value):
        if key == name and inner is not None:
            yield inner
        else:
            yield from found(inner, name)


def fields(value: Any) -> list[tuple[str, Any]]:
    """Names and values directly inside a part, settings or tuple (whose items have no name)."""
    if isinstance(value, Part):
        return list(value.genes)
    if isinstance(value, BaseModel):
        return [(key, getattr(value, key)) for key in type(value).model_fields]
    return [("", inner) for inner in value] if isinstance(value, tuple) else []


def _schema_of(kind: str, function: Callable[..., Any], places: int) -> type[BaseModel]:
    """The genes are the keyword-only arguments; raises NasError where they are not written so."""
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    genes = {}
    for number, (name, parameter) in enumerate(parameters.items()):
        if parameter.kind is not parameter.KEYWORD_ONLY:
            if number >= places:
                fix = f"put a * before it: genes of '{kind}' are keyword-only"
                raise NasError(f"'{name}' of '{kind}' is no gene", fix=fix)
        elif name not in hints:
            raise NasError(f"the gene '{name}' of '{kind}' has no type", fix=f"write {name}: int = 16")
        else:
            genes[name] = (hints[name], ... if parameter.default is parameter.empty else parameter.default)
    return create_model(kind, __base__=Settings, **genes)


def _kernels(part: Part) -> list[Triple]:
    several = (kernel for kernels in found(part, "kernels") for kernel in kernels)
    return [*found(part, "kernel"), *several]
