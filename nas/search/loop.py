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

MAX_ATTEMPTS = 3  # starts of one trial that ended with the death of the program, before it counts as failed
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
    sampler = samplers.make(recipe.sampler, space, samplers.Goal(recipe.objectives, recipe.limits))
    starts = [start["record"] for start in study.attributes.get("starts", [])]
    proposer = Proposer(space, recipe.limits, sampler, seed=recipe.seed, starts=starts)
    study.settle()
    failures = 0  # in a row, in this run
    while True:
        known = study.trials()
        trial = next((trial for trial in known if trial.state == "running"), None)
        if trial is not None:
            trial = study.count_attempts(trial.number, trial.attempts + 1)
        elif len(known) >= trials:
            return f"all {trials} trials are done"
        else:
            trial = _next(study, space, proposer, known)
            if trial is None:
                return f"no untrained network that fits the budget was found any more: {len(known)} are trained"
            known = [*known, trial]
        reporter.started(trial, known)
        _train(study, trial, evaluate, reporter)
        known = study.trials()
        ended = known[trial.number]
        reporter.ended(ended, known)
        failures = failures + 1 if ended.state == "failed" else 0
        if failures == MAX_FAILURES:
            raise NasError(
                f"{failures} trials in a row failed; the last one: {ended.outcome['reason']}",
                fix="mend the cause and run the search again",
            )


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
    if trial.attempts > MAX_ATTEMPTS:
        study.fail(trial.number, f"the program died {MAX_ATTEMPTS} times while training it")
        return
    genotype = genotypes.parse(plain(parse(trial.genotype)))
    seed = seed_for(study.recipe.seed, "training", trial.key)
    try:
        outcome = evaluate(genotype, seed=seed, on_epoch=reporter.epoch, on_step=reporter.step)
    except KeyboardInterrupt:  # an orderly end: not the trial's fault
        study.count_attempts(trial.number, trial.attempts - 1)
        raise
    except NasError as error:
        study.fail(trial.number, str(error))
    except Exception as error:  # a fault of one network must not end the search; its place is on record
        place = traceback.extract_tb(error.__traceback__)[-1]
        study.fail(trial.number, f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})")
    else:
        study.complete(trial.number, outcome)
