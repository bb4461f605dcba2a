"""The commands as a user calls them, on a tiny space and real video files."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import yaml

from nas import driving, study, user_blocks
from nas.blocks import OPERATORS
from nas.data import motion
from nas.seeds import seed_for
from tests.spaces import TINY


def start(folder, *arguments):
    """The command line as its own process."""
    command = [sys.executable, "-m", "nas", *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def results(folder):
    return [
        (t.number, t.state, t.key, t.accuracy, t.memo) for t in study.open_study(folder / "studies" / "small").trials()
    ]


def test_search_pareto_retrain(folder, nas):
    status, out, err = nas("search", "studies/small")
    assert (status, err) == (0, ""), err
    assert out.count("accuracy") >= 3 and "all 3 trials are done" in out
    where = folder / "studies" / "small"
    trials = study.open_study(where).trials()
    assert [trial.state for trial in trials] == ["complete"] * 3
    assert all(trial.cost.macs <= 3e6 and len(trial.outcome["curve"]) == 1 for trial in trials)

    status, out, err = nas("pareto", "studies/small")
    assert (status, err) == (0, ""), err
    assert {path.name for path in where.glob("pareto.*")} == {"pareto.csv", "pareto.yaml", "pareto.html"}
    assert len((where / "pareto.csv").read_text().splitlines()) == 4
    assert "3 trials (3 complete)" in (where / "pareto.html").read_text()
    assert "o on the front, . dominated" in out and "GFLOPs" in out

    status, out, err = nas("retrain", "studies/small", "--pick", "knee")
    assert (status, err) == (0, ""), err
    number = int(re.search(r"trial (\d+)", out)[1])
    files = {path.name for path in (where / "retrained" / str(number)).iterdir()}
    assert {"genotype.yaml", "weights.safetensors", "metrics.json", "curve.csv", "curve.html"} <= files
    metrics = json.loads((where / "retrained" / str(number) / "metrics.json").read_text())
    assert metrics["facts"]["trial"] == number
    status, out, _ = nas("retrain", "studies/small", "--trial", number)
    assert status == 0 and "finished already" in out

    status, out, _ = nas("show", "studies/small", "--trial", number, "--json")
    assert json.loads(out)["macs"] == trials[number].cost.macs
    assert nas("show", where / "retrained" / str(number) / "genotype.yaml")[0] == 0


def test_two_workers_train_what_one_would_have_and_records_say_how(folder, nas):
    """Whatever finishes first: uniform draws do not depend on the history, and trainings on their seeds alone."""
    path = folder / "studies" / "small" / "study.yaml"
    path.write_text(path.read_text().replace("epochs: 1", "epochs: 2") + "stopping: {rungs: [1], reduction: 1.5}\n")
    status, out, err = nas("search", "studies/small", "--workers", 2, "--device", "cpu", "--trials", 4)
    assert (status, err) == (0, ""), err
    assert "2 workers on cpu" in out and "all 4 trials are done" in out
    trials = study.open_study(path.parent).trials()
    for trial in trials:
        record = trial.outcome
        assert record["seed"] == seed_for(0, "training", trial.key)
        assert {"python", "torch"} <= set(record["versions"]) and record["device"].startswith("CPU")
        assert 0 < record["seconds"] < 100 and 0 <= record["wait_share"] < 1 and record["peak_memory"] > 1e7
        assert record["val_clips"] == 20 and record["proxy"]["macs"] > 0 and record["accuracy"] == trial.curve[-1]
        assert len(trial.curve) == (1 if trial.state == "stopped" else 2)
        assert all({"train_loss", "val_loss", "lr", "seconds", "wait"} <= set(row) for row in record["curve"])

    path.parent.rename(folder / "studies" / "both")
    (folder / "studies" / "small").mkdir()
    path.write_text((folder / "studies" / "both" / "study.yaml").read_text())
    assert nas("search", "studies/small", "--trials", 4)[0] == 0
    alone = study.open_study(path.parent).trials()
    assert [(t.number, t.key, t.outcome["seed"]) for t in alone] == [
        (t.number, t.key, t.outcome["seed"]) for t in trials
    ]
    for one, other in zip(alone, trials, strict=True):
        assert one.curve[0] == pytest.approx(other.curve[0], abs=0.16)  # sums of floats differ by threads
    assert nas("pareto", "studies/small")[0] == 0


def test_killed_and_resumed_is_as_if_left_alone(folder, nas):
    assert nas("search", "studies/small", "--trials", 4)[0] == 0
    whole = results(folder)
    for path in (folder / "studies" / "small").glob("[!s]*"):
        path.unlink()
    (folder / "studies" / "small" / "study.db").unlink()
    for finished in (1, 2):
        process = start(folder, "search", "studies/small", "--trials", 4)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None and _finished(folder) < finished:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert nas("search", "studies/small", "--trials", 4)[0] == 0
    assert results(folder) == whole


def _finished(folder):
    database = folder / "studies" / "small" / "study.db"
    return sum(row[1] == "complete" for row in results(folder)) if database.exists() else 0


def test_interrupt_keeps_what_is_finished(folder):
    process = start(folder, "search", "studies/small", "--trials", 60)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if re.match(r"trial 0 .*accuracy", line):
            process.send_signal(signal.SIGINT)
            break
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in rest and "Traceback" not in "".join(lines) + rest
    assert results(folder)[0][1] == "complete"


def test_a_second_driver_is_told(folder, nas):
    with driving.driving(folder / "studies" / "small"):
        status, _, err = nas("search", "studies/small")
    assert status == 1 and f"another nas command drives this study: process {os.getpid()} on " in err
    note = folder / "studies" / "small" / driving.NOTE
    assert not note.exists()
    note.write_text('{"pid": 1, "host": "gone", "since": "yesterday"}')  # left by a driver that was killed
    assert nas("search", "studies/small")[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "flags", "words"),
    [
        ("budget: 3mflops", "budget: 2mflops", [], "budget: 3mflops -> 2mflops"),
        ("epochs: 1", "epochs: 2", [], "proxy.train.epochs: 1 -> 2"),
        ("", "", ["--seed", "1"], "seed: 0 -> 1"),
        ("", "", ["--objectives", "accuracy,gflops"], "objectives"),
    ],
)
def test_a_resume_with_another_recipe_shows_the_difference(folder, nas, old, new, flags, words):
    assert nas("search", "studies/small", "--trials", 1)[0] == 0
    path = folder / "studies" / "small" / "study.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    status, _, err = nas("search", "studies/small", *flags)
    assert status == 1 and words in err and err.count("\n") == 1
    assert len(results(folder)) == 1


def test_a_resume_with_another_space_shows_the_difference(folder, nas):
    assert nas("search", "studies/small", "--trials", 1)[0] == 0
    path = folder / "tiny.yaml"
    path.write_text("# a comment alone changes nothing\n" + path.read_text())
    assert nas("search", "studies/small", "--trials", 1)[0] == 0
    path.write_text(path.read_text().replace("!int [1, 3]", "!int [1, 4]"))
    status, _, err = nas("search", "studies/small")
    assert status == 1 and "!int [1, 3]" in err and "!int [1, 4]" in err


def test_more_trials_are_no_other_recipe(folder, nas):
    assert nas("search", "studies/small", "--trials", 1)[0] == 0
    assert nas("search", "studies/small", "--trials", 2)[0] == 0
    assert len(results(folder)) == 2


def test_other_videos_stop_a_resume(folder, nas, videos):
    assert nas("search", "studies/small", "--trials", 1)[0] == 0
    other = motion.generate(folder / "other", motion.MotionSettings(train=30, val=10, size=32), workers=1)
    status, _, err = nas("search", "studies/small", "--data", other)
    assert status == 1 and "videos differ" in err


def test_space_and_budget_name_the_study(folder, nas, videos):
    command = ("search", "--space", "tiny.yaml", "--budget", "1..3mflops,10kparams", "--trials", 1)
    plain = (folder / "studies" / "small" / "study.yaml").read_text()
    (folder / "studies" / "motion").mkdir()
    (folder / "studies" / "motion" / "study.yaml").write_text(plain)
    status, out, err = nas(*command)
    assert status == 0, err
    made = folder / "studies" / "tiny-1..3mflops-10kparams"
    assert {"study.yaml", "study.db", "space.yaml"} <= {path.name for path in made.iterdir()}
    assert nas(*command)[0] == 0
    assert len(study.open_study(made).trials()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "ir-csn-51"], "did you mean 'ir-csn-50'"),
        (["show", "nothing.yaml"], "no such file"),
        (["show", "studies/small"], "nothing was searched there yet"),
        (["check", "tiny.yaml", "--budget", "3mflop"], "did you mean 'mflops'"),
        (["check", "tinny"], "did you mean 'tiny'"),
        (["search", "studies/nowhere"], "no such file or studies name"),
        (["search", "tiny.yaml"], "is a file, a study is a folder"),
        (["search", "studies/small", "--budget", "1kparams"], "found nothing that meets the budget 1kparams"),
        (["search", "studies/small", "--budget", "35"], "not understood"),
        (["search", "studies/small", "--objectives", "gflops"], "lack accuracy"),
        (["search", "studies/small", "--sampler", "annealing"], "sampler"),
        (["search", "studies/small", "--data", "empty"], "empty"),
        (["search", "studies/small", "--data", "missing"], "missing"),
        (["search", "studies/small", "--data", "tiny.yaml"], "tiny.yaml"),
        (["search", "studies/small", "--device", "tpu"], "tpu"),
        (["pareto", "studies/small"], "nothing was searched there yet"),
        (["pareto", "missing"], "missing: no such folder; start a study with nas search"),
        (["retrain", "studies/small", "--trial", "3"], "nothing was searched there yet"),
    ],
)
def test_bad_input_is_one_clear_line(folder, nas, arguments, words):
    (folder / "empty").mkdir()
    (folder / "space").mkdir()
    (folder / "space" / "tiny.yaml").write_text(TINY)
    status, _, err = nas(*arguments)
    assert status == 1
    assert words in err and err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["shwo"],
        ["show"],
        ["show", "tiny.yaml", "--frames", "3"],
        ["show", "ir-csn-50", "--frames", "none"],
        ["search", "studies/small", "--trials", "0"],
        ["retrain", "studies/small", "--pick", "elbow"],
        ["retrain", "studies/small", "--pick", "knee", "--trial", "1"],
    ],
)
def test_a_wrong_call_exits_with_2(folder, nas, arguments):
    assert nas(*arguments)[0] == 2


def test_the_retraining_recipe_may_change_after_the_search(folder, nas):
    assert nas("search", "studies/small", "--trials", 1)[0] == 0
    path = folder / "studies" / "small" / "study.yaml"
    path.write_text(path.read_text().replace("train: {epochs: 2, batch: 8}", "train: {epochs: 1, batch: 8}"))
    assert nas("search", "studies/small", "--trials", 1)[0] == 0
    status, out, _ = nas("retrain", "studies/small", "--trial", 0)
    assert status == 0 and "epoch 1 of 1" in out


def test_a_study_without_its_yaml_goes_on(folder, nas):
    assert nas("search", "studies/small", "--trials", 1)[0] == 0
    (folder / "studies" / "small" / "study.yaml").unlink()
    assert nas("search", "studies/small", "--trials", 2)[0] == 0
    assert len(results(folder)) == 2


def test_noise_in_the_middle_of_the_database_is_one_line(folder, nas):
    assert nas("search", "studies/small", "--trials", 1)[0] == 0
    path = folder / "studies" / "small" / "study.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + os.urandom(65536) + whole[8192 + 65536 :])
    for command in (["search"], ["pareto"], ["retrain", "--trial", "0"]):
        status, _, err = nas(command[0], "studies/small", *command[1:])
        assert status == 1 and "Traceback" not in err and err.count("\n") == 1, err


def test_trials_that_are_not_there(folder, nas):
    assert nas("search", "studies/small", "--trials", 1)[0] == 0
    for command in ("retrain", "show"):
        status, _, err = nas(command, "studies/small", "--trial", 9)
        assert status == 1 and "has no trial 9; its trials are 0 to 0" in err


def test_a_damaged_or_newer_study_is_refused_and_left_alone(folder, nas):
    assert nas("search", "studies/small", "--trials", 1)[0] == 0
    opened = study.open_study(folder / "studies" / "small")
    opened.set("schema", 99)
    opened.storage.engine.dispose()
    status, _, err = nas("search", "studies/small")
    assert status == 1 and "newer version" in err
    path = folder / "studies" / "small" / "study.db"
    for damage in (b"not a database" * 100, path.read_bytes()[:5000], b""):
        path.write_bytes(damage)
        for command in ("search", "pareto"):
            status, _, err = nas(command, "studies/small")
            assert status == 1 and "study.db" in err and err.count("\n") == 1, err
        assert path.read_bytes() == damage


def test_a_folder_that_cannot_be_written(folder, nas):
    (folder / "studies" / "file").write_text("")
    status, _, err = nas("search", "--space", "tiny.yaml", "--budget", "3mflops", "--data", "x" * 300)
    assert status == 1 and err.count("\n") == 1
    if os.geteuid() == 0:
        return
    (folder / "studies" / "small").chmod(0o500)
    status, _, err = nas("search", "studies/small")
    assert status == 1 and "cannot be written" in err


def test_show_needs_no_torch_and_says_the_published_cost():
    code = """
