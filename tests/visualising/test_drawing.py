"""The commands of `nas visualise`, on a run that was trained on real video files, and on a study."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from nas import checkpoint, retrain
from nas import genotype as genotypes
from nas.build import build
from nas.data.task import Task
from nas.data_settings import ClipSettings, DataSettings, PackSettings
from nas.recipe import RetrainSettings, TrainSettings
from nas.trained import load
from nas.visualising import filters
from tests.clips import FakePack, FakeSplit

CLASSES = ("left", "right", "up", "down")
CLIP = ClipSettings(frames=4, size=20, flip="never")
NETWORK = {
    "input": {"frames": 4, "size": 20},
    "classes": len(CLASSES),
    "stem": {"width": 8, "stride": [1, 2, 2], "pool": None},
    "stages": [{"depth": 1, "width": 8, "block": {"kind": "bottleneck", "conv": {"kind": "depthwise"}}}],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of a small ir-CSN."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    pack = FakePack(FakeSplit(16, len(CLASSES)), FakeSplit(10, len(CLASSES)), Task(CLASSES))
    settings = RetrainSettings(train=TrainSettings(epochs=2, batch=8, lr=0.05, warmup=0.0), clip=CLIP)
    data = DataSettings(pack=PackSettings(every=1, frames=8, size=24))
    retrain.retrain(
        genotypes.parse(NETWORK), pack, settings, folder, seed=0, data=data, name="small [net]", device="cpu"
    )
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy of it, to write into."""
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture
def other(run):
    """The same run with another network, whose weights are as built."""

    def make(**genes):
        genotype = genotypes.parse(NETWORK | genes)
        (run / "genotype.yaml").write_text(genotypes.to_yaml(genotype))
        checkpoint.save_weights(run / "weights.safetensors", build(genotype, seed=0), {"seed": 0})
        return run

    return make


def a_video(videos):
    return next(iter(sorted(videos.glob("val/*.mp4"))))


def figures(run):
    return sorted(path.name for path in (run / "figures").iterdir())


def frames(path):
    file = Image.open(path)
    shown = []
    for number in range(file.n_frames):
        file.seek(number)
        shown.append(np.asarray(file.convert("RGB")))
    return shown


def test_filters(run, nas):
    status, out, errors = nas("visualise", "filters", run)
    assert (status, errors) == (0, "")
    names = ["filters-stages.0.0.conv_b", "filters-stem.conv"]
    assert figures(run) == [f"{name}{ending}" for name in names for ending in (".png", ".webp")]
    told = "8 depthwise filters of 3x3x3 (frames x height x width)"
    assert f"{told}; wrote {run}/figures/filters-stages.0.0.conv_b.png and .webp" in out
    (layer,) = (one for one in filters.layers(load(run).model()) if one.name == "stages.0.0.conv_b")
    expected = filters.animation(layer, "small [net]", limit=256)
    played = frames(run / "figures" / "filters-stages.0.0.conv_b.webp")
    assert len(played) == 3 and all((one == other).all() for one, other in zip(played, expected, strict=True))
    assert len({one.tobytes() for one in played}) == 3


def test_filters_elsewhere_and_drawn_anew(run, nas, tmp_path):
    mine, out = tmp_path / "mine", tmp_path / "mine" / "note.txt"
    mine.mkdir()
    out.write_text("my own")
    for number, layers in ((4, ["stem"]), (2, ["stem"])):
        given = [item for layer in layers for item in ("--layer", layer)]
        status, told, _ = nas("visualise", "filters", run, "--out", mine, "--filters", number, *given)
        assert status == 0 and f"the first {number} of 8 RGB filters" in told
    assert sorted(path.name for path in mine.iterdir()) == [
        "filters-stem.conv.png",
        "filters-stem.conv.webp",
        "note.txt",
    ]
    assert out.read_text() == "my own" and not (run / "figures").exists()


def test_filters_of_a_network_without_depthwise_ones(other, nas):
    stages = [{"depth": 1, "width": 8, "block": {"kind": "simple", "conv": {"kind": "factorised"}}}]
    run = other(stages=stages)
    status, out, _ = nas("visualise", "filters", run)
    assert status == 0 and figures(run) == ["filters-stem.conv.png", "filters-stem.conv.webp"]
    assert "no convolution of this network is depthwise; --layer draws others, such as stages.0.0.conv_a.spatial" in out
    status, out, _ = nas("visualise", "filters", run, "--layer", "stages.0.0.conv_a")
    assert status == 0 and "stages.0.0.conv_a.spatial: 8 dense filters of 1x3x3" in out and ", stills; wrote" in out
    assert not (run / "figures" / "filters-stages.0.0.conv_a.spatial.webp").exists()
    stem = {
        "width": 8,
        "conv": {"kind": "dense", "kernel": [1, 1, 1]},
        "kernel": None,
        "stride": [1, 2, 2],
        "pool": None,
    }
    status, out, errors = nas("visualise", "filters", other(stem=stem, stages=stages))
    assert status == 1 and "no convolution is depthwise" in errors and errors.count("\n") == 1


