import numpy as np
import pytest

from nas.data.sampling import all_frames, moments, times, views
from nas.data_settings import ClipSettings, ViewSettings


def chosen(length, clip, time=0.5, inner=None):
    return np.arange(length)[moments(length, clip, time, inner)].tolist()


def settings(rng, **changed):
    some = {"frames": rng.integers(1, 9), "stride": rng.integers(1, 4), "window": rng.integers(0, 30)}
    return ClipSettings(**{name: int(value) for name, value in some.items()} | changed)


@pytest.mark.parametrize("sampling", ["dense", "segments", "uniform"])
def test_every_clip_has_its_frames_in_order_and_inside(sampling):
    rng = np.random.default_rng(0)
    for _ in range(500):
        clip, length = settings(rng, sampling=sampling), int(rng.integers(1, 40))
        inner = rng.random(clip.frames) if rng.random() < 0.5 else None
        for time in (0.0, float(rng.random()), 1.0):
            frames = chosen(length, clip, time, inner)
            assert len(frames) == clip.frames and frames == sorted(frames)
            assert frames[0] >= 0 and frames[-1] < length


def test_dense_windows_are_all_those_that_fit():
    rng = np.random.default_rng(1)
    for _ in range(30):
        clip, length = settings(rng), int(rng.integers(25, 40))
        span = (clip.frames - 1) * clip.stride + 1
        seen = {tuple(chosen(length, clip, time)) for time in np.linspace(0, 1, 1000)}
        assert seen == {tuple(range(first, first + span, clip.stride)) for first in range(length - span + 1)}


def test_dense_windows_are_equally_likely():
    clip, rng = ClipSettings(frames=4, stride=2), np.random.default_rng(2)
    firsts = np.bincount([moments(11, clip, time).start for time in rng.random(5000)])
    assert len(firsts) == 5 and firsts.min() > 900


def test_a_dense_window_longer_than_the_video_stands_still_at_its_end():
    assert chosen(5, ClipSettings(frames=4, stride=2), 0.9) == [0, 2, 4, 4]


def test_segments_partition_the_video():
    rng = np.random.default_rng(3)
    for _ in range(50):
        frames = int(rng.integers(1, 9))
        clip, length = ClipSettings(frames=frames, sampling="segments"), int(rng.integers(frames, 40))
        draws = np.array([chosen(length, clip, 0.5, np.full(frames, share)) for share in np.linspace(0, 1, 200)])
        parts = [sorted(set(column)) for column in draws.T.tolist()]
        assert sum(parts, []) == list(range(length)), "each frame is in one part, and each part can show all of its own"
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_each_segment_is_drawn_apart_and_tests_take_its_middle():
    clip = ClipSettings(frames=3, sampling="segments")
    assert chosen(15, clip, 0.5, np.array([0.0, 0.5, 0.99])) == [0, 7, 14]
    assert chosen(15, clip) == [2, 7, 12]


def test_a_video_with_fewer_frames_than_segments_shows_each_equally_long():
    assert chosen(2, ClipSettings(frames=4, sampling="segments"), inner=np.full(4, 0.99)) == [0, 0, 1, 1]


def test_uniform_covers_its_window_to_both_ends():
    whole = ClipSettings(frames=5, sampling="uniform")
    assert chosen(17, whole, 0.0) == chosen(17, whole, 1.0) == [0, 4, 8, 12, 16]
    assert chosen(17, whole.model_copy(update={"frames": 1})) == [8]
    part = whole.model_copy(update={"window": 9})
    assert [chosen(17, part, time)[::4] for time in (0, 0.5, 1)] == [[0, 8], [4, 12], [8, 16]]
    assert chosen(4, part) == [0, 2, 3, 3, 3]


def test_a_uniform_window_of_a_dense_clip_is_that_clip():
    for time in np.linspace(0, 1, 30):
        dense = ClipSettings(frames=5, stride=3)
        uniform = ClipSettings(frames=5, sampling="uniform", window=13)
        assert chosen(30, uniform, time) == chosen(30, dense, time)


def test_the_clips_of_a_test_are_spread_evenly():
    dense, segments = ClipSettings(frames=4), ClipSettings(frames=2, sampling="segments")
    assert [part.start for part in views(13, dense, ViewSettings(clips=4))] == [0, 3, 6, 9]
    assert views(13, dense, ViewSettings())[0] == moments(13, dense, 0.5)
    assert [part.tolist() for part in views(8, segments, ViewSettings(clips=4))] == [[0, 4], [1, 5], [2, 6], [3, 7]]
    assert times(segments, 1) == times(dense, 1) == [0.5]


def test_all_frames_are_one_clip():
    assert views(7, ClipSettings(), ViewSettings(clips="all")) == [all_frames(7)]
    assert np.arange(7)[all_frames(7)].tolist() == list(range(7))
