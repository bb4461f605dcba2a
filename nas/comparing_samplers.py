"""`nas compare --samplers`: searches on known accuracies, many times each, and what hypervolume they reach when.

The accuracies are those of a table, or made up over a space of any size (another random function each repeat). Results
are kept search by search, so a killed comparison goes on where it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from nas import comparison, content, figures_page, files, recipe, session, table, user_blocks
from nas import space as spaces
from nas.console import count, say
from nas.data.pool import settle
from nas.driving import LOCK, driving
from nas.errors import NasError
from nas.preparation import preparation
from nas.recipe import Recipe
from nas.run import INTERRUPTED
from nas.search import registry
from nas.search.propose import require_feasible
from nas.versions import versions

if TYPE_CHECKING:
    import pandas as pd

NO_STOPPING = ", no stopping"
LEVEL_AT = 150  # trials after which the best of the other samplers sets the level for the front sampler
RUNS, IDENTITY = "runs.csv", "comparison.yaml"


@dataclass(frozen=True)
class Search:
    """One search of a comparison, told so that another process can run it."""

    label: str
    repeat: int
    recipe: dict[str, Any]
    trials: int
    table: str  # its file, or nothing for made-up accuracies
    imports: tuple[str, ...] = ()


def compare(
    target: str,
    samplers: list[str],
    *,
    engine: str,
    given: str | None,
    study: str | None,
    flags: dict[str, Any],
    repeats: int,
    trials: int,
    stopping: str,
    workers: int,
    imports: tuple[str, ...],
    console: Console,
) -> None:
    """Compare samplers on a space; writes figure, tables and every trial into a folder under studies/."""
    path = content.find(target, "space")
    told = {name: value for name, value in flags.items() if value is not None}
    wanted = session.overlaid(session.recipe_for(path, study), told)
    if stopping == "off":
        wanted = _unstopped(wanted)
    labelled = dict(_labelled(wanted, samplers, stopping))
    space = spaces.load(path)
    require_feasible(space, wanted.limits)
    known = _table(given, space, wanted) if engine == "table" else None
    folder = Path("studies") / f"compare-{path.stem}-{engine}"
    file = str(known.path) if known else ""
    searches = [
        Search(label, repeat, _seeded(own, wanted.seed + repeat), trials, file, imports)
        for repeat in range(repeats)
        for label, own in labelled.items()
    ]
    with files.tidied(folder, LOCK), driving(folder):
        try:
            runs = _all(folder, searches, _identity(wanted, space, known, engine, trials), workers, console)
        except KeyboardInterrupt:
            say(console, "interrupted: every finished search is kept, and the same command goes on")
            sys.exit(INTERRUPTED)
        source = f"accuracies of {_source(known, space)}"
        _report(folder, runs, wanted, known, source, console)


def _table(given: str | None, space: spaces.Space, wanted: Recipe) -> table.Table:
    known = table.load(table.find(space.name, given))
    known.require(space, wanted)
    return known


def _labelled(wanted: Recipe, samplers: list[str], stopping: str) -> Iterator[tuple[str, Recipe]]:
    """Each sampler with its recipe; with `both`, a second time without early stopping."""
    for kind in samplers:
        registry.require(kind, "--samplers")
    if not wanted.stopping.rungs and stopping == "both":
        problem = "the recipe has no rungs, so there is no early stopping to compare"
        raise NasError(problem, where="--stopping", fix="write stopping.rungs into the study's recipe")
    for kind in samplers:
        own = wanted.model_copy(update={"sampler": wanted.sampler.model_copy(update={"kind": kind})})
        yield kind, own
        if stopping == "both":
            yield kind + NO_STOPPING, _unstopped(own)


def _unstopped(own: Recipe) -> Recipe:
    return own.model_copy(update={"stopping": own.stopping.model_copy(update={"rungs": ()})})


def _seeded(own: Recipe, seed: int) -> dict[str, Any]:
    return recipe.to_plain(own.model_copy(update={"seed": seed}))


def run(search: Search) -> list[dict[str, Any]]:
    """The trials of one search, as rows of `comparison.trajectories`."""
    for file in search.imports:
        user_blocks.load(file)
    from nas.search.simulate import simulate

    wanted = Recipe.model_validate(search.recipe)
    space = spaces.load(content.find(wanted.space, "space"))
    curve, truth = _known(search, space, wanted)
    rows = []
    for trial in simulate(wanted, space, curve, trials=search.trials):
        costs = {name: trial.value(name) for name in wanted.objectives if name != "accuracy"}
        told = {"sampler": search.label, "repeat": search.repeat, "number": trial.number, "state": trial.state}
        rows.append(told | {"epochs": len(trial.curve), "truth": truth(trial), **costs, "key": trial.key})
    return rows


def _known(search: Search, space: spaces.Space, wanted: Recipe) -> tuple[Callable, Callable]:
    """What training would give, and what each network is truly worth."""
    if search.table:
        known = table.load(Path(search.table))
        return known.curve, lambda trial: known.networks[trial.key].accuracy
    from nas.search.surrogate import Surrogate

    made_up = Surrogate(space, search.repeat, epochs=wanted.proxy.train.epochs)
    return made_up.curve, lambda trial: made_up.accuracy(trial.record)


def _all(folder: Path, searches: list[Search], identity: dict, workers: int, console: Console) -> pd.DataFrame:
    """The rows of all searches: those on file, and the others as they come."""
    import pandas as pd

    done = _kept(folder, identity)
    have = set(map(tuple, done[["sampler", "repeat"]].drop_duplicates().to_numpy())) if len(done) else set()
    wanted = {(search.label, search.repeat) for search in searches}
    missing = [search for search in searches if (search.label, search.repeat) not in have]
    say(console, f"{folder}: {len(searches):,} searches, {len(missing):,} to go")
    parts = [done]
    with preparation(console) as progress:
        for number, rows in enumerate(_each(missing, workers), 1):
            parts.append(pd.DataFrame(rows))
            _keep(folder, pd.concat(parts), identity)
            progress(number, len(missing), "searches")
    runs = pd.concat(parts, ignore_index=True)
    return runs[[pair in wanted for pair in zip(runs["sampler"], runs["repeat"], strict=True)]]


def _each(searches: list[Search], workers: int) -> Iterator[list[dict[str, Any]]]:
    if workers == 1:
        yield from map(run, searches)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=settle) as pool:
        left = {pool.submit(run, search) for search in searches}
        try:
            while left:
                ended, left = wait(left, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ended)
        except BrokenProcessPool:
            fix = "the same command goes on; fewer --workers need less memory"
            raise NasError("a worker process died", fix=fix) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children() if left else ():
                child.kill()


def _identity(wanted: Recipe, space: spaces.Space, known: table.Table | None, engine: str, trials: int) -> dict:
    """What all searches of a folder have in common."""
    told = recipe.to_plain(wanted)
    told["sampler"].pop("kind")
    told.pop("trials")
    about = {"versions": versions()}
    if known:
        trainings = sum(len(one.trainings) for one in known.networks.values())
        about["table"] = {"networks": len(known.networks), "trainings": trainings, "videos": known.about["videos"]}
    return {"engine": engine, "trials": trials, "space": space.fingerprint, "recipe": told, **about}


def _kept(folder: Path, identity: dict) -> pd.DataFrame:
    """The searches on file; raises NasError where they are of another comparison."""
    import pandas as pd

    from nas import strict_yaml

    if not (folder / RUNS).exists():
        return pd.DataFrame()
    was = strict_yaml.plain(strict_yaml.read(folder / IDENTITY))
    if changed := recipe.differences(was, strict_yaml.plain(strict_yaml.parse(strict_yaml.dump(identity)))):
        fix = "move the folder away, or ask for the same again"
        raise NasError(f"holds another comparison: {'; '.join(changed[:4])}", where=str(folder), fix=fix)
    return pd.read_csv(folder / RUNS)


def _keep(folder: Path, runs: pd.DataFrame, identity: dict) -> None:
    from nas import strict_yaml

    files.write(folder / IDENTITY, strict_yaml.dump(identity).encode())
    files.write(folder / RUNS, runs.to_csv(index=False).encode())


def _source(known: table.Table | None, space: spaces.Space) -> str:
    if known:
        return f"the {len(known.networks)} networks of {known.path}"
    return f"a made-up function over {Path(space.name).name}, another one each repeat"


def _report(folder: Path, runs, wanted: Recipe, known, source: str, console: Console) -> None:
    """Tables on screen, the figure and its numbers on file."""
    import pandas as pd

    from nas import comparison_card as card
    from nas.plots.hypervolume_over_trials import hypervolume_over_trials

    if known:
        found = comparison.trajectories(runs, wanted.objectives, known.frame(wanted.limits))
    else:  # each repeat is another function, so each has a hypervolume of its own
        parts = [comparison.trajectories(own, wanted.objectives, None) for _, own in runs.groupby("repeat")]
        found = pd.concat(parts, ignore_index=True)
        found.attrs = parts[0].attrs
    told = comparison.summary(found)
    told.attrs |= {"source": source}
    whole = found.attrs["whole"]
    say(console, f"{source}; {count(runs['repeat'].nunique(), 'repeat')}, objectives {', '.join(wanted.objectives)}")
    needed = comparison.needed(found)

    def tables(page: Console) -> None:
        page.print(card.levels_table(needed, whole=whole))
        for one in _faster(found, whole):
            page.print(one)

    tables(console)
    figure = hypervolume_over_trials(told, title=f"Samplers on {Path(wanted.space).stem}")
    figures_page.write(folder / "comparison.html", f"{Path(wanted.space).stem}: samplers", [(figure, tables)])
    files.write(folder / "levels.csv", needed.to_csv(index=False).encode())
    files.write(folder / "curves.csv", told.to_csv(index=False).encode())
    say(console, f"wrote {folder}/comparison.html, levels.csv, curves.csv and {RUNS}")


def _faster(found: pd.DataFrame, whole: str) -> Iterator[Any]:
    """What the front sampler needs of what others need, and what stopping saves, where both were run."""
    from nas import comparison_card as card

    labels = set(found["sampler"])
    if "front" in labels and labels - {label for label in labels if label.startswith("front")}:
        at = min(LEVEL_AT, int(found["trials"].max()))  # a small space is trained to its end before that
        yield card.speedup_table(comparison.speedup(found, "front", at=at), whole=whole)
    for label in sorted(labels):
        if label + NO_STOPPING in labels:
            yield card.stopping_table(comparison.stopping(found, label, label + NO_STOPPING), whole=whole)
