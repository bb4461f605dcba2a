"""Checked data: the base of everything read from YAML, and one way to explain what does not fit.

pydantic checks; this file turns its findings into the project's one-line errors with the path of the value.
"""

from __future__ import annotations

import re
import types
from typing import Annotated, Any, Self, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nas.errors import NasError, nearest

Count = Annotated[int, Field(gt=0, le=1_000_000, strict=True)]
Triple = tuple[Count, Count, Count]
Path = tuple[str | int, ...]


class Settings(BaseModel):
    """Base of checked sections: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def model_copy(self, **how: Any) -> Self:
        """A copy whose cached properties are worked out anew (pydantic's own would keep those of the original)."""
        copied = super().model_copy(**how)
        for name in set(copied.__dict__) - set(type(self).model_fields):
            del copied.__dict__[name]
        return copied


Model = TypeVar("Model", bound=BaseModel)


class SchemaError(NasError):
    """A value that does not fit; `path` says where in the tree it stands."""

    def __init__(self, problem: str, *, path: Path = (), where: str = "", fix: str = ""):
        super().__init__(problem, where=where, fix=fix)
        self.path = path

    def at(self, where: str) -> SchemaError:
        error = super().at(where)
        error.path = self.path
        return error

    def below(self, *steps: str | int) -> SchemaError:
        """The same error seen from further up the tree."""
        return SchemaError(self.problem, path=(*steps, *self.path), where=self.where, fix=self.fix)


def dotted(path: Path) -> str:
    """A path as it is written in decisions and errors.

    >>> dotted(("stages", 2, "block"))
    'stages.2.block'
    """
    return ".".join(map(str, path))


def validate(model: type[Model], value: Any) -> Model:
    """`value` as an instance of `model`; raises SchemaError for the first thing that does not fit."""
    if not isinstance(value, dict):
        raise SchemaError(f"{_written(value)} should be a map with the keys {' '.join(model.model_fields)}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = error.errors()
        misspelt = (one for one in found if one["type"] == "extra_forbidden")
        raise _explain(next(misspelt, _joined(found)), model) from None


def _joined(found: list[dict]) -> dict:
    """The first finding; where a value may be of several types, all that these said about it.

    pydantic puts the type, such as `literal['all']` or `constrained-int`, in the path: no key is written like that.
    """
    first = found[0]
    at = next((i for i, step in enumerate(first["loc"]) if isinstance(step, str) and not step.isidentifier()), None)
    if at is None:
        return first
    alike = [one["msg"] for one in found if one["loc"][:at] == first["loc"][:at]]
    told = (
        ", or ".join(dict.fromkeys(alike)).replace("a valid tuple", "a list").replace("Field required", "more values")
    )
    return {**first, "loc": first["loc"][:at], "msg": told}


def _explain(found: dict, model: type[BaseModel]) -> SchemaError:
    cause = found.get("ctx", {}).get("error")
    path = tuple(found["loc"])
    if isinstance(cause, SchemaError):
        return cause.below(*path)
    if isinstance(cause, NasError):
        return SchemaError(cause.problem, path=path, fix=cause.fix)
    if found["type"] == "extra_forbidden":
        owner = _model_at(model, path[:-1])
        return SchemaError(f"the key '{path[-1]}' is unknown", path=path, fix=nearest(path[-1], owner.model_fields))
    if found["type"] == "missing":
        return _missing(path, found["input"])
    problem, fix = _advice(found["type"], found["input"], found.get("ctx", {}))
    if fix and ", or " not in found["msg"]:  # else of several types, each with its own
        return SchemaError(problem, path=path, fix=fix)
    message = str(cause) if cause else found["msg"][0].lower() + found["msg"][1:].replace("Input", "input")
    return SchemaError(f"{_written(found['input'])} does not fit: {message}", path=path)


def _advice(kind: str, value: Any, facts: dict[str, Any]) -> tuple[str, str]:
    """The problem with a value, and what would work; no advice for what pydantic tells well by itself."""
    if kind == "tuple_type":
        return f"{_written(value)} does not fit", "write three numbers, as in [2, 2, 2]"
    if kind == "too_short":
        return f"{_written(value)} is too short", f"write {facts['min_length']} or more"
    if kind == "literal_error" and isinstance(value, str):
        return f"{_written(value)} does not fit", nearest(value, re.findall(r"'([^']*)'", facts["expected"]))
    return "", ""


def _missing(path: Path, given: Any) -> SchemaError:
    last = path[-1]
    if isinstance(last, int):
        return SchemaError(f"{_written(given)} is too short: value {last + 1} is missing", path=path[:-1])
    return SchemaError(f"the key '{last}' is missing", path=path[:-1], fix=f"add {last}: ...")


def _written(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """The model that stands at `path` below `model`, through optionals, lists and tuples."""
    for step in path:
        if isinstance(step, str) and step in model.model_fields:
            inner = _inner_model(model.model_fields[step].annotation)
            model = inner or model
    return model


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, tuple, list, Annotated):
        return next((found for arg in get_args(annotation) if (found := _inner_model(arg))), None)
    return None
