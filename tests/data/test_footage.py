import numpy as np
import pytest

from nas.data.decoding.decode import decode
from nas.data.decoding.probe import digest, probe
from nas.data_settings import PackSettings
from tests.data import footage

SETTINGS = PackSettings(every=1, frames=0, size=footage.SIZE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return footage.cached(tmp_path_factory)


def clips(folder, split, name):
    """Clips by the name of their file, float (t, h, w, 3)."""
    return {path.name: decode(str(path), SETTINGS).astype(float) for path in sorted((folder / split / name).iterdir())}


def apart(one, other):
    return np.abs(one - other).mean()


def test_every_class_has_a_clip_of_every_part(folder):
    counts = {(s, name): len(list((folder / s / name).iterdir())) for s in ("train", "val") for name in footage.CLASSES}
    assert set(counts.values()) == {13, 7} and counts["train", "fast"] == counts["train", "forward"] == 13


def test_clips_are_real_h264_files_of_their_own(folder):
    paths = sorted(folder.glob("*/*/*.mp4"))
    for path in paths:
        found = probe(str(path))
        assert (found.codec, found.frames, found.height, found.rate) == ("h264", 12, 96, 25)
    assert len({digest(str(path)) for path in paths}) == len(paths) == 60


def test_backward_clips_are_forward_clips_reversed(folder):
    for split in ("train", "val"):
        forward, backward = clips(folder, split, "forward"), clips(folder, split, "backward")
        assert forward.keys() == backward.keys()
        for name, clip in forward.items():
            assert apart(clip[::-1], backward[name]) < 2.5, name
            assert apart(clip[[0, -1]], backward[name][[0, -1]]) > 1.5 * apart(clip[::-1], backward[name]), name


def test_fast_clips_show_every_second_frame(folder):
    forward, fast = clips(folder, "train", "forward"), clips(folder, "train", "fast")
    for name, clip in forward.items():
        assert apart(clip[::2], fast[name][3:9]) < 2.5, name


def test_splits_share_no_scene(folder):
    train, val = ({path.name for path in (folder / split / "forward").iterdir()} for split in ("train", "val"))
    assert not train & val and len(train | val) == 20
