"""`nas evaluate` on networks that were really trained: figures, ensembles, files, and everything that does not fit."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from nas import evaluation, evaluation_card, evaluation_files, trained
from nas.cost import cost
from nas.data import motion
from nas.data_settings import ClipSettings, DataSettings, ViewSettings
from nas.evaluation import Asked, Evaluation
from nas.metrics import measure
from nas.packed import packed
from tests.runs import PACK, QUIET, finished, listed

FILES = ["confusion.csv", "confusion.html", "evaluation.json", "scores.csv"]
LONGER = ClipSettings(frames=6, size=16, flip="never", sampling="segments")
OTHER_PACK = PACK.model_copy(update={"frames": 6, "size": 20})
LEFT_OUT = (2, 5)  # validation videos that a list lacks

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs by name, and the folder of the videos: 30 to train on and 20 to validate with, of ten actions."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        videos = motion.generate(folder, motion.MotionSettings(train=30, val=20, size=32), workers=1)
        videos = videos.rename(folder / "videos")
        data = DataSettings(path=str(videos), pack=PACK)
        others = data.model_copy(update={"pack": OTHER_PACK})
        some = listed(folder / "lists" / "some", videos, leave_out=LEFT_OUT)
        several = listed(folder / "lists" / "several", videos, several=True)
        few = motion.generate(folder, motion.MotionSettings(train=8, val=8, classes=8, size=16), workers=1)
        eight = DataSettings(path=str(few), pack=PACK)
        yield {
            "videos": videos,
            "one": finished(folder / "one", data, name="tiny, trial 1"),
            "two": finished(folder / "two", others, clip=LONGER, seed=1, test=ViewSettings(), name="tiny, trial 2"),
            "some": finished(folder / "some", some, seed=2, name="some"),
            "several": finished(folder / "several", several, seed=3, test=ViewSettings(clips=3)),
            "more": finished(folder / "more", several, seed=4),
            "eight": finished(folder / "eight", eight, seed=5),
        }


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def brute_force(folder: Path, *, reverse: bool = False, views: dict | None = None):
    """(names of the validation videos, scores), one view of one video at a time, read from the pack."""
    run = trained.load(folder)
    videos, pack = packed(run.data, QUIET)
    model, split = run.model(), pack.val
    asked = ViewSettings(**{**run.test.model_dump(), **(views or {})})
    rows = np.zeros((len(split), len(run.classes)))
    counts = np.zeros(len(split))
    for x, numbers in split.views(run.clip, asked, batch=1, device="cpu"):
        with torch.no_grad():
            logits = model(x.flip(2) if reverse else x)[0]
        rows[numbers[0]] += (logits.sigmoid() if run.multilabel else logits.softmax(0)).numpy()
        counts[numbers[0]] += 1
    names = [os.path.relpath(path, videos.root) for path in videos.val.paths.tolist()]
    return names, rows / counts[:, None], split.labels


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, index_col="video")


def figures(folder: Path) -> dict:
    return json.loads((folder / "evaluation.json").read_text())


def close(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


# One network


def test_the_figures_of_a_run_s_own_test_come_out_again(runs, here, nas):
    status, out, err = nas("evaluate", runs["one"], "--out", "one")
    assert (status, err) == (0, ""), err
    was, told = json.loads((runs["one"] / "metrics.json").read_text())["test"], figures(here / "one")
    (network,) = told["networks"]
    for name in ("video", "clip"):
        assert was[name].items() <= network[name].items()
        assert was["reversed"][name].items() <= network["reversed"][name].items()
    assert (told["videos"], network["clip"]["count"], network["views_a_video"]) == (20, 40, 2)
    assert out.splitlines()[-1] == "wrote evaluation.json, scores.csv, confusion.csv and confusion.html in one"
    assert sorted(path.name for path in (here / "one").iterdir()) == FILES
    assert str(here) not in (here / "one" / "evaluation.json").read_text()


def test_scores_per_video_are_those_of_brute_force(runs, here, nas):
    assert nas("evaluate", runs["one"], "--clips", 3, "--crops", 3, "--no-reverse", "--out", "x")[0] == 0
    names, scores, labels = brute_force(runs["one"], views={"clips": 3, "crops": 3})
    found, classes = table(here / "x" / "scores.csv"), trained.load(runs["one"]).classes
    assert list(found.index) == names and list(found.columns) == ["true class", "predicted class", *classes]
    close(found[list(classes)].to_numpy(), scores)
    assert found[list(classes)].sum(axis=1).to_numpy() == pytest.approx(np.ones(20), abs=1e-5)
    assert list(found["true class"]) == [classes[number] for number in labels.first()]
    assert list(found["predicted class"]) == [classes[number] for number in scores.argmax(1)]
    (network,) = figures(here / "x")["networks"]
    expected = measure(torch.from_numpy(scores), torch.from_numpy(labels.first()))
    assert network["video"] == pytest.approx({**expected.to_plain(), "top1_error": expected.error})
    assert network["clip"]["count"] == 20 * 9 and "reversed" not in network
    confusion = pd.read_csv(here / "x" / "confusion.csv", index_col="true class")
    assert (confusion.to_numpy() == expected.confusion).all() and list(confusion.columns) == list(classes)
    assert figures(here / "x")["classes"][classes[0]] == {"videos": 2, "top1": expected.per_class[0]}


def test_reversed_scores_are_those_of_clips_played_backwards(runs, here, nas):
    assert nas("evaluate", runs["two"], "--reverse", "--out", "x")[0] == 0
    _, forward, labels = brute_force(runs["two"])
    _, backward, _ = brute_force(runs["two"], reverse=True)
    assert not np.allclose(forward, backward, rtol=1e-3)
    hits = [(scores.argmax(1) == labels.first()).astype(float) for scores in (forward, backward)]
    told = figures(here / "x")["networks"][0]["reversed"]
    assert told["video"]["top1"] == pytest.approx(hits[1].mean())
    assert told["top1_difference"] == pytest.approx((hits[1] - hits[0]).mean())
    assert told["top1_difference_error"] == pytest.approx((hits[1] - hits[0]).std() / np.sqrt(20))


def test_costs_are_those_of_the_views_that_are_shown(runs, here, nas):
    built = trained.load(runs["one"]).genotype

    def gflops(*flags, **clip):
        assert nas("evaluate", runs["one"], "--no-reverse", "--force", "--out", "x", *flags)[0] == 0
        (network,) = figures(here / "x")["networks"]
        at = built.model_copy(update={"input": built.input.model_copy(update=clip)})
        assert network["gflops"] == cost(at).macs / 1e9 and network["mparams"] == cost(built).params / 1e6
        return network["views_a_video"]

    assert gflops() == 2
    assert gflops("--size", 16, "--crops", 3, size=16) == 6
    assert gflops("--clips", "all", frames=8) == 1  # all videos keep 8 frames


def test_best_weights_and_training_videos(runs, here, nas):
    status, out, _ = nas("evaluate", runs["one"] / "best.safetensors", "--split", "train", "--no-reverse", "--json")
    assert status == 0
    told = json.loads(out)
    weights = (runs["one"] / "best.safetensors").read_bytes()
    assert told["networks"][0]["weights"] == {
        "file": "best.safetensors",
        "sha256": hashlib.sha256(weights).hexdigest(),
    }
    assert told["networks"][0]["name"] == "tiny, trial 1, best" and (told["split"], told["videos"]) == ("train", 30)
    assert (runs["one"] / "evaluations" / "2x1-forward-train-best" / "scores.csv").exists()


def test_several_labels_are_measured_by_average_precision(runs, here, nas):
    status, out, err = nas("evaluate", runs["several"], "--out", "x")
    assert (status, err) == (0, ""), err
    _, scores, labels = brute_force(runs["several"])
    expected = measure(torch.from_numpy(scores), torch.from_numpy(labels.hot(np.arange(20), 10)))
    (network,) = figures(here / "x")["networks"]
    assert network["video"]["map"] == pytest.approx(expected.map) and network["video"]["mean_class"] is None
    assert sorted(path.name for path in (here / "x").iterdir()) == ["evaluation.json", "scores.csv"]
    found = table(here / "x" / "scores.csv")
    classes = trained.load(runs["several"]).classes
    assert list(found["true class"]) == ["|".join(classes[number] for number in labels[row]) for row in range(20)]
    close(found[list(classes)].to_numpy(), scores)
    assert any("|" in told for told in found["true class"]) and "video\nmAP" not in out and "mAP" in out
    precision = figures(here / "x")["classes"][classes[0]]["average_precision"]
    assert precision == pytest.approx(expected.per_class[0])


# Several networks


def test_an_ensemble_is_the_mean_of_networks_that_saw_different_clips(runs, here, nas):
    status, out, err = nas("evaluate", runs["one"], runs["two"], "--out", "x")
    assert (status, err) == (0, ""), err
    (names, one, labels), (_, two, _) = brute_force(runs["one"]), brute_force(runs["two"])
    classes = list(trained.load(runs["one"]).classes)
    for name, scores in (("scores-1.csv", one), ("scores-2.csv", two), ("scores.csv", (one + two) / 2)):
        found = table(here / "x" / name)
        assert list(found.index) == names
        close(found[classes].to_numpy(), scores)
        assert found[classes].sum(axis=1).to_numpy() == pytest.approx(np.ones(20), abs=1e-5)
    told = figures(here / "x")
    expected = measure(torch.from_numpy((one + two) / 2), torch.from_numpy(labels.first()))
    assert told["ensemble"]["video"]["top5"] == pytest.approx(expected.top5) and told["ensemble"]["clip"] is None
    assert told["ensemble"]["video"]["top1"] == pytest.approx(expected.top1)
    costs = [network["gflops"] * views for network, views in zip(told["networks"], (2, 1), strict=True)]
    assert told["ensemble"]["gflops_a_video"] == pytest.approx(sum(costs)) and len(set(costs)) == 2
    assert [network["shown"] for network in told["networks"]] == ["4x20x20, 2 clips", "6x16x16, 1 clip"]
    assert told["left_out"] == [] and "ensemble of 2 networks: 20 validation videos of videos, 10 classes" in out


def test_reversal_of_an_ensemble(runs, here, nas):
    assert nas("evaluate", runs["one"], runs["two"], "--out", "x")[0] == 0
    backward = [brute_force(runs[name], reverse=True)[1] for name in ("one", "two")]
    labels = brute_force(runs["one"])[2].first()
    told = figures(here / "x")["ensemble"]["reversed"]["video"]
    assert told["top1"] == pytest.approx((np.mean(backward, axis=0).argmax(1) == labels).mean())


def test_an_ensemble_of_a_network_with_itself_is_the_network(runs, here, nas):
    assert nas("evaluate", runs["one"], runs["one"], "--out", "x")[0] == 0
    told = figures(here / "x")
    one, again = told["networks"]
    assert told["ensemble"]["video"] == one["video"] == again["video"]
    assert told["ensemble"]["reversed"]["video"] == one["reversed"]["video"]
    assert [network["name"] for network in (one, again)] == ["tiny, trial 1", "tiny, trial 1 (2)"]
    files = [(here / "x" / name).read_bytes() for name in ("scores.csv", "scores-1.csv", "scores-2.csv")]
    assert files[0] == files[1] == files[2]


def test_networks_are_joined_by_their_videos_whatever_the_order_of_their_lists(runs, here, nas):
    """The second list has the videos backwards, and lacks two."""
    status, out, err = nas("evaluate", runs["one"], runs["some"], "--no-reverse", "--out", "x")
    assert (status, err) == (0, ""), err
    names, one, _ = brute_force(runs["one"])
    others, some, _ = brute_force(runs["some"])
    assert set(others) < set(names) and others != [name for name in names if name in others]
    both = [name for name in names if name in others]
    classes = list(trained.load(runs["one"]).classes)
    rows = [[some_names.index(name) for name in both] for some_names in (names, others)]
    found = table(here / "x" / "scores.csv")
    assert list(found.index) == both
    close(found[classes].to_numpy(), (one[rows[0]] + some[rows[1]]) / 2)
    told = figures(here / "x")
    assert told["left_out"] == [names[place] for place in LEFT_OUT]
    assert [network["video"]["count"] for network in told["networks"]] == [18, 18]
    assert f"left out: 2 videos that not every network's pack holds, such as {names[LEFT_OUT[0]]}" in out


def test_ensembles_of_several_labels(runs, here, nas):
    assert nas("evaluate", runs["several"], runs["more"], "--out", "x")[0] == 0
    (_, one, labels), (_, two, _) = brute_force(runs["several"]), brute_force(runs["more"])
    expected = measure(torch.from_numpy((one + two) / 2), torch.from_numpy(labels.hot(np.arange(20), 10)))
    assert figures(here / "x")["ensemble"]["video"]["map"] == pytest.approx(expected.map)


def test_data_in_place_of_the_run_s(runs, here, nas, tmp_path):
    shutil.copytree(runs["videos"], tmp_path / "copy")
    assert nas("evaluate", runs["one"], "--data", f"kinetics:{tmp_path / 'copy'}", "--no-reverse")[0] == 0
    (folder,) = (runs["one"] / "evaluations").glob("*-copy")
    was, told = json.loads((runs["one"] / "metrics.json").read_text())["test"], figures(folder)
    assert folder.name == "2x1-forward-copy" and was["video"].items() <= told["networks"][0]["video"].items()
    both = ("evaluate", runs["one"], runs["two"], "--data", tmp_path / "copy", "--no-reverse")
    status, out, err = nas(*both)
    assert status == 0, err
    assert (here / "evaluations" / "tiny-trial-1+tiny-trial-2" / "2x1-forward+1x1-forward-copy").is_dir()


def test_trials_of_a_study(runs, here, nas):
    for number, name in ((4, "one"), (7, "two")):
        shutil.copytree(runs[name], here / "studies" / "tiny" / "retrained" / str(number))
    status, out, _ = nas("evaluate", "studies/tiny", "--trial", 4, "--trial", 7, "--no-reverse", "--json")
    assert status == 0 and [one["name"] for one in json.loads(out)["networks"]] == ["tiny, trial 1", "tiny, trial 2"]
    status, out, _ = nas("evaluate", "tiny", "--trial", 7)
    assert status == 0 and "in studies/tiny/retrained/7/evaluations/1x1" in out
    status, _, err = nas("evaluate", "tiny", "--trial", 5)
    assert status == 1 and "trial 5 is not trained at full size; run nas retrain studies/tiny --trial 5; trained" in err
    status, _, err = nas("evaluate", "studies/tiny")
    assert status == 1 and "is a study; name one of its networks, such as studies/tiny/retrained/4" in err
    assert nas("evaluate", "studies/tiny", runs["one"], "--trial", 4)[0] == 2


# Files


def test_another_evaluation_is_not_overwritten(runs, here, nas):
    command = ("evaluate", runs["one"], "--no-reverse", "--out", "x")
    assert nas(*command)[0] == 0
    before = {path.name: path.read_bytes() for path in (here / "x").iterdir()}
    assert nas(*command)[0] == 0, "the same evaluation"
    assert (here / "x" / "scores.csv").read_bytes() == before["scores.csv"]
    status, _, err = nas(*command, "--clips", 1)
    assert status == 1 and err.count("\n") == 1
    assert "x: holds another evaluation: networks.0.views.clips was 2, is 1; give --force to replace it" in err
    assert (here / "x" / "scores.csv").read_bytes() == before["scores.csv"]
    assert nas("evaluate", runs["one"], runs["two"], "--no-reverse", "--out", "x", "--force")[0] == 0
    assert (here / "x" / "scores-2.csv").exists()
    assert "x: holds another evaluation: of 2 networks, not 1; give --force" in nas(*command)[2]
    assert nas(*command, "--clips", 1, "--force")[0] == 0
    assert sorted(path.name for path in (here / "x").iterdir()) == FILES, "nothing of the ensemble is left"
    assert figures(here / "x")["networks"][0]["views_a_video"] == 1


def test_scores_alone_go_into_a_file(runs, here, nas):
    command = ("evaluate", runs["one"], "--no-reverse", "--out", "below/mine.csv")
    assert nas(*command)[1].endswith("wrote below/mine.csv\n")
    assert [path.name for path in (here / "below").iterdir()] == ["mine.csv"]
    assert len(table(here / "below" / "mine.csv")) == 20
    (here / "below" / "mine.csv").write_text("kept")
    status, _, err = nas(*command)
    assert status == 1 and "below/mine.csv: is there already; give --force" in err
    assert (here / "below" / "mine.csv").read_text() == "kept"
    assert nas(*command, "--force")[0] == 0 and len(table(here / "below" / "mine.csv")) == 20


@pytest.mark.parametrize("name", ["scores.csv", "scores-1.csv", "confusion.html", "evaluation.json"])
def test_a_file_of_someone_else_is_not_overwritten(runs, here, nas, name):
    (here / name).write_text("mine")
    status, _, err = nas("evaluate", runs["one"], "--out", here)
    assert status == 1 and err.count("\n") == 1
    assert "holds another evaluation: nobody knows of what; give --force" in err
    assert (here / name).read_text() == "mine"


def test_other_files_in_the_folder_stay(runs, here, nas):
    for name in ("scores-mine.csv", "scores-7.csv", "notes.txt"):
        (here / name).write_text("mine")
    for more in ((), ("--force", "--clips", 1)):
        assert nas("evaluate", runs["one"], "--no-reverse", "--out", here, *more)[0] == 0
    assert all((here / name).read_text() == "mine" for name in ("scores-mine.csv", "scores-7.csv", "notes.txt"))


def test_an_interrupt_leaves_nothing_and_says_so(runs, here):
    command = [sys.executable, "-m", "nas", "evaluate", runs["one"], "--out", "x/y", "--clips", "4000", "--batch", "1"]
    process = subprocess.Popen(
        [str(part) for part in command], cwd=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    for line in process.stdout:
        if line.startswith("testing "):
            process.send_signal(signal.SIGINT)
            break
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in rest
    assert rest.splitlines()[-1] == "interrupted: nothing was evaluated; decoded videos are kept"
    assert not (here / "x").exists()


# What does not fit


def test_networks_that_tell_other_classes_apart_are_no_ensemble(runs, here, nas):
    for name, words in (("eight", "8 classes, not 10"), ("several", "several labels a video, not one label a video")):
        status, _, err = nas("evaluate", runs["one"], runs[name])
        assert status == 1 and err.count("\n") == 1
        assert f"{name}: cannot be in one ensemble with {runs['one']}: {words}; evaluate it by itself" in err


def test_data_of_other_classes(runs, here, nas, tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    for name in ("renamed", "fewer"):
        listed(tmp_path / name, runs["videos"])
    for path in (tmp_path / "renamed").iterdir():
        path.write_text(path.read_text().replace(",down", ",sink").replace(",clockwise", ",turn"))
    for path in (tmp_path / "fewer").iterdir():
        path.write_text("".join(line for line in path.open() if not line.endswith(",vanish\n")))
    words = {
        "renamed": "some: does not fit the data renamed: class 2 is 'counter-clockwise', not 'clockwise' (and 5 more)",
        "fewer": "some: does not fit the data fewer: 9 classes, not 10",
    }
    for name, told in words.items():
        status, _, err = nas("evaluate", runs["some"], "--data", tmp_path / name)
        assert status == 1 and err.count("\n") == 1 and f"{told}; name the data it was trained on" in err
    assert "decoding" not in err and not list((tmp_path / "cache").glob("**/*.jsonl")), "told before videos are decoded"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["{one}/none.safetensors"], "none.safetensors: is not there; name a file of weights that is: best.safeten"),
        (["{one}/checkpoint.safetensors"], "is not a nas weights file but a nas checkpoint file"),
        (["{one}", "--data", "nowhere"], "nowhere: no such data folder"),
        (["{one}", "--device", "tpu"], "device 'tpu' is not known"),
        (["{one}", "--out", "{one}/metrics.json"], "metrics.json: cannot be made (File exists); give --out FOLDER"),
        (["{one}", "{eight}", "--data", "motion"], "cannot be in one ensemble"),
    ],
)
def test_bad_input_is_one_clear_line(runs, here, nas, arguments, words):
    status, _, err = nas("evaluate", *(argument.format(**runs) for argument in arguments))
    assert status == 1, err
    assert words in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--clips", "0"],
        ["--clips", "many"],
        ["--crops", "2"],
        ["--scale", "1.5"],
        ["--split", "test"],
        ["--batch", "0"],
    ],
)
def test_a_wrong_call_exits_with_2(runs, here, nas, arguments):
    assert nas("evaluate", runs["one"], *arguments)[0] == 2
    assert not list(here.iterdir())


def test_weights_that_were_altered_are_refused_before_any_test(runs, here, nas):
    shutil.copytree(runs["one"], here / "run")
    data = bytearray((here / "run" / "weights.safetensors").read_bytes())
    data[-5] ^= 1
    (here / "run" / "weights.safetensors").write_bytes(data)
    status, out, err = nas("evaluate", runs["two"], "run")
    assert (status, out) == (1, "") and "run/weights.safetensors: was altered after it was written" in err


def test_networks_without_a_video_in_common(runs, here, nas, tmp_path):
    shutil.copytree(runs["videos"], tmp_path / "copy")
    shutil.copytree(runs["two"], tmp_path / "run")
    about = json.loads((tmp_path / "run" / "metrics.json").read_text())
    about["data"]["settings"]["path"] = str(tmp_path / "copy")
    (tmp_path / "run" / "metrics.json").write_text(json.dumps(about))
    status, _, err = nas("evaluate", runs["one"], "run")
    assert status == 1 and err.count("\n") == 1
    assert "the networks have no videos in common (theirs lie in " in err and "name videos for all of them" in err


# What is shown


def evaluated(runs, *names, **views) -> Evaluation:
    asked = Asked(views, 16, device="cpu")
    networks = [trained.load(runs[name]) for name in names]
    subjects, left = evaluation.subjects(networks, [packed(one.data, QUIET) for one in networks], asked)
    found = tuple(evaluation.run(subject, subject.trained.model(), asked) for subject in subjects)
    return Evaluation(tuple(subjects), found, tuple(left), asked, "CPU, 1 thread")


def printed(found: Evaluation, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    evaluation_card.show(found, console)
    return [re.sub(r"\x1b\[\d*m", "", line).rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits(runs, width):
    found = evaluated(runs, "one", "two", clips=10, crops=3)
    lines = printed(found, width)
    assert max(map(len, lines)) <= width and not any("…" in line for line in lines)
    (row,) = [line for line in lines if line.startswith("ensemble  ")]
    video = found.final.video
    assert row.split()[1] == f"{sum(30 * one.gflops for one in found.subjects):#.3g}"
    assert f" - {video.top1:.3f} ±{video.error:.3f} {video.top5:.3f} " in " ".join(row.split())


def test_what_is_said_of_one_network_and_of_an_ensemble(runs):
    lines = printed(evaluated(runs, "one", reverse=True), 200)
    assert lines[0] == "tiny, trial 1: 20 validation videos of videos, 10 classes"
    assert "of each video: 4x20x20, 2 clips" in lines
    assert any(line.startswith("frames reversed: top-1 0.") for line in lines)
    found = evaluated(runs, "one", "two", reverse=False)
    lines = printed(found, 200)
    best = max(one.video.top1 for one in found.found)
    (gain,) = [line for line in lines if line.startswith("ensemble: top-1 ")]
    assert gain.startswith(f"ensemble: top-1 {found.final.video.top1 - best:+.3f} ±")
    assert not any("reversed" in line for line in lines)
    assert "of each video, tiny, trial 2: 6x16x16, 1 clip" in lines


def test_progress_counts_the_views_of_both_directions(runs):
    run = trained.load(runs["one"])
    asked = Asked({"clips": 3}, 7)
    (subject,), _ = evaluation.subjects([run], [packed(run.data, QUIET)], asked)
    seen = []
    evaluation.run(subject, run.model(), asked, seen.append)
    assert seen[-1] == evaluation.total(subject) == 2 * 3 * 20 and seen == sorted(set(seen))


def test_cut_videos_have_their_times_in_the_table(runs, tmp_path):
    found = evaluated(runs, "one", reverse=False)
    subject = found.subjects[0]
    videos = subject.kept.videos
    start = np.where(np.arange(20) < 19, 0.25, np.nan)
    cut = type(subject.kept)(
        subject.kept.split, type(videos)(videos.paths, videos.labels, start, videos.end), subject.kept.root
    )
    again = Evaluation((type(subject)(**{**vars(subject), "kept": cut}),), found.found, (), found.asked, "")
    evaluation_files.write(tmp_path / "x.csv", again, {})
    rows = list(csv.reader((tmp_path / "x.csv").open()))
    assert rows[0][:5] == ["video", "start", "end", "true class", "predicted class"]
    assert [row[1:3] for row in rows[1:]] == [["0.25", ""]] * 19 + [["", ""]]
