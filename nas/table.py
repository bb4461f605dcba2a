"""A table of trained networks: every genotype of a small space, several trainings each, in one Parquet file.

One row a network: key, record, exact costs, training-free scores, and for each seed the rows of its training. What the
table is of (space, proxy, data, versions) stands in the file's metadata, so it is never replayed for another study.
A training's seed is that of a search with the recipe's seed plus 0, 1, ...: the table gives what that search would get.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from nas import content, files, recipe
from nas.data_settings import DataSettings
from nas.errors import NasError
from nas.recipe import ProxySettings, Recipe
from nas.seeds import seed_for
from nas.space import Space
from nas.trial import Trial
from nas.units import SHOWN, Budget

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
NAME = "table.parquet"
COSTS = ("macs", "params", "weights", "interactions", "activations", "norm_elements", "depth")
CURVE = ("val_accuracy", "val_loss", "train_loss", "train_error", "seconds")  # of each epoch of each training
SAME = ("space", "proxy", "data")  # what a study must have in common with its table


@dataclass
class Network:
    """A row: a network, and its trainings by seed (an empty list: it failed)."""

    key: str
    record: dict[str, Any]
    cost: dict[str, int]
    summary: str
    trainings: dict[int, list[dict[str, float]]] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def accuracy(self) -> float:
        """The mean over its trainings of the accuracy after the last epoch; NaN where there is none."""
        last = [rows[-1]["val_accuracy"] for rows in self.trainings.values() if rows]
        return sum(last) / len(last) if last else float("nan")


@dataclass
class Table:
    """Networks by key, what they are trained as (`about`), and the file they stand in."""

    path: Path
    about: dict[str, Any]
    networks: dict[str, Network] = field(default_factory=dict)

    def curve(self, trial: Trial, seed: int) -> list[dict]:
        """The rows of a trial's training: of that seed, or of one of the others that stands for it.

        None are those of a failed training. Raises NasError for a network that the table lacks.
        """
        network = self.networks.get(trial.key)
        if network is None or not network.trainings:
            what = f"trial {trial.number} ({trial.key[:12]})" if network is None else network.summary
            fix = f"run nas tabulate {self.about['space_name']} to complete it"
            raise NasError(f"lacks {what}", where=str(self.path), fix=fix)
        own = {seed_for(self.about["seed"] + index, "training", trial.key): index for index in network.trainings}
        indices = sorted(network.trainings)
        return network.trainings[own.get(seed, indices[seed % len(indices)])]

    def require(self, space: Space, wanted: Recipe) -> None:
        """Raise NasError, with the differences, unless the table is of this space, proxy and data."""
        asked = about(space, wanted)
        if asked["space"] != self.about["space"]:
            problem = f"is of another space than {space.name} (it was made from {self.about['space_name']})"
            raise NasError(problem, where=str(self.path), fix="make one by nas tabulate, or name another by --table")
        was = _renewed(self.about)
        changed = recipe.differences({k: was[k] for k in SAME}, {k: asked[k] for k in SAME})
        if changed:
            fix = "use the table's settings, or make another table by nas tabulate"
            raise NasError(f"was made with another recipe: {'; '.join(changed)}", where=str(self.path), fix=fix)

    def frame(self, budget: Budget) -> pd.DataFrame:
        """One row a network within the budget that has a training: key, truth (mean final accuracy), costs, scores,
        decisions.
        """
        import pandas as pd

        rows = []
        for one in self.networks.values():
            counted = SimpleNamespace(**one.cost)
            if one.accuracy == one.accuracy and budget.fits(counted):
                costs = {unit.name: unit.of(counted) for unit in SHOWN}
                told = {f"decision.{name}": label for name, label in one.record.items()}
                rows.append({"key": one.key, "truth": one.accuracy, **costs, **one.scores, **told})
        return pd.DataFrame(rows)

    def save(self) -> None:
        """Write the file, whole or not at all."""
        import pyarrow
        import pyarrow.parquet

        scores = dict.fromkeys(name for one in self.networks.values() for name in one.scores)
        table = pyarrow.Table.from_pylist([_row(one, scores) for one in self.networks.values()])
        table = table.replace_schema_metadata({"nas": json.dumps({"schema": SCHEMA, **self.about})})
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(table, buffer, compression="zstd")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        files.write(self.path, buffer.getvalue())


def load(path: Path) -> Table:
    """Read a table; raises NasError for a file that is none, or a newer one."""
    import pyarrow
    import pyarrow.parquet

    try:
        found = pyarrow.parquet.read_table(path)
        told = json.loads((found.schema.metadata or {})[b"nas"])
    except FileNotFoundError:
        raise NasError("no such table", where=str(path), fix="make one by nas tabulate SPACE") from None
    except (OSError, ValueError, KeyError, pyarrow.ArrowException):
        raise NasError("is no table of trained networks, or is damaged", where=str(path)) from None
    if told.pop("schema") > SCHEMA:
        raise NasError("was written by a newer version", where=str(path), fix="update video-nas")
    return Table(path, told, {row["key"]: _network(row) for row in found.to_pylist()})


def find(space_name: str, given: str | None = None) -> Path:
    """The table of a space: the one that is `given`, or studies/<space>/table.parquet where content lies."""
    if given:
        return Path(given)
    own = Path("studies") / Path(space_name).stem / NAME
    looked = [root / own for root in content.places()]
    if found := next((path for path in looked if path.is_file()), None):
        return found
    fix = f"make one by nas tabulate {space_name}, or name one by --table"
    raise NasError(f"there is no table of this space (looked for {own})", where=space_name, fix=fix)


def about(space: Space, wanted: Recipe) -> dict[str, Any]:
    """What decides a table's accuracies, as plain data."""
    told = recipe.to_plain(wanted)
    data = {"path": Path(told["data"]["path"]).name, "pack": told["data"]["pack"], "motion": told["data"]["motion"]}
    return {
        "space": space.fingerprint,
        "space_name": f"space/{Path(space.name).stem}.yaml",
        "proxy": told["proxy"],
        "data": data,
        "seed": wanted.seed,
    }