def test_weights(run, nas):
    status, out, errors = nas("visualise", "weights", run)
    assert (status, errors) == (0, "") and figures(run) == ["weights.html"]
    assert re.search(r"2 layers with temporal extent; .* most of all in \S+ \(\d+%\), least in \S+ \(\d+%\)", out)
    assert f"wrote {run}/figures/weights.html" in out
    page = (run / "figures" / "weights.html").read_text()
    assert (
        "small [net]: weights" in page and "stages.0.0.conv_b" in page and "https://" not in page.split("<script>")[0]
    )


def test_weights_of_a_2d_network(other, nas):
    status, _, errors = nas("visualise", "weights", other(deflation={"keep": 0, "end": "top"}))
    assert status == 1 and "no convolution has temporal extent: the network is 2D" in errors


def test_saliency(run, nas, videos):
    video = a_video(videos)
    status, out, errors = nas("visualise", "saliency", run, video)
    assert (status, errors) == (0, "")
    assert figures(run) == [f"saliency-{video.stem}{ending}" for ending in (".png", ".webp")]
    known = "|".join(map(re.escape, load(run).classes))
    assert re.match(rf"predicted: ({known}) 0\.\d\d; clip 4x20x20, features of stages.0: 32 channels, 4x10x10\n", out)
    played = frames(run / "figures" / f"saliency-{video.stem}.webp")
    assert len(played) == 4 and len({one.tobytes() for one in played}) == 4
    assert Image.open(run / "figures" / f"saliency-{video.stem}.png").size[0] > 4 * 160


def test_saliency_of_a_class_and_a_layer(run, nas, videos):
    video, wanted = a_video(videos), load(run).classes[3]
    status, out, _ = nas("visualise", "saliency", run / "best.safetensors", video, "--class", wanted, "--layer", "stem")
    assert status == 0 and out.startswith((f"{wanted} 0.", f"predicted: {wanted}")) and "features of stem" in out
    assert figures(run)[0] == f"saliency-{video.stem}-{wanted}-stem.png"


def test_saliency_says_what_its_pictures_do_not_show(other, nas, videos):
    block = {"kind": "bottleneck", "conv": {"kind": "depthwise"}}
    run = other(stages=[{"depth": 1, "width": 8, "stride": [4, 2, 2], "block": block}])
    status, out, _ = nas("visualise", "saliency", run, a_video(videos))
    assert status == 0 and "these features have one step in time, so all frames have one map" in out


def test_mistakes_cost_one_line_and_no_file(run, nas, videos, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    video, told = a_video(videos), {}
    told["did you mean 'stages.0.0.conv_b'?"] = ("filters", run, "--layer", "stages.0.0.conf_b")
    told["single numbers, no pictures"] = ("filters", run, "--layer", "stages.0.0.conv_a")
    told["knows no class 'lefd'; did you mean 'left'?"] = ("saliency", run, video, "--class", "lefd")
    told["no part of the network that gives a feature map; did you mean 'stages.0.0'?"] = (
        "saliency", run, video, "--layer", "stages.0.9",
    )  # fmt: skip
    told["broken.mp4: cannot be read as a video"] = ("saliency", run, broken)
    told["none.mp4: cannot be read as a video: No such file"] = ("saliency", run, tmp_path / "none.mp4")
    told["none: no such folder"] = ("weights", tmp_path / "none")
    told["is a study; add --trial N"] = ("errors", run)
    (run / "study.db").touch()
    for message, arguments in told.items():
        status, _, errors = nas("visualise", *arguments)
        assert status == 1 and message in errors and errors.count("\n") == 1, errors
    assert not (run / "figures").exists()


def test_a_folder_that_cannot_be_made(run, nas, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, errors = nas("visualise", "weights", run, "--out", tmp_path / "file" / "figures")
    assert status == 1 and "cannot be used as a folder (Not a directory)" in errors


def test_errors_of_runs(run, nas, tmp_path):
    again = shutil.copytree(run, tmp_path / "again")
    about = json.loads((again / "metrics.json").read_text())
    (again / "metrics.json").write_text(json.dumps(about | {"name": "the other"}))
    status, out, _ = nas("visualise", "errors", run, again)
    assert status == 0 and figures(run) == ["errors-run-again.html"]
    assert re.search(r"small \[net\] +2 +0\.\d{3} +0\.\d{3} +-?0\.\d{3}", out) and "the other" in out
    page = (run / "figures" / "errors-run-again.html").read_text()
    assert "small [net], the other" in page and "the other, validation" in page


def test_errors_of_a_study(searched, nas, monkeypatch):
    monkeypatch.chdir(searched.parent)
    status, out, _ = nas("visualise", "errors", "small", "--trial", 0, "--trial", 1, "--trial", 0)
    assert status == 0 and "wrote small/figures/errors-0-1.html" in out
    assert re.search(r"trial 0 +3 +0\.333 +0\.375 +0\.042", out)
    page = (searched / "figures" / "errors-0-1.html").read_text()
    assert "trial 0, training" in page and "trial 1, validation" in page and "4x20x20 (proxies)" in page
    assert nas("visualise", "errors", "small", "small", "--trial", 1)[0] == 2


def test_names_become_parts_of_file_names(run, nas, videos, tmp_path):
    odd = shutil.copy(a_video(videos), tmp_path / "my [red] video")
    status, out, _ = nas("visualise", "saliency", run, odd, "--out", tmp_path / "out")
    assert status == 0 and (tmp_path / "out" / "saliency-my-red-video.png").exists()
