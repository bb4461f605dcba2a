"""`nas predict` says of a video what the test of the network says of it, whatever file the network comes from."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest
import torch

from nas import predicting, testing, trained
from nas.data import formats, motion
from nas.data_settings import DataSettings, ViewSettings
from nas.errors import NasError
from nas.exporting import FORMATS
from nas.packed import packed
from tests.data import footage
from tests.runs import PACK, QUIET, finished, listed

VIEWS = ViewSettings(clips=2, crops=3)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Finished runs by name; `one` has an export in all formats, `several` videos with several labels."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("predicting")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        videos = motion.generate(folder, motion.MotionSettings(train=20, val=12, size=32), workers=1)
        data = DataSettings(path=str(videos), pack=PACK)
        pictures = data.model_copy(update={"pack": PACK.model_copy(update={"jpeg": 60})})
        runs = {
            "one": finished(folder / "one", data, test=VIEWS, name="tiny, trial 4"),
            "pictures": finished(folder / "pictures", pictures, test=VIEWS),
            "several": finished(folder / "several", listed(folder / "lists", videos, several=True)),
            "all": finished(folder / "all", data, test=ViewSettings(clips="all")),
        }
        from nas.exporting import exporting

        for name, wanted in (("one", tuple(FORMATS)), ("all", ("python", "onnx")), ("several", ("onnx",))):
            exporting.export(
                str(runs[name]), trial=None, formats=wanted, out=None, data=None, videos=5, force=False,
                console=QUIET.console,
            )  # fmt: skip
        yield runs


@pytest.fixture
def export(runs, tmp_path):
    """A copy of the export, to be spoiled."""
    return shutil.copytree(runs["one"] / "export", tmp_path / "export")


def of_test(folder, monkeypatch):
    """The paths of the validation videos of a run, and their scores in its own test."""
    run = trained.load(folder)
    monkeypatch.setenv("NAS_CACHE", str(folder.parent / "cache"))
    videos, pack = packed(run.data, QUIET, workers=1)
    found = testing.test(
        run.model(), pack.val, run.clip, run.test, batch=5, device="cpu", multilabel=run.multilabel
    )  # fmt: skip
    return videos.val.paths.tolist(), found.scores


@pytest.mark.parametrize("name", ["one", "several", "all"])
def test_the_scores_are_those_of_the_test(runs, name, monkeypatch):
    paths, wanted = of_test(runs[name], monkeypatch)
    for target in (runs[name], runs[name] / "export"):
        found = list(predicting.load(target).videos(paths))
        assert [one.path for one in found] == paths
        np.testing.assert_allclose(np.stack([one.scores for one in found]), wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("form", "most"), [("python", 1e-6), ("torch", 1e-5), ("onnx", 1e-5), ("int8", 0.2)])
def test_every_format_gives_them(runs, form, most, monkeypatch):
    paths, wanted = of_test(runs["one"], monkeypatch)
    predictor = predicting.load(runs["one"] / "export", form=form)
    assert predictor.form == form and predictor.labels == trained.load(runs["one"]).classes
    found = np.stack([one.scores for one in predictor.videos(paths)])
    assert np.abs(found - wanted).max() <= most


def test_frames_that_a_pack_keeps_as_pictures_make_a_difference(runs, monkeypatch):
    paths, wanted = of_test(runs["pictures"], monkeypatch)
    found = np.stack([one.scores for one in predicting.load(runs["pictures"]).videos(paths)])
    assert 0 < np.abs(found - wanted).max() < 0.2


def test_the_generated_file_is_not_run(export):
    (export / "network.py").write_text("raise SystemExit('ran')")
    assert predicting.load(export, form="python").form == "python"


def test_without_a_format_the_first_that_is_there_is_taken(runs):
    assert predicting.load(runs["one"] / "export").form == "python"
    assert predicting.load(runs["several"] / "export").form == "onnx"
    with pytest.raises(NasError, match="the format 'torch' is not in this export; it has onnx"):
        predicting.load(runs["several"] / "export", form="torch")


def test_other_views_than_those_of_the_test(runs, monkeypatch):
    paths, _ = of_test(runs["one"], monkeypatch)
    usual, more, fewer = (
        next(predicting.load(runs["one"], views=views).videos(paths[:1])).scores
        for views in (None, {"clips": 4, "crops": 3}, {"clips": 1, "crops": 1})
    )
    assert (usual != more).any() and (usual != fewer).any() and usual.sum() == pytest.approx(1)


def test_a_file_for_clips_of_one_length_cannot_see_all_frames(runs):
    assert predicting.load(runs["all"] / "export").views.clips == "all"
    with pytest.raises(NasError, match="network.onnx takes clips of 4 frames, and all frames of a video are asked for"):
        predicting.load(runs["all"] / "export", form="onnx")
    assert predicting.load(runs["all"] / "export", form="onnx", views={"clips": 2, "crops": 1}).form == "onnx"


def test_onnx_runs_on_cpus(runs):
    with pytest.raises(NasError, match="ONNX files run on CPUs here, not on 'cuda'"):
        predicting.load(runs["one"] / "export", form="onnx", device="cuda")
    with pytest.raises(NasError, match="device 'warp' is not known"):
        predicting.load(runs["one"] / "export", device="warp")


class TestCommand:
    """What is printed."""

    @pytest.fixture
    def paths(self, runs):
        found = formats.read(trained.load(runs["one"]).data.path, DataSettings())
        return found.val.paths.tolist()[:3]

    def test_a_table_for_each_video(self, runs, nas, paths):
        status, told, _ = nas("predict", runs["one"] / "export", *paths, "--top", 3)
        assert status == 0
        lines = [line for line in told.splitlines() if line.strip()]
        assert lines[0].startswith("tiny, trial 4 (python): 10 classes, 2 clips x 3 crops of 4x20x20 of each video")
        assert len(lines) == 1 + 3 * 4 and [line.strip() for line in lines[1::4]] == paths
        scores = [float(line.split()[0]) for line in lines[2:5]]
        assert scores == sorted(scores, reverse=True) and lines[2].split()[-1] in trained.load(runs["one"]).classes

    def test_lines_of_json(self, runs, nas, paths):
        status, told, _ = nas("predict", runs["one"], *paths, "--json", "--top", 20, "--views", "1x1")
        rows = [json.loads(line) for line in told.splitlines()]
        assert status == 0 and [row["video"] for row in rows] == paths
        for row in rows:
            assert len(row["top"]) == 10 and sum(one["score"] for one in row["top"]) == pytest.approx(1, abs=1e-5)

    def test_a_video_that_cannot_be_read_stops_no_other(self, runs, nas, paths, tmp_path):
        (tmp_path / "text\n.mp4").write_text("no video")
        given = [tmp_path / "gone.mp4", paths[0], tmp_path / "text\n.mp4", paths[1]]
        status, told, _ = nas("predict", runs["one"], *given)
        assert status == 1 and told.count("cannot be read: ") == 2 and "2 of 4 videos could not be read" in told
        assert told.index("gone.mp4") < told.index(paths[0]) < told.index("text .mp4") < told.index(paths[1])
        status, told, _ = nas("predict", runs["one"], *given, "--json")
        rows = [json.loads(line) for line in told.splitlines()]
        assert status == 1 and ["error" in row for row in rows] == [True, False, True, False]

    def test_a_folder_of_frames_and_real_footage(self, runs, nas, tmp_path):
        import av

        frames = tmp_path / "frames"
        frames.mkdir()
        with av.open(footage.path("carphone_pristine")) as film:
            for number, frame in zip(range(12), film.decode(video=0), strict=False):
                frame.to_image().save(frames / f"img_{number:03d}.png")
        status, told, error = nas("predict", runs["one"], footage.path("bikes"), frames, "--top", 1)
        assert status == 0 and len([line for line in told.splitlines() if line.strip()]) == 5, error

    @pytest.mark.parametrize("views", ["", "x3", "0x1", "10x2", "ten", "-1"])
    def test_views_that_are_none(self, runs, nas, views, paths):
        status, _, error = nas("predict", runs["one"], paths[0], f"--views={views}")
        assert status == 2 and "is not such as 10x3" in error

    def test_a_format_that_is_none_or_of_a_run(self, runs, nas, paths):
        assert nas("predict", runs["one"], paths[0], "--format", "tflite")[0] == 2
        status, _, error = nas("predict", runs["one"], paths[0], "--format", "onnx")
        assert status == 1 and "is a run, no export; leave --format out, or run nas export" in error

    def test_what_is_neither_is_one_line(self, nas, paths, tmp_path):
        for target in (tmp_path, tmp_path / "gone", paths[0]):
            status, told, error = nas("predict", target, paths[0])
            assert status == 1 and told == "" and error.count("\n") == 1, error

    def test_damaged_files_are_one_line(self, export, nas, paths):
        for form, name in (*FORMATS.items(), ("python", "weights.safetensors"), ("python", "genotype.yaml")):
            if name == "network.py":
                continue
            whole = (export / name).read_bytes()
            for data, line in ((whole[:-9], "is cut off"), (whole[:-9] + b"123456789", "was altered")):
                (export / name).write_bytes(data)
                status, _, error = nas("predict", export, paths[0], "--format", form)
                assert status == 1 and line in error and error.count("\n") == 1, error
            (export / name).write_bytes(whole)

    def test_onnx_without_its_package(self, export, nas, paths, monkeypatch):
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        status, _, error = nas("predict", export, paths[0], "--format", "onnx")
        assert status == 1 and "pip install 'video-nas[export]'" in error
        assert nas("predict", export, paths[0])[0] == 0

    def test_another_number_of_labels_is_damage(self, export, nas, paths):
        told = json.loads((export / "export.json").read_text())
        (export / "export.json").write_text(json.dumps({**told, "labels": told["labels"][:-1]}))
        for form in FORMATS:
            status, _, error = nas("predict", export, paths[0], "--format", form)
            assert status == 1 and "it names 9 classes" in error and error.count("\n") == 1, error