def _renewed(about: dict[str, Any]) -> dict[str, Any]:
    """What was written of a table earlier, with the settings that were added since at their defaults."""
    told = recipe.to_plain(DataSettings.model_validate(about["data"]))
    proxy = recipe.to_plain(ProxySettings.model_validate(about["proxy"]))
    return {**about, "proxy": proxy, "data": {name: told[name] for name in ("path", "pack", "motion")}}


def _row(one: Network, names: Iterable[str]) -> dict[str, Any]:
    """A row with all the scores that any network has: pyarrow takes the columns of the first row for those of all."""
    seeds = sorted(one.trainings)
    curves = {name: [[float(row[name]) for row in one.trainings[seed]] for seed in seeds] for name in CURVE}
    scores = {f"score.{name}": one.scores.get(name) for name in names}
    told = {"key": one.key, "record": json.dumps(one.record), "summary": one.summary}
    return {**told, **one.cost, **scores, "seeds": seeds, **curves}


def _network(row: dict[str, Any]) -> Network:
    trainings = {}
    for place, seed in enumerate(row["seeds"]):
        columns = [row[name][place] for name in CURVE]
        trainings[seed] = [
            {"epoch": epoch, **dict(zip(CURVE, values, strict=True))}
            for epoch, values in enumerate(zip(*columns, strict=True), 1)
        ]
    prefix = "score."
    scores = {k.removeprefix(prefix): v for k, v in row.items() if k.startswith(prefix) and v is not None}
    counted = {name: row[name] for name in COSTS}
    return Network(row["key"], json.loads(row["record"]), counted, row["summary"], trainings, scores)
