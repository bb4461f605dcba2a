"""What `nas predict` prints of each video: its likeliest classes in a table, or a line of JSON."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nas import testing
from nas.console import count, say
from nas.data_card import plain
from nas.predicting import Prediction, Predictor

BAR = 20  # characters of a probability of 1


def heading(predictor: Predictor, device: str) -> str:
    """Which network sees what of each video, on which device."""
    size, frames = predictor.views.size or predictor.clip.size, predictor.clip.frames
    clip = f"{size}x{size}" if predictor.views.clips == "all" else f"{frames}x{size}x{size}"
    views = f"{testing.in_words(predictor.views)} of {clip} of each video"
    form = "" if predictor.form == "run" else f" ({predictor.form})"
    return plain(f"{predictor.name}{form}: {count(len(predictor.labels), 'class')}, {views}, {device}")


def show(found: Prediction, predictor: Predictor, top: int, console: Console) -> None:
    """The table of one video, or the line that says what is wrong with it."""
    if found.problem:
        say(console, plain(f"{found.path}: cannot be read: {found.problem}"))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, width=BAR)
    table.add_column(overflow="fold")
    for number in found.top(top):
        score = float(found.scores[number])
        table.add_row(f"{score:.3f}", "█" * round(BAR * score), Text(plain(predictor.labels[number])))
    console.print()
    console.print(Text(plain(found.path), style="bold"), soft_wrap=True)
    console.print(table)


def line(found: Prediction, predictor: Predictor, top: int) -> str:
    """One JSON object: the video and its likeliest classes, or its error."""
    if found.problem:
        return json.dumps({"video": found.path, "error": found.problem}, ensure_ascii=False)
    told = [{"label": predictor.labels[number], "score": float(found.scores[number])} for number in found.top(top)]
    return json.dumps({"video": found.path, "top": told}, ensure_ascii=False)
