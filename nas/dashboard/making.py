"""What `nas dashboard` does: a page as a file, a page live, or one figure as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from nas import content
from nas import study as studies
from nas.console import count, say
from nas.dashboard import board as boards
from nas.dashboard import pictures, static, tables
from nas.dashboard.payload import payload
from nas.dashboard.pictures import length
from nas.errors import NasError
from nas.plots import registry
from nas.schema import SchemaError, dotted

__all__ = ["draw", "length", "serve", "write"]


def write(targets: Sequence[str], board: str, out: str | None, *, console: Console) -> Path:
    """Write the page of some studies, whole or not at all; says where it is, and how large."""
    shown, opened = boards.load(board), [studies.open_study(folder) for folder in _folders(targets)]
    path = Path(out) if out else opened[0].folder / f"{Path(board).stem}.html"
    told = payload(opened, shown)
    static.write(path, told)
    trials = sum(len(one["trials"].get("number", ())) for one in told["studies"])
    say(console, f"wrote {path}: {count(trials, 'trial')}, {path.stat().st_size / 1e6:.1f} MB, needs no network")
    return path


def serve(targets: Sequence[str], board: str, *, host: str, port: int, token: str | None, console: Console) -> None:
    """Serve the page of some studies until Ctrl-C."""
    from nas.dashboard import serving

    serving.serve(_folders(targets), boards.load(board), host=host, port=port, token=token, console=console)


def draw(
    targets: Sequence[str],
    name: str,
    options: Sequence[str],
    paths: Mapping[str, str],
    *,
    width: float,
    height: float | None,
    font: float,
    title: bool,
    console: Console,
) -> None:
    """Write one figure as pictures, by format; raises NasError for figures, options and files that do not fit."""
    spec = registry.find(name)
    opened = [studies.open_study(folder) for folder in _folders(targets)]
    if len(opened) > 1 and spec.tables != ("studies",):
        several = [one for one in registry.names() if registry.find(one).tables == ("studies",)]
        raise NasError(f"the figure '{name}' shows one study", fix=f"of several studies: {', '.join(several)}")
    try:
        figure = registry.drawn(name, tables.of_studies(opened)[0], dict(map(_option, options)))
    except SchemaError as error:
        raise error.at(f"--option {dotted(error.path)}") if error.path else error from None
    for form, path in paths.items():
        if Path(path).suffix.lower() != f".{form}":
            raise NasError("does not end in its format", where=path, fix=f"name it {Path(path).stem}.{form}")
        pictures.write(figure, Path(path), width=width, height=height, font=font, title=title)
        say(console, f"wrote {path}")


def _option(text: str) -> tuple[str, Any]:
    """`cost=mparams` as a name and a value, read as in YAML; raises NasError."""
    name, equals, value = text.partition("=")
    if not equals:
        raise NasError(f"--option {text} has no value", fix=f"write --option {name}=VALUE")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise NasError(f"--option {text} cannot be read", fix="write the value as in YAML") from error


def _folders(targets: Sequence[str]) -> list[Path]:
    """The studies' folders; raises NasError for one that is named twice."""
    folders = [content.study_folder(target) for target in targets]
    for place, folder in enumerate(folders):
        if folder.resolve() in [other.resolve() for other in folders[:place]]:
            raise NasError("is named twice", where=str(folder), fix="name each study once")
    return folders
