"""Errors over epochs of runs, finished or not, as one table."""

import json

import pandas as pd
import pytest

from nas import recipe, space, study
from nas.errors import NasError
from nas.visualising import curves
from tests.spaces import TINY

CURVE = """epoch,lr,train_loss,train_error,val_loss,val_accuracy,val_error
1,0.1,2,0.75,2,0.5,0.5
2,0.1,1,0.25,2,0.75,0.25
"""
ABOUT = {
    "name": "csn, trial 3",
    "clip": {"frames": 4, "size": 20},
    "data": {"settings": {"path": "/somewhere/k400"}, "metric": "map"},
}


def folder(path, *, curve=CURVE, about=None):
    path.mkdir(parents=True)
    (path / "curve.csv").write_text(curve)
    if about:
        (path / "metrics.json").write_text(json.dumps(about))
    return path


def test_a_finished_run_tells_its_name_and_data(tmp_path):
    table = curves.of_run(folder(tmp_path / "3", about=ABOUT))
    assert table.values.tolist() == [[1, 0.75, 0.5, "csn, trial 3"], [2, 0.25, 0.75, "csn, trial 3"]]
    assert table.attrs == {"dataset": "k400", "clip": "4x20x20", "metric": "mean average precision"}


def test_an_unfinished_run_goes_by_its_folder(tmp_path):
    table = curves.of_run(folder(tmp_path / "3"))
    assert table["run"].unique().tolist() == ["3"] and table.attrs == {}


def test_runs_together(tmp_path):
    other = ABOUT | {"clip": {"frames": 8, "size": 20}, "data": ABOUT["data"] | {"metric": "top1"}}
    told = {"a": ABOUT, "b": other, "c": None}
    folders = [folder(tmp_path / name, about=about) for name, about in told.items()]
    tables = [curves.of_run(one) for one in folders]
    whole = curves.together([*tables, tables[0]], [*folders, folders[0]])
    assert whole["run"].unique().tolist() == ["csn, trial 3 (a)", "csn, trial 3 (b)", "c", "csn, trial 3 (a) (2)"]
    assert whole.attrs == {
        "dataset": "k400",
        "clip": "4x20x20 and 8x20x20",
        "metric": "mean average precision or top-1 accuracy",
    }
    ends = curves.last(whole)
    assert ends["run"].tolist() == whole["run"].unique().tolist()
    assert ends.iloc[0].tolist()[1:] == [2, 0.25, 0.25, 0.0]


@pytest.mark.parametrize(
    ("curve", "told"),
    [
        ("epoch,train_error,val_accuracy\n", "has no curve: no epoch"),
        ("epoch,val_accuracy\n1,0.5\n", "its curve does not tell train_error"),
        ("epoch,train_error,val_accuracy\n1,a,b\n", "its curve holds text"),
        ("", "cannot be read as a curve"),
    ],
)
def test_a_damaged_curve_is_told(tmp_path, curve, told):
    with pytest.raises(NasError, match=told) as error:
        curves.of_run(folder(tmp_path / "run", curve=curve))
    assert "run" in str(error.value) and "\n" not in str(error.value)


def test_no_run(tmp_path):
    with pytest.raises(NasError, match="no such folder"):
        curves.of_run(tmp_path / "none")
    with pytest.raises(NasError, match=r"has no curve.csv"):
        curves.of_run(tmp_path)
    (tmp_path / "study.db").touch()
    with pytest.raises(NasError, match="is a study; add --trial N"):
        curves.of_run(tmp_path)


def test_the_last_epoch_counts_whatever_the_order():
    rows = pd.DataFrame(
        {"run": ["b", "b", "a"], "epoch": [2, 1, 1], "train_error": [0.1, 0.4, 0.5], "val_accuracy": [0.8, 0.5, 0.5]}
    )
    assert curves.last(rows)["run"].tolist() == ["b", "a"] and curves.last(rows)["training"].tolist() == [0.1, 0.5]


def test_trials_of_a_study(searched):
    table = curves.of_study(searched, [1, 0])
    assert table["run"].tolist() == ["trial 1", *["trial 0"] * 3]
    assert table["train_error"].tolist() == [1.0, 1.0, 1 / 2, 1 / 3]
    assert table.attrs == {"dataset": "motion", "clip": "4x20x20 (proxies)", "metric": "mean average precision"}
    assert curves.last(table)["validation"].tolist() == [0.75, 0.375]


def test_trials_that_a_study_does_not_have(searched, tmp_path):
    with pytest.raises(NasError, match="has no trial 3; its trials are 0 to 2"):
        curves.of_study(searched, [0, 3])
    with pytest.raises(NasError, match="small: trial 2: has no curve: no epoch of it was finished"):
        curves.of_study(searched, [0, 2])
    with pytest.raises(NasError, match="no such folder"):
        curves.of_study(tmp_path / "none", [0])
    with pytest.raises(NasError, match="is a study; add --trial N"):
        curves.of_run(searched)


def test_a_study_without_trials(tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    found = space.load(tmp_path / "tiny.yaml")
    wanted = recipe.validate(recipe.Recipe, {"space": found.name, "objectives": "accuracy,mparams"})
    opened = study.create(tmp_path / "small", wanted, wanted, found, {})
    with pytest.raises(NasError, match="has no trial yet; run nas search"):
        curves.of_study(opened.folder, [0])
