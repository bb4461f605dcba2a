"""The tables that figures draw, of real studies."""

import pandas as pd

from nas import study
from nas.dashboard import tables
from tests.searched import search, searched


def test_a_study_as_tables(tmp_path):
    opened = searched(tmp_path, stopping={"rungs": [2, 4]})
    (found,) = tables.of_studies([opened])
    trials, curves = found["trials"], found["curves"]
    assert len(trials) == 20 and trials.attrs["rungs"] == [2, 4] and trials.attrs["epochs"] == 8
    assert curves.groupby("trial").size().to_dict() == dict(zip(trials["number"], trials["epochs"], strict=True))
    last = curves.groupby("trial")["val_accuracy"].last()
    assert last.to_dict() == dict(zip(trials["number"], trials["last_accuracy"], strict=True))
    assert set(curves.loc[curves["state"] == "stopped", "trial"]) == set(
        trials.loc[trials["state"] == "stopped", "number"]
    )
    assert len(found["references"]) > 20 and found["retrained"].empty
    assert (found["studies"]["study"] == "s").all() and len(found["studies"]) == 20


def test_times_of_trials_are_in_utc_and_in_order(tmp_path):
    trials = tables.of_study(searched(tmp_path, 5))["trials"]
    assert str(trials["started"].dt.tz) == "UTC" and (trials["started"] <= trials["ended"]).all()
    now = pd.Timestamp.now("UTC")
    assert (now - trials["ended"]).max() < pd.Timedelta("5min") and trials["ended"].max() <= now


def test_an_empty_study_has_empty_tables(tmp_path):
    (found,) = tables.of_studies([searched(tmp_path, 0)])
    assert {name: len(table) for name, table in found.items()} == dict.fromkeys(found, 0)
    assert found["trials"].attrs["objectives"] == ["accuracy", "gflops"]


def test_several_studies_in_one_table(tmp_path):
    one, two = searched(tmp_path, 4, name="one"), searched(tmp_path, 6, name="two", objectives="accuracy,mparams")
    both = tables.together([tables.of_study(study)["trials"] for study in (one, two)])
    assert both["study"].value_counts().to_dict() == {"one": 4, "two": 6}


def test_studies_of_one_name_are_told_apart(tmp_path):
    for place in "ab":
        (tmp_path / place).mkdir()
    one, two = (searched(tmp_path / place, count, name="k400") for place, count in (("a", 3), ("b", 4)))
    found = tables.of_studies([one, two])
    assert [each["trials"].attrs["study"] for each in found] == ["a/k400", "b/k400"]
    assert found[0]["studies"]["study"].value_counts().to_dict() == {"a/k400": 3, "b/k400": 4}
    assert set(found[1]["studies"].attrs["each"]) == {"a/k400", "b/k400"}
    assert tables.names([one]) == ["k400"]


def test_what_a_study_gains_while_it_is_open_is_seen(tmp_path):
    opened = searched(tmp_path, 3)
    again = study.open_study(opened.folder)
    assert len(tables.of_study(again)["trials"]) == 3
    search(opened, 5)
    assert len(tables.of_study(again)["trials"]) == 5


def test_lanes_are_as_many_as_trainings_side_by_side():
    start = pd.Timestamp("2026-01-01", tz="UTC")
    seconds = [(0, 10), (1, 3), (3, 9), (2, 4), (10, 12), (11, None), (13, 14), (None, None)]
    times = [[pd.NaT if at is None else start + pd.Timedelta(seconds=at) for at in pair] for pair in seconds]
    frame = pd.DataFrame(times, columns=["started", "ended"])
    assert tables.lanes(frame) == ["lane 1", "lane 2", "lane 2", "lane 3", "lane 1", "lane 2", "lane 1", None]


def test_workers_of_a_cluster_are_named_and_others_have_lanes(tmp_path, monkeypatch):
    from nas.engines import known

    class OnNode(known.Known):
        """Every other training is told to have been on a node."""

        def run(self, driver):
            ended = driver.ended

            def told(number, outcome):
                ended(number, outcome | ({"worker": "node b, process 7"} if number % 2 else {}))

            driver.ended = told
            super().run(driver)

    monkeypatch.setattr("tests.searched.Known", OnNode)
    trials = tables.of_study(searched(tmp_path, 4))["trials"]
    assert trials["worker"].tolist() == ["lane 1", "node b, process 7"] * 2
