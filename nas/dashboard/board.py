"""A dashboard as its YAML says: sections of figures, each with options. The shipped ones are in `dashboards/`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from nas import content, strict_yaml
from nas.genotype import located
from nas.plots import registry
from nas.schema import SchemaError, Settings, validate

FOLDER = "dashboards"
Text = Annotated[str, Field(min_length=1)]


class Shown(Settings):
    """One figure on a page."""

    # the name of a file in nas/plots/
    figure: Text
    # the figure's own options; what is left out has its default
    options: dict[str, Any] = {}
    # as wide as the page
    wide: bool = False
    # a column of the trials, such as latency: where no trial knows it, the figure is left out
    needs: str = ""

    @property
    def name(self) -> str:
        """Figure and options in one word, such as accuracy_over_cost-mparams."""
        return "-".join([self.figure, *(str(value).replace(" ", "") for value in self.options.values())])


class Section(Settings):
    """Figures under a heading."""

    heading: Text
    figures: Annotated[tuple[Shown, ...], Field(min_length=1)]


class Board(Settings):
    """A page."""

    # schema version of the file
    nas: Literal[1] = 1
    # what the page is for, in a line
    about: str = ""
    sections: Annotated[tuple[Section, ...], Field(min_length=1)]


def load(name: str | Path) -> Board:
    """A dashboard by path or by name; errors name file and line, and the nearest figure or option.

    >>> load("default").sections[0].heading
    'The front'
    """
    path = content.find(str(name), FOLDER)
    item = strict_yaml.read(path)
    return located(lambda: parse(strict_yaml.plain(item)), item, str(path))


def parse(told: Any) -> Board:
    """Plain data as a dashboard; raises SchemaError, whose path says where."""
    board = validate(Board, told)
    for number, section in enumerate(board.sections):
        for place, shown in enumerate(section.figures):
            _check(shown, ("sections", number, "figures", place))
    return board


def _check(shown: Shown, path: tuple[str | int, ...]) -> None:
    try:
        spec = registry.find(shown.figure)
    except SchemaError as error:
        raise error.below(*path, "figure") from None
    try:
        validate(spec.options, shown.options)
    except SchemaError as error:
        raise error.below(*path, "options") from None
