"""How the papers train: recipes by name, in studies/presets/, each of which a study or a flag may override."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from nas import content, strict_yaml
from nas.errors import NasError

FOLDER = "studies/presets"


@cache
def preset(name: str) -> dict[str, Any]:
    """The settings of a preset, as plain data; raises NasError with the nearest name.

    >>> preset("csn")["train"]["schedule"]
    'cosine'
    """
    path = content.find(f"{FOLDER}/{name}" if Path(name).is_dir() else name, FOLDER)
    try:
        found = strict_yaml.plain(strict_yaml.read(path))
    except NasError as error:
        raise NasError(
            f"{error.where}: {error.problem}", fix=error.fix
        ) from None  # who reads it says where it is named
    if not isinstance(found, dict):
        raise NasError(f"{path} is no preset", fix="write the sections of retrain: in a study.yaml")
    return found


def filled(name: str, written: dict[str, Any]) -> dict[str, Any]:
    """The `written` settings over those of the preset.

    >>> filled("csn", {"train": {"epochs": 3}})["train"]["epochs"]
    3
    """
    return _over(preset(name), written)


def _over(base: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    """Maps within maps are laid over each other, everything else is replaced."""
    merged = dict(base)
    for key, value in written.items():
        inner = merged.get(key)
        merged[key] = _over(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
