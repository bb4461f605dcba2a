"""`nas audit` on a study of real trainings: scores are kept, full trainings are reused, and every limit is told."""

import io
import json
import shutil
import sys
from types import ModuleType

import pandas as pd
import pytest
from rich.console import Console

from nas import auditing, retraining, run, score_table, session, study
from nas.errors import NasError
from nas.scores import SCORES, evaluate, score
from nas.sources import Means
from tests.spaces import TINY

RECIPE = """
nas: 1
space: tiny.yaml
budget: 3mflops
objectives: [accuracy, gflops, mparams]
trials: 6
sampler: {kind: uniform}
data: {path: VIDEOS, pack: {every: 1, frames: 8, size: 24}}
proxy: {width: 0.5, depth: 1.0, clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 3, batch: 8}}
retrain: {clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 1, batch: 8}}
"""
ACCURACIES = (0.2, 0.5, 0.3, 0.6, 0.4, 0.45)  # in place of those of a few seconds, which are all near chance


@pytest.fixture(scope="module")
def searched(tmp_path_factory, videos):
    """A working folder with a study of six trials, and the environment of its search."""
    root = tmp_path_factory.mktemp("searched")
    (root / "tiny.yaml").write_text(TINY)
    (root / "studies" / "small").mkdir(parents=True)
    (root / "studies" / "small" / "study.yaml").write_text(RECIPE.replace("VIDEOS", str(videos)))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("NAS_CACHE", str(root / "cache"))
        run.search("studies/small", {}, Means("cpu"), console=Console(file=io.StringIO()))
        for number, accuracy in enumerate(ACCURACIES):
            curve = [{"epoch": epoch, "val_accuracy": accuracy * epoch / 3} for epoch in (1, 2, 3)]
            rewrite("studies/small", number, "COMPLETE", accuracy=accuracy, curve=curve)
    return root


def rewrite(folder, number, state, **more):
    """Put another end in the place of a trial's own."""
    opened = study.open_study(folder)
    outcome = json.dumps(opened.trial(number).outcome | more)
    trial = opened._ids[number]
    with opened.storage.engine.begin() as connection:
        where = "UPDATE trial_user_attributes SET value_json = ? WHERE trial_id = ? AND key = 'outcome'"
        connection.exec_driver_sql(where, (outcome, trial))
        connection.exec_driver_sql("UPDATE trials SET state = ? WHERE trial_id = ?", (state, trial))


@pytest.fixture
def folder(tmp_path, searched, monkeypatch):
    """A copy of it, to work in."""
    shutil.copytree(searched / "studies", tmp_path / "studies")
    shutil.copy(searched / "tiny.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAS_CACHE", str(searched / "cache"))
    return tmp_path / "studies" / "small"


def audit(target="small", *, full=None, scores=("entropy",), width=100):
    console = Console(file=io.StringIO(), width=width)
    auditing.audit(target, full=full, scores=scores, device="cpu", console=console)
    return console.file.getvalue()


def test_all_scores_baselines_and_epochs_are_compared_with_the_accuracy(folder):
    told = audit(scores=None)
    table = pd.read_csv(folder / "audit.csv").set_index("predictor")
    kinds = table["kind"].to_dict()
    assert {name for name, kind in kinds.items() if kind == "baseline"} == set(auditing.BASELINES)
    assert {name for name, kind in kinds.items() if kind == "rung"} == {"epoch 1", "epoch 2"}
    scores = {name for name, kind in kinds.items() if kind == "score"}
    assert {"entropy", "naswot", "gradnorm", "synflow", "field"} <= scores
    assert all(name in told for name in kinds) and (table["n"] == 6).all()
    assert "over 6 trials" in told and "wrote studies/small/audit.csv and audit.html" in told
    page = (folder / "audit.html").read_text()
    assert "Rank correlation with the final accuracy" in page and "no better than" in page and "http-equiv" not in page


def test_values_are_those_of_the_network_and_of_the_trained_proxy(folder):
    from nas import fronts
    from nas.proxy import shrunk

    audit(scores=("entropy", "naswot"))
    opened = study.open_study(folder)
    values = pd.read_csv(folder / "scores.csv").set_index("trial")
    assert list(values.columns) == ["key", "entropy", "naswot"]
    for trial in opened.trials()[:2]:
        genotype = fronts.genotype_of(trial)
        assert values.at[trial.number, "entropy"] == evaluate("entropy", genotype)
        small, _ = shrunk(genotype, opened.recipe.proxy, genotype.classes)
        assert values.at[trial.number, "naswot"] == pytest.approx(evaluate("naswot", small))


