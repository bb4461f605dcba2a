"""The HTML page of `nas data check`: what was found, and pictures of some videos; one file that fetches nothing.

Names are the user's: Jinja escapes them, and the page's policy runs no script at all.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from nas import data_card, files
from nas.data.inspection import Inspection
from nas.data.samples import Sample
from nas.templates import template

HERE = Path(__file__).parent


def write(path: Path, found: Inspection, samples: Sequence[Sample]) -> None:
    """Write the page to `path`, whole or not at all; raises NasError where it cannot be written."""
    files.write(path, render(found, samples).encode())


def render(found: Inspection, samples: Sequence[Sample]) -> str:
    """The page's HTML."""
    from markupsafe import Markup

    return template(HERE / "data_page.html").render(
        name=data_card.plain(found.set.name),
        origin=data_card.origin(found),
        reach=data_card.reach(found),
        columns=data_card.SPLITS,
        splits=data_card.splits(found),
        facts=list(data_card.facts(found)),
        samples=[_card(found, sample) for sample in samples],
        css=Markup((HERE / "page.css").read_text(encoding="utf-8")),
    )


def _card(found: Inspection, sample: Sample) -> dict:
    """What the page tells of a video; `shape` makes room for its pictures before they are drawn."""
    files, at = found.files, found.of[sample.number]
    video = found.video(sample.number)
    return {
        "label": data_card.plain(found.label(sample.number)),
        "path": data_card.plain(found.short(video.path)),
        "told": data_card.about(found, sample.number),
        "problem": data_card.plain(sample.problem),
        "shape": f"{files.width[at]} / {files.height[at]}",
        "pictures": [base64.b64encode(picture).decode() for picture in sample.pictures],
    }
