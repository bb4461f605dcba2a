"""nas tabulate, and what replays its table: search --engine table, --replay, compare --samplers."""

import json
import math
import shutil

import pytest
import sqlalchemy

from nas import study, table

SMALL = """
nas: 1
input: {frames: 4, size: 32}
classes: 5
stem: {width: 8, conv: {kind: dense, kernel: [3, 3, 3]}, pool: null}
stages:
  - {depth: !int [1, 2], width: !choice [8, 16], block: &b !choice {a: {kind: simple}, b: {kind: bottleneck}}}
"""


@pytest.fixture
def tabled(folder, nas):
    """A folder in which studies/small has a complete table of the space small.yaml."""
    (folder / "small.yaml").write_text(SMALL)
    recipe = folder / "studies" / "small" / "study.yaml"
    text = recipe.read_text().replace("tiny.yaml", "small.yaml").replace("budget: 3mflops", "budget: ''")
    recipe.write_text(text.replace("epochs: 1,", "epochs: 3, warmup: 0,", 1))
    status, out, err = nas("tabulate", "small.yaml", "--seeds", 2)
    assert (status, err) == (0, ""), err
    assert "8 networks" in out and "16 trainings to go" in out
    return folder


def test_a_table_has_every_network_and_the_same_command_adds_what_is_missing(tabled, nas):
    path = tabled / "studies" / "small" / "table.parquet"
    whole = table.load(path)
    assert len(whole.networks) == 8
    for one in whole.networks.values():
        assert [len(rows) for rows in one.trainings.values()] == [3, 3]
        assert {"entropy", "synflow", "naswot", "gradnorm", "depth"} <= set(one.scores)
        assert all(math.isfinite(value) for value in one.scores.values())
    cut = table.load(path)
    first, *_, last = cut.networks.values()
    first.trainings.pop(1)
    last.scores.pop("synflow")
    cut.save()
    status, out, _ = nas("tabulate", "small.yaml")
    assert status == 0 and "1 training to go" in out
    again = table.load(path)
    for name, one in whole.networks.items():
        assert again.networks[name].scores == one.scores
        for seed, rows in one.trainings.items():
            assert [row["val_accuracy"] for row in rows] == [
                row["val_accuracy"] for row in again.networks[name].trainings[seed]
            ]


def test_failed_trainings_are_told_and_several_in_a_row_are_tried_again(tabled, nas, monkeypatch):
    path = tabled / "studies" / "small" / "table.parquet"
    monkeypatch.setattr("nas.train._Training.run", _fails)
    status, out, err = nas("tabulate", "small.yaml", "--seeds", 3)
    assert status == 1 and "5 trainings in a row failed; the last one: " in err and "out of order" in err
    assert "seed 2: failed: " in out
    assert all(set(one.trainings) == {0, 1} for one in table.load(path).networks.values())
    monkeypatch.undo()


def _fails(*told):
    raise RuntimeError("out of order")


def test_a_search_by_the_table_is_the_search_by_training(tabled, nas):
    assert nas("search", "studies/small", "--trials", 4)[0] == 0
    trained = study.open_study(tabled / "studies" / "small").trials()
    (tabled / "studies" / "other").mkdir()
    (tabled / "studies" / "other" / "study.yaml").write_text((tabled / "studies" / "small" / "study.yaml").read_text())
    file = tabled / "studies" / "small" / "table.parquet"
    status, out, err = nas("search", "studies/other", "--trials", 4, "--engine", "table", "--table", file)
    assert (status, err) == (0, ""), err
    replayed = study.open_study(tabled / "studies" / "other").trials()
    assert [(t.key, t.curve) for t in replayed] == [(t.key, t.curve) for t in trained]
    status, _, err = nas("search", "studies/other", "--trials", 5)
    assert status == 1 and "was started with --engine table" in err
    status, out, _ = nas("search", "--replay", "studies/other", "--table", file)
    assert status == 0 and "4 trials repeated: the same networks, curves and front" in out


