"""The search itself: propose, train, write down, until the recipe's number of trials is reached.

Everything that decides a trial follows from the study's seed and its finished trials, so a loop that was
killed and started again ends where an uninterrupted one would (with one worker).
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

from nas import genotype as genotypes
from nas.errors import NasError
from nas.genotype import Genotype
from nas.search import sampler as samplers
from nas.search.propose import Proposer
from nas.seeds import seed_for
from nas.space import Space
from nas.strict_yaml import parse, plain
from nas.study import Study, Trial
from nas.units import OBJECTIVES

MAX_ATTEMPTS = 3  # starts of one trial before it counts as failed
MAX_FAILURES = 5  # failed trials in a row before the search stops


class Evaluate(Protocol):
    """Trains one genotype: `proxy.evaluate` with everything but the genotype and the seed filled in."""

    def __call__(self, genotype: Genotype, *, seed: int, on_epoch: Callable, on_step: Callable) -> dict[str, Any]: ...


class Reporter(Protocol):
    """Whoever shows the search: the terminal, a log, nobody."""

    def started(self, trial: Trial, trials: list[Trial]) -> None: ...
    def step(self, done: int, total: int) -> None: ...
    def epoch(self, row: dict) -> None: ...
    def ended(self, trial: Trial, trials: list[Trial]) -> None: ...


def run(study: Study, space: Space, evaluate: Evaluate, reporter: Reporter, *, trials: int) -> str:
    """Search until `trials` trials are finished; returns why it stopped, in words.

    Raises NasError when trials fail one after the other. A KeyboardInterrupt passes through: the trial in
    training stays marked as running and is trained again by the next call.
    """
    recipe = study.recipe
    directions = tuple(OBJECTIVES[name] for name in recipe.objectives)
    sampler = samplers.make(recipe.sampler, space, directions)
    proposer = Proposer(space, recipe.limits, sampler, seed=recipe.seed)
    study.settle()
    while True:
        known = study.trials()
        _stop_if_hopeless(known)
        trial = next((trial for trial in known if trial.state == "running"), None)
        if trial is not None:
            study.retry(trial)
        elif len(known) >= trials:
            return f"all {trials} trials are done"
        else:
            trial = _next(study, space, proposer, known)
            if trial is None:
                return f"no network is left that fits the budget and was not trained: {len(known)} were"
            known = [*known, trial]
        reporter.started(trial, known)
        _train(study, trial, evaluate, reporter)
        known = study.trials()
        reporter.ended(known[trial.number], known)


def _next(study: Study, space: Space, proposer: Proposer, known: list[Trial]) -> Trial | None:
    started = perf_counter()
    proposed = proposer.next(len(known), study.observations(known), {trial.key for trial in known})
    if proposed is None:
        return None
    candidate, dropped = proposed.candidate, proposed.dropped
    number = study.add(
        candidate,
        space,
        genotype=genotypes.to_yaml(candidate.genotype),
        memo=candidate.memo,
        sampler=proposed.sampler,
        dropped={
            "invalid": dropped.invalid,
            "over_budget": dropped.over_budget,
            "repeated": dropped.repeated,
        },
        proposal_seconds=round(perf_counter() - started, 4),
    )
    return study.trials()[number]


def _train(study: Study, trial: Trial, evaluate: Evaluate, reporter: Reporter) -> None:
    if trial.attempts >= MAX_ATTEMPTS:
        study.fail(trial.number, f"the program died {trial.attempts} times while training it")
        return
    genotype = genotypes.parse(plain(parse(trial.genotype)))
    seed = seed_for(study.recipe.seed, "training", trial.key)
    try:
        outcome = evaluate(genotype, seed=seed, on_epoch=reporter.epoch, on_step=reporter.step)
    except NasError as error:
        study.fail(trial.number, str(error))
    except Exception as error:  # a fault of one network must not end the search; its place is on record
        place = traceback.extract_tb(error.__traceback__)[-1]
        study.fail(trial.number, f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})")
    else:
        study.complete(trial.number, outcome)


def _stop_if_hopeless(known: list[Trial]) -> None:
    last = [trial for trial in known if trial.state != "running"][-MAX_FAILURES:]
    if len(last) == MAX_FAILURES and all(trial.state == "failed" for trial in last):
        raise NasError(
            f"the last {MAX_FAILURES} trials failed; the last one: {last[-1].outcome.get('reason')}",
            fix="mend the cause and start a new study",
        )
