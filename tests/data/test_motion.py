import csv
import hashlib
import json
import multiprocessing
import os
import signal
import time

import av
import numpy as np
import pytest
from pydantic import ValidationError

from nas import data
from nas.data import motion
from nas.data.motion import ACTIONS, COLOURS, MotionSettings
from nas.errors import NasError

SMALL = MotionSettings(train=20, val=10, size=32)


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def digest(*parts):
    return hashlib.sha256(b"".join(parts)).hexdigest()


def labels(folder, split):
    with (folder / f"{split}.csv").open() as file:
        return [row["label"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("kind", motion.KINDS)
def test_the_same_seed_gives_the_same_files_on_any_number_of_workers(tmp_path, kind):
    settings = MotionSettings(train=12, val=4, shake=0.1)
    one = motion.generate(tmp_path / "one", settings, kind=kind, workers=1)
    two = motion.generate(tmp_path / "two", settings, kind=kind, workers=2)
    assert files(one) == files(two)
    assert {path.stat().st_mtime for path in one.rglob("*.mp4")} == {motion.STAMP}
    other = settings.model_copy(update={"seed": 1})
    assert one.name == two.name != motion.generate(tmp_path, other, kind=kind, workers=1).name


def test_the_set_and_its_name_stay_what_they_were(tmp_path):
    """The digests are of the first version of the set: accuracies measured on it, and packs of it, stay valid."""
    folder = motion.generate(tmp_path, SMALL, workers=1)
    assert (motion.key(MotionSettings()), folder.name) == ("7d7a55", "motion-92296d")
    lists = (folder / "train.csv", folder / "val.csv", folder / "motion.json")
    told = digest(*(path.read_bytes() for path in lists))
    assert told == "f9f916f256c4bf89b7e6eeecb2ad840a616fe985b07cc7bb6a89e6c91fbdf9de"
    cases = [(split, i) for split, count in ((0, 20), (1, 10)) for i in range(count)]
    drawn = [motion.draw(np.random.default_rng([0, split, i]), ACTIONS[i % 10], SMALL) for split, i in cases]
    assert digest(*drawn) == "3b15547b716cb3e258f6e1d0a537719af34f26599e49617ee7583c357c561d65"
    usual = motion.draw(np.random.default_rng([0, 1, 7]), "recede")
    assert digest(usual) == "0d60d23fa1102f57ac9c62021d4644c413ebb07efc76fcda497a5432b4de5086"


@pytest.mark.skipif(av.__version__ != "18.1.0", reason="another libx264 may write other bytes for the same pictures")
def test_the_files_stay_what_they_were(tmp_path):
    folder = motion.generate(tmp_path / "set", SMALL, workers=1)
    whole = digest(*(part for name, content in files(folder).items() for part in (name.encode(), content)))
    assert whole == "acabafeab6795df70a80b553b5b2730ddef5ad1e0999cc66709e30172181c160"
    motion.write(str(tmp_path / "one.mp4"), MotionSettings(), "val", 7)
    one = digest((tmp_path / "one.mp4").read_bytes())
    assert one == "a7fe2a2832b5318a70ca12a8a1487c2e94ada1cd1e7bdb2f1131a3cb68a8d2d8"


@pytest.mark.parametrize("change", [{"classes": 8}, {"distractors": 2}, {"shake": 0.1}, {"noise": 0.1}])
def test_other_settings_are_another_set(change):
    assert motion.key(MotionSettings(**change)) != motion.key(MotionSettings())


def test_appearance_is_another_set_with_colours_as_labels(tmp_path):
    folder = motion.generate(tmp_path, SMALL, kind="motion-appearance", workers=1)
    assert folder.name == f"motion-appearance-{motion.key(SMALL, 'motion-appearance')}"
    assert motion.key(SMALL, "motion-appearance") != motion.key(SMALL)
    assert labels(folder, "train") == [*COLOURS, *COLOURS]
    assert json.loads((folder / "motion.json").read_text())["kind"] == "motion-appearance"
    assert len(list(folder.rglob("*.mp4"))) == 30


def test_some_of_the_classes_are_the_first_ones(tmp_path):
    few = motion.generate(tmp_path, MotionSettings(train=8, val=4, classes=4, size=16), workers=1)
    assert labels(few, "train") == 2 * ["left", "right", "up", "down"]


def test_an_odd_number_of_actions_is_refused_and_of_colours_is_not(tmp_path):
    settings = MotionSettings(train=3, val=3, classes=3, size=16)
    with pytest.raises(NasError, match="classes = 3 parts an action from its opposite; use 2 or 4"):
        motion.generate(tmp_path, settings)
    assert not list(tmp_path.iterdir())
    folder = motion.generate(tmp_path, settings, kind="motion-appearance", workers=1)
    assert labels(folder, "val") == ["red-yellow", "red-green", "red-blue"]


def test_data_knows_the_embedded_sets_by_these_names():
    assert tuple(motion.KINDS) == data.EMBEDDED


def test_an_unknown_set_is_told_with_the_known_ones(tmp_path):
    with pytest.raises(NasError, match=r"'motion-apearance'; did you mean 'motion-appearance'\?"):
        motion.generate(tmp_path, SMALL, kind="motion-apearance")


@pytest.mark.parametrize(
    "wrong", [{"classes": 12}, {"distractors": 0}, {"shake": 0.5}, {"noise": -1}, {"size": 33}, {"frames": 1}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        MotionSettings(**wrong)


def test_the_files_are_h264_in_the_kinetics_layout(motion_folder):
    header, first, *_ = (motion_folder / "val.csv").read_text().splitlines()
    assert header == "label,youtube_id,time_start,time_end,split"
    label, name, start, end, split = first.split(",")
    assert (label, start, end, split) == ("left", "0", "1", "val")
    with av.open(str(motion_folder / "val" / f"{name}_000000_000001.mp4")) as container:
        assert container.streams.video[0].codec.name == "h264"
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    drawn = motion.draw(np.random.default_rng([0, 1, 0]), "left", MotionSettings())
    assert np.shape(frames) == drawn.shape == (16, 48, 48, 3)
    assert np.abs(np.asarray(frames, int) - drawn).mean() < 8, "what was drawn must survive the encoding"


def _generate_slowly(cache, settings):
    motion.generate(cache, settings, progress=lambda *_: time.sleep(0.2), workers=1)


def test_a_killed_generation_is_not_taken_for_the_set(tmp_path):
    settings = MotionSettings(train=30, val=10)
    child = multiprocessing.get_context("spawn").Process(target=_generate_slowly, args=(tmp_path, settings))
    child.start()
    wanted = time.monotonic() + 20
    while not list(tmp_path.rglob("*.mp4")) and time.monotonic() < wanted:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    folder = tmp_path / f"motion-{motion.key(settings)}"
    assert list(tmp_path.rglob("*.mp4")) and not folder.exists()
    told = []
    assert motion.generate(tmp_path, settings, progress=lambda *step: told.append(step), workers=1) == folder
    assert told[-1][:2] == (40, 40)
    assert len(list(folder.rglob("*.mp4"))) == 40
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == [folder.name]


def test_a_finished_set_is_not_written_again(motion_folder):
    settings = MotionSettings(train=20, val=10)
    motion.generate(motion_folder.parent, settings, progress=lambda *_: pytest.fail("written again"))


def test_a_cache_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NasError, match="motion set cannot be written"):
        motion.generate(tmp_path / "file", MotionSettings(train=1, val=1), workers=1)
