"""`nas compare A B`: networks drawn uniformly from each of several spaces, compared at equal complexity.

Each space has a study of its own in one folder, under the same budget, data, proxy and seed; nothing in it learns or
stops early, so its trials are a sample of the space. Spaces that count their costs at different clips are put at the
smallest of these, by a file that includes them, so that budgets and costs mean the same for all.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
from rich.console import Console

from nas import content, figures_page, files, recipe, run, session, space_comparison, space_comparison_card
from nas import space as space_files
from nas import study as studies
from nas.console import count, say
from nas.errors import NasError
from nas.genotype import Clip
from nas.latency import costing
from nas.plots.error_distribution import error_distribution
from nas.preparation import preparation
from nas.recipe import Recipe
from nas.search.propose import require_feasible
from nas.search.sampler import Proposal
from nas.search.wrappers import Dropped, valid
from nas.sources import Means
from nas.space import Space
from nas.study import Study

DRAWS, LOOKED_AT = 2000, 20  # records drawn, and networks looked at, to learn at which clip a space counts its costs
FEWEST = 2 * space_comparison.LEAST  # networks of each space, of which enough may lie in the range that all share
DECISION = space_comparison.DECISION


@dataclass(frozen=True)
class Entry:
    """A space of the comparison: its file, itself at the common clip, and the text that puts it there, if any."""

    label: str
    file: Path
    space: Space
    wrapper: str = ""


def compare(
    spaces: list[str],
    flags: dict[str, Any],
    *,
    trials: int,
    device: str,
    workers: int,
    imports: tuple[str, ...],
    console: Console,
) -> None:
    """Train `trials` networks of each space, then compare their errors; the same command goes on where it stopped.

    `flags` are those of a search: budget, seed, data.path, and `study`, the recipe that says all else (default motion).
    Writes compare.html, networks.csv, spaces.csv, differences.csv and decisions.csv into studies/compare-<names>.
    Raises NasError for fewer than two spaces, too few trials, and spaces without networks of equal cost.
    """
    if trials < FEWEST:
        problem = f"{count(trials, 'network')} of each space are too few, at least {FEWEST} are needed"
        raise NasError(problem, where="--trials", fix="100 tell differences of a few percent")
    base = _base(flags, trials)
    entries, clip = _at_one_clip(_files(spaces))
    for entry in entries:
        if base.timed:
            costing.begin(entry.space, base.limits, base.latency, console)
        _require_feasible(entry, clip, base)
    folder = Path("studies") / "-".join(["compare", *sorted(entry.label for entry in entries), *_budget(base)])
    try:
        with preparation(console) as progress:
            session.prepare(base, progress)  # before anything is written
    except KeyboardInterrupt:
        sys.exit(run.INTERRUPTED)
    for entry in entries:
        _write_recipe(folder, entry, base)
    _tell(folder, entries, clip, base, console)
    for entry in entries:
        more = {"trials": trials, "data.path": flags.get("data.path")}
        run.search(str(folder / entry.label), more, Means(device, workers, imports), console=console)
    _report(folder, [entry.label for entry in entries], clip, console)


def _base(flags: Mapping[str, Any], trials: int) -> Recipe:
    """The recipe of all studies but for the space: uniform, nothing stopped, no known networks first."""
    given = {name: value for name, value in flags.items() if value is not None}
    found = recipe.load(content.find(given.pop("study", session.DEFAULT), "studies"))
    sample = {"sampler": {"kind": "uniform"}, "stopping": {}, "start_from": [], "trials": trials}
    return session.overlaid(found, sample | given)


def _budget(base: Recipe) -> list[str]:
    return base.budget.split(",") if base.budget else []


def _files(spaces: Sequence[str]) -> dict[str, Path]:
    """The spaces' files by their names; raises NasError for fewer than two, and for two of one name."""
    found: dict[str, Path] = {}
    for name in spaces:
        path = content.find(name, "space")
        if other := found.get(path.stem):
            same = other.resolve() == path.resolve()
            problem = "is named twice" if same else f"has the name of {other}"
            raise NasError(problem, where=name, fix="name two different spaces" if same else "rename one of them")
        found[path.stem] = path
    if len(found) < 2:
        raise NasError("one space has nothing to be compared with", where=" ".join(spaces), fix="name two or more")
    return found


