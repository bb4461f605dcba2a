"""Importance: what decides is found, conditional decisions count where they are asked."""

import doctest

import numpy as np
import pandas as pd
import pytest

from nas.pareto import Objective
from nas.plots import importance as module
from nas.plots.importance import importance
from tests.study_frame import made_up

ACCURACY, GFLOPS = Objective("accuracy", "max"), Objective("gflops", "min")


def table(count=200):
    """Accuracy is decided by `deep`, GFLOPs by `wide`; `groups` counts only where `kind` is b; `same` never changes."""
    random = np.random.default_rng(0)
    deep, wide = random.integers(1, 9, count), random.choice(["s", "m", "l"], count)
    kind = random.choice(["a", "b"], count)
    found = pd.DataFrame({"decision.deep": deep, "decision.wide": wide, "decision.kind": kind, "decision.same": 1})
    found["decision.groups"] = pd.Series(random.choice([1, 2, 4], count)).where(kind == "b").convert_dtypes()
    noise = random.normal(0, 0.02, count)
    return found.assign(accuracy=deep / 10 + noise, gflops=pd.Series(wide).map({"s": 1, "m": 2, "l": 4}) + noise)


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_each_objective_is_decided_by_its_own_decision():
    found = importance(table(), [ACCURACY, GFLOPS])
    assert found["accuracy"].idxmax() == "decision.deep" and found["gflops"].idxmax() == "decision.wide"
    assert found.loc["decision.deep", "accuracy"] > 0.5 and found.loc["decision.wide", "gflops"] > 0.5
    assert found.sum().tolist() == pytest.approx([1, 1])


def test_a_decision_with_one_answer_is_left_out_and_a_conditional_one_is_not():
    found = importance(table(), [ACCURACY])
    assert set(found.index) == {"decision.deep", "decision.wide", "decision.kind", "decision.groups"}
    assert found.loc["decision.groups", "accuracy"] < 0.1


def test_it_is_optunas_own_value():
    import optuna

    frame = table(60).drop(columns=["decision.groups", "decision.same"])
    study = optuna.create_study(direction="maximize")
    kinds = {
        "deep": optuna.distributions.CategoricalDistribution([str(deep) for deep in range(1, 9)]),
        "wide": optuna.distributions.CategoricalDistribution(["l", "m", "s"]),
        "kind": optuna.distributions.CategoricalDistribution(["a", "b"]),
    }
    for row in frame.to_dict("records"):
        record = {"deep": str(row["decision.deep"]), "wide": row["decision.wide"], "kind": row["decision.kind"]}
        study.add_trial(optuna.create_trial(value=row["accuracy"], params=record, distributions=kinds))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.1)
    truth = optuna.importance.get_param_importances(study, evaluator=evaluator)
    found = importance(frame, [ACCURACY])["accuracy"]
    assert {name.removeprefix("decision."): value for name, value in found.items()} == pytest.approx(truth)


def test_the_same_answers_as_numbers_and_as_texts_matter_the_same():
    frame = table(60)
    frame["decision.width"] = frame["decision.kind"].map({"a": 32, "b": 48})
    found = importance(frame, [ACCURACY])["accuracy"]
    assert found["decision.width"] == pytest.approx(found["decision.kind"])


def test_more_trials_than_it_looks_at_are_drawn_with_a_fixed_seed():
    whole = made_up(4000)["trials"]
    complete = whole[whole["state"] == "complete"]
    once, again = (importance(complete, [ACCURACY]) for _ in range(2))
    assert once.attrs["trials"] == module.TRIALS < len(complete)
    pd.testing.assert_frame_equal(once, again)


def test_too_few_trials_and_equal_values_say_nothing():
    assert importance(table(9), [ACCURACY]).empty
    assert importance(table(30).assign(accuracy=0.5), [ACCURACY])["accuracy"].isna().all()
    assert importance(table()[["accuracy"]], [ACCURACY]).empty
