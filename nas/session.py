"""From what a user asks for to an open study and its data: recipes, flags, resuming, packs."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas import content, recipe, space, user_blocks
from nas import study as studies
from nas.data_settings import DataSettings
from nas.errors import NasError
from nas.recipe import Recipe, RetrainSettings
from nas.schema import SchemaError, validate
from nas.search.propose import require_feasible
from nas.space import Space
from nas.study import Study
from nas.versions import versions

if TYPE_CHECKING:
    from nas.data.pack import Pack
    from nas.preparation import Preparation
    from nas.search.start import Start
    from nas.sources import Source
    from nas.storage.address import Address

DEFAULT = "motion"  # the study whose recipe fills what flags leave open
# settings that may change between two runs of one study; space and videos are compared by their content
FREE = ("trials: ", "space: ", "data.path: ", "cluster.", "guard.", "retrain.")


@dataclass(frozen=True)
class Request:
    """A study folder, what its study.yaml says, and what flags add."""

    folder: Path
    base: Recipe
    flags: dict[str, Any]

    @property
    def recipe(self) -> Recipe:
        """The recipe with the flags in it; raises NasError for a flag that does not fit."""
        return overlaid(self.base, self.flags)


def request(target: str | None, flags: dict[str, Any]) -> Request:
    """What `nas search [TARGET] [flags]` asks for; raises NasError when target or space are not found."""
    flags = {name: value for name, value in flags.items() if value is not None}
    if target is None and "space" not in flags:
        target = DEFAULT
    if target is not None:
        folder = _folder(target)
        return Request(folder, _recipe_of(folder, target), flags)
    base = overlaid(recipe.load(content.find(DEFAULT, "studies")), flags)
    name = "-".join([Path(base.space).stem, *(base.budget.split(",") if base.budget else [])])
    folder = Path("studies") / name
    if (folder / "study.yaml").exists():
        base = recipe.load(folder / "study.yaml")
    return Request(folder, base, flags)


def recipe_for(space: Path, study: str | None = None) -> Recipe:
    """The recipe of a study that is named, or of the space's own name, or the default one; with this space in it.

    Raises NasError for a named study that is not found.
    """
    return recipe.load(recipe_file(space, study)).model_copy(update={"space": str(space)})


def recipe_file(space: Path, study: str | None = None) -> Path:
    """Where `recipe_for` finds it."""
    try:
        return content.find(study or space.stem, "studies")
    except NasError:
        if study:
            raise
        return content.find(DEFAULT, "studies")


def begun(asked: Request, address: Address | None) -> tuple[Study, Space] | None:
    """The study of the folder, or the one of its name that another driver began in the database; None: none yet."""
    if studies.exists(asked.folder):
        return resume(asked)
    study = studies.beside(asked.folder, address)
    if study is None:
        return None
    _, found = resume(asked, study)
    studies.join(study, address, found)
    return study, found


def resume(asked: Request, study: Study | None = None) -> tuple[Study, Space]:
    """The study that was started in the folder, if nothing that decides its trials has changed.

    Raises NasError with the differences in recipe, budget or space.
    """
    study = study or studies.open_study(asked.folder)
    user_blocks.require(study.attributes.get("imports", {}), str(asked.folder), same=True)
    base = Recipe.model_validate(study.attributes["base"])  # read anew: fields added since have their defaults
    changed = recipe.differences(recipe.to_plain(base), recipe.to_plain(asked.base))
    flagged = recipe.to_plain(overlaid(study.recipe, asked.flags))
    changed += recipe.differences(recipe.to_plain(study.recipe), flagged)
    free = FREE if study.recipe.timed else (*FREE, "latency.")
    changed = [line for line in dict.fromkeys(changed) if not line.startswith(free)]
    if changed:
        raise NasError(
            f"the study was started with another recipe: {'; '.join(changed)}",
            where=str(asked.folder),
            fix="undo the change, or search into another folder",
        )
    return study, _space_of(study, asked.recipe.space)


def retraining(study: Study) -> RetrainSettings:
    """How picks are retrained: as study.yaml says now, since that decides no trial; else as it did at the start."""
    own = study.folder / "study.yaml"
    return recipe.load(own).retrain if own.exists() else study.recipe.retrain


def wanted(study: Study, asked: Request) -> Recipe:
    """The study's recipe, with the videos where flags, a changed study.yaml, or the study itself say, in this order."""
    was = study.attributes["base"]["data"]["path"]
    now = asked.base.data.path
    path = asked.flags.get("data.path") or (now if now != was else study.recipe.data.path)
    return study.recipe.model_copy(update={"data": study.recipe.data.model_copy(update={"path": path})})


