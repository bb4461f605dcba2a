"""`nas visualise`: from finished runs to files of pictures, with a line on the screen for what was drawn.

Figures follow from the run alone, so they stand in its folder `figures` (or in the one that is asked for) and the same
command draws them anew, as the pages of other commands are; no other file is touched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from nas import content, files
from nas import trained as runs
from nas.console import count, say
from nas.errors import NasError, nearest
from nas.trained import Trained

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from nas.visualising.saliency import Saliency

FOLDER = "figures"


def filters(target: str, *, layers: Sequence[str], limit: int, out: str | None, console: Console) -> None:
    """Draw the filters of a run's layers: filters-LAYER.png and, where they have temporal extent, filters-LAYER.webp.

    Raises NasError for an unknown layer, and where there is nothing to draw.
    """
    from nas.visualising import filters as drawing

    run = runs.load(target)
    found = drawing.layers(run.model())
    try:
        chosen = drawing.chosen(found, layers)
    except NasError as error:
        raise error.at(str(run.folder)) from None
    folder = _folder(run.folder, out)
    for layer in chosen:
        still = drawing.grid(layer, run.name, limit=limit)
        moving = drawing.animation(layer, run.name, limit=limit) if layer.kernel[0] > 1 else []
        wrote = _written(folder / f"filters-{layer.name}", still, moving, drawing.SECONDS, exact=True)
        say(console, f"{layer.name}: {drawing.described(layer, limit)}{'' if moving else ', stills'}; {wrote}")
    if not layers and not any(layer.kind == "depthwise" for layer in chosen):
        others = [layer.name for layer in drawing.with_extent(found) if layer not in chosen]
        told = f"; --layer draws others, such as {others[0]}" if others else ""
        say(console, f"no convolution of this network is depthwise{told}")


def weights(target: str, *, out: str | None, console: Console) -> None:
    """Draw box plots of a run's weights by temporal offset, a panel a layer: weights.html.

    Raises NasError where no convolution has temporal extent.
    """
    from nas import figures_page
    from nas.plots.temporal_weights import temporal_weights
    from nas.visualising import offsets
    from nas.visualising.filters import layers

    run = runs.load(target)
    table = offsets.by_offset(layers(run.model()))
    if table.empty:
        problem = "no convolution has temporal extent: the network is 2D"
        raise NasError(problem, where=str(run.folder), fix="name the run of a network with 3D layers")
    table.attrs = {"network": run.name}
    beyond, path = offsets.beyond(table), _folder(run.folder, out) / "weights.html"
    figure, shares = temporal_weights(table), _shares(table, beyond)
    figures_page.write(path, f"{run.name}: weights", [(figure, lambda page: page.print(shares))])
    most, least = beyond.idxmax(), beyond.idxmin()
    told = f"most of all in {most} ({beyond[most]:.0%}), least in {least} ({beyond[least]:.0%})"
    say(console, f"{count(len(beyond), 'layer')} with temporal extent; squared weights lie off the middle frame {told}")
    say(console, f"wrote {path}")


def saliency(
    target: str, video: str, *, name: str | None, layer: str | None, out: str | None, console: Console
) -> None:
    """Draw what in a video speaks for a class: saliency-VIDEO.png, a strip of frames, and saliency-VIDEO.webp.

    Raises NasError for a class or a layer that is not there, and for a video that cannot be read.
    """
    from nas.network import network
    from nas.visualising import strip
    from nas.visualising.saliency import saliency as look
    from nas.visualising.seen import pictures, seen

    run = runs.load(target)
    wanted = None if name is None else _class(run, name)
    clip, last = seen(run, video), f"stages.{len(run.genotype.stages) - 1}"
    try:
        found = look(run.model(), network(run.genotype), clip, layer=layer or last, target=wanted)
    except NasError as error:
        raise error.at(str(run.folder)) from None
    heading, lines = _heading(run, found), _lines(run, found, video, layer or last)
    frames, parts = pictures(clip), [Path(video).stem, name, layer]
    path = _folder(run.folder, out) / "-".join(["saliency", *(_file_name(part) for part in parts if part)])
    say(console, f"{heading}; {lines[-1]}")
    for note in _notes(run, found):
        say(console, note)
    moving = strip.animation(frames, found, heading, lines)
    say(console, _written(path, strip.strip(frames, found, heading, lines), moving, strip.SECONDS))


def errors(targets: Sequence[str], *, trials: Sequence[int], out: str | None, console: Console) -> None:
    """Draw training against validation error over epochs, of trials of a study or of runs: errors-NAMES.html.

    Raises NasError where there is no such study, trial or run, and where one has no curve.
    """
    from nas import figures_page
    from nas.plots.learning_curves import learning_curves
    from nas.visualising import curves

    if trials:
        wanted = list(dict.fromkeys(trials))
        home, names = content.study_folder(targets[0]), [str(number) for number in wanted]
        table = curves.of_study(home, wanted)
    else:
        home, names = Path(targets[0]), [Path(target).resolve().name for target in targets]
        table = curves.together([curves.of_run(Path(target)) for target in targets], list(map(Path, targets)))
    path, ends = _folder(home, out) / f"errors-{'-'.join(names)}.html", curves.last(table)
    title = f"{home.resolve().name}: proxies of trials {', '.join(names)}" if trials else ", ".join(ends["run"])
    figures_page.write(path, title, [(learning_curves(table), lambda page: _show_ends(ends, page))])
    _show_ends(ends, console)
    if trials:
        say(console, f"these are the proxies; of networks trained in full, name their folders in {home / runs.RUNS}")
    say(console, f"wrote {path}")


def _folder(home: Path, out: str | None) -> Path:
    """Where figures go, made."""
    folder = Path(out) if out else home / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot be used as a folder ({error.strerror})"
        raise NasError(problem, where=str(folder), fix="choose a folder that can be written to with --out") from error
    return folder


def _written(
    path: Path, still: np.ndarray, moving: Sequence[np.ndarray], seconds: float, *, exact: bool = False
) -> str:
    """Write a picture and, where there are frames of one, an animation to `path` with endings; which ones, in words."""
    from nas.visualising import images

    wrote = {".png": images.png(still)}
    if len(moving) > 1:
        wrote[".webp"] = images.webp(moving, seconds, exact=exact)
    for ending, data in wrote.items():
        files.write(path.with_name(path.name + ending), data)
    return f"wrote {path}{' and '.join(wrote)}"


def _class(run: Trained, name: str) -> int:
    if name not in run.classes:
        raise NasError(f"knows no class '{name}'", where=str(run.folder), fix=nearest(name, run.classes))
    return run.classes.index(name)


def _heading(run: Trained, found: Saliency) -> str:
    """The class that is shown with its score, and the predicted one where that is another."""
    top = int(found.logits.argmax())
    predicted = f"{run.classes[top]} {_score(run, found, top)}"
    if top == found.target:
        return f"predicted: {predicted}"
    return f"{run.classes[found.target]} {_score(run, found, found.target)} (predicted: {predicted})"


def _score(run: Trained, found: Saliency, number: int) -> str:
    """What the network gives a class, of 1: softmax, or for several labels a video the sigmoid."""
    import numpy as np

    logits = found.logits.astype(np.float64)
    if run.multilabel:
        return f"{1 / (1 + np.exp(-logits[number])):.2f}"
    return f"{np.exp(logits[number] - logits.max()) / np.exp(logits - logits.max()).sum():.2f}"


def _lines(run: Trained, found: Saliency, video: str, layer: str) -> list[str]:
    c, t, h, w = found.features
    frames, height, width = found.tube.shape
    return [
        f"{run.name}: {Path(video).name}",
        f"clip {frames}x{height}x{width}, features of {layer}: {c} channels, {t}x{h}x{w}",
    ]


def _notes(run: Trained, found: Saliency) -> list[str]:
    told = []
    if found.features[1] == 1 < len(found.tube):
        told.append("these features have one step in time, so all frames have one map; --layer names earlier ones")
    if not found.tube.any():
        told.append(f"nothing in this clip speaks for {run.classes[found.target]}: the pictures show frames alone")
    return told


def _file_name(text: str) -> str:
    """A name as a part of a file's name.

    >>> _file_name("pushing [something] left/right")
    'pushing-something-left-right'
    """
    return re.sub(r"[^\w.]+", "-", text).strip("-")


def _shares(table: pd.DataFrame, beyond: pd.Series) -> Table:
    """Below the panels: each layer's squared weights off the middle frame, and at each offset."""
    shown = Table(title="share of a layer's squared weights", title_justify="left", box=None)
    for name in ("layer", "kernel", "weights", "off the middle"):
        shown.add_column(name, justify="right" if name in ("weights", "off the middle") else "left", no_wrap=True)
    shown.add_column("by offset, in frames", overflow="fold")
    shown.caption = "weights drawn alike at all offsets lie off the middle by 67% of 3 frames, 80% of 5, 86% of 7"
    shown.caption_justify = "left"
    for layer, rows in table.groupby("layer", sort=False):
        each = "  ".join(
            f"{offset:+d}: {energy:.0%}" if offset else f"0: {energy:.0%}"
            for offset, energy in zip(rows["offset"], rows["energy"], strict=True)
        )
        kernel, number = rows["kernel"].iloc[0], rows["weights"].sum()
        shown.add_row(str(layer), kernel, f"{number:,}", f"{beyond[layer]:.0%}", each)
    return shown


def _show_ends(last: pd.DataFrame, console: Console) -> None:
    """What each run came to."""
    from rich.markup import escape

    shown = Table(title="error after the last epoch", title_justify="left", box=None)
    for name in ("run", "epochs", "training", "validation", "gap"):
        shown.add_column(name, justify="left" if name == "run" else "right", overflow="fold")
    for row in last.to_dict("records"):
        figures = (f"{row[name]:.3f}" for name in ("training", "validation", "gap"))
        shown.add_row(escape(row["run"]), str(row["epochs"]), *figures)
    console.print(shown)
    say(console, "training: over the clips as they were trained on, while the weights moved; validation: afterwards")
