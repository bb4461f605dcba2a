"""What a network sees of a video file is what validation showed it of the same file in a pack."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.data.decoding import decode
from nas.data.task import Task
from nas.data.videos import Labels
from nas.data_settings import ClipSettings, DataSettings, PackSettings
from nas.errors import NasError
from nas.trained import Trained
from nas.visualising.seen import pictures, seen
from tests.clips import packed
from tests.real_set import film

CLIPS = {
    "dense": ClipSettings(frames=4, size=16, stride=2, centre=0.875),
    "longer than the video": ClipSettings(frames=8, size=24, stride=4),
    "segments": ClipSettings(frames=5, size=20, sampling="segments"),
    "uniform": ClipSettings(frames=6, size=24, sampling="uniform", centre=0.8),
}
PACKS = {"raw": PackSettings(every=1, frames=12, size=24), "jpeg": PackSettings(every=2, frames=0, size=20, jpeg=80)}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A film of 16 frames, wider than high."""
    path = tmp_path_factory.mktemp("films") / "a.mp4"
    film(path, 3)
    return str(path)


def run(clip, pack):
    """A finished run, as far as it matters here."""
    none = dict.fromkeys(field.name for field in dataclasses.fields(Trained))
    return Trained(**none | {"data": DataSettings(pack=pack), "clip": clip})


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("clip", CLIPS)
def test_it_is_the_clip_of_the_validation(tmp_path, video, clip, pack):
    kept = decode.decode(video, PACKS[pack])
    split = packed(tmp_path, [kept], Labels.single([0]), Task(("a", "b")), jpeg=PACKS[pack].jpeg)
    ((expected, _),) = split.batches(CLIPS[clip], batch=4, seed=0, epoch=0, train=False, device="cpu")
    found = seen(run(CLIPS[clip], PACKS[pack]), video)
    assert found.shape == expected.shape and torch.equal(found, expected)


def test_pictures_show_what_the_network_saw(video):
    clip, pack = ClipSettings(frames=4, size=24), PackSettings(every=1, frames=4, size=24)
    kept = decode.decode(video, pack)
    shown = pictures(seen(run(clip, pack), video))
    left = (kept.shape[2] - 24) // 2
    assert (shown == kept[:, :, left : left + 24]).all()


def test_a_folder_of_pictures_is_a_video_too(tmp_path):
    from PIL import Image

    for number in range(6):
        Image.fromarray(np.full((24, 32, 3), 40 * number, np.uint8)).save(tmp_path / f"{number}.png")
    shown = pictures(seen(run(ClipSettings(frames=6, size=24), PackSettings(every=1, size=24)), str(tmp_path)))
    assert np.abs(shown[:, 0, 0, 0].astype(int) - 40 * np.arange(6)).max() <= 1


def test_what_cannot_be_read_is_told(tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    wanted = run(ClipSettings(), PackSettings())
    for path in (broken, tmp_path / "none.mp4", tmp_path):
        with pytest.raises(NasError, match="cannot be read as a video") as told:
            seen(wanted, str(path))
        assert str(told.value).startswith(str(path)) and "\n" not in str(told.value)
    assert Path(broken).exists()
