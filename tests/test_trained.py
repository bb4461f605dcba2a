"""A finished run is read back as it was trained, and one that is not finished, damaged or altered is one line."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import torch

from nas import checkpoint, trained
from nas import genotype as genotypes
from nas.build import build
from nas.data import motion
from nas.data_settings import DataSettings, ViewSettings
from nas.errors import NasError
from tests.runs import CLIP, PACK, finished, network

VIEWS = ViewSettings(clips=2, crops=3)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        videos = motion.generate(folder, motion.MotionSettings(train=10, val=10, size=32), workers=1)
        yield finished(folder / "run", DataSettings(path=str(videos), pack=PACK), test=VIEWS, name="tiny, trial 4")


@pytest.fixture
def run(whole, tmp_path):
    """A copy of it, to be spoiled."""
    return shutil.copytree(whole, tmp_path / "run")


def change(run, edit):
    """Edit the metrics.json of a run."""
    about = json.loads((run / "metrics.json").read_text())
    edit(about)
    (run / "metrics.json").write_text(json.dumps(about))


def test_all_that_was_told_is_read_back(whole):
    found, about = trained.load(whole), json.loads((whole / "metrics.json").read_text())
    assert (found.name, found.folder, found.weights) == ("tiny, trial 4", whole, whole / "weights.safetensors")
    assert found.genotype == genotypes.load(whole / "genotype.yaml")
    assert (found.genotype.input, found.genotype.classes) == (CLIP.clip, 10)
    assert found.classes == tuple(about["data"]["names"]) and found.classes[0] == "appear"
    assert (found.multilabel, found.metric, found.clip, found.test) == (False, "top1", CLIP, VIEWS)
    assert found.data == DataSettings(path=about["data"]["settings"]["path"], pack=PACK)
    assert found.about == about


def test_the_network_has_the_weights_that_were_asked_for(whole):
    x = torch.randn(2, 3, 4, 20, 20, generator=torch.Generator().manual_seed(0))
    for target, name in ((whole, "weights"), (str(whole / "best.safetensors"), "best")):
        expected = build(network(CLIP, 10), seed=7)
        checkpoint.load_weights(whole / f"{name}.safetensors", expected)
        model = trained.load(target).model()
        assert not model.training and trained.load(target).weights.stem == name
        with torch.no_grad():
            assert torch.equal(model(x), expected.eval()(x))
    own = trained.load(whole).model().state_dict()
    assert not torch.equal(own["stem.conv.weight"], build(network(CLIP, 10), seed=0).stem.conv.weight)


def test_a_study_s_trial(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.move(run, tmp_path / "studies" / "tiny" / "retrained" / "4")
    for target in ("tiny", "studies/tiny", tmp_path / "studies" / "tiny"):
        assert trained.of_study(str(target), 4).name == "tiny, trial 4"
    fix = "run nas retrain studies/tiny --trial 3; trained are 4"
    with pytest.raises(NasError, match=f"^studies/tiny: trial 3 is not trained at full size; {fix}$"):
        trained.of_study("tiny", 3)
    fix = "name one of its networks, .*/retrained/4, or add --trial 4"
    with pytest.raises(NasError, match=f"^studies/tiny: is a study; {fix}$"):
        trained.load("studies/tiny")


def test_a_genotype_that_costs_something_else_than_it_says_is_refused(run):
    path = run / "genotype.yaml"
    path.write_text(re.sub(r"macs: \d+", "macs: 99", path.read_text()))
    told = r"genotype\.yaml: exact: macs = 99 at 4x20x20, but what is built has [\d,]+; put"
    with pytest.raises(NasError, match=told):
        trained.load(run)


def test_what_is_no_finished_run(run, tmp_path):
    with pytest.raises(NasError, match="nowhere: no such folder; name a folder that nas retrain wrote"):
        trained.load(tmp_path / "nowhere")
    with pytest.raises(NasError, match="is no folder of a trained network"):
        trained.load(tmp_path)
    (run / "metrics.json").unlink()
    with pytest.raises(NasError, match="run: its training is not finished; repeat the nas retrain that began it"):
        trained.load(run)
    (run / "checkpoint.safetensors").unlink()
    with pytest.raises(NasError, match="run: its training is not finished"):
        trained.load(run / "best.safetensors")


def test_weights_that_are_not_there(run):
    (run / "weights.safetensors").unlink()
    with pytest.raises(NasError, match=r"weights\.safetensors: is not there; name a file .*: best\.safetensors$"):
        trained.load(run)
    assert trained.load(run / "best.safetensors").weights.name == "best.safetensors"
    (run / "best.safetensors").unlink()
    with pytest.raises(NasError, match=r"is not there; name a file of weights that is: nothing$"):
        trained.load(run)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"data": 3}', '{"name": "x", "data": {}}'])
def test_metrics_that_cannot_be_read(run, text):
    (run / "metrics.json").write_text(text)
    with pytest.raises(NasError, match=r"metrics\.json: is damaged: cannot be read; delete it"):
        trained.load(run)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda about: about["clip"].update(frames="many"), "is damaged: many does not fit"),
        (lambda about: about["data"]["settings"].update(colour=3), "is damaged: the key 'colour' is unknown"),
        (lambda about: about["test"].update(settings=[]), r"is damaged: \[\] should be a map"),
        (lambda about: about["data"]["names"].pop(), "it names 9 classes, and genotype.yaml has 10; delete it"),
        (lambda about: about.pop("name"), "was written before runs told their data; repeat the nas retrain"),
        (lambda about: about["data"].pop("names"), "was written before runs told their data; repeat the nas retrain"),
    ],
)
def test_metrics_that_make_no_sense(run, edit, words):
    change(run, edit)
    with pytest.raises(NasError, match=words) as told:
        trained.load(run)
    assert "\n" not in str(told.value) and str(run / "metrics.json") in str(told.value)


def test_weights_of_another_network_altered_or_cut_off(run):
    path = run / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(NasError, match=r"weights\.safetensors: was altered after it was written"):
        trained.load(run).model()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(NasError, match=r"weights\.safetensors: is cut off or not a safetensors file"):
        trained.load(run).model()
    checkpoint.save_weights(path, build(network(CLIP, 9), seed=0), {})
    with pytest.raises(NasError, match=r"is of another network: .* in the file, .* in the network"):
        trained.load(run).model()
    with pytest.raises(NasError, match="is not a nas weights file but a nas checkpoint file"):
        trained.load(run / "checkpoint.safetensors").model()


def test_a_genotype_that_is_not_there_or_damaged(run):
    (run / "genotype.yaml").write_text("stages: 3\n")
    with pytest.raises(NasError, match=r"genotype\.yaml:1: stages: stages should be a list"):
        trained.load(run)
    (run / "genotype.yaml").unlink()
    with pytest.raises(NasError, match=r"genotype\.yaml"):
        trained.load(run)
