"""`nas export` on a network that was really trained: every format, what stands beside it, and all that is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys

import pytest
import torch

from nas import genotype as genotypes
from nas import trained
from nas.cost import cost
from nas.data import motion
from nas.data_settings import DataSettings, ViewSettings
from nas.errors import NasError
from nas.exporting import FORMATS, about, parts
from tests.exporting import stranger
from tests.runs import CLIP, PACK, finished

VIEWS = ViewSettings(clips=2, crops=3)
EVERY = ["export.json", "genotype.yaml", "network-int8.onnx", "network.onnx", "network.pt2", "network.py",
         "weights.safetensors"]  # fmt: skip

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """20 videos to train on and 20 to validate with, in a cache that the module's tests share."""
    folder = tmp_path_factory.mktemp("videos")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        yield motion.generate(folder, motion.MotionSettings(train=20, val=20, size=32), workers=1)


@pytest.fixture(scope="module")
def whole(videos, tmp_path_factory):
    """A finished run."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("exporting")
    return finished(folder / "run", DataSettings(path=str(videos), pack=PACK), test=VIEWS, name="tiny, trial 4")


@pytest.fixture
def run(whole, tmp_path):
    """A copy of it."""
    return shutil.copytree(whole, tmp_path / "run")


@pytest.fixture(scope="module")
def everything(whole, tmp_path_factory):
    """An export in all formats, and what was printed."""
    folder = tmp_path_factory.mktemp("export") / "out"
    done = subprocess.run(
        [sys.executable, "-m", "nas", "export", whole, "--format", "all", "--out", folder, "--videos", "15"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_all_formats_are_written_and_told(everything):
    folder, told = everything
    assert sorted(path.name for path in folder.iterdir()) == EVERY
    assert [line.split()[0] for line in told.splitlines() if line.startswith(tuple(FORMATS))][:4] == list(FORMATS)
    for line in (
        "writing network.onnx",
        "int8: top-1 accuracy",
        "on 15 validation videos, 1 clip",
        "wrote genotype.yaml",
    ):
        assert line in told, line


def test_export_json_tells_all_there_is_to_know(everything, whole):
    folder, _ = everything
    told = json.loads((folder / "export.json").read_text())
    run = trained.load(whole)
    assert (told["format"], told["schema"], told["name"]) == ("nas export", 1, "tiny, trial 4")
    assert told["labels"] == list(run.classes) and told["multilabel"] is False
    assert told["input"]["shape"] == [None, 3, CLIP.frames, CLIP.size, CLIP.size]
    assert told["output"]["shape"] == [None, 10]
    counted = cost(run.genotype)
    assert (told["costs"]["macs"], told["costs"]["params"]) == (counted.macs, counted.params)
    assert told["costs"]["clip"] == "4x20x20" and told["costs"]["views"] == 6
    assert told["test"]["video"]["top1"] == run.about["test"]["video"]["top1"]
    assert set(told["files"]) == set(EVERY) - {"export.json"}
    for name, known in told["files"].items():
        data = (folder / name).read_bytes()
        assert (known["bytes"], known["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert set(told["formats"]) == set(FORMATS)
    assert told["formats"]["python"]["difference"] == 0 and 0 <= told["formats"]["onnx"]["difference"] <= 1e-4
    assert str(whole.parent) not in json.dumps(told) and "videos" in told["settings"]["data"]
    eight = told["formats"]["int8"]["facts"]
    assert eight["accuracy"]["videos"] == 15 and eight["calibration_videos"] == 20 and 0 < eight["size_ratio"] < 1
    assert eight["accuracy"]["difference"] == eight["accuracy"]["int8"] - eight["accuracy"]["float32"]


def test_a_stranger_gets_the_scores_of_the_run_s_test(everything, whole, videos, tmp_path):
    """Only torch, the generated file, export.json and PyAV: the accuracy is that of the run's own test."""
    folder, _ = everything
    told = json.loads((folder / "export.json").read_text())
    module = {"__name__": "network", "__file__": str(folder / "network.py")}
    exec((folder / "network.py").read_text(), module)
    model, hits = module["load"](), 0
    rows = [line.split(",") for line in (videos / "val.csv").read_text().splitlines()[1:]]
    for label, name, *_ in rows:
        (path,) = (videos / "val").glob(f"{name}_*.mp4")
        with torch.no_grad():
            scores = stranger.probabilities(model(stranger.views(path, told["preprocessing"])), told["preprocessing"])
        hits += told["labels"][int(scores.argmax())] == label
    assert hits / len(rows) == told["test"]["video"]["top1"]


def test_one_format_needs_neither_data_nor_other_packages(run, nas, monkeypatch, videos):
    hidden = videos.rename(videos.with_name("hidden"))
    for name in ("onnx", "onnxruntime", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None)
    try:
        status, told, error = nas("export", run)
    finally:
        hidden.rename(videos)
    assert status == 0, error
    assert sorted(path.name for path in (run / "export").iterdir()) == [
        "export.json", "genotype.yaml", "network.py", "weights.safetensors"
    ]  # fmt: skip
    status, _, error = nas("export", run, "--format", "torch,onnx", "--out", run / "other")
    assert status == 1 and "pip install 'video-nas[export]'" in error and not (run / "other").exists()