def open_space(wanted: Recipe, measure: Callable[[Space], None] | None = None) -> Space:
    """The recipe's space, with what `measure` does to it; raises NasError when nothing in it meets the budget."""
    found = space.load(content.find(wanted.space, "space"))
    if measure:
        measure(found)
    require_feasible(found, wanted.limits)
    return found


def start(
    asked: Request,
    found: Space,
    source: Source,
    known: list[Start],
    latency: str = "",
    address: Address | None = None,
) -> tuple[Study, Space]:
    """A new study in the folder, which trains the `known` networks first; `latency` says on what it was measured.

    Where another driver began it in the database at `address` just now, it is that one.
    """
    facts = {
        "imports": user_blocks.loaded(),
        "starts": [{"name": one.name, "record": one.record} for one in known],
        "data": source.videos,
        "engine": source.kind,
        "metric": source.metric,
        "versions": versions(),
        "skipped_videos": source.skipped,
        "dataset": dataset(asked.recipe.data),
        **({"latency": latency} if latency else {}),
    }
    try:
        return studies.create(asked.folder, asked.recipe, asked.base, found, facts, address), found
    except studies.Taken:
        return begun(asked, address)


def check_source(study: Study, source: Source) -> None:
    """Raise NasError when the accuracies would not come from where the study's first ones came from."""
    was = study.attributes.get("engine", "train")
    if was != source.kind:
        problem = f"was started with --engine {was}, not {source.kind}"
        raise NasError(problem, where=str(study.folder), fix="name the same, or search into another folder")
    if study.attributes["data"] != source.videos:
        raise NasError(
            f"the videos differ from those the study was started on ({source.told} now)",
            where=str(study.folder),
            fix="name the former data, or search into another folder",
        )


def prepare(wanted: Recipe, preparation: Preparation, *, workers: int | None = None) -> Pack:
    """The packed videos of a recipe: generated, listed and decoded where that was not done yet.

    `preparation` is told how far that is, and what its user should know of the videos.
    """
    from nas.data.packing import untrained
    from nas.packed import packed

    flips = [clip.flip for clip in (wanted.proxy.clip, wanted.retrain.clip)]
    _, made = packed(wanted.data, preparation, flips=flips, workers=workers)
    if untaught := untrained(made.task, made.train.labels, made.val.labels):
        preparation.note(untaught)
    return made


def dataset(data: DataSettings) -> str:
    """The name of the data: that of their folder or list, not its path."""
    return Path(data.path or os.environ.get("NAS_DATA", "")).expanduser().resolve().stem


def _folder(target: str) -> Path:
    path = Path(target)
    if path.is_file():
        raise NasError("is a file, a study is a folder", where=target, fix="name the folder, such as studies/motion")
    return path if path.exists() or os.sep in target else Path("studies") / target


def _recipe_of(folder: Path, target: str) -> Recipe:
    own = folder / "study.yaml"
    if studies.exists(folder) and not own.exists():
        return Recipe.model_validate(studies.open_study(folder).attributes["base"])
    return recipe.load(own if own.exists() else content.find(target.rstrip("/"), "studies"))


def overlaid(base: Recipe, flags: dict[str, Any]) -> Recipe:
    told = recipe.to_plain(base)
    for name, value in flags.items():
        section, _, key = name.rpartition(".")
        (told[section] if section else told)[key] = value
    try:
        return validate(Recipe, told)
    except SchemaError as error:
        flagged = error.path[1:2] if error.path[1:2] == ("screen",) else error.path[:1]
        flag = f"--{flagged[0]}".replace("_", "-") if flagged else ""
        raise NasError(error.problem, where=flag, fix=error.fix) from None


def _space_of(study: Study, asked: str) -> Space:
    """The study's space, from its file or, where that is gone, from the study's own copy, or from the one `asked` for.

    The last one is that of a host which joins the study, where paths may be others.
    """
    copy = study.folder / "space.yaml"
    try:
        found = space.load(content.find(study.recipe.space, "space"))
    except NasError:
        if not copy.exists() and asked == study.recipe.space:
            raise
        found = space.load(copy if copy.exists() else content.find(asked, "space"))
    if found.fingerprint != study.attributes["space"]:
        raise NasError(
            f"the space is not the one the study was started with: {_changes(copy, Path(found.name))}",
            where=found.name,
            fix="undo the change, or search into another folder",
        )
    return found


def _changes(old: Path, new: Path) -> str:
    """The first lines that differ, in one line."""
    before, after = (path.read_text(encoding="utf-8").splitlines() if path.exists() else [] for path in (old, new))
    lines = [
        f"{line[0]} {' '.join(line[1:].split())}"
        for line in difflib.unified_diff(before, after, lineterm="", n=0)
        if line[:1] in "+-" and line[:3] not in ("+++", "---") and line[1:].strip()
    ]
    more = f" (and {len(lines) - 4} more lines)" if len(lines) > 4 else ""
    return " | ".join(lines[:4]) + more
