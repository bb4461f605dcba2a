"""Every file of a set is opened once, whatever is wrong with it, and equal content is found."""

import filecmp
import itertools
import time

import numpy as np
import pytest

from nas.data import inspection
from nas.data.inspection import BEYOND, inspect, spread
from nas.data.videos import Video, Videos, VideoSet
from nas.data_settings import DataSettings
from tests import real_set

ROWS = real_set.TRAIN + real_set.VAL


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return real_set.read(tmp_path_factory.mktemp("a set with späces"))


def number(found, name):
    """The number of the listed video of a name."""
    return [found.short(found.video(i).path) for i in range(len(found))].index(name)


def looked_into(videos, settings=None, **more):
    """A set of `videos` to train on, looked into."""
    split = Videos.listed(videos)
    one = VideoSet("cut", "/", "events", ("a", "b"), split, split.take(np.arange(0)))
    return inspect(one, settings or DataSettings(), progress=lambda *_: None, workers=1, **more)


def test_broken_files_are_told_apart_from_good_ones(found):
    assert found.looked_at.all()
    broken = [bool(problem) for problem in found.problems]
    assert broken == [bool(wrong) for _, _, wrong in ROWS]
    assert all(len(str(problem).splitlines()) <= 1 for problem in found.problems)


def test_facts_are_those_the_files_were_written_with(found):
    def facts(name):
        at = found.of[number(found, name)]
        files = found.files
        return files.width[at], files.height[at], files.rate[at], files.frames[at], files.seconds[at]

    assert facts("train/plain/a.mp4") == pytest.approx((48, 32, 16, 16, 1))
    assert facts("val/fast.mp4") == pytest.approx((48, 32, 32, 30, 30 / 32))
    assert facts("train/<i>/[bold]upright.mp4") == pytest.approx((32, 64, 16, 16, 1))
    assert facts("train/turned.mp4")[:2] == (32, 48), "as it is shown"
    turned = found.files.turned[found.of]
    assert np.flatnonzero(turned).tolist() == [number(found, "train/turned.mp4")]
    assert set(found.files.codec[found.files.readable]) == {"h264"}


def test_duplicates_are_those_that_comparing_every_pair_finds(found):
    names = [found.video(i).path for i in range(len(found))]
    good = [i for i in range(len(found)) if not ROWS[i][2]]
    wanted = list(range(len(found)))
    for one, other in itertools.combinations(good, 2):
        if wanted[other] == other and filecmp.cmp(names[one], names[other], shallow=False):
            wanted[other] = wanted[one]
    assert found.duplicate_of.tolist() == wanted
    copies = {name: ROWS[found.duplicate_of[number(found, name)]][0] for name in real_set.COPIES}
    assert copies == real_set.COPIES


def test_cuts_of_one_file_are_looked_into_at_once(tmp_path):
    one, copy = (str(tmp_path / name) for name in ("one.mp4", "copy.mp4"))
    for path in (one, copy):
        real_set.film(tmp_path / path, 1)
    cuts = [(one, None, None), (one, 0.25, 0.75), (copy, 0.25, 0.75), (one, 0.5, 9), (one, 1.5, 2), (copy, 0, 0.75)]
    found = looked_into([Video(path, (0,), start, end) for path, start, end in cuts])
    assert len(found.files) == 2
    assert found.seconds == pytest.approx([1, 0.5, 0.5, 0.5, 0, 0.75])
    assert found.problems.tolist() == ["", "", "", "", BEYOND, ""]
    assert found.duplicate_of.tolist() == [0, 1, 1, 3, 4, 5]


def hang(path, settings):
    """A decoder that never ends."""
    time.sleep(600)


def test_a_file_that_takes_too_long_is_given_up(tmp_path, monkeypatch):
    real_set.film(tmp_path / "one.mp4", 1)
    monkeypatch.setattr(inspection, "look", hang)
    found = looked_into([Video(str(tmp_path / "one.mp4"), (0,))], DataSettings(timeout=0.5))
    assert found.problems.tolist() == ["given up after 0.5 seconds"]


def test_a_folder_of_frames_is_a_video_of_the_rate_that_is_given(tmp_path):
    import simplejpeg

    picture = np.full((40, 60, 3), 90, np.uint8)
    for folder in ("one", "same", "none"):
        (tmp_path / folder).mkdir()
    for index, folder in itertools.product(range(1, 7), ("one", "same")):
        (tmp_path / folder / f"img_{index:05d}.jpg").write_bytes(simplejpeg.encode_jpeg(picture + index))
    settings = DataSettings(frames="img_{:05d}.jpg", frame_rate=12)
    found = looked_into([Video(str(tmp_path / name), (0,)) for name in ("one", "same", "none")], settings)
    files = found.files
    assert (files.width[0], files.height[0], files.frames[0], files.seconds[0]) == (60, 40, 6, 0.5)
    assert found.duplicate_of.tolist() == [0, 0, 2] and found.problems[2]


def test_a_sample_is_spread_over_the_set(tmp_path):
    for index in range(9):
        real_set.film(tmp_path / f"{index}.mp4", index)
    videos = [Video(str(tmp_path / f"{index}.mp4"), (index % 2,)) for index in range(9)]
    found = looked_into(videos, sample=3)
    opened = np.flatnonzero(found.looked_at)
    assert (opened // 3).tolist() == [0, 1, 2]
    assert not found.problems.any() and np.isnan(found.seconds[~found.looked_at]).all()
    assert looked_into(videos, sample=50).looked_at.all()


@pytest.mark.parametrize("count, sample", [(10, 3), (1000, 999), (3, 3), (5, 9)])
def test_a_spread_has_no_number_twice(count, sample):
    numbers = spread(count, sample)
    assert len(set(numbers.tolist())) == len(numbers) == min(count, sample)
    assert numbers.min() >= 0 and numbers.max() < count
    assert spread(count, sample).tolist() == numbers.tolist(), "the same each time"


def test_progress_counts_every_file_once(tmp_path):
    told = []
    for index in range(3):
        real_set.film(tmp_path / f"{index}.mp4", 1)
    split = Videos.listed([Video(str(tmp_path / f"{index}.mp4"), (0,)) for index in range(3)])
    one = VideoSet("set", str(tmp_path), "list", ("a",), split, split.take(np.arange(1)))
    inspect(one, DataSettings(), progress=lambda *what: told.append(what), workers=2)
    assert told[:3] == [(done, 3, "looking into files") for done in (1, 2, 3)]
    assert told[3:] == [(done, 3, "comparing files of equal size") for done in (1, 2, 3)]
