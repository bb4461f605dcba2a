"""`nas retrain` from a trial, a genotype file or a published network: how it is trained, and what is told."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace

import pytest

from nas import content, recorded, retraining, targets
from nas import genotype as genotypes
from nas import study as studies
from nas.cost import cost
from nas.errors import NasError
from nas.retraining import How

RECIPE = """
nas: 1
space: tiny.yaml
objectives: [accuracy, gflops]
trials: 1
sampler: {kind: uniform}
data: {path: VIDEOS, pack: {every: 1, frames: 8, size: 24}}
proxy: {width: 1.0, depth: 1.0, clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 1, batch: 8, warmup: 0}}
retrain: {clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 2, batch: 8}}
"""
NETWORK = """
nas: 1
name: mine
input: {frames: 4, size: 20}
classes: 10
stem: {width: 8, conv: {kind: dense, kernel: [3, 3, 3]}, pool: null}
stages:
  - {depth: 1, width: 8, block: {kind: bottleneck, conv: {kind: depthwise}}}
"""
SMALL = (
    "--set", "pack={every: 1, frames: 8, size: 24}", "--set", "clip.frames=4", "--set", "clip.size=20",
    "--set", "test={clips: 1, crops: 1, reverse: false}", "--device", "cpu",
)  # fmt: skip
FILES = ["best.safetensors", "checkpoint.safetensors", "confusion.csv", "confusion.html", "curve.csv", "curve.html",
         "genotype.yaml", "metrics.json", "weights.safetensors"]  # fmt: skip

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def place(folder, videos, tmp_path_factory, monkeypatch):
    """A working folder with a network and a study; videos are packed once for all tests."""
    (folder / "net.yaml").write_text(NETWORK)
    (folder / "studies" / "small" / "study.yaml").write_text(RECIPE.replace("VIDEOS", str(videos)))
    monkeypatch.setenv("NAS_CACHE", str(tmp_path_factory.getbasetemp() / "packs"))
    return folder


@pytest.fixture
def retrain(place, videos, nas):
    """Calls `nas retrain` on these videos."""
    return lambda target, *more: nas("retrain", target, "--data", videos, *SMALL, *more)


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def one_line(called, words):
    status, _, err = called
    assert status == 1 and err.count("\n") == 1 and err.startswith("nas: ")
    assert words in err, err


# ---- what is trained


def test_a_genotype_file_is_trained_by_a_preset(place, retrain):
    status, out, err = retrain("net.yaml", "--preset", "sevnet", "--epochs", "2", "--batch", "8")
    assert (status, err) == (0, "")
    assert "mine: bottleneck depthwise x4 1, width 8; 2 epochs of 30 clips of motion-" in out
    assert "; preset sevnet; peak lr 0.01 for batches of 8\n" in out and "classifier" not in out
    run = place / "retrained" / "mine"
    assert sorted(path.name for path in run.iterdir() if path.name != ".lock") == FILES
    told = metrics(run)
    assert told["name"] == "mine" and told["facts"]["network"] == "mine"
    train = told["train"]
    assert (train["epochs"], train["batch"], train["lr"], train["dropout"]) == (2, 8, 0.08, 0.5)
    assert train["warmup"] == 4 * 2 / 64, "a shorter training keeps the shape of its schedule"
    assert told["data"]["settings"]["pack"]["jpeg"] == 90, "what is not told stays the preset's"
    written = genotypes.load(run / "genotype.yaml")
    assert written.exact == (recorded.record(written),)
    with (run / "curve.csv").open() as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    assert max(rates) <= 0.01 and rates[0] > 0.004

    before = (run / "metrics.json").read_bytes()
    status, out, _ = retrain("net.yaml", "--preset", "sevnet", "--epochs", "2", "--batch", "8")
    assert status == 0 and "retrained/mine is finished already: 2 epochs" in out
    assert (run / "metrics.json").read_bytes() == before


def test_a_published_network_is_trained_by_its_paper(place, retrain):
    more = ("--set", "train.norms=global", "--set", "train.micro_batch=3", "--epochs", "1", "--batch", "8")
    status, out, err = retrain("ir-csn-26", *more)
    assert (status, err) == (0, "")
    assert "; preset csn; peak lr 0.01 for batches of 8; gradients of 3 parts added up\n" in out
    assert "its classifier has the 10 classes of the data, in place of the 400 on file\n" in out
    told, written = (metrics(place / "retrained" / "ir-csn-26"), genotypes.load("retrained/ir-csn-26/genotype.yaml"))
    assert written.classes == 10 and written.published == () and str(written.input) == "4x20x20"
    assert told["costs"]["params"] == cost(written).params and told["train"]["lr_batch"] == 512
    assert (told["train"]["weight_decay"], told["train"]["epochs"]) == (1e-4, 1)


def test_a_trial_is_trained_by_its_study_by_a_preset_and_with_changes(place, nas):
    assert nas("search", "small")[0] == 0
    status, out, _ = nas("retrain", "small", "--trial", 0, "--epochs", 1, "--device", "cpu")
    assert status == 0 and "by the proxy; wrote studies/small/retrained/0" in out and "preset" not in out
    own = metrics(place / "studies/small/retrained/0")
    assert (own["facts"]["study"], own["facts"]["trial"], own["train"]["epochs"]) == ("small", 0, 1)
    assert own["clip"]["stride"] == 2 and own["train"]["lr"] == 0.15

    more = ("--epochs", 1, "--batch", 8, "--out", "elsewhere", "--weights", "studies/small/retrained/0")
    status, out, err = nas("retrain", "small", "--pick", "best", "--preset", "sevnet", *SMALL, *more)
    assert (status, err) == (0, "") and "preset sevnet" in out and "wrote elsewhere" in out
    assert "starts from studies/small/retrained/0/weights.safetensors: " in out
    told = metrics(place / "elsewhere")
    assert told["train"]["dropout"] == 0.5 and told["clip"]["sampling"] == "segments"
    assert told["initial"]["file"] == "weights.safetensors" and told["initial"]["anew"] == []

    one_line(nas("retrain", "small"), "studies/small: is a study; add --trial N for one of its trials, or --pick")
    one_line(nas("retrain", "small", "--trial", 7), "studies/small: has no trial 7; its trials are 0 to 0")
    one_line(
        nas("retrain", "small", "--trial", 0, "--recipe", "motion"), "is a study, and has its recipe; leave --recipe"
    )

    opened = studies.open_study("studies/small")
    trial = opened.trial(0)
    stored = trial.cost._replace(params=trial.cost.params + 5)
    with pytest.raises(NasError, match=r"studies/small, trial 0: params = [\d,]+ on record, but what is built has"):
        retraining.of_trial(opened, replace(trial, cost=stored), opened.recipe.retrain, opened.recipe.data)


def test_a_recipe_names_data_and_settings(place, nas):
    status, out, err = nas("retrain", "net.yaml", "--recipe", "small", "--set", "train.warmup=0.5", "--device", "cpu",
                           "--set", "train.weight_decay=0.002", "--out", "here/below")  # fmt: skip
    assert (status, err) == (0, "") and "preset" not in out
    told = metrics(place / "here" / "below")
    train = told["train"]
    assert (train["epochs"], train["warmup"], train["weight_decay"], train["lr"]) == (2, 0.5, 0.002, 0.15)
    assert told["clip"]["stride"] == 2 and told["data"]["settings"]["pack"]["frames"] == 8


# ---- which settings


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("ir-csn-50", "csn"), ("ip-csn-152", "csn"), ("resnet3d-50", "csn"), ("s3d-g", "s3d"), ("i3d", "s3d"),
        ("sevnet-g8", "sevnet"), ("sevnet-g6-r3d", "sevnet"), ("ct-net-r50", "ct-net"), ("tsn-r50", "ct-net"),
    ],
)  # fmt: skip
def test_the_paper_of_a_published_network_says_how(name, preset):
    found = targets.resolve(name).genotype
    base = retraining._by_preset(found, How(), name).retrain
    assert base.preset == preset
    assert base.clip.clip == found.input, "at the clip that its costs are of"
    assert retraining._by_preset(found, How(preset="s3d"), name).retrain.preset == "s3d"


def test_every_source_of_a_published_network_has_a_preset():
    papers = {
        fact.source.partition(",")[0].lower()
        for path in content.everything("models")
        for fact in genotypes.load(path).published
    }
    assert papers == {"csn", "s3d", "sevnet", "ct-net"}


def settings(*changes, preset="s3d"):
    return retraining._settings(None, How(preset=preset, changes=changes), genotypes.parse({"stages": [STAGE]}))


STAGE = {"depth": 1, "width": 8, "block": {"kind": "simple"}}


def test_changes_are_values_of_yaml_in_their_order():
    found = settings("train.lr=0.5", "clip.scale=[0.5, 0.75]", "train.lr=0.25", "pack.size=64", "clip.flip=swap")
    assert (found.train.lr, found.clip.scale, found.pack.size, found.clip.flip) == (0.25, (0.5, 0.75), 64, "swap")
    assert settings("pack=null").pack is None and settings("pack=null", "pack.size=64").pack.size == 64


def test_fewer_epochs_keep_the_shape_of_the_schedule_and_more_do_not_lengthen_the_warm_up():
    short, long = settings("train.epochs=5").train, settings("train.epochs=100").train
    assert (short.milestones, short.warmup) == ((3.0, 4.0), 0.1)
    assert (long.milestones, long.warmup) == ((60.0, 80.0), 1.0)
    assert settings("train.epochs=5", "train.milestones=[2]", "train.warmup=1").train.milestones == (2.0,)
    assert settings("train.epochs=94", preset="csn").train.warmup == 21


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("trian.lr=3", "--set: trian: the key 'trian' is unknown; did you mean 'train'"),
        ("train.lrr=3", "--set: train.lrr: the key 'lrr' is unknown; did you mean 'lr'"),
        ("train.lr", "--set: 'train.lr' is no setting; write NAME=VALUE"),
        ("=3", "--set: '=3' is no setting"),
        ("train.=3", "--set: 'train.=3' is no setting"),
        ("train.lr=", "--set train.lr=: is empty"),
        ("train.lr=fast", "--set: train.lr: fast does not fit: input should be a valid number"),
        ("train.lr=0", "--set: train.lr: 0 does not fit: input should be greater than 0"),
        ("train.lr.x=3", "--set: 'train.lr.x' is no setting; lr has no settings within it"),
        ("train.lr=[1", "--set train.lr=[1:1: "),
        ("preset=csn", "--set: a preset is no single setting; give --preset csn"),
        ("train.epochs=0", "--set: train.epochs: 0 does not fit"),
        ("train.schedule=cosine", "--set: train: schedule = cosine with milestones"),
    ],
)
def test_a_change_that_does_not_fit_is_one_line(change, told):
    with pytest.raises(NasError) as caught:
        settings(change)
    assert str(caught.value).startswith(told) and "\n" not in str(caught.value)


# ---- bad input


def test_what_cannot_be_trained_is_one_line_and_leaves_nothing(place, retrain, nas):
    (place / "costs.yaml").write_text(NETWORK + "exact: [{frames: 8, size: 64, classes: 400, params: 12345}]\n")
    (place / "studies" / "new").mkdir()
    (place / "studies" / "new" / "study.yaml").write_text(RECIPE)
    before = sorted(path for path in place.rglob("*"))
    for called, words in [
        (
            retrain("costs.yaml", "--preset", "csn"),
            "costs.yaml: exact: params = 12,345 at 8x64x64, but what is built has ",
        ),
        (nas("show", "costs.yaml"), "costs.yaml: exact: params = 12,345 at 8x64x64, but what is built has "),
        (nas("latency", "costs.yaml"), "costs.yaml: exact: params = 12,345 at 8x64x64, but what is built has "),
        (retrain("net.yaml"), "net.yaml: does not say how it is trained; give --preset csn, ct-net, "),
        (retrain("net.yaml", "--preset", "cns"), "cns: no such file or studies/presets name"),
        (retrain("net.yaml", "--recipe", "smal"), "did you mean 'small'?"),
        (retrain("tiny.yaml"), "tiny.yaml: is a space; name a network, or search the space and name the study"),
        (retrain("ir-csn-27"), "did you mean 'ir-csn-26'?"),
        (retrain("ir-csn-26", "--trial", "3"), "ir-csn-26: no such folder"),
        (retrain("new"), "studies/new: has no study.db: nothing was searched there yet"),
        (nas("retrain", "motion"), "motion: has no study.db: nothing was searched there yet; run nas search motion"),
        (
            retrain("net.yaml", "--preset", "csn", "--weights", "gone"),
            "gone: cannot be read (No such file or directory)",
        ),
        (nas("retrain", "net.yaml", "--preset", "csn", "--data", "gone"), "gone"),
    ]:
        one_line(called, words)
    assert sorted(path for path in place.rglob("*")) == before
    assert nas("retrain", "net.yaml", "--preset", "csn", "--recipe", "motion")[0] == 2
    assert nas("retrain", "small", "--trial", 0, "--pick", "best")[0] == 2


def test_videos_that_cannot_be_read_are_told(place, videos, nas):
    folder = shutil.copytree(videos, place / "bad")
    next(path for path in sorted(folder.rglob("*.mp4")) if "train" in str(path)).write_text("no video")
    status, out, _ = nas("retrain", "net.yaml", "--preset", "csn", "--data", folder, *SMALL, "--epochs", 1)
    assert status == 0 and "1 video missing or unreadable: see " in " ".join(out.split())
    assert metrics(place / "retrained" / "mine")["data"]["skipped"] == 1


def test_a_folder_of_something_else_is_left_as_it_is(place, retrain):
    more = ("--preset", "sevnet", "--epochs", "1", "--batch", "8")
    (place / "wide.yaml").write_text(NETWORK.replace("depth: 1, width: 8", "depth: 1, width: 16"))
    assert retrain("net.yaml", *more)[0] == 0
    run = place / "retrained" / "mine"
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    one_line(
        retrain("wide.yaml", *more), "genotype.yaml: is of another run: stages.0.width was 8, is 16; give the former"
    )
    cache = place / "empty cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(cache))
        one_line(retrain("wide.yaml", *more, "--out", run), "genotype.yaml: is of another run: stages.0.width was 8")
    assert not list(cache.glob("**/*.jsonl")), "told before videos are decoded"
    one_line(retrain("net.yaml", *more, "--set", "train.ema=0.9"), "checkpoint.safetensors: is of another run: "
             "train.ema was 0.0, is 0.9;")  # fmt: skip
    one_line(
        retrain("retrained/mine", *more), "retrained/mine: is a training; name retrained/mine/genotype.yaml, or start"
    )
    text = (run / "genotype.yaml").read_text()
    params = genotypes.load(run / "genotype.yaml").exact[0].params
    (run / "genotype.yaml").write_text(text.replace(f"params: {params}", f"params: {params + 1}"))
    one_line(retrain("net.yaml", *more), f"genotype.yaml: exact: params = {params + 1:,} at 4x20x20")
    (run / "genotype.yaml").write_text(text)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before

    (place / "mine").mkdir()
    (place / "mine" / "curve.csv").write_text("my own\n")
    one_line(
        retrain("net.yaml", *more, "--out", "mine"),
        "mine: has no genotype.yaml of a training, and would lose curve.csv",
    )
    assert {path.name for path in (place / "mine").iterdir()} <= {".lock", "curve.csv"}
    assert (place / "mine" / "curve.csv").read_text() == "my own\n"


def test_a_file_s_name_is_no_way_out_of_the_folder(place, retrain):
    (place / "net.yaml").write_text(NETWORK.replace("name: mine", "name: ../../../mine"))
    status, out, _ = retrain("net.yaml", "--preset", "sevnet", "--epochs", "1", "--batch", "8")
    assert status == 0 and (place / "retrained" / "-..-..-mine" / "metrics.json").exists()
    shutil.rmtree(place / "retrained")
