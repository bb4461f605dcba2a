import threading
import time

import numpy as np
import pytest
import torch

from nas.data.clips import Split, moments
from nas.recipe import ClipSettings

CLIP = ClipSettings(frames=4, size=12, stride=2, scale=0.8)


@pytest.fixture
def split():
    """Ten videos whose pixels say which video and frame they are: 16 * video + frame."""
    shapes = np.array([(6 + i, 16, 16 + i) for i in range(10)])
    videos = [
        np.broadcast_to(16 * i + np.arange(t)[:, None, None, None], (t, h, w, 3)) for i, (t, h, w) in enumerate(shapes)
    ]
    store = np.concatenate([video.ravel() for video in videos]).astype(np.uint8)
    return Split(store, shapes, np.arange(10))


def epoch(split, clip=CLIP, train=True, **changed):
    return list(split.batches(clip, **{"batch": 4, "seed": 1, "epoch": 0, "device": "cpu", **changed}, train=train))


def values(x):
    """The value of each frame of a batch of flat frames, (b, t)."""
    return x.mul(0.225).add(0.45).mul(255).mean(dim=(1, 3, 4)).round().int()


def test_shapes_types_and_layout(split):
    batches = epoch(split, train=False)
    assert [len(y) for _, y in batches] == [4, 4, 2] and split.steps(4, train=False) == 3
    x, y = batches[0]
    assert x.shape == (4, 3, 4, 12, 12) and x.dtype == torch.float32 and y.dtype == torch.int64
    assert x.is_contiguous(memory_format=torch.channels_last_3d)


def test_validation_takes_the_middle_in_the_order_of_the_index(split):
    x, y = epoch(split, train=False, batch=10)[0]
    assert y.tolist() == list(range(10))
    assert values(x)[9].tolist() == [16 * 9 + f for f in (4, 6, 8, 10)]


def test_a_short_video_stands_still_on_its_last_frame(split):
    assert values(epoch(split, train=False, batch=10)[0][0])[0].tolist() == [0, 2, 4, 5]


def test_training_sees_whole_batches_of_shuffled_videos_at_any_time(split):
    batches = epoch(split)
    assert [len(y) for _, y in batches] == [4, 4] and split.steps(4, train=True) == 2
    assert len({int(i) for _, y in batches for i in y}) == 8
    firsts = {int(values(x)[0, 0]) % 16 for e in range(40) for x, y in epoch(split, epoch=e, batch=10) if y[0] == 9}
    assert len(firsts) > 1


def test_frames_of_a_clip_are_in_order_and_belong_to_its_label(split):
    for x, y in epoch(split):
        assert (values(x) // 16 == y[:, None]).all()
        assert (values(x).diff(dim=1) >= 0).all()


def test_a_set_smaller_than_a_batch_trains_as_one_batch(split):
    assert [len(y) for _, y in epoch(split, batch=64)] == [10]


def test_the_same_seed_and_epoch_give_the_same_batches(split):
    one, two = epoch(split), epoch(split)
    assert all(torch.equal(a, b) for x, y in zip(one, two, strict=True) for a, b in zip(x, y, strict=True))
    order = [torch.cat([y for _, y in e]).tolist() for e in (one, epoch(split, epoch=1), epoch(split, seed=2))]
    assert order[0] != order[1] != order[2] != order[0]


def test_wide_videos_are_seen_from_side_to_side():
    store = np.broadcast_to(np.arange(32, dtype=np.uint8)[None, :, None] * 8, (16, 32, 3)).ravel()
    split = Split(store, np.array([(1, 16, 32)]), np.zeros(1, int))
    clip = ClipSettings(frames=1, size=16, scale=1.0)
    lefts = [float(epoch(split, clip, epoch=e)[0][0].min()) for e in range(60)]
    assert len(set(lefts)) == 17, "every place where a square of 16 fits into 32 pixels"


def test_moments_stay_inside():
    assert [moments(20, 4, 2, time).start for time in (0, 0.999999, 1)] == [0, 13, 13]


def clip_threads():
    return [thread for thread in threading.enumerate() if thread.name == "clips"]


def test_the_thread_stops_when_the_reader_does(split):
    batches = split.batches(CLIP, batch=1, seed=0, epoch=0, train=True, device="cpu")
    next(batches)
    assert clip_threads()
    batches.close()
    assert not clip_threads()


def test_an_error_in_the_thread_is_raised_at_the_reader(split, monkeypatch):
    def broken(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr(split, "video", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        epoch(split)
    time.sleep(0.01)
    assert not clip_threads()
