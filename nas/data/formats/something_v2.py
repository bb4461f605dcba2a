"""Something-Something v2: webm files, and lists in JSON whose templates hold their objects in square brackets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nas.data.formats.registry import list_format
from nas.data.lists import places, text
from nas.data.lists.dividing import divided
from nas.data.lists.listing import Classes, Listing, Rows
from nas.data_settings import DataSettings
from nas.errors import NasError

JSON = (".json",)


def looks(path: Path) -> bool:
    """Whether a JSON file begins as a list of maps with templates."""
    start = " ".join(text.head(path)[:20])[:2000]
    return start.startswith("[") and '"template"' in start


def recognise(path: Path) -> bool:
    return places.exist(path, looks, JSON)


@list_format("something-v2", recognise=recognise)
def read(path: Path, settings: DataSettings) -> Listing:
    """train.json and validation.json with id and template of each video, labels.json, and files <id>.webm.

    The lists may be called something-something-v2-*.json, too. The videos lie beside them, or together in a folder
    there, as webm or another kind of video, or as folders of frames.
    """
    lists = places.find(path, looks, JSON)
    train, val, notes = divided(lists, rows)
    return Listing(lists.root, train, val, _classes(next(iter(lists.paths.values())).parent), notes=notes)


def rows(path: Path) -> Rows:
    """The clips of a list."""
    clips = text.parsed(path)
    if not isinstance(clips, list):
        raise NasError("is no list of videos", where=str(path), fix='expected [{"id": ..., "template": ...}, ...]')
    pairs = [_pair(clip, f"{path}: entry {number}") for number, clip in enumerate(clips, 1)]
    files, labels = ([pair[which] for pair in pairs] for which in (0, 1))
    return Rows.of(files, labels, where=lambda row: f"{path}: entry {row + 1}", source=str(path))


def _pair(clip: Any, where: str) -> tuple[str, str]:
    """File and class of an entry: `Holding [something]` is the class "Holding something"."""
    try:
        name, template = str(clip["id"]), clip["template"].replace("[", "").replace("]", "")
    except (TypeError, KeyError, AttributeError):
        has = f"has the keys {' '.join(map(str, clip))[:80]}" if isinstance(clip, dict) else "is no map"
        raise NasError(has, where=where, fix="expected id and template") from None
    if "/" in name:
        raise NasError(f"the id {text.shown(name)} cannot be a file name", where=where)
    return f"{name}.webm", template


def _classes(folder: Path) -> Classes | None:
    """The classes of labels.json in the order of their numbers."""
    path = next(iter(sorted(folder.glob("*labels.json"))), None)
    if path is None:
        return None
    try:
        names = sorted(text.parsed(path).items(), key=lambda item: int(item[1]))
    except (AttributeError, TypeError, ValueError):
        raise NasError("is no map of class names to numbers", where=str(path)) from None
    return Classes(tuple(name for name, _ in names), source=str(path))