import sys
from nas import cli
sys.argv = ["nas", "show", "ir-csn-50", "--json"]
try:
    cli.main()
except SystemExit:
    pass
assert not {"torch", "optuna", "plotly", "pandas", "numpy", "av"} & set(sys.modules)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(out) == {
        "name": "ir-csn-50", "clip": "8x224x224", "classes": 400, "macs": 10577744384, "conv_macs": 10576925184,
        "linear_macs": 819200, "params": 13131152, "weights": 13077632, "interactions": 5423593664,
        "activations": 61240208, "norm_elements": 61239808, "depth": 50, "measured": 0,
        "receptive_field": [107, 427, 427], "key": "bc098cdcef372b69",
    }  # fmt: skip


def test_show_takes_clip_and_classes(nas):
    told = json.loads(nas("show", "ir-csn-101", "--frames", 32, "--size", 224, "--classes", 487, "--json")[1])
    assert (told["clip"], told["classes"], told["conv_macs"], told["linear_macs"]) == (
        "32x224x224",
        487,
        56467367936,
        487 * 2048,
    )


def test_check_reports_the_space(nas, folder):
    status, out, _ = nas("check", "tiny.yaml", "--budget", "1mflops", "--samples", 300)
    assert status == 0
    assert "72 records" in out and "in budget" in out and "GFLOPs" in out


