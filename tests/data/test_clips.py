import threading
import time

import numpy as np
import pytest
import torch

from nas.data.task import Task
from nas.data.videos import Labels
from nas.data_settings import ClipSettings, ViewSettings
from nas.errors import NasError
from tests.clips import packed

CLIP = ClipSettings(frames=4, size=12, stride=2, scale=0.8)
TEN = Task(tuple(f"class {name}" for name in "abcdefghij"))


def flat(count, height=16, wider=1):
    """Videos of 6 frames and more, whose pixels say which video and frame they are: 16 * video + frame."""
    for i in range(count):
        shape = (6 + i, height, height + wider * i, 3)
        yield np.broadcast_to((16 * i + np.arange(6 + i))[:, None, None, None], shape).astype(np.uint8)


@pytest.fixture
def split(tmp_path):
    """Ten flat videos, one of each class."""
    return packed(tmp_path, list(flat(10)), Labels.single(range(10)), TEN)


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


def test_wide_videos_are_seen_from_side_to_side(tmp_path):
    video = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None] * 8, (1, 16, 32, 3))
    split = packed(tmp_path, [np.ascontiguousarray(video)], Labels.single([0]), TEN)
    clip = ClipSettings(frames=1, size=16, scale=1.0, flip="never")
    lefts = [float(epoch(split, clip, epoch=e)[0][0].min()) for e in range(60)]
    assert len(set(lefts)) == 17, "every place where a square of 16 fits into 32 pixels"


def test_segments_take_a_frame_of_each_part(split):
    clip = ClipSettings(frames=3, size=12, sampling="segments")
    x, _ = epoch(split, clip, train=False, batch=10)[0]
    assert (values(x)[9] - 16 * 9).tolist() == [2, 7, 12], "the middle of 15 frames in 3 parts"
    drawn = [values(x)[0] % 16 for e in range(60) for x, y in epoch(split, clip, epoch=e, batch=1) if y[0] == 9]
    seen = [set(column) for column in zip(*(one.tolist() for one in drawn), strict=True)]
    assert seen == [set(range(5)), set(range(5, 10)), set(range(10, 15))]


def test_views_show_every_clip_and_crop_of_each_video(split):
    views = ViewSettings(clips=2, crops=3)
    batches = list(split.views(CLIP, views, batch=7, device="cpu"))
    videos = torch.cat([some for _, some in batches])
    assert videos.tolist() == [video for video in range(10) for _ in range(6)]
    x = values(torch.cat([x for x, _ in batches]))
    assert [row[0] for row in (x[6 * 9 : 6 * 10] - 16 * 9).tolist()] == [0, 0, 0, 8, 8, 8]
    back = torch.cat([x for x, _ in split.views(CLIP, views, batch=60, device="cpu", reverse=True)])
    assert torch.equal(values(back), x.flip(1))


def test_the_three_crops_lie_along_the_longer_side(tmp_path):
    video = np.broadcast_to(np.arange(32, dtype=np.uint8)[:, None] * 8, (1, 16, 32, 3))
    split = packed(tmp_path, [np.ascontiguousarray(video)], Labels.single([0]), TEN)
    clip = ClipSettings(frames=1, size=16)
    ((x, _),) = split.views(clip, ViewSettings(crops=3), batch=9, device="cpu")
    pixels = x.mul(0.225).add(0.45).mul(255 / 8).round().int()
    assert pixels[:, 0, 0, 0, 0].tolist() == [0, 8, 16], "left, middle, right"


def test_all_frames_are_one_clip_of_each_video(split):
    clip, views = CLIP.model_copy(update={"frames": 8}), ViewSettings(clips="all")
    batches = list(split.views(clip, views, batch=4, device="cpu"))
    assert sorted(video for _, some in batches for video in some.tolist()) == list(range(10))
    shown = {int(v): values(x)[i] % 16 for x, some in batches for i, v in enumerate(some)}
    assert shown[9].tolist() == list(range(15))
    assert shown[0].tolist() == [0, 1, 2, 3, 4, 5, 5, 5], "shorter than a clip: stands still"
    assert all(len(some) * x.shape[2] <= 4 * 8 for x, some in batches), "as many frames as other batches"


def test_several_labels_are_ones_and_zeros(tmp_path):
    labels = Labels.several([(0,), (1, 2), ()])
    split = packed(tmp_path, list(flat(3)), labels, Task(("a", "b", "c"), multilabel=True, metric="map"))
    ((_, y),) = epoch(split, train=False)
    assert y.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0]] and y.dtype == torch.float32


@pytest.mark.parametrize("several", [False, True])
def test_a_mirrored_clip_has_the_label_of_the_mirrored_action(tmp_path, several):
    sides = [np.zeros((6, 16, 16, 3), np.uint8) for _ in range(2)]
    sides[0][:, :, :8], sides[1][:, :, 8:] = 255, 255
    labels = Labels.several([(0,), (1,)])
    names = ("bright on the left", "bright on the right")
    split = packed(tmp_path, sides, labels, Task(names, multilabel=several, metric="map" if several else "top1"))
    clip = ClipSettings(frames=2, size=12, scale=1.0, flip="swap")
    seen = set()
    for number in range(20):
        for x, y in epoch(split, clip, batch=2, epoch=number):
            shown = (x[:, 0, 0, 0, 0] < 0).int()  # dark on the left: bright on the right
            assert torch.equal(shown.long(), y.argmax(1) if several else y)
            seen |= set(zip(shown.tolist(), [number] * 2, strict=True))
    assert len({one for one, _ in seen}) == 2


