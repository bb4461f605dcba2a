"""Full-size training into a folder: what it leaves there, and that killing it changes nothing."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from nas import checkpoint, recorded, retrain
from nas import genotype as genotypes
from nas.build import build
from nas.cost import cost
from nas.data_settings import DataSettings, ViewSettings
from nas.errors import NasError
from nas.recipe import RetrainSettings, TrainSettings
from nas.weights import Weights, read
from tests.clips import CLIP, FakePack

ROOT = Path(__file__).parents[1]
SETTINGS = TrainSettings(epochs=4, batch=8, lr=0.05, warmup=1.0)
STAGE = {"depth": 1, "width": 8, "block": {"kind": "bottleneck", "conv": {"kind": "depthwise"}}}
VIEWS = ViewSettings(clips=2)
FILES = ["best.safetensors", "checkpoint.safetensors", "confusion.csv", "curve.csv", "genotype.yaml", "metrics.json"]


pytestmark = pytest.mark.usefixtures("one_thread")


def network(**more) -> genotypes.Genotype:
    stem = {"width": 8, "stride": [1, 1, 1], "pool": None}
    tree = {"input": {"frames": 4, "size": 8}, "classes": 6, "stem": stem, "stages": [STAGE]}
    return genotypes.parse(tree | more)


def run(folder: Path, settings=SETTINGS, genotype=None, pack=None, seed=3, **more):
    genotype, pack = genotype or network(), pack or FakePack()
    settings = RetrainSettings(train=settings, clip=CLIP, test=VIEWS)
    return retrain.retrain(genotype, pack, settings, folder, seed=seed, data=DataSettings(), device="cpu", **more)


def untimed(curve):
    return [{key: row[key] for key in row if key not in ("seconds", "wait")} for row in curve]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run: (folder, result)."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, run(folder, facts={"study": "studies/tiny", "trial": 17, "proxy_accuracy": 0.7})


def test_the_folder_holds_all_that_a_reader_needs(whole):
    folder, result = whole
    assert sorted(path.name for path in folder.iterdir() if path.name != ".lock") == [
        *FILES,
        "weights.safetensors",
    ]
    written = genotypes.load(folder / "genotype.yaml")
    assert written == network().model_copy(update={"exact": (recorded.record(network()),)})
    assert written.exact[0].macs == cost(network()).macs
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["accuracy"] == result.accuracy
    assert metrics["costs"]["params"] == cost(network()).params
    assert metrics["costs"]["clip"] == "4x8x8"
    assert metrics["facts"] == {"study": "studies/tiny", "trial": 17, "proxy_accuracy": 0.7}
    assert metrics["seed"] == 3
    told = metrics["data"]
    assert (told["fingerprint"], told["classes"], told["train"], told["val"]) == ("random clips", 6, 42, 30)
    assert told["names"] == list("abcdef") and told["settings"] == DataSettings().model_dump(mode="json")
    assert metrics["versions"]["torch"] == torch.__version__
    test = metrics["test"]
    assert test["views"] == "2 clips" and test["video"]["top1"] == test["clip"]["top1"] == result.accuracy
    assert test["clip"]["count"] == 2 * test["video"]["count"] == 60 and "top1" in test["reversed"]["video"]
    counts = [list(map(int, row[1:])) for row in list(csv.reader((folder / "confusion.csv").open()))[1:]]
    assert sum(map(sum, counts)) == 30 and sum(counts[i][i] for i in range(6)) == round(30 * result.accuracy)
    rows = list(csv.DictReader((folder / "curve.csv").open()))
    assert [float(row["train_error"]) for row in rows] == [row["train_error"] for row in result.curve]
    assert [float(row["val_error"]) for row in rows] == [1 - row["val_accuracy"] for row in result.curve]


def test_weights_are_those_of_the_last_and_of_the_best_epoch(whole):
    folder, result = whole
    accuracies = [row["val_accuracy"] for row in result.curve]
    last = checkpoint.load_weights(folder / "weights.safetensors", build(network()))
    best = checkpoint.load_weights(folder / "best.safetensors", build(network()))
    assert (last["epoch"], last["val_accuracy"]) == (4, accuracies[-1])
    assert best["epoch"] == accuracies.index(max(accuracies)) + 1
    assert last["classes"] == list("abcdef")


def test_a_finished_run_says_so_and_gives_its_result_back(whole):
    folder, result = whole
    before, notes = (folder / "metrics.json").read_bytes(), []
    assert run(folder, on_note=notes.append, on_step=forbidden) == result
    assert notes == [f"{folder} is finished already: 4 epochs", *json.loads(before)["test"]["lines"]]
    assert (folder / "metrics.json").read_bytes() == before


def test_another_test_of_a_finished_run_trains_nothing(tmp_path: Path, whole):
    folder = tmp_path / "run"
    shutil.copytree(whole[0], folder)
    settings = RetrainSettings(train=SETTINGS, clip=CLIP, test=ViewSettings(clips=3, reverse=False))
    seen = []
    retrain.retrain(
        network(), FakePack(), settings, folder, seed=3, data=DataSettings(), device="cpu", on_step=forbidden,
        on_test=lambda *done: seen.append(done),
    )  # fmt: skip
    total = 3 * len(FakePack().val)
    assert seen[0] == (0, total) and seen[-1] == (total, total)
    before, after = (json.loads((one / "metrics.json").read_text()) for one in (whole[0], folder))
    assert after["test"]["views"] == "3 clips" and "reversed" not in after["test"]
    assert after["test"]["video"] == before["test"]["video"], "all views of a fake clip are the same"
    assert {**after, "test": 0} == {**before, "test": 0}


def test_a_run_that_was_finished_by_an_earlier_version_is_tested_and_kept(tmp_path: Path, whole):
    folder = tmp_path / "run"
    shutil.copytree(whole[0], folder)
    path, about = folder / "metrics.json", json.loads((folder / "metrics.json").read_text())
    path.write_text(json.dumps({name: about[name] for name in about if name not in ("wait_cause", "test")}))
    assert run(folder, on_step=forbidden).curve == whole[1].curve
    assert json.loads(path.read_text())["test"] == about["test"]


def test_a_run_killed_in_the_middle_resumes_to_the_same_bits(tmp_path: Path, whole):
    folder, (whole_folder, uninterrupted) = tmp_path / "run", whole
    child = subprocess.Popen([sys.executable, "-m", __name__, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "in epoch 3\n"
    child.kill()
    child.wait()
    notes = []
    resumed = run(folder, on_note=notes.append)
    assert notes[0] == f"{folder} goes on after epoch 2 of 4"
    assert notes[1] == "testing 30 videos: 2 clips, and again with frames reversed"
    assert notes[2].startswith("video top-1 ") and notes[-1].startswith("frames reversed: ")
    assert untimed(resumed.curve) == untimed(uninterrupted.curve)
    for name in ("weights.safetensors", "best.safetensors"):
        assert (folder / name).read_bytes() == (whole_folder / name).read_bytes()


def test_a_run_killed_before_its_last_files_writes_them(tmp_path: Path):
    one = SETTINGS.model_copy(update={"epochs": 1})
    first = run(tmp_path, one)
    for name in ("metrics.json", "weights.safetensors", "curve.csv"):
        (tmp_path / name).unlink()
    again = run(tmp_path, one, on_step=forbidden)
    assert again.curve == first.curve
    assert (tmp_path / "weights.safetensors").exists()
    assert (tmp_path / "curve.csv").exists()


def test_another_run_in_the_same_folder_is_refused(whole):
    folder, _ = whole
    wider = network(stages=[STAGE | {"width": 16}])
    with pytest.raises(NasError, match=r"genotype\.yaml: is of another run: stages\.0\.width was 8, is 16;"):
        run(folder, genotype=wider)
    with pytest.raises(NasError, match=r"train\.epochs was 4, is 9, seed was 3, is 4;"):
        run(folder, SETTINGS.model_copy(update={"epochs": 9}), seed=4)
    with pytest.raises(NasError, match="data was random clips, is other clips;"):
        run(folder, pack=FakePack(fingerprint="other clips"))


def test_network_and_data_must_have_the_same_classes(tmp_path: Path):
    with pytest.raises(NasError, match="the network has 400 classes, the data 6; set classes: 6"):
        run(tmp_path / "run", genotype=network(classes=400))
    assert not (tmp_path / "run").exists()


def test_a_network_that_is_not_what_it_costs_is_not_trained(tmp_path: Path, monkeypatch):
    fewer = cost(network())._replace(params=5)
    monkeypatch.setattr(recorded, "cost", lambda genotype: fewer)
    with pytest.raises(NasError, match=r"the built network has [\d,]+ params, its cost says 5"):
        run(tmp_path, on_step=forbidden)


def test_two_processes_do_not_share_a_folder(tmp_path: Path):
    def second(*_):
        with pytest.raises(NasError, match="another process is training in this folder"):
            run(tmp_path)

    run(tmp_path, SETTINGS.model_copy(update={"epochs": 1}), on_epoch=second)


def test_bad_folders_and_files_are_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NasError, match="cannot be used as a folder"):
        run(tmp_path / "file")
    with pytest.raises(NasError, match="cannot be used as a folder"):
        run(tmp_path / "file" / "below")
    (tmp_path / "checkpoint.safetensors").write_bytes(b"cut off")
    with pytest.raises(NasError, match=r"checkpoint\.safetensors: is cut off"):
        run(tmp_path)


def test_broken_metrics_of_a_finished_run_are_one_line(tmp_path: Path):
    one = SETTINGS.model_copy(update={"epochs": 1})
    run(tmp_path, one)
    for text in ("", "[]", "{}", "null"):
        (tmp_path / "metrics.json").write_text(text)
        with pytest.raises(NasError, match=r"metrics\.json: cannot be read as the metrics of a run; delete it"):
            run(tmp_path, one)


# Weights to start from


@pytest.fixture
def flat_weights(tmp_path: Path) -> Weights:
    """Of the 2D network, with nine classes."""
    path = tmp_path / "flat.safetensors"
    checkpoint.save_weights(path, build(network(classes=9, deflation={"keep": 0}), seed=5), {})
    return read(path)


def test_a_run_starts_from_weights_and_says_so(tmp_path: Path, flat_weights):
    one, notes = SETTINGS.model_copy(update={"epochs": 1, "lr": 1e-12}), []
    run(tmp_path / "run", one, weights=flat_weights, on_note=notes.append)
    assert notes[:2] == [
        f"starts from {flat_weights.path}: 23 tensors copied, 2 inflated",
        "starting anew: the classifier (9 classes in the file, 6 here)",
    ]
    model = build(network(), seed=3)
    checkpoint.load_weights(tmp_path / "run" / "weights.safetensors", model)
    kernel = flat_weights.tensors["stem.conv.weight"]
    torch.testing.assert_close(model.stem.conv.weight.detach(), kernel.expand(-1, -1, 3, -1, -1) / 3)
    text = (tmp_path / "run" / "metrics.json").read_text()
    initial = json.loads(text)["initial"]
    assert (initial["file"], initial["sha256"]) == ("flat.safetensors", flat_weights.sha256)
    assert (initial["copied"], initial["inflated"], initial["anew"], initial["classes"]) == (23, 2, [], [9, 6])
    assert str(tmp_path) not in text


def test_a_run_from_weights_resumes_with_them_alone(tmp_path: Path, flat_weights):
    folder = tmp_path / "run"

    def stop(row: dict) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    whole = run(tmp_path / "whole", weights=flat_weights)
    with pytest.raises(KeyboardInterrupt):
        run(folder, weights=flat_weights, on_epoch=stop)
    moved = Weights(Path("moved.safetensors"), flat_weights.sha256, flat_weights.tensors)
    other = Weights(Path("other.safetensors"), "f" * 64, flat_weights.tensors)
    with pytest.raises(
        NasError, match=r"weights was flat\.safetensors \(\w{8}, sum\), is other\.safetensors \(ffffffff, sum\);"
    ):
        run(folder, weights=other)
    centre = dataclasses.replace(flat_weights, deflated="centre")
    with pytest.raises(NasError, match=r"sum\), is flat\.safetensors \(\w{8}, centre\)"):
        run(folder, weights=centre)
    with pytest.raises(
        NasError, match=r"initial\.json: is of another run: weights was flat\.safetensors .*, is absent;"
    ):
        run(folder)
    notes = []
    assert untimed(run(folder, weights=moved, on_note=notes.append).curve) == untimed(whole.curve)
    assert notes[0] == f"{folder} goes on after epoch 1 of 4"
    assert json.loads((folder / "metrics.json").read_text())["initial"]["file"] == "flat.safetensors"
    (folder / "initial.json").write_text("{")
    with pytest.raises(NasError, match=r"initial\.json: cannot be read as the start of a run"):
        run(folder, weights=moved)


def test_weights_are_refused_in_the_folder_of_a_run_without(whole, flat_weights):
    folder, _ = whole
    with pytest.raises(NasError, match=r"weights was absent, is flat\.safetensors"):
        run(folder, weights=flat_weights)
    assert json.loads((folder / "metrics.json").read_text())["initial"] is None


def test_a_start_that_led_nowhere_is_forgotten(tmp_path: Path, flat_weights):
    def stop(*_) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", weights=flat_weights, on_step=stop)
    run(tmp_path / "run", SETTINGS.model_copy(update={"epochs": 1}))
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["initial"] is None


def test_weights_of_another_architecture_are_one_line_and_leave_no_run(tmp_path: Path, flat_weights):
    wider = network(stages=[STAGE | {"width": 16}])
    with pytest.raises(
        NasError, match=r"flat\.safetensors: is of another architecture: .* in the network; give"
    ) as told:
        run(tmp_path / "run", genotype=wider, weights=flat_weights)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "run").exists()


def forbidden(*_):
    raise AssertionError("a step was trained")


def stop_in_the_third_epoch(folder: Path) -> None:
    """Train up to the middle of epoch 3, say so, and wait to be killed."""
    torch.set_num_threads(1)

    def stop(done: int, total: int) -> None:
        if done == 13:  # 5 steps an epoch
            print("in epoch 3", flush=True)
            time.sleep(60)

    run(folder, on_step=stop)


if __name__ == "__main__":
    stop_in_the_third_epoch(Path(sys.argv[1]))


def test_weights_that_were_deleted_come_back_from_the_checkpoint(whole, tmp_path: Path):
    folder = tmp_path / "run"
    shutil.copytree(whole[0], folder)
    before = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").unlink()
    run(folder, on_step=forbidden)
    assert (folder / "weights.safetensors").read_bytes() == before
