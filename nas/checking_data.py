"""`nas data check`: what a data set holds, before anything is decoded or trained on it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from rich.console import Console

from nas import data_card, data_page
from nas.console import count, say
from nas.data import cache_folder, findings, source
from nas.data.inspection import inspect
from nas.data.samples import samples
from nas.data.videos import VideoSet
from nas.data_settings import DataSettings
from nas.errors import NasError
from nas.preparation import preparation

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


def check(
    settings: DataSettings, *, out: str | None, sample: int | None, workers: int | None, console: Console
) -> None:
    """Print what the data set of `settings` holds; write check.html and check.csv into `out`, or data-check/NAME.

    Opens every file, or `sample` of them. Broken and missing files are told and never an error; raises NasError
    where the set itself cannot be read, and where the report cannot be written.
    """
    try:
        with preparation(console) as progress:
            anything = settings.model_copy(update={"missing": 1.0})  # how much is missing is what this tells
            videos = source(anything, cache=cache_folder(), progress=progress)
            folder = _folder(videos, out)
            found = inspect(videos, settings, sample=sample, workers=workers, progress=progress)
            shown = samples(found, settings, workers=workers, progress=progress)
    except KeyboardInterrupt:
        say(console, "interrupted: no report was written")
        sys.exit(INTERRUPTED)
    findings.write(folder / "check.csv", found)
    data_page.write(folder / "check.html", found, shown)
    data_card.show(found, console)
    if undecoded := [one for one in shown if one.problem]:
        told = f"{len(undecoded)} of {count(len(shown), 'sample')} can be opened and not decoded"
        say(console, data_card.plain(f"{told}, such as {found.short(found.video(undecoded[0].number).path)}"))
    say(console, f"pictures: {folder / 'check.html'}")
    say(console, f"every file: {folder / 'check.csv'}")


def _folder(videos: VideoSet, out: str | None) -> Path:
    """Where the report goes, made before a long look at the files; raises NasError where it cannot be."""
    folder = Path(out) if out else Path("data-check") / (re.sub(r"[^\w.-]+", "-", videos.name).strip("-.") or "set")
    if not out and folder.resolve().is_relative_to(Path(videos.root).resolve()):
        problem = "the report would lie in the data folder, where the next reading would find it"
        raise NasError(problem, where=str(folder), fix="give --out FOLDER, or run this elsewhere")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NasError(f"cannot be made ({error.strerror})", where=str(folder), fix="give --out FOLDER") from None
    return folder
