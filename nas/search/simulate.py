"""A search in memory, on accuracies that are known beforehand: the same loop, wrappers and rungs, without a study.

For comparing samplers: from a table of trained networks (`nas.table`), or from made-up accuracies over a large space
(`nas.search.surrogate`), where hundreds of searches take minutes.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

from nas.engines.known import Curve, Known
from nas.recipe import Recipe
from nas.search import loop
from nas.search.sampler import Observation, observation
from nas.search.wrappers import Candidate
from nas.space import Space
from nas.trial import Trial


def simulate(recipe: Recipe, space: Space, curve: Curve, *, trials: int) -> list[Trial]:
    """The trials of a search with this recipe, in which `curve` knows what training would give (see `Known`)."""
    memory = Memory(recipe)
    loop.run(memory, space, Known(memory, curve), Silent(), trials=trials)
    return memory.trials()


class Memory:
    """A store that forgets: what `study.Study` is on disk."""

    driver = ""

    def __init__(self, recipe: Recipe):
        self.recipe, self.attributes = recipe, {}
        self.known: list[Trial] = []
        self.keys: set[str] = set()

    def trials(self) -> list[Trial]:
        """All trials by number."""
        return list(self.known)

    def trial(self, number: int) -> Trial:
        """One trial."""
        return self.known[number]

    def observations(self, trials, curves) -> list[Observation]:
        """Trials as samplers see them."""
        return [observation(trial, self.recipe.objectives, curves) for trial in trials]

    def add(self, candidate: Candidate, space: Space, *, limit: int, **attributes: Any) -> Trial:
        """A new trial."""
        told = {name: attributes[name] for name in ("genotype", "memo", "dropped", "sampler", "summary")}
        trial = Trial(len(self.known), "running", candidate.record, key=candidate.key, cost=candidate.cost, **told)
        self.known.append(trial)
        self.keys.add(trial.key)
        return trial

    def orphans(self, active: Collection[int]) -> list[Trial]:
        """Running trials that nobody trains."""
        return [trial for trial in self.known if trial.state == "running" and trial.number not in active]

    def take(self, number: int) -> Trial:
        """Nothing interrupts a simulation but its end."""
        return self.known[number]

    def release(self, number: int) -> None:
        """Nobody comes after."""

    def note(self, number: int, rows: list[dict[str, Any]]) -> None:
        """Nobody looks at a simulation."""

    def complete(self, number: int, outcome: dict[str, Any]) -> None:
        """A result."""
        self._end(number, "complete", outcome)

    def stop(self, number: int, outcome: dict[str, Any]) -> None:
        """A result at a rung."""
        self._end(number, "stopped", outcome)

    def fail(self, number: int, reason: str, told: dict[str, Any] | None = None) -> None:
        """No result."""
        self._end(number, "failed", {"reason": reason})

    def driven(self) -> AbstractContextManager[None]:
        """Nobody else looks."""
        return nullcontext()

    def _end(self, number: int, state: str, outcome: dict[str, Any]) -> None:
        self.known[number] = replace(self.known[number], state=state, outcome=outcome)


class Silent:
    """Shows nothing."""

    def started(self, trial: Trial, trials: list[Trial]) -> None: ...
    def step(self, number: int, done: int, total: int) -> None: ...
    def epoch(self, number: int, row: dict) -> None: ...
    def died(self, number: int, reason: str) -> None: ...
    def note(self, text: str) -> None: ...
    def ended(self, trial: Trial, trials: list[Trial]) -> None: ...
