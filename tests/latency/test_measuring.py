"""`nas latency` on networks, studies and spaces: what is printed, kept, taken over and refused."""

import json

import optuna
import pandas as pd
import pytest

from nas import study as studies
from nas.latency import card, timing, wholes
from nas.latency.results import Results
from nas.versions import versions
from tests.spaces import TINY

pytestmark = pytest.mark.usefixtures("quick")
MODEL = """
nas: 1
name: little
input: {frames: 4, size: 16}
classes: 5
stem: {width: 8, pool: null}
stages: [{depth: 2, width: 8, block: {kind: simple}}, {depth: 1, width: 16, block: {kind: simple}}]
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with two networks and a space."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "little.yaml").write_text(MODEL)
    (tmp_path / "lean.yaml").write_text(
        MODEL.replace("little", "lean").replace("simple", "simple, conv: {kind: depthwise}")
    )
    (tmp_path / "space").mkdir()
    (tmp_path / "space" / "tiny.yaml").write_text(TINY)
    return tmp_path


def lines(path):
    """The JSON lines of a file."""
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_networks_are_measured_printed_and_kept(here, nas, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = nas("latency", "little.yaml", "lean.yaml", "--repeats", "2", "--threads", "1", "--batch", "1,2")
    rows = [line for line in out.splitlines() if line.startswith(("network ", "little ", "lean "))]
    assert status == 0 and len(rows) == 5 and max(map(len, rows)) <= 80
    kept = lines(here / "cache" / "latency" / "latency.jsonl")
    assert [(one["name"], one["batch"]) for one in kept] == [("little", 1), ("little", 2), ("lean", 1), ("lean", 2)]
    for one in kept:
        assert one["median_ms"] > 0 and one["iqr_ms"] >= 0 and one["samples"] == 2 and one["blocks_ms"] > 0
        assert one["ms_per_gflop"] == pytest.approx(one["median_ms"] / one["gflops"] / one["batch"], rel=1e-3)
        assert one["torch"] == versions()["torch"] and one["hardware"] and one["threads"] == 1 and one["date"]
        assert (one["dtype"], one["memory_format"], one["compiled"], one["training"]) == (
            "fp32",
            "channels_last",
            False,
            False,
        )
        assert one["activation_bytes"] > 0 and one["weight_bytes"] > 0 and not one["error"]
    for word in ("little", "lean", "GFLOPs", "ratio", "clips of 4x16x16", "multiply-accumulates", "1 thread"):
        assert word in out
    quiet = [one for one in kept if not card.doubtful(one)]  # on a busy machine there may be none
    assert ("the sum of blocks is" in out) == (len(quiet) > 1)


def test_what_was_measured_is_taken_over_unless_asked_anew(here, nas):
    path, common = here / "cache" / "latency" / "latency.jsonl", ("latency", "little.yaml", "--repeats", "2")
    nas(*common)
    before = path.read_text()
    _, out, _ = nas(*common)
    assert path.read_text() == before and "1 measurement of before taken over" in out
    nas(*common, "--force")
    assert len(lines(path)) == 1 and path.read_text() != before
    nas("latency", "little.yaml", "--repeats", "3")
    assert lines(path)[0]["samples"] == 3, "more samples than there were"
    nas("latency", "little.yaml", "--repeats", "2", "--size", "12", "--dtype", "bf16", "--training")
    assert [(one["clip"], one["dtype"], one["training"]) for one in lines(path)] == [
        ("4x16x16", "fp32", False), ("4x12x12", "bf16", True),
    ]  # fmt: skip


def test_a_stopped_measurement_keeps_what_it_has(here, nas, monkeypatch):
    monkeypatch.setattr(wholes, "GROUP", 1)
    measured, calls = wholes.measured, []

    def stopped(jobs, **how):
        if calls:
            raise KeyboardInterrupt
        calls.append(jobs)
        return measured(jobs, **how)

    monkeypatch.setattr(wholes, "measured", stopped)
    status, out, _ = nas("latency", "little.yaml", "lean.yaml", "--repeats", "2")
    path = here / "cache" / "latency" / "latency.jsonl"
    assert status == 130 and "the same command goes on" in out and [one["name"] for one in lines(path)] == ["little"]
    monkeypatch.setattr(wholes, "measured", measured)
    first = lines(path)[0]
    nas("latency", "little.yaml", "lean.yaml", "--repeats", "2")
    assert lines(path)[0] == first and len(lines(path)) == 2


def test_json_is_all_that_is_printed(here, nas):
    status, out, err = nas("latency", "l*.yaml", "--repeats", "2", "--json")
    told = json.loads(out)
    assert status == 0 and [one["name"] for one in told] == ["lean", "little"] and "rounds of" in err


def test_what_does_not_fit_leaves_the_others(here, nas):
    status, out, _ = nas("latency", "little.yaml", "--repeats", "2", "--batch", "1,1000000000")
    assert status == 0 and "no memory" in out and "little, fp32: out of memory" in out
    assert [one["batch"] for one in lines(here / "cache" / "latency" / "latency.jsonl")] == [1]
    status, _, err = nas("latency", "little.yaml", "--repeats", "2", "--batch", "1000000000")
    assert status == 1 and "nothing could be measured" in err


def test_disturbed_figures_are_marked(here, nas, monkeypatch):
    turns = iter(range(10**9))
    monkeypatch.setattr(timing, "_switches", lambda: next(turns))
    _, out, _ = nas("latency", "little.yaml", "--repeats", "2")
    assert "~" in out and "disturbed by other programs" in out


def test_blocks_of_networks_and_spaces(here, nas):
    status, out, _ = nas("latency", "--blocks", "little.yaml", "lean.yaml", "--threads", "1")
    assert status == 0 and "little: " in out and "stages.0.0 x2" in out and "share" in out
    told = json.loads(nas("latency", "--blocks", "little.yaml", "--threads", "1", "--json")[1])
    assert [one["name"] for one in told["blocks"]] == ["stem", "stages.0.0", "stages.0.1", "stages.1.0", "head"]
    assert told["setting"]["dtype"] == "fp32" and told["blocks"][0]["ms"] > 0
    status, out, _ = nas("latency", "--blocks", "space/tiny.yaml")
    assert status == 0 and "different blocks at" in out


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (["nobody"], 1, "no such file or models name"),
        (["space/tiny.yaml"], 1, "is a space, not a network"),
        (["zz*.yaml"], 1, "no file is called like this"),
        (["space"], 1, "is a folder without networks"),
        (["little.yaml", "--device", "cuda:7"], 1, "not on this machine"),
        (["little.yaml", "--dtype", "fp8"], 2, "none of fp32, bf16, fp16"),
        (["little.yaml", "--memory-format", "nchw"], 2, "none of channels_last, contiguous"),
        (["little.yaml", "--batch", "1,x"], 2, "no whole number from 1 on"),
        (["little.yaml", "--threads", "0"], 2, "no whole number from 1 on"),
        (["little.yaml", "--blocks", "--compile"], 2, "uncompiled"),
        (["little.yaml", "--blocks", "--batch", "1,2"], 1, "--batch: names several"),
        (["little.yaml", "--trial", "1"], 1, "a study is a folder"),
    ],
)
def test_what_cannot_be_measured_is_told(here, nas, arguments, status, word):
    found, _, err = nas("latency", *arguments)
    assert found == status and word in " ".join(err.split())


def test_a_damaged_file_is_told(here, nas):
    path = here / "cache" / "latency" / "latency.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"name": "x"}\n')
    status, _, err = nas("latency", "little.yaml")
    assert status == 1 and "is damaged" in err and str(path) in err


def test_a_study_with_latency_from_search_to_page(folder, nas):
    """Searched, stopped, resumed, shown, measured: one study, and the same as one that was not stopped."""
    (folder / "studies" / "whole").mkdir()
    text = (folder / "studies" / "small" / "study.yaml").read_text().replace("budget: 3mflops\n", "")
    for name in ("small", "whole"):
        (folder / "studies" / name / "study.yaml").write_text(text)
    asked = ("--objectives", "accuracy,latency", "--budget", "1000ms,3mflops", "--sampler", "front")
    assert nas("search", "small", *asked, "--trials", "2")[0] == 0
    status, out, _ = nas("search", "small", *asked, "--trials", "3")
    assert status == 0 and "as this study measured it" in out and " ms)" in out
    assert nas("search", "whole", *asked, "--trials", "3")[0] == 0

    trials = [studies.open_study(folder / "studies" / name).trials() for name in ("small", "whole")]
    told = [[(one.key, one.cost.latency, one.curve) for one in some] for some in trials]
    assert told[0] == told[1] and all(latency > 0 for _, latency, _ in told[0])

    status, out, _ = nas("pareto", "small")
    assert status == 0 and " ms " in out and "the sum of blocks measured on" in out
    table = pd.read_csv(folder / "studies" / "small" / "pareto.csv")
    assert table["latency_ms"].tolist() == [one.cost.latency for one in trials[0]]
    page = (folder / "studies" / "small" / "pareto.html").read_text()
    assert "Accuracy over ms of latency" in page
    assert "latency_ms:" in (folder / "studies" / "small" / "pareto.yaml").read_text()

    status, out, err = nas("search", "small", *asked[:2], "--budget", "2000ms,3mflops", "--trials", "4")
    assert status == 1 and "budget" in err
    status, out, err = nas(
        "search", "new", "--space", "tiny.yaml", "--budget", "0.00001ms", "--objectives", "accuracy,latency"
    )
    assert status == 1

    status, out, _ = nas("latency", "studies/small", "--repeats", "2")
    kept = lines(folder / "studies" / "small" / "latency.jsonl")
    best = table[table["on_front"]]
    assert status == 0 and "accuracy" in out and {one["trial"] for one in kept} == set(best["number"])
    assert {one["key"] for one in kept} == set(best["key"])
    assert Results(folder / "studies" / "small" / "latency.jsonl").lines
    assert nas("search", "--replay", "small")[1].count("the same networks, curves and front") == 1


def test_a_study_without_latency_has_none(folder, nas):
    assert nas("search", "small", "--trials", "1")[0] == 0
    _, out, _ = nas("pareto", "small")
    names = {path.name for path in (folder / "studies" / "small").iterdir()}
    assert " ms " not in out and "latency.blocks.json" not in names
    assert "latency" not in (folder / "studies" / "small" / "pareto.csv").read_text()
    assert "of latency" not in (folder / "studies" / "small" / "pareto.html").read_text()

    study = optuna.load_study(study_name=None, storage=f"sqlite:///{folder}/studies/small/study.db")
    assert "latency" not in study.trials[0].user_attrs["cost"] and "latency" not in study.user_attrs


def test_a_budget_that_no_network_meets_names_the_cheapest(folder, nas):
    status, _, err = nas("search", "small", "--budget", "0.00001ms")
    assert status == 1 and "found nothing that meets the budget 0.00001ms" in err and "reachable are" in err
    assert not (folder / "studies" / "small" / "study.db").exists()


def test_check_tells_milliseconds(folder, nas):
    status, out, _ = nas("check", "tiny.yaml", "--budget", "1000ms", "--samples", "20")
    assert status == 0 and "\nms " in out and "in budget" in out
    assert "\nms " not in nas("check", "tiny.yaml", "--samples", "20")[1]
