"""Lines of a path, or of a web address, and what stands behind it: the lists of PySlowFast, mmaction2 and Sports-1M."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.data.lists import text
from nas.data.lists.disk import ENDINGS
from nas.data.lists.listing import Way
from nas.errors import NasError

if TYPE_CHECKING:
    import pyarrow

# A path up to the ending of a video, or an address; it may have spaces, and what follows may, too.
VIDEO = rf"^(?P<path>https?://[^\s,]+|.*{ENDINGS})(?P<separator>\s*[,\t]\s*|\s+)(?P<rest>.+)$"
# A folder of frames, its number of frames (unless it is left out) and its class.
FRAMES = r"^(?P<path>.*?[^\s,])(?:\s*[,\t]\s*|\s+)(?:[0-9]+(?:\s*[,\t]\s*|\s+))?(?P<rest>[^\s,]+)$"
# The id of a video in its address.
ID = r"(?:[?&]v=|youtu\.be/|/embed/|/shorts/|/v/)(?P<id>[\w-]+)"
VIDEO_LINE, FRAMES_LINE = (re.compile(form) for form in (VIDEO, FRAMES))


@dataclass(frozen=True, eq=False)
class Clips:
    """Where the videos are, what stands behind their paths, and whether commas are between the parts of a line."""

    way: Way
    rest: pyarrow.StringArray
    commas: bool


def parts(lines: text.Lines) -> Clips:
    """Lines taken apart; raises NasError for one with nothing behind its path."""
    import pyarrow.compute as pc

    found = pc.extract_regex(lines.texts, VIDEO)
    paths, separators, rest = (pc.struct_field(found, name) for name in ("path", "separator", "rest"))
    if found.null_count:
        others = pc.extract_regex(lines.texts, FRAMES)
        paths, rest = (
            pc.coalesce(one, pc.struct_field(others, name)) for one, name in ((paths, "path"), (rest, "rest"))
        )
    if paths.null_count:
        row = text.first(pc.is_null(paths))
        problem = f"no label behind {text.shown(lines.texts[row].as_py())}"
        raise NasError(problem, where=lines.where(row), fix="expected 'path label'")
    commas = any(pc.any(pc.match_substring(column, ",")).as_py() for column in (separators, rest))
    return Clips(_way(paths, lines), rest, commas)


def _way(paths: pyarrow.StringArray, lines: text.Lines) -> Way:
    """Paths below the data folder; of addresses, files that are called as the video's id."""
    import pyarrow.compute as pc

    if not len(paths) or not paths[0].as_py().startswith(("http://", "https://")):
        return Way(paths)
    ids = pc.extract_regex(paths, ID)
    if ids.null_count:
        row = text.first(pc.is_null(ids))
        problem = f"no id of a video in {text.shown(paths[row].as_py())}"
        raise NasError(problem, where=lines.where(row), fix="expected such as https://www.youtube.com/watch?v=ID")
    return Way(ids.field("id"), anywhere=True)