def test_a_replay_reports_what_differs(tabled, nas):
    assert nas("search", "studies/small", "--trials", 3)[0] == 0
    opened = study.open_study(tabled / "studies" / "small")
    told = opened.trial(1).outcome
    told["curve"][1]["val_accuracy"] = 0.987654
    change = "UPDATE trial_user_attributes SET value_json = :told WHERE trial_id = :id AND key = 'outcome'"
    with opened.storage.engine.begin() as connection:
        connection.execute(sqlalchemy.text(change), {"told": json.dumps(told), "id": opened._ids[1]})
    status, out, _ = nas("search", "--replay", "studies/small")
    assert status == 1 and "1 difference" in out
    assert "trial 1: accuracy after epoch 2: 0.987654 -> " in out
    own = tabled / "studies" / "small-replay" / "study.yaml"
    own.write_text(own.read_text().replace("seed: 0", "seed: 9"))
    status, _, err = nas("search", "--replay", "studies/small")
    assert status == 1 and "small-replay: repeats a study of another recipe: seed: 9 -> 0" in err


def test_samplers_are_compared_and_a_comparison_goes_on(tabled, nas):
    command = ["compare", "small.yaml", "--samplers", "uniform,front", "--repeats", 2, "--trials", 6]
    status, out, err = nas(*command)
    assert (status, err) == (0, ""), err
    assert "4 searches, 4 to go" in out and "99 %" in out
    made = tabled / "studies" / "compare-small-table"
    assert {"comparison.html", "levels.csv", "curves.csv", "runs.csv"} <= {path.name for path in made.iterdir()}
    before = (made / "runs.csv").read_text()
    status, out, _ = nas(*command)
    assert status == 0 and "4 searches, 0 to go" in out
    assert (made / "runs.csv").read_text() == before
    recipe = tabled / "studies" / "small" / "study.yaml"
    recipe.write_text(recipe.read_text() + "stopping: {rungs: [1]}\n")
    shutil.rmtree(made)
    assert nas(*command)[0] == 0
    status, _, err = nas(*command, "--stopping", "off")
    assert status == 1 and "holds another comparison: recipe.stopping.rungs: [1] -> []" in err
    status, out, _ = nas(*command, "--stopping", "both")
    assert status == 0 and "8 searches, 4 to go" in out
    status, _, err = nas(*command[:-1], 7)
    assert status == 1 and "holds another comparison: trials: 6 -> 7" in err


def test_a_comparison_within_a_budget_is_measured_by_what_fits_it_and_may_exhaust_it(tabled, nas):
    """Four of the eight networks fit: all samplers find the whole front, and no run has 6 trials."""
    known = table.load(tabled / "studies" / "small" / "table.parquet").networks.values()
    middle = sorted(one.cost["params"] for one in known)[3]
    command = ["compare", "small.yaml", "--samplers", "uniform,front", "--repeats", 2, "--trials", 6]
    status, out, err = nas(*command, "--budget", f"{middle / 1e6:.9f}mparams")
    assert (status, err) == (0, ""), err
    assert "after 4 trials" in out and "to the 100.0 % of the true hypervolume" in " ".join(out.split())


def test_samplers_are_compared_on_made_up_accuracies(tabled, nas):
    command = ["compare", "small.yaml", "--samplers", "uniform,evolution", "--engine", "surrogate"]
    status, out, err = nas(*command, "--repeats", 2, "--trials", 5, "--workers", 2)
    assert (status, err) == (0, ""), err
    assert "a made-up function over" in out and "hypervolume" in out


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["tabulate", "csn"], 1, "a table trains every network of a space"),
        (["compare", "small.yaml", "--samplers", "uniform,fornt"], 1, "did you mean 'front'"),
        (["compare", "small.yaml", "--samplers", "uniform", "--stopping", "both"], 1, "has no rungs"),
        (["compare", "small.yaml"], 2, "give --samplers"),
        (["compare", "small.yaml", "csn", "--objectives", "accuracy"], 2, "go with --samplers"),
        (["compare", "small.yaml", "--samplers", "uniform", "--data", "motion"], 2, "trains nothing"),
        (["search", "--table", "x.parquet"], 2, "goes with --engine table"),
        (["search", "studies/small", "--engine", "table", "--table", "gone.parquet"], 1, "no such table"),
        (["search", "studies/small", "--replay", "studies/small"], 2, "goes with --table, --engine, --workers"),
        (["search", "--replay", "studies/small"], 1, "nothing was searched there yet"),
        (["search", "studies/small", "--screen", "entropy"], 1, "write score:factor, such as entropy:8"),
        (["search", "studies/small", "--screen", "entorpy:4"], 1, "did you mean 'entropy'"),
    ],
)
def test_wrong_calls(folder, nas, arguments, status, words):
    (folder / "small.yaml").write_text(SMALL)
    got, _, err = nas(*arguments)
    assert got == status, err
    assert words in " ".join(err.split())
