"""`nas predict`: from the names of video files to their likeliest classes on the screen."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from nas import device as devices
from nas import predicting, prediction_card
from nas.console import count, say


def classify(
    target: str,
    videos: list[str],
    *,
    top: int,
    views: dict[str, Any] | None,
    form: str | None,
    as_json: bool,
    device: str,
    console: Console,
) -> int:
    """Print what the network of an export, or of a run, says of each video; how many of them could not be read.

    Raises NasError where the network cannot be read or does not fit what is asked.
    """
    predictor = predicting.load(target, form=form, views=views, device=device)
    if not as_json:
        say(console, prediction_card.heading(predictor, devices.text(predictor.device)))
    failed = 0
    for found in predictor.videos(videos):
        failed += bool(found.problem)
        if as_json:
            print(prediction_card.line(found, predictor, top), flush=True)
        else:
            prediction_card.show(found, predictor, top, console)
    if failed and not as_json:
        say(console, f"{failed:,} of {count(len(videos), 'video')} could not be read")
    return failed
