"""`nas data pack`: decode the videos of a study once, before anything is trained, or check what was decoded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from nas import content, recipe, session
from nas.console import count, say
from nas.preparation import preparation

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


def pack(target: str, flags: dict[str, Any], *, workers: int | None, verify: bool, console: Console) -> None:
    """Pack the videos of a study's recipe; with `verify`, read all frames again and compare their checksums.

    Raises NasError where the recipe, the data set or the pack are not usable.
    """
    from nas.data import pack as packs

    file = Path(target) / "study.yaml"
    wanted = session.overlaid(
        recipe.load(file if file.is_file() else content.find(target.rstrip("/"), "studies")),
        {name: value for name, value in flags.items() if value is not None},
    )
    try:
        with preparation(console) as progress:
            made = session.prepare(wanted, progress, workers=workers)
            if verify:
                packs.verify(made, progress)
    except KeyboardInterrupt:
        say(console, "interrupted: every decoded video is kept, and the same command goes on")
        sys.exit(INTERRUPTED)
    _tell(made, console)


def _tell(made, console: Console) -> None:
    from nas.data.packing import amount

    held = sum(path.stat().st_size for path in made.folder.iterdir())
    videos = f"{count(len(made.train), 'video')} to train on, {len(made.val):,} to validate with"
    say(console, f"{videos}, {count(len(made.classes), 'class')}, {amount(held)}")
    if told := made.losses:
        say(console, f"{told}; delete the pack to try them again")
    say(console, f"pack: {made.folder}")