def test_help_lists_every_command(nas):
    status, out, _ = nas("--help")
    assert status == 0
    assert all(command in out for command in ("show", "check", "search", "pareto", "retrain"))


def test_the_module_runs_too(folder):
    process = start(folder, "--help")
    assert "pareto" in process.communicate()[0] and process.returncode == 0


def test_a_search_starts_from_known_networks(nas, folder):
    stem = "{width: 8, conv: {kind: dense, kernel: [3, 3, 3]}, pool: null}"
    stages = "[{depth: 2, width: 8, block: &b {kind: simple}}, {depth: 3, width: 16, stride: [2, 2, 2], block: *b}]"
    known = f"{{name: mine, input: {{frames: 16, size: 64}}, classes: 7, stem: {stem}, stages: {stages}}}"
    (folder / "mine.yaml").write_text(known)
    status, out, err = nas(
        "search", "studies/small", "--trials", 2, "--start-from", "mine.yaml", "--budget", "50mflops"
    )
    assert status == 0, err
    assert "starts from 1 of the known networks, at the space's clip: mine" in out
    first, second = study.open_study(folder / "studies" / "small").trials()
    assert (first.sampler, second.sampler) == ("start", "uniform")
    assert [stage["depth"] for stage in yaml.safe_load(first.genotype)["stages"]] == [2, 3]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--start-from", "i3d"), "no record builds i3d: its stem"),
        (("--start-from", "nowhere"), "nowhere: no such file or models name"),
        (("--import", "nowhere.py"), "nowhere.py: no such file"),
        (("--budget", "1..2gflops"), "found nothing that meets the budget"),
        (("--screen", "entorpy:4"), "did you mean 'entropy'"),
    ],
)
def test_a_search_that_cannot_start_leaves_no_folder(nas, folder, more, words):
    status, _, err = nas("search", "--space", "tiny.yaml", *more)
    assert status == 1 and words in err and err.count("\n") == 1
    assert [path.name for path in (folder / "studies").iterdir()] == ["small"]


