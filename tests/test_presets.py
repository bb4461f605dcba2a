"""Presets: every file in studies/presets is a case, and says what its paper says."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas import content, presets, recipe, strict_yaml
from nas.data_settings import PackSettings
from nas.errors import NasError
from nas.recipe import RetrainSettings
from nas.schema import validate

FILES = sorted((Path(__file__).parent.parent / "studies" / "presets").glob("*.yaml"))
NAMES = [path.stem for path in FILES]

# What the papers print, by settings; what they leave open is none of these tests' business. Learning rates are for the
# batch that stands beside them.
PAPERS = {
    # 0.01 for each of 64 GPUs of 8 clips; 45 epochs of a million clips, 10 of warm-up, half a cosine; 224 of a short
    # side of 256 to 320; ten centre crops
    "csn": {
        "clip": {"frames": 8, "size": 224, "sampling": "dense", "scale": (224 / 320, 224 / 256)},
        "train": {"batch": 512, "lr": 0.64, "lr_batch": 512, "schedule": "cosine", "optimiser": "sgd"},
        "test": {"clips": 10, "crops": 1},
    },
    # 64 consecutive frames, 224 of 256; SGD with momentum, in steps; all frames and a centre crop in tests
    "s3d": {
        "clip": {"frames": 64, "size": 224, "sampling": "dense", "stride": 1, "scale": (0.875, 0.875)},
        "train": {"schedule": "step", "optimiser": "sgd", "momentum": 0.9},
        "test": {"clips": "all", "crops": 1},
    },
    # 0.01 for each GPU of 8 clips; a frame of each of 16 segments; 224 of a short side of 224 to 256
    "sevnet": {
        "clip": {"frames": 16, "size": 224, "sampling": "segments", "scale": (0.875, 1.0)},
        "train": {
            "epochs": 64, "warmup": 4, "batch": 64, "lr": 0.08, "lr_batch": 64, "schedule": "cosine",
            "optimiser": "sgd", "momentum": 0.9, "weight_decay": 1e-4, "dropout": 0.5,
        },
        "test": {"clips": 1, "crops": 1},
    },
    # 16 frames spread over 64 consecutive ones; ten clips of three crops
    "sevnet-kinetics": {
        "clip": {"frames": 16, "size": 224, "sampling": "uniform", "window": 64, "scale": (0.875, 1.0)},
        "train": {
            "epochs": 100, "warmup": 4, "batch": 64, "lr": 0.08, "lr_batch": 64, "schedule": "cosine",
            "optimiser": "sgd", "momentum": 0.9, "weight_decay": 1e-4, "dropout": 0.2,
        },
        "test": {"clips": 10, "crops": 3},
    },
    # Something-Something
    "ct-net": {
        "clip": {"frames": 8, "size": 256, "sampling": "segments", "crop": "multiscale"},
        "train": {
            "epochs": 45, "warmup": 10, "lr": 0.02, "schedule": "cosine",
            "optimiser": "sgd", "momentum": 0.9, "weight_decay": 5e-4, "dropout": 0.3,
        },
        "test": {"clips": 1, "crops": 1},
    },
    # four clips of three crops
    "ct-net-kinetics": {
        "clip": {"frames": 16, "size": 256, "sampling": "dense", "crop": "multiscale"},
        "train": {
            "epochs": 110, "warmup": 10, "batch": 64, "lr": 0.01, "lr_batch": 64, "schedule": "cosine",
            "optimiser": "sgd", "momentum": 0.9, "weight_decay": 1e-4, "dropout": 0.5,
        },
        "test": {"clips": 4, "crops": 3},
    },
}  # fmt: skip


@pytest.fixture(params=NAMES)
def name(request):
    """The name of a preset that ships."""
    return request.param


@pytest.fixture
def settings(name):
    """What it comes to."""
    return validate(RetrainSettings, {"preset": name})


def test_the_presets_are_those_of_the_papers():
    assert set(PAPERS) == set(NAMES) == set(content.names(presets.FOLDER))


def test_it_says_in_its_first_lines_whose_it_is(name):
    lines = FILES[NAMES.index(name)].read_text().splitlines()
    header = lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]
    paper = {"csn": "CSN", "s3d": "S3D", "sevnet": "SEVNet", "ct-net": "CT-Net"}[name.removesuffix("-kinetics")]
    assert header[0].startswith(f"# How the {paper} paper trains") and len(" ".join(header)) > 100


def test_its_figures_are_the_paper_s(name, settings):
    for section, wanted in PAPERS[name].items():
        found = getattr(settings, section).model_dump()
        for key, value in wanted.items():
            is_number = isinstance(value, float | tuple)
            assert found[key] == (pytest.approx(value) if is_number else value), f"{section}.{key}"


def test_the_csn_schedule_is_so_many_clips():
    """45 epochs of a million clips on the 240,000 videos of Kinetics-400, 10 of them warm-up."""
    train = validate(RetrainSettings, {"preset": "csn"}).train
    assert train.epochs * 240_000 == pytest.approx(45e6, rel=0.01)
    assert train.warmup / train.epochs == pytest.approx(10 / 45, rel=0.02)


def test_the_rate_follows_the_batch(name, settings):
    train = settings.train
    half = validate(RetrainSettings, {"preset": name, "train": {"batch": train.batch // 2}}).train
    assert train.peak == train.lr and half.peak == pytest.approx(train.lr / 2)


def test_its_pack_holds_what_its_clips_and_tests_take(settings):
    """As for the recipes in test_studies; a pack of all frames holds them all."""
    clip, views, pack = settings.clip, settings.test, settings.pack
    span = {"dense": (clip.frames - 1) * clip.stride + 1, "segments": clip.frames, "uniform": clip.window}
    kept = pack.frames or 10**9
    assert span[clip.sampling] <= kept
    if clip.sampling == "dense" and views.clips != "all":  # neighbours in a test overlap by half at most
        assert (views.clips + 1) * span["dense"] <= 2 * kept
    assert clip.size <= clip.scale[1] * pack.size + 1, "not every crop is enlarged"


def test_it_is_the_same_when_dumped_and_read_again(name, settings):
    assert validate(RetrainSettings, settings.model_dump(mode="json")) == settings
    whole = recipe.Recipe(retrain=settings)
    again = validate(recipe.Recipe, strict_yaml.plain(strict_yaml.parse(recipe.to_yaml(whole))))
    assert again == whole and again.retrain.preset == name


# ---- a study overrides


def test_what_is_written_goes_before_the_preset_however_deep():
    colour = {"brightness": 0.1}
    written = {"preset": "csn", "clip": {"frames": 32, "colour": colour}, "train": {"lr": 0.1}}
    found, plain = validate(RetrainSettings, written), validate(RetrainSettings, {"preset": "csn"})
    assert found.clip.model_dump() == plain.clip.model_dump() | {
        "frames": 32, "colour": {"brightness": 0.1, "contrast": 0.0, "saturation": 0.0}
    }  # fmt: skip
    assert found.train == plain.train.model_copy(update={"lr": 0.1})
    assert (found.test, found.pack) == (plain.test, plain.pack)


def test_lists_and_nothing_replace_what_the_preset_has():
    found = validate(
        RetrainSettings,
        {"preset": "s3d", "pack": None, "train": {"milestones": [5], "epochs": 8}, "clip": {"scale": [0.5, 0.6]}},
    )
    assert found.pack is None and found.train.milestones == (5.0,) and found.clip.scale == (0.5, 0.6)


def test_another_schedule_than_a_preset_s_is_written_in_full():
    with pytest.raises(NasError, match=r"milestones = 30 40 do not rise towards the end .*below the 20 epochs"):
        validate(RetrainSettings, {"preset": "s3d", "train": {"epochs": 20}})
    with pytest.raises(NasError, match=r"schedule = cosine with milestones = \[30\.0, 40\.0\]"):
        validate(RetrainSettings, {"preset": "s3d", "train": {"schedule": "cosine"}})
    cosine = {"schedule": "cosine", "milestones": []}
    assert validate(RetrainSettings, {"preset": "s3d", "train": cosine}).train.batch == 64


def test_a_preset_of_one_s_own_is_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("pack: {size: 64}\ntrain: {epochs: 3}\n")
    found = validate(RetrainSettings, {"preset": str(path), "train": {"batch": 4}})
    assert found.pack == PackSettings(size=64) and (found.train.epochs, found.train.batch) == (3, 4)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{preset: cns}", r"retrain: cns: no such file or studies/presets name .*; did you mean 'csn'\?"),
        ("{preset: 3}", r"retrain\.preset: 3 does not fit: input should be a valid string"),
        ("{preset: csn, train: {batches: 8}}", r"retrain\.train\.batches: .* is unknown; did you mean 'batch'"),
        ("{preset: csn, train: 3}", r"retrain\.train: .*3"),
        ("{preset: LIST}", r"retrain: .*list\.yaml is no preset; write the sections of retrain: in a study\.yaml"),
        ("{preset: TWICE}", r"retrain: .*twice\.yaml:2: the key 'clip' stands twice"),
        ("{preset: WRONG}", r"retrain\.train\.epochz: the key 'epochz' is unknown; did you mean 'epochs'"),
    ],
)
def test_mistakes_name_the_study_s_line(tmp_path, written, told):
    (tmp_path / "list.yaml").write_text("[csn]\n")
    (tmp_path / "wrong.yaml").write_text("train: {epochz: 3}\n")
    (tmp_path / "twice.yaml").write_text("clip: {}\nclip: {}\n")
    for name in ("list", "wrong", "twice"):
        written = written.replace(name.upper(), str(tmp_path / f"{name}.yaml"))
    path = tmp_path / "study.yaml"
    path.write_text(f"nas: 1\nretrain: {written}\n")
    with pytest.raises(NasError, match=told) as caught:
        recipe.load(path)
    assert str(caught.value).startswith(f"{path}:2: ")


def test_a_folder_of_a_preset_s_name_hides_it_not(tmp_path, monkeypatch):
    expected = presets.preset("csn")
    presets.preset.cache_clear()
    (tmp_path / "csn").mkdir()
    monkeypatch.chdir(tmp_path)
    assert presets.preset("csn") == expected
