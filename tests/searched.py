"""A study on disk, searched in a second: its accuracies are made up, all else is real."""

from __future__ import annotations

from pathlib import Path

from nas import recipe, space, study
from nas.engines.known import Known
from nas.search import loop
from nas.search.simulate import Silent
from nas.search.surrogate import Surrogate
from nas.study import Study
from tests.spaces import TINY


def searched(folder: Path, trials: int = 20, *, name: str = "s", text: str = TINY, **settings) -> Study:
    """A study `name` in `folder` of a space in YAML; `settings` are those of its recipe."""
    path = folder / "tiny.yaml"
    path.write_text(text)
    found = space.load(path)
    told = {"space": str(path), "objectives": "accuracy,gflops", "sampler": {"kind": "uniform"}, **settings}
    wanted = recipe.validate(recipe.Recipe, told)
    opened = study.create(folder / name, wanted, wanted, found, {"data": "none"})
    search(opened, trials)
    return opened


def search(opened: Study, trials: int) -> None:
    """Go on until there are so many trials."""
    found = space.load(Path(opened.recipe.space))
    curve = Surrogate(found, 3, epochs=opened.recipe.proxy.train.epochs).curve
    loop.run(opened, found, Known(opened, curve), Silent(), trials=trials)
