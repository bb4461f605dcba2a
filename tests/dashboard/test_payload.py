"""What a page is given: every number that the study has, nothing that JSON does not know, nothing that is markup."""

import base64
import gzip
import json
import math

import pytest

from nas import fronts
from nas.dashboard import board
from nas.dashboard.payload import payload
from nas.plots import registry
from tests.searched import searched

BOARD = board.parse({"sections": [{"heading": "A", "figures": [{"figure": "accuracy_over_cost"}]}]})


def unpacked(one):
    return json.loads(gzip.decompress(base64.b64decode(one["details"])))


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    return searched(tmp_path_factory.mktemp("payload"), stopping={"rungs": [2, 4]})


@pytest.fixture(scope="module")
def told(opened):
    return payload([opened], BOARD)


def test_it_is_plain_json(told):
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_columns_hold_what_the_study_has(opened, told):
    one = told["studies"][0]
    trials, table = opened.trials(), one["trials"]
    assert table["number"] == [trial.number for trial in trials]
    assert table["state"] == [trial.state for trial in trials]
    assert table["accuracy"] == [trial.accuracy and pytest.approx(trial.accuracy, rel=1e-5) for trial in trials]
    assert table["gflops"] == [pytest.approx(trial.cost.macs / 1e9, rel=1e-5) for trial in trials]
    best = {trial.number for trial in fronts.front(trials, opened.recipe.objectives)}
    assert {number for number, on in zip(table["number"], table["on_front"], strict=True) if on} == best
    assert one["knee"] in best and one["objectives"] == ["accuracy", "gflops"] and one["empty"] == ""
    assert {len(values) for values in table.values()} == {20}
    assert [column["key"] for column in one["columns"]] == list(table)


def test_columns_say_what_they_count(told):
    columns = {column["key"]: column for column in told["studies"][0]["columns"]}
    gflops = {name: columns["gflops"][name] for name in ("label", "kind", "cost", "direction", "shown")}
    assert gflops == {"label": "GFLOPs", "kind": "number", "cost": True, "direction": "min", "shown": True}
    assert columns["gflops"]["unit"].startswith("10⁹ multiply-accumulates, one ")
    assert columns["accuracy"]["direction"] == "max" and columns["accuracy"]["kind"] == "percent"
    assert columns["number"]["kind"] == columns["epochs"]["kind"] == "integer" and not columns["key"]["shown"]
    assert columns["mparams"]["direction"] is None


def test_details_are_those_of_the_record(opened, told):
    details = unpacked(told["studies"][0])
    for trial in opened.trials():
        one = details[str(trial.number)]
        assert one["genotype"] == trial.genotype
        assert [row[2] for row in one["curve"]] == [pytest.approx(value, rel=1e-5) for value in trial.curve]
        costs = dict(one["costs"])
        assert float(costs["GFLOPs"]) == pytest.approx(trial.cost.macs / 1e9, rel=5e-3)


def test_titles_of_figures_are_text(told):
    (figure,) = told["figures"]
    assert figure["title"] == "Accuracy over GFLOPs"
    assert told["sections"] == [{"heading": "A", "figures": [figure["id"]]}] and figure["study"] == "s"
    assert "20 trials" in figure["note"] and "<" not in figure["note"]


def test_several_studies_have_figures_of_their_own_and_one_together(opened, tmp_path):
    other = searched(tmp_path, 4, name="other")
    wanted = [{"figure": "fronts_compared"}, {"figure": "accuracy_over_cost"}]
    told = payload([opened, other], board.parse({"sections": [{"heading": "A", "figures": wanted}]}))
    assert [one["study"] for one in told["figures"]] == [None, "s", "other"]
    assert len({one["id"] for one in told["figures"]}) == 3 and told["title"] == "s and other"
    assert [len(one["trials"]["number"]) for one in told["studies"]] == [20, 4]


def test_an_empty_study_says_so(tmp_path):
    told = payload([searched(tmp_path, 0)], BOARD)
    one = told["studies"][0]
    assert one["empty"] == "no trial yet" == one["counts"] and one["knee"] is None and unpacked(one) == {}


def test_the_same_study_is_the_same_payload(opened, told):
    again = payload([opened], BOARD)
    assert {**again, "generated": ""} == {**told, "generated": ""}


def test_every_shipped_page_of_a_real_study(opened):
    for name in ("default", "pareto", "interactions", "deflation", "fidelity", "compare"):
        told = payload([opened], board.load(name))
        assert json.dumps(told, allow_nan=False) and {one["id"] for one in told["figures"]} == {
            name for section in told["sections"] for name in section["figures"]
        }


def test_names_stay_text(tmp_path):
    evil = "<img src=x onerror=alert(1)>"
    told = payload([searched(tmp_path, 3, name=evil)], BOARD)
    assert told["studies"][0]["name"] == evil and f"'{tmp_path}/{evil}'" == told["studies"][0]["target"]
    assert "<img" not in json.dumps(told["figures"][0]["json"])
    assert math.isfinite(told["studies"][0]["trials"]["gflops"][0]) and registry.find("accuracy_over_cost")