def test_a_block_of_one_s_own_is_searched_and_its_file_is_asked_for(nas, folder, monkeypatch):
    (folder / "own.py").write_text(OWN)
    (folder / "own.yaml").write_text(TINY.replace("{dense: {kind: dense}", "{dense: {kind: own_cross}"))
    search = ("search", "studies/small", "--space", "own.yaml", "--trials", 1, "--budget", "50mflops")

    def anew(*command):
        """The command in a process that has imported nothing."""
        monkeypatch.setattr(user_blocks, "_loaded", {})
        OPERATORS.specs.pop("own_cross", None)
        return nas(*command)

    assert anew(*search, "--import", "own.py")[0] == 0
    for command in (search, ("pareto", "studies/small")):
        status, _, err = anew(*command)
        assert status == 1 and "uses code of own.py; add --import" in err
    assert anew("pareto", "studies/small", "--import", "own.py")[0] == 0
    (folder / "own.py").write_text(OWN + "# changed\n")
    status, _, err = anew(*search, "--import", "own.py")
    assert status == 1 and "own.py is not what it was when the study was started" in err


OWN = """
from nas.blocks import operator
from nas.layers import Conv

@operator("own_cross")
def own_cross(c_in, c_out, stride, flat, *, reach: int = 3):
    return Conv(c_in, c_out, (1 if flat else reach, 3, 3), stride)
"""
