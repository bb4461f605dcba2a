"""How much each decision matters for being among the best in each objective, by optuna's PED-ANOVA.

PED-ANOVA compares, for one decision at a time, the answers of the best tenth of the trials with all ("PED-ANOVA:
Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces", 2023). A decision that does not count in some
trials is judged by those in which it does, in proportion to how many of all and of the best these are ("Conditional
PED-ANOVA", 2026); that it does not count in the others adds nothing.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nas.pareto import Objective
from nas.plots import decisions, objectives

if TYPE_CHECKING:
    import optuna

# trials looked at, drawn with a fixed seed from more; and the fewest that say anything
TRIALS, FEWEST = 1500, 10
# share of the trials that are the best, and the fewest of them (as optuna advises)
BEST, BEST_TRIALS = 0.1, 5
FEW = 12  # different numbers that are taken as so many answers without an order


def importance(trials: pd.DataFrame, aims: Sequence[Objective]) -> pd.DataFrame:
    """One row a decision, a column an objective: shares of the importance of all decisions, from 0 to 1.

    `trials` are complete ones; those without an objective's value do not count for it. Decisions with a single answer
    are left out. attrs["trials"] says how many trials were looked at, attrs["best"] which share of them is the best.
    The table has no row where there are fewer than ten trials.

    >>> table = pd.DataFrame({"decision.a": range(40), "decision.b": [0, 1] * 20, "gflops": range(40)})
    >>> importance(table, [Objective("gflops", "min")])["gflops"].idxmax()
    'decision.a'
    """
    looked = trials if len(trials) <= TRIALS else trials.sample(TRIALS, random_state=0)
    asked = {name: _asked(looked[name]) for name in decisions.columns(looked)}
    asked = {name: one for name, one in asked.items() if one is not None}
    best = min(0.5, max(BEST, BEST_TRIALS / max(len(looked), 1)))
    found = {}
    if asked and len(looked) >= FEWEST:
        records = _records(looked, asked)
        found = {aim.name: _shares(records, objectives.values(looked, aim.name), aim, best) for aim in aims}
    table = pd.DataFrame(found, index=list(asked) if found else [], columns=[aim.name for aim in aims], dtype=float)
    table.attrs = {"trials": len(looked), "best": best}
    return table


def _asked(answers: pd.Series) -> tuple[list[Any], optuna.distributions.BaseDistribution] | None:
    """A decision's answers as optuna takes them, None where it does not count; None where all are the same."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    texts = decisions.labels(answers)
    different = decisions.ordered(texts)
    if len(different) < 2:
        return None
    numbers = decisions.numbers(answers)
    # a density over few numbers far apart would be peaks, which outweigh all else
    if len(different) <= FEW or numbers is None or not np.isfinite(numbers[~np.isnan(numbers)]).all():
        return [text or None for text in texts], CategoricalDistribution(different)
    known = numbers[~np.isnan(numbers)]
    values = [None if math.isnan(number) else number for number in numbers.tolist()]
    return values, FloatDistribution(float(known.min()), float(known.max()))


def _records(looked: pd.DataFrame, asked: dict) -> list[tuple[dict, dict]]:
    """The answers and distributions of each trial, of the decisions that count in it."""
    rows = zip(*(values for values, _ in asked.values()), strict=True)
    kinds = {name: kind for name, (_, kind) in asked.items()}
    records = [{name: value for name, value in zip(kinds, row, strict=True) if value is not None} for row in rows]
    return [(record, {name: kinds[name] for name in record}) for record in records]


def _shares(records: list[tuple[dict, dict]], values: np.ndarray, aim: Objective, best: float) -> pd.Series:
    """The importance of each decision for one objective, as shares of their sum."""
    import optuna

    known = np.flatnonzero(np.isfinite(values))
    if len(known) < FEWEST or np.ptp(values[known]) == 0:
        return pd.Series(dtype=float)
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # as nas.search does
    study = optuna.create_study(direction="maximize" if aim.direction == "max" else "minimize")
    for row in known:
        record, kinds = records[row]
        study.add_trial(optuna.create_trial(value=float(values[row]), params=record, distributions=kinds))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # regimes of one trial, told in the figure's subtitle
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=best)
        raw = pd.Series(evaluator.evaluate(study), dtype=float)
    return raw / raw.sum() if raw.sum() > 0 else raw