def _at_one_clip(found: Mapping[str, Path]) -> tuple[list[Entry], Clip]:
    """All spaces at the smallest of their clips."""
    read = {label: space_files.load(path) for label, path in found.items()}
    clips = {label: _clips(space) for label, space in read.items()}
    common = min(set().union(*clips.values()), key=lambda clip: (clip.frames * clip.size**2, clip.frames))
    entries = [
        Entry(label, path, read[label]) if clips[label] == {common} else _put_at(label, path, common)
        for label, path in found.items()
    ]
    for place, one in enumerate(entries):
        for other in entries[:place]:
            if one.space.fingerprint == other.space.fingerprint:
                raise NasError(f"is the same space as {other.file}", where=str(one.file), fix="name two different ones")
    return entries, common


def _clips(space: Space) -> set[Clip]:
    """The clips at which a space counts its costs: one, but for spaces that choose between whole networks."""
    rng = Random(0)
    draws = (Proposal(space.draw(rng)) for _ in range(DRAWS))
    found = {candidate.genotype.input for candidate in islice(valid(draws, space, Dropped()), LOOKED_AT)}
    if not found:
        raise NasError(f"none of {DRAWS:,} draws describes a network", where=space.name, fix="see nas check")
    return found


def _put_at(label: str, path: Path, clip: Clip) -> Entry:
    """The space at another clip; its decisions get the file's name in front."""
    put = f"{{input: {{frames: {clip.frames}, size: {clip.size}}}}}"
    text = f"# {path.name} with its costs at the clip of the comparison\n!include {{file: {path.name}, with: {put}}}\n"
    try:
        return Entry(label, path, space_files.parse(text, name=str(path.parent / _wrapper(label, clip))), text)
    except NasError as error:
        problem = f"counts costs at another clip than {clip}, and cannot be put there: {error.problem}"
        raise NasError(problem, where=str(path), fix="give all spaces one `input`") from None


def _wrapper(label: str, clip: Clip) -> str:
    return f"{label}-{clip}.yaml"


def _write_recipe(folder: Path, entry: Entry, base: Recipe) -> None:
    """The study.yaml of one space, and its file at the common clip; raises NasError where others stand there."""
    own = folder / entry.label / "study.yaml"
    wanted = base.model_copy(update={"space": str(_placed(folder, entry))})
    if own.exists():
        lines = recipe.differences(recipe.to_plain(recipe.load(own)), recipe.to_plain(wanted))
        if changed := [line for line in lines if not line.startswith(session.FREE)]:
            problem = f"the comparison was started with another recipe: {'; '.join(changed)}"
            raise NasError(problem, where=str(folder), fix="undo the change, or move the folder away")
        return
    _make(own.parent)
    files.write(own, recipe.to_yaml(wanted).encode())


def _placed(folder: Path, entry: Entry) -> Path:
    """Where the study finds its space: its own file, or beside the studies one that includes a copy of it."""
    if not entry.wrapper:
        return entry.file
    copy = folder / entry.file.name
    _make(folder)
    if not copy.exists():
        files.write(copy, entry.file.read_bytes())
    elif space_files.load(copy).fingerprint != space_files.load(entry.file).fingerprint:
        fix = f"undo the change (its copy is {copy}), or move the folder away"
        raise NasError("has changed since the comparison was started", where=str(entry.file), fix=fix)
    placed = folder / Path(entry.space.name).name
    files.write(placed, entry.wrapper.encode())
    return placed


