"""Samples are spread over the classes, and their pictures over the time."""

from collections import Counter

import numpy as np
import pytest
import simplejpeg

from nas.data import motion
from nas.data.inspection import inspect
from nas.data.samples import LONG, PICTURES, SHORT, pick, samples
from nas.data.videos import Video, Videos, VideoSet
from nas.data_settings import DataSettings
from tests import real_set
from tests.data.test_findings import made_up


def silent(*_):
    pass


def test_the_first_of_each_class_comes_before_the_second_of_any():
    found = made_up([1] * 20, labels=[0] * 17 + [1] * 3, train=10)
    chosen = pick(found, 8)
    labels = [found.video(int(number)).labels[0] for number in chosen]
    assert labels == sorted(labels) and Counter(labels) == {0: 5, 1: 3}
    assert len(set(chosen.tolist())) == 8
    assert pick(found, 8).tolist() == chosen.tolist() != pick(found, 8, seed=1).tolist()
    assert len(pick(found, 100)) == 20


def test_what_cannot_be_read_or_was_not_looked_into_is_not_picked():
    found = made_up([1, np.nan, 1, 1])
    found.files.reason[2] = "broken"
    assert pick(found, 9).tolist() == [0, 3]


def test_pictures_are_in_the_order_of_time(tmp_path):
    for name, height, width in (("wide", 96, 320), ("upright", 320, 96), ("small", 32, 48)):
        greys = np.linspace(20, 230, 40).astype(np.uint8)[:, None, None, None]
        motion.encode(str(tmp_path / f"{name}.mp4"), np.broadcast_to(greys, (40, height, width, 3)))
    cuts = [("wide", None, None), ("upright", None, None), ("small", None, None), ("wide", 1.25, None)]
    split = Videos.listed(Video(str(tmp_path / f"{name}.mp4"), (0,), start, end) for name, start, end in cuts)
    one = VideoSet("set", str(tmp_path), "list", ("a",), split, split.take(np.arange(0)))
    found = inspect(one, DataSettings(), progress=silent, workers=1)
    shown = {sample.number: sample for sample in samples(found, DataSettings(), progress=silent, workers=2)}
    assert sorted(shown) == [0, 1, 2, 3]
    means = {}
    for number, sample in shown.items():
        pictures = [simplejpeg.decode_jpeg(picture) for picture in sample.pictures]
        means[number] = [picture.mean() for picture in pictures]
        height, width = pictures[0].shape[:2]
        assert len(pictures) == PICTURES and min(height, width) <= SHORT and max(height, width) <= LONG
        assert (np.diff(means[number]) > 8).all(), "they grow brighter"
    assert means[0][0] < 60 and means[3][0] > 120, "a cut begins where it is cut"
    assert simplejpeg.decode_jpeg(shown[2].pictures[0]).shape == (32, 48, 3), "small ones are not enlarged"


def test_pictures_of_a_turned_video_are_upright(tmp_path):
    found = real_set.read(tmp_path)
    shown = samples(found, DataSettings(), progress=silent, workers=1)
    shapes = {found.short(found.video(one.number).path): simplejpeg.decode_jpeg(one.pictures[0]).shape for one in shown}
    assert shapes["train/turned.mp4"] == (48, 32, 3)
    assert len(shapes) == sum(not wrong for _, _, wrong in real_set.TRAIN + real_set.VAL)


def test_a_file_that_is_gone_meanwhile_says_so(tmp_path):
    real_set.film(tmp_path / "one.mp4", 1)
    split = Videos.listed([Video(str(tmp_path / "one.mp4"), (0,))])
    one = VideoSet("set", str(tmp_path), "list", ("a",), split, split.take(np.arange(0)))
    found = inspect(one, DataSettings(), progress=silent, workers=1)
    (tmp_path / "one.mp4").unlink()
    (sample,) = samples(found, DataSettings(), progress=silent, workers=1)
    assert sample.pictures == () and sample.problem


def test_no_video_gives_no_sample():
    assert samples(made_up([np.nan]), DataSettings(), progress=silent) == []


@pytest.mark.parametrize("most", [1, 5])
def test_no_more_than_asked_for(most):
    assert len(pick(made_up([1] * 20), most)) == most
