"""`nas evaluate`: from the names of trained networks to their figures, on the screen and in a folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from nas import evaluation, evaluation_card, evaluation_files
from nas import trained as runs
from nas.console import say
from nas.evaluation import Asked, Evaluation, Subject
from nas.packed import packed
from nas.preparation import Preparation, preparation
from nas.testing import Found
from nas.trained import Trained

if TYPE_CHECKING:
    from torch import nn

    from nas.data.pack import Pack
    from nas.data.videos import VideoSet

INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it


def evaluate(
    targets: Sequence[str],
    asked: Asked,
    *,
    trials: Sequence[int],
    data: str | None,
    out: str | None,
    force: bool,
    as_json: bool,
    console: Console,
) -> None:
    """Test trained networks, and their ensemble where they are several; print the figures and write them to files.

    `targets` are runs, or with `trials` one study whose full trainings are meant; `data` takes the place of the videos
    that they were trained on. Raises NasError where a network cannot be read, does not fit the data or the others, and
    where another evaluation would be overwritten.
    """
    networks = [runs.of_study(targets[0], trial) for trial in trials] or [runs.load(target) for target in targets]
    evaluation.check_alike(networks)
    place = evaluation.place(asked)
    models = [one.model() for one in networks]  # what is damaged is told before any video is decoded
    try:
        with preparation(console) as progress:
            subjects, left = evaluation.subjects(networks, _packs(networks, data, progress), asked)
            of = evaluation_files.identity(subjects, asked)
            folder = Path(out) if out else evaluation_files.usual_folder(subjects, asked, elsewhere=data is not None)
            with evaluation_files.claimed(folder, of, force=force):
                tested = _tested(subjects, models, asked, progress)
                found = Evaluation(tuple(subjects), tested, tuple(left), asked, place)
                told = evaluation_files.to_plain(found, of)
                wrote = evaluation_files.write(folder, found, told)
    except KeyboardInterrupt:
        say(console, "interrupted: nothing was evaluated; decoded videos are kept")
        sys.exit(INTERRUPTED)
    if as_json:
        print(json.dumps(told, indent=2))
        return
    evaluation_card.show(found, console)
    say(console, _wrote(wrote))


def _packs(networks: Sequence[Trained], data: str | None, progress: Preparation) -> list[tuple[VideoSet, Pack]]:
    """What is listed and packed for each network; once for those that were trained on the same frames."""
    made: dict[str, tuple[VideoSet, Pack]] = {}
    keys = []
    for one in networks:
        settings = one.data.model_copy(update={"path": data}) if data else one.data
        keys.append(settings.model_dump_json())
        if keys[-1] not in made:
            fits = lambda videos, task, one=one: evaluation.check_classes(one, task, videos.name)  # noqa: E731
            made[keys[-1]] = packed(settings, progress, fits=fits)
            if line := made[keys[-1]][1].losses:
                progress.note(line)
    return [made[key] for key in keys]


def _tested(
    subjects: Sequence[Subject], models: list[nn.Module], asked: Asked, progress: Preparation
) -> tuple[Found, ...]:
    """The tests, one after the other; each network is let go after its own."""
    of = f" of {len(subjects)})" if len(subjects) > 1 else ""
    return tuple(
        _test(subject, models.pop(0), asked, progress, f" ({number}{of}" if of else "")
        for number, subject in enumerate(subjects, 1)
    )


def _test(subject: Subject, model: nn.Module, asked: Asked, progress: Preparation, place: str) -> Found:
    what, total = f"testing {subject.name}{place}", evaluation.total(subject)
    return evaluation.run(subject, model, asked, lambda seen: progress(seen, total, what))


def _wrote(paths: Sequence[Path]) -> str:
    """Where the files are."""
    if len(paths) == 1:
        return f"wrote {paths[0]}"
    *names, last = (path.name for path in paths)
    return f"wrote {', '.join(names)} and {last} in {paths[0].parent}"