def test_clips_are_mirrored_unless_a_class_tells_left_from_right(tmp_path):
    video = [np.zeros((6, 16, 16, 3), np.uint8)]
    video[0][:, :, :8] = 255
    clip = ClipSettings(frames=2, size=12, scale=1.0)

    def sides(task, clip):
        split = packed(tmp_path, video, Labels.single([0]), task)
        return {float(x[0, 0, 0, 0, 0]) > 0 for e in range(20) for x, _ in epoch(split, clip, epoch=e)}

    assert sides(TEN, clip) == {True, False}
    assert sides(TEN, clip.model_copy(update={"flip": "never"})) == {True}
    assert sides(Task(("turn left", "jump")), clip) == {True}
    with pytest.raises(NasError, match="turn left"):
        sides(Task(("turn left", "jump")), clip.model_copy(update={"flip": "swap"}))


def test_pictures_are_nearly_what_raw_frames_are(tmp_path):
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (3, 6, 4, 5, 1), dtype=np.uint8).repeat(3, axis=-1)
    videos = coarse.repeat(8, axis=2).repeat(8, axis=3)
    splits = []
    for quality in (0, 90):
        (tmp_path / str(quality)).mkdir()
        splits.append(packed(tmp_path / str(quality), videos, Labels.single(range(3)), TEN, jpeg=quality))
    raw, pictures = splits
    assert pictures.store.jpeg and not raw.store.jpeg
    for index in range(3):
        assert np.abs(pictures.video(index).astype(int) - raw.video(index)).mean() < 3
        which = np.array([0, 2, 5, 5])
        np.testing.assert_array_equal(pictures.store.frames(index, which), pictures.video(index)[which])
    for (one, y), (other, z) in zip(epoch(raw), epoch(pictures), strict=True):
        assert torch.equal(y, z) and (one - other).abs().mean() < 0.05


def clip_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("clips")]


def test_threads_stop_when_the_reader_does(split):
    batches = split.batches(CLIP, batch=1, seed=0, epoch=0, train=True, device="cpu")
    next(batches)
    assert clip_threads()
    batches.close()
    assert not clip_threads()


def test_an_error_in_a_thread_is_raised_at_the_reader(split, monkeypatch):
    def broken(*_):
        raise OSError("the disk is gone")

    monkeypatch.setattr(split.store, "frames", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        epoch(split)
    time.sleep(0.01)
    assert not clip_threads()


# ---- parts of batches, for processes that train together

SAMPLINGS = [
    {"sampling": "dense", "stride": 2},
    {"sampling": "segments"},
    {"sampling": "uniform", "window": 7},
]


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda one: one["sampling"])
@pytest.mark.parametrize(("size", "batch"), [(2, 4), (4, 8), (3, 9)])
def test_the_parts_of_a_batch_put_together_are_the_batch(tmp_path, sampling, size, batch):
    rng = np.random.default_rng(0)
    videos = [rng.integers(0, 256, (6 + i % 5, 16 + i % 3, 20, 3), dtype=np.uint8) for i in range(22)]
    split = packed(tmp_path, videos, Labels.single(np.arange(22) % 10), TEN)
    clip = ClipSettings(frames=4, size=12, scale=(0.6, 0.9), flip="always", **sampling)
    whole = epoch(split, clip, batch=batch)
    parts = [epoch(split, clip, batch=batch, share=(rank, size)) for rank in range(size)]
    assert len(whole) == 22 // batch and {len(part) for part in parts} == {len(whole)}
    for (x, y), *some in zip(whole, *parts, strict=True):
        assert {len(labels) for _, labels in some} == {batch // size}
        assert torch.equal(x, torch.cat([clips for clips, _ in some]))
        assert torch.equal(y, torch.cat([labels for _, labels in some]))


def test_a_batch_that_does_not_divide_is_shared_out_all_the_same(split):
    """No process gets two clips more than another; what trains together is asked for more (see `nas.train`)."""
    parts = [epoch(split, batch=7, share=(rank, 3)) for rank in range(3)]
    assert [len(y) for ((_, y),) in parts] == [3, 2, 2]
    ((_, whole),) = epoch(split, batch=7)
    assert torch.equal(torch.cat([y for ((_, y),) in parts]), whole)


@pytest.mark.parametrize(
    ("size", "batch", "dealt"), [(2, 4, [2, 1]), (2, 3, [2, 2]), (3, 4, [1, 1, 1]), (4, 4, [1, 1, 1, 0])]
)
def test_validation_batches_are_dealt_out(split, size, batch, dealt):
    whole = epoch(split, train=False, batch=batch)
    parts = [epoch(split, train=False, batch=batch, share=(rank, size)) for rank in range(size)]
    assert [len(part) for part in parts] == dealt
    for number, (x, y) in enumerate(whole):
        clips, labels = parts[number % size][number // size]
        assert torch.equal(x, clips) and torch.equal(y, labels)
    assert sorted(int(label) for part in parts for _, y in part for label in y) == list(range(10))


def test_labels_of_parts_are_mirrored_with_their_clips(tmp_path):
    sides = [np.zeros((6, 16, 16, 3), np.uint8) for _ in range(4)]
    for number, video in enumerate(sides):
        (video[:, :, :8] if number % 2 == 0 else video[:, :, 8:])[:] = 255
    names = ("bright on the left", "bright on the right")
    split = packed(tmp_path, sides, Labels.single([0, 1, 0, 1]), Task(names))
    clip = ClipSettings(frames=2, size=12, scale=1.0, flip="swap")
    for number in range(5):
        ((_, whole),) = epoch(split, clip, batch=4, epoch=number)
        for rank in range(2):
            ((x, y),) = epoch(split, clip, batch=4, epoch=number, share=(rank, 2))
            assert torch.equal((x[:, 0, 0, 0, 0] < 0).long(), y) and torch.equal(whole[2 * rank : 2 * rank + 2], y)