def _require_feasible(entry: Entry, clip: Clip, base: Recipe) -> None:
    try:
        require_feasible(entry.space, base.limits)
    except NasError as error:
        raise NasError(error.problem, where=f"{entry.file} at {clip}", fix=error.fix) from None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NasError(f"cannot be written: {error.strerror}", where=str(folder)) from None


def _tell(folder: Path, entries: Sequence[Entry], clip: Clip, base: Recipe, console: Console) -> None:
    names = ", ".join(entry.label for entry in entries)
    budget = f"within {base.budget}" if base.budget else "without a budget"
    say(console, f"{folder}: {names}, {base.trials} networks each, drawn uniformly {budget}, costs of one {clip} clip")
    if moved := [entry.label for entry in entries if entry.wrapper]:
        say(console, f"put at that clip, which is not their own: {', '.join(moved)}")


def _report(folder: Path, labels: Sequence[str], clip: Clip, console: Console) -> None:
    """The comparison of all networks, on screen and in files."""
    opened = {label: studies.open_study(folder / label) for label in labels}
    frame = _networks(opened, clip)
    seed = next(iter(opened.values())).recipe.seed
    files.write(folder / "networks.csv", frame.to_csv(index=False).encode())
    try:
        weighted = space_comparison.weights(frame)
    except NasError as error:
        told = f"{error.problem} ({_ranges(frame)}); the networks are in {folder}/networks.csv"
        raise NasError(told, where=str(folder), fix="ask for more --trials, or for another --budget") from None
    found = {
        "spaces": space_comparison.balance(weighted),
        "differences": space_comparison.differences(weighted, seed=seed),
        "decisions": space_comparison.decisions(weighted, seed=seed),
    }

    def show(where: Console) -> None:
        space_comparison_card.show(*found.values(), where)

    show(console)
    for name, table in {"networks": weighted, **found}.items():
        files.write(folder / f"{name}.csv", table.to_csv(index=False).encode())
    figure = error_distribution(space_comparison.edf(weighted, seed=seed), found["differences"])
    figures_page.write(folder / "compare.html", " against ".join(labels), [(figure, show)])
    say(console, f"wrote {folder}/compare.html, networks.csv, spaces.csv, differences.csv and decisions.csv")


def _networks(opened: Mapping[str, Study], clip: Clip) -> pd.DataFrame:
    """One row a network that ended, as `nas.space_comparison` takes them."""
    rows = [
        {
            "space": label,
            "trial": trial.number,
            "key": trial.key,
            "error": float("nan") if trial.accuracy is None else 1 - trial.accuracy,
            "gflops": trial.cost.macs / 1e9,
            **{f"{DECISION}{name.removeprefix(f'{label}.')}": value for name, value in trial.record.items()},
        }
        for label, study in opened.items()
        for trial in study.trials()
        if trial.state in ("complete", "failed")
    ]
    table = pd.DataFrame(rows)
    for name in table.columns[table.columns.str.startswith(DECISION)]:
        table[name] = table[name].convert_dtypes()  # whole numbers stay whole where another network has none
    table.attrs = _facts(opened, clip)
    return table


def _facts(opened: Mapping[str, Study], clip: Clip) -> dict[str, Any]:
    """What all studies have in common; raises NasError where they were trained on different videos."""
    first, *others = opened.values()
    for other in others:
        if other.attributes["data"] != first.attributes["data"]:
            problem = f"was trained on other videos than {first.folder}"
            raise NasError(problem, where=str(other.folder), fix="move one of them away, and name the data by --data")
    return {"dataset": first.attributes.get("dataset", ""), "proxy": str(first.recipe.proxy), "clip": str(clip)}


def _ranges(frame: pd.DataFrame) -> str:
    """From how many GFLOPs to how many each space has networks."""
    known = frame[frame["error"].notna()].groupby("space", sort=False)["gflops"]
    told = [f"{name} has {len(part)} of {part.min():.3g} to {part.max():.3g} GFLOPs" for name, part in known]
    return ", ".join(told) or "no training had a result"
