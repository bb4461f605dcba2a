"""From a path to a `VideoSet`: recognise the format, read its lists, find the videos, tell what is odd."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from nas.data.formats import registry
from nas.data.formats.registry import AUTO, FORMATS, ListFormat
from nas.data.lists import classes, places, text
from nas.data.lists.disk import Disk
from nas.data.lists.files import entries
from nas.data.lists.holding_out import held_out
from nas.data.lists.listing import Listing, Rows
from nas.data.lists.locating import Located, locate
from nas.data.review import review
from nas.data.videos import Labels, Videos, VideoSet
from nas.data_settings import DataSettings
from nas.errors import NasError

DEFAULTS = DataSettings()
# What a list may end in.
ENDINGS = (*text.LISTS, ".json")
COLUMNS = "label,youtube_id[,time_start,time_end,split] or path,label, or lines 'path label' without a header"
# Names that an error lists.
SHOWN = 5


def read(path: str | Path, settings: DataSettings = DEFAULTS, *, seed: int = 0) -> VideoSet:
    """The data set in the folder `path`, or in the list that `path` names.

    `settings.format` names the format of the lists, or leaves it to recognition; `seed` decides what is held out to
    validate where the lists do not say. Raises `NasError` where no format knows the path, where a list makes no
    sense (with file and line), where more than the share `settings.missing` of the videos is not there, or none.
    """
    place = Path(path).expanduser()
    try:
        return _read(place, settings, seed)
    except PermissionError as error:
        raise NasError("no permission to read this", where=str(error.filename or place)) from None
    except OSError as error:
        raise NasError(f"cannot be read: {error.strerror or error}", where=str(place)[:200]) from None


def _read(path: Path, settings: DataSettings, seed: int) -> VideoSet:
    if not path.exists():
        raise NasError("no such data folder", where=str(path), fix="give a folder of videos, or 'motion'")
    if path.is_file() and path.suffix.lower() not in ENDINGS:
        raise NasError("this is a file; a folder or a list is expected", where=str(path), fix=f"try {path.parent}")
    used = registry.find(settings.format) if settings.format != AUTO else _recognised(path)
    listing = used.read(path, settings)
    if settings.videos:
        listing = replace(listing, root=Path(os.path.abspath(Path(settings.videos).expanduser())))
    name = path.resolve().name if path.is_dir() else listing.root.resolve().name
    return _assembled(_whole(listing), used, name, settings, seed)


def _recognised(path: Path) -> ListFormat:
    found = registry.recognised(path)
    if found is None or (found.name == "folders" and _lists_in(path)):
        raise _unrecognised(path)
    if found.name == "folders" and (unused := _single_list(path)):
        problem = f"holds folders of videos and a list, {unused.name}"
        raise NasError(problem, where=str(path), fix=f"name the list, {unused}, or set data.format to folders")
    return found


def _single_list(path: Path) -> Path | None:
    """A list of all videos whose name tells no split, if one lies in a folder."""
    names = (path / one.name for one in entries(path) if one.name.lower().endswith(ENDINGS) and one.is_file())
    return next((one for one in names if registry.recognised(one)), None)


def _lists_in(path: Path) -> bool:
    """Whether lists of videos lie in a folder: folders beside lists that nobody understands are no classes."""
    return path.is_dir() and places.exist(path, lambda one: True, ENDINGS)


def _unrecognised(path: Path) -> NasError:
    """What was found in place of a data set."""
    known = " ".join(sorted(FORMATS))
    columns = f"{COLUMNS}; or name its format: {known}"
    if path.is_file():
        return text.misfit(path, columns)
    if _lists_in(path):
        return text.misfit(places.find(path, lambda one: True, ENDINGS).paths["train"], columns)
    names = [one.name + "/" * one.is_dir() for one in entries(path) if not one.name.startswith(".")]
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    there = " ".join(names[:SHOWN]) + more if names else "nothing"
    expected = "<class>/*.mp4, train/<class>/*.mp4 with val/<class>/*.mp4, train.csv with val.csv, or the lists of"
    fix = f"expected {expected} {known}; there is {there}"
    return NasError("no video in this folder", where=str(path), fix=fix)


def _whole(listing: Listing) -> Listing:
    """The listing, if each of its splits has a row."""
    for rows in (listing.train, listing.val):
        if rows is not None and not len(rows):
            raise NasError("this list is empty", where=rows.source or str(listing.root))
    return listing


def _assembled(listing: Listing, used: ListFormat, name: str, settings: DataSettings, seed: int) -> VideoSet:
    names, labels = classes.number(listing)
    rows, labels = _splits(listing, labels, seed)
    disk = Disk(listing.root)
    located = {split: locate(rows[split], disk, split) for split in rows}
    _enough(located, listing.root, settings)
    videos = {
        split: Videos(one.paths, labels[split].take(np.flatnonzero(one.there)), one.start, one.end)
        for split, one in located.items()
    }
    gone = tuple(name for one in located.values() for name in one.missing)
    form = f"{used.name}:{listing.variant}" if listing.variant else used.name
    found = VideoSet(name, str(listing.root), form, names, **videos, missing=gone, multilabel=listing.multilabel)
    return replace(found, notes=(*listing.notes, *review(found)))


def _splits(listing: Listing, labels: dict[str, Labels], seed: int) -> tuple[dict[str, Rows], dict[str, Labels]]:
    """The rows of both splits and their labels; without rows to validate, some of those to train are held out."""
    if listing.val is not None:
        return {"train": listing.train, "val": listing.val}, labels
    whole = labels["train"]
    held = held_out(listing.train, whole.first(), seed)
    if not held.any():
        fix = "add clips, or a list for val"
        raise NasError("no clip is left to validate: each class has one", where=listing.train.source, fix=fix)
    some = {"train": np.flatnonzero(~held), "val": np.flatnonzero(held)}
    rows = {split: listing.train.take(which) for split, which in some.items()}
    return rows, {split: whole.take(which) for split, which in some.items()}


def _enough(located: dict[str, Located], root: Path, settings: DataSettings) -> None:
    """Raise NasError where too few of the listed videos are there."""
    sets = {"": tuple(located.values())} | {f" for {split}": (one,) for split, one in located.items()}
    for what, some in sets.items():
        if not any(one.there.any() for one in some):
            problem = f"none of the {sum(len(one.there) for one in some):,} listed videos{what} is there"
            raise NasError(problem, where=str(root), fix=f"expected such as {some[0].missing[0]}")
    total = sum(len(one.there) for one in located.values())
    gone = [name for one in located.values() for name in one.missing]
    if len(gone) > settings.missing * total:
        share = math.ceil(100 * len(gone) / total) / 100
        fix = f"add them, or set missing: {share:g} in data of the recipe (it is {settings.missing:g})"
        problem = f"{len(gone):,} of {total:,} listed videos are not there, such as {gone[0]}"
        raise NasError(problem, where=str(root), fix=fix)