def test_what_is_on_file_is_not_worked_out_again(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(score_table, "in_study", lambda name, *_, **__: asked.append(name) or len(asked))
    audit(scores=("entropy",))
    assert asked == ["entropy"] * 6
    audit(scores=("field", "entropy"))
    assert asked == ["entropy"] * 6 + ["field"] * 6
    table = pd.read_csv(folder / "scores.csv")
    table.loc[2, "key"] = "another"
    table.loc[3, "field"] = None
    table.to_csv(folder / "scores.csv", index=False)
    audit(scores=("entropy", "field"))
    assert sorted(asked[12:]) == ["entropy", "field", "field"]
    before = pd.read_csv(folder / "scores.csv")
    audit(scores=("entropy",))
    assert len(asked) == 15 and pd.read_csv(folder / "scores.csv").equals(before)


def test_an_interrupted_audit_keeps_what_it_has(folder, monkeypatch):
    real, asked = score_table.in_study, []

    def interrupted(name, *told, **more):
        asked.append(name)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return real(name, *told, **more)

    monkeypatch.setattr(score_table, "in_study", interrupted)
    with pytest.raises(SystemExit) as stopped:
        audit()
    assert stopped.value.code == 130
    assert len(pd.read_csv(folder / "scores.csv")) == 3
    audit()
    assert len(asked) == 7


def test_a_score_of_one_s_own_is_worked_out_again_when_its_file_changes(folder, monkeypatch):
    def register(digest, value):
        def mine(genotype):
            """Mine."""
            return value + len(genotype.stages)

        mine.__module__ = f"nas_import_own_{digest}"
        sys.modules.setdefault(mine.__module__, ModuleType(mine.__module__))
        monkeypatch.delitem(SCORES, "mine", raising=False)
        score("mine")(mine)

    monkeypatch.setitem(SCORES, "mine", None)
    for digest, value in (("0123456789abcdef", 1), ("fedcba9876543210", 2)):
        register(digest, value)
        assert "mine" in audit(scores=("mine",))
    values = pd.read_csv(folder / "scores.csv")
    assert list(values.columns) == ["trial", "key", "mine@01234567", "mine@fedcba98"]
    assert set(values["mine@fedcba98"] - values["mine@01234567"]) == {1}


def test_networks_are_trained_in_full_once(folder):
    told = audit(full=3)
    assert "trials spread over the cost of the front: " in told and "; 3 of them to train in full" in told
    assert told.count("after full training") == 3 and "proxy against full training (3 networks" in told
    pairs = pd.read_csv(folder / "fidelity.csv")
    assert {"trial", "proxy", "full", "gflops", "mparams"} <= set(pairs.columns) and len(pairs) == 3
    for row in pairs.to_dict("records"):
        metrics = json.loads((folder / "retrained" / str(row["trial"]) / "metrics.json").read_text())
        assert metrics["accuracy"] == row["full"]
    page = (folder / "audit.html").read_text()
    assert page.count("<figure>") == 2 and page.count("Full training over the proxy") == 1
    again = audit(full=3)
    assert "; all are trained in full already" in again and "after full training" not in again
    assert "proxy against full training (3 networks" in audit(), "without --full what is there is told all the same"
    more = audit(full=4)
    assert "(4 networks" in more or "(5 networks" in more


def test_other_trainings_are_not_mixed_in(folder):
    more = {"weights": None, "deflated": "sum", "device": "cpu", "console": Console(file=io.StringIO())}
    for number, changes in ((0, ("train.epochs=2",)), (1, ()), (2, ())):
        how = retraining.How(changes=changes)
        retraining.retrain("studies/small", trial=number, pick=None, how=how, out=None, **more)
    told = audit()
    assert "trained in full with other settings, weights or data than the recipe's, left out: 0" in told
    assert "proxy against full training (2 networks" in told
    path = folder / "retrained" / "1" / "metrics.json"
    path.write_text("{}")
    with pytest.raises(NasError, match="metrics of a run"):
        audit()


def test_an_interrupted_training_goes_on(folder, monkeypatch):
    real, trained = retraining.train, []

    def interrupted(job, *more):
        trained.append(job.name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        real(job, *more)

    monkeypatch.setattr(retraining, "train", interrupted)
    with pytest.raises(SystemExit) as stopped:
        audit(full=3)
    assert stopped.value.code == 130
    assert "; 2 of them to train in full" in audit(full=3)
    assert len(trained) == 4 and trained[1] == trained[2]


def test_stopped_and_failed_trials_are_left_out_and_told(folder):
    rewrite(folder, 4, "PRUNED", stopped=1)
    rewrite(folder, 5, "FAIL", reason="diverged")
    told = audit(width=300)
    assert "over 4 trials" in told and "left out: 1 failed" in told
    assert "1 stopped trial left out, without a final accuracy: rungs are judged among the trials that went on" in told


def test_every_line_fits_a_narrow_terminal(folder):
    lines = [line for line in audit(scores=None, width=80).splitlines() if "  " in line]
    assert max(map(len, lines)) <= 80 and not any("…" in line for line in lines)


def test_equal_accuracies_have_no_order(folder):
    for number in range(6):
        rewrite(folder, number, "COMPLETE", accuracy=0.1)
    assert "all complete trials have the accuracy 0.100, so there is no order to foretell" in audit()
    assert pd.read_csv(folder / "audit.csv")["tau"].isna().all()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"scores": ("entrpy",)}, "did you mean 'entropy'"),
        ({"full": 1}, "1 networks show no order"),
        ({"target": "nowhere"}, "nowhere: no such folder; Known: studies/small"),
    ],
)
def test_bad_input_is_one_clear_error(folder, more, words):
    with pytest.raises(NasError, match=words):
        audit(**more)
    assert not (folder / "audit.csv").exists()


def test_a_score_without_a_value_names_the_trial_and_the_way_out(folder, monkeypatch):
    nothing = SCORES["entropy"].__class__("nothing", "Nothing.", "network", lambda genotype: float("nan"))
    monkeypatch.setitem(SCORES, "nothing", nothing)
    with pytest.raises(NasError, match="trial 0: the score 'nothing' of .* is nan; .*--score NAME"):
        audit(scores=("nothing",))


def test_too_few_trials_are_told(folder):
    asked = session.request("studies/small", {})
    opened, space = session.resume(asked)
    empty = study.create(folder.parent / "empty", asked.recipe, asked.base, space, {"data": opened.attributes["data"]})
    with pytest.raises(NasError, match="has 0 complete trials, and fewer than 3 show no order"):
        audit(str(empty.folder))


def test_a_damaged_table_of_scores_is_told(folder):
    audit()
    (folder / "scores.csv").write_bytes(b"\xff\x00nonsense")
    with pytest.raises(NasError, match="scores.csv: is no table of scores"):
        audit()
