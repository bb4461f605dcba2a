"""How list formats are declared: a function that reads lists, under `@list_format`.

It says what the lists say, as a `Listing`; finding the videos, numbering the classes, holding out a part and the
checks are the same for all formats (`nas.data.formats.reading`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nas.blocks.registry import load_entry_points
from nas.data.lists.listing import Listing
from nas.data_settings import DataSettings
from nas.errors import NasError, nearest

# How the recipe asks for recognition.
AUTO = "auto"

Reader = Callable[[Path, DataSettings], Listing]
Recogniser = Callable[[Path], bool]


@dataclass(frozen=True)
class ListFormat:
    """A registered format: the first line of its docstring, how it is recognised and read.

    `variants` says what may follow its name and a colon, such as "split 1, 2 or 3" for `ucf101:2`; empty: nothing.
    """

    name: str
    summary: str
    recognise: Recogniser
    read: Reader
    variants: str = ""

    @property
    def built_in(self) -> bool:
        """Whether it comes with this package."""
        return self.read.__module__.startswith("nas.")


FORMATS: dict[str, ListFormat] = {}


def list_format(name: str, *, recognise: Recogniser, variants: str = "") -> Callable[[Reader], Reader]:
    """Decorator: make a function known as the list format `name`; raises NasError where the name is taken.

    `recognise` tells from file names and first lines, quickly, whether a folder or a list is of this format; formats
    of one's own are asked before those of this package.

    >>> from nas.data.lists.listing import Listing, Rows
    >>> @list_format("one_video", recognise=lambda path: (path / "the.mp4").is_file())
    ... def read(path, settings):
    ...     '''A folder with one video, to train and to validate on.'''
    ...     rows = Rows.of(["the.mp4"], ["only"])
    ...     return Listing(path, train=rows, val=rows)
    >>> FORMATS.pop("one_video").summary
    'A folder with one video, to train and to validate on.'
    """

    def add(read: Reader) -> Reader:
        if name in FORMATS:
            raise NasError(f"the list format '{name}' exists already", fix="give yours another name")
        if name == AUTO or ":" in name:
            raise NasError(f"a list format cannot be called '{name}'", fix="use letters and digits")
        FORMATS[name] = ListFormat(name, (inspect.getdoc(read) or name).splitlines()[0], recognise, read, variants)
        return read

    return add


def find(wanted: str) -> ListFormat:
    """The format that `wanted` names, with or without its variant; raises NasError with the nearest name.

    Installed packages are asked before the answer is no.
    """
    name, colon, _ = wanted.partition(":")
    if name not in FORMATS:
        load_entry_points()
    if name not in FORMATS:
        raise NasError(f"the list format '{name}' is unknown", fix=f"{nearest(name, FORMATS)}; auto recognises it")
    if colon and not FORMATS[name].variants:
        raise NasError(f"the list format '{name}' has no variants, and '{wanted}' names one", fix=f"write {name}")
    return FORMATS[name]


def variant(settings: DataSettings) -> str:
    """What follows the colon of `format`: "2" of ucf101:2, empty where there is none."""
    return settings.format.partition(":")[2]


def recognised(path: Path) -> ListFormat | None:
    """The first format that takes `path` for its own; those of one's own are asked first."""
    return next((one for one in sorted(FORMATS.values(), key=lambda one: one.built_in) if one.recognise(path)), None)