def test_the_weights_that_are_named_are_exported(run, nas):
    status, _, error = nas("export", run / "best.safetensors", "--out", run / "best")
    assert status == 0, error
    ours = trained.load(run / "best.safetensors").model().state_dict()
    theirs = parts.read_weights(run / "best" / "weights.safetensors")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours) and ours.keys() == theirs.keys()
    assert about.read(run / "best").weights["file"] == "best.safetensors"
    assert genotypes.load(run / "best" / "genotype.yaml") == trained.load(run).genotype


def test_a_trial_of_a_study_is_found(run, nas, tmp_path):
    study = tmp_path / "studies" / "mine"
    (study / "retrained").mkdir(parents=True)
    (study / "study.db").write_text("")
    shutil.move(run, study / "retrained" / "4")
    status, told, error = nas("export", study, "--trial", "4")
    assert status == 0, error
    assert (study / "retrained" / "4" / "export" / "export.json").exists()
    status, _, error = nas("export", study)
    assert status == 1 and "is a study; name one of its networks" in error


def test_an_export_to_a_folder_that_exists_needs_force(run, nas):
    assert nas("export", run)[0] == 0
    before = (run / "export" / "export.json").read_bytes()
    status, _, error = nas("export", run)
    assert status == 1 and error.count("\n") == 1 and "exists already; add --force" in error
    (run / "export" / "notes.txt").write_text("mine")
    status, _, error = nas("export", run, "--force")
    assert status == 1 and "holds what no export wrote: notes.txt" in error
    assert (run / "export" / "export.json").read_bytes() == before
    (run / "export" / "notes.txt").unlink()
    status, told, _ = nas("export", run, "--force", "--format", "torch")
    assert status == 0 and "replaced an export that also had network.py, weights.safetensors" in told
    assert sorted(path.name for path in (run / "export").iterdir()) == ["export.json", "genotype.yaml", "network.pt2"]


def test_a_run_s_own_folder_is_never_replaced(run, nas):
    before = sorted(path.name for path in run.iterdir())
    status, _, error = nas("export", run, "--out", run, "--force")
    assert status == 1 and "holds what no export wrote" in error
    assert sorted(path.name for path in run.iterdir()) == before


@pytest.mark.parametrize("formats", ["", "onxx", "python,", "python;onnx"])
def test_an_unknown_format_is_a_wrong_call(run, nas, formats):
    status, _, error = nas("export", run, "--format", formats)
    assert status == 2 and "is none of" in error


def test_what_is_no_run_is_one_line(tmp_path, run, nas):
    assert nas("export", tmp_path / "nothing")[2].count("\n") == 1
    (run / "metrics.json").unlink()
    status, _, error = nas("export", run)
    assert status == 1 and "is not finished" in error


def test_altered_weights_are_not_exported(run, nas):
    data = bytearray((run / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (run / "weights.safetensors").write_bytes(data)
    status, _, error = nas("export", run)
    assert status == 1 and "was altered after it was written" in error and not (run / "export").exists()


def test_other_data_is_refused_for_int8(run, nas, tmp_path):
    few = motion.generate(tmp_path, motion.MotionSettings(train=4, val=4, classes=4, size=16), workers=1)
    status, _, error = nas("export", run, "--format", "int8", "--data", few)
    assert status == 1 and "4 classes, not 10" in error and not (run / "export").exists()


def test_scores_that_differ_leave_no_export(run, nas, monkeypatch):
    from nas.exporting import comparing

    monkeypatch.setattr(comparing, "relative", lambda found, wanted: 2e-4)
    status, _, error = nas("export", run, "--format", "onnx")
    assert status == 1 and "gives other scores than PyTorch" in error and not (run / "export").exists()
    assert not list(run.glob(".export*"))


class TestExportJson:
    """What is wrong with an export.json is one line."""

    @pytest.fixture
    def export(self, run, nas):
        assert nas("export", run)[0] == 0
        return run / "export"

    @pytest.mark.parametrize(
        ("change", "line"),
        [
            ({"schema": 2}, r"was written by a newer nas \(schema 2; this one reads up to 1\); upgrade nas"),
            ({"schema": "one"}, "is damaged: its schema is one"),
            ({"schema": None}, "is damaged"),
            ({"format": "other"}, "is no export"),
            ({"labels": 3}, "is damaged: 3 does not fit"),
            ({"more": 3}, "is damaged: the key 'more' is unknown"),
            ({"settings": {}}, "is damaged: the key 'data' is missing"),
        ],
    )
    def test_values(self, export, change, line):
        told = json.loads((export / "export.json").read_text()) | change
        (export / "export.json").write_text(json.dumps(told))
        with pytest.raises(NasError, match=line):
            about.read(export)

    def test_text(self, export):
        (export / "export.json").write_text((export / "export.json").read_text()[:200])
        with pytest.raises(NasError, match="is damaged: cannot be read"):
            about.read(export)

    def test_files(self, export):
        told, weights = about.read(export), export / "weights.safetensors"
        assert about.checked(export, told, "weights.safetensors") == weights
        data = weights.read_bytes()
        for spoiled, line in (
            (data[:-1], "is cut off"), (data + b"0", "was altered"), (data[:-1] + bytes([data[-1] ^ 1]), "was altered"),
        ):  # fmt: skip
            weights.write_bytes(spoiled)
            with pytest.raises(NasError, match=line):
                about.checked(export, told, "weights.safetensors")
        weights.unlink()
        with pytest.raises(NasError, match="is not there"):
            about.checked(export, told, "weights.safetensors")
        with pytest.raises(NasError, match="does not list ../run"):
            about.checked(export, told, "../run")
