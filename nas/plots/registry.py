"""Which figures there are: each a file of this folder, a function of tables and options under its own name.

Arguments before the star name the tables that a figure draws (`trials`, `references`, ..., see `nas.dashboard.tables`),
those behind it are its options: their annotations are the schema of what a dashboard's YAML may say.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from pydantic import BaseModel, create_model

from nas import plots
from nas.errors import NasError, nearest
from nas.schema import SchemaError, Settings, validate

Draw = Callable[..., go.Figure]


@dataclass(frozen=True)
class Spec:
    """A figure: its function, the tables it takes, and the schema of its options."""

    name: str
    draw: Draw
    tables: tuple[str, ...]
    options: type[BaseModel]


FIGURES: dict[str, Spec] = {}


def figure(draw: Draw) -> Draw:
    """Decorator: dashboards may show this figure, by the function's name."""
    hints = typing.get_type_hints(draw, include_extras=True)
    parameters = inspect.signature(draw).parameters.values()
    options = {
        one.name: (hints[one.name], ... if one.default is one.empty else one.default)
        for one in parameters
        if one.kind is one.KEYWORD_ONLY
    }
    name = draw.__name__
    if name in FIGURES:
        raise NasError(f"the figure '{name}' exists already", fix="give yours another name")
    tables = tuple(one.name for one in parameters if one.kind is not one.KEYWORD_ONLY)
    FIGURES[name] = Spec(name, draw, tables, create_model(name, __base__=Settings, **options))
    return draw


def drawn(name: str, tables: typing.Mapping[str, pd.DataFrame], options: dict[str, Any] | None = None) -> go.Figure:
    """The figure `name` of some tables; raises NasError with the nearest name, SchemaError for its options."""
    spec = find(name)
    chosen = validate(spec.options, options or {})
    return spec.draw(*(tables[table] for table in spec.tables), **{key: getattr(chosen, key) for key in options or {}})


def find(name: str) -> Spec:
    """A figure by name; raises SchemaError with the nearest one."""
    _load()
    if name not in FIGURES:
        raise SchemaError(f"the figure '{name}' is unknown", fix=nearest(str(name), FIGURES))
    return FIGURES[name]


def names() -> list[str]:
    """All figures."""
    _load()
    return sorted(FIGURES)


@cache
def _load() -> None:
    """Import every file of the folder, once."""
    for module in pkgutil.iter_modules(plots.__path__, "nas.plots."):
        importlib.import_module(module.name)
