from fractions import Fraction

import av
import numpy as np
import pytest

from nas.data.decoding import packets
from nas.data.decoding.containers import opened
from nas.data.decoding.decode import Unreadable, decode
from nas.data.decoding.timeline import keep
from nas.data_settings import PackSettings
from tests.data.films import SIDE, plain, write

ALL = PackSettings(every=1, frames=0, size=SIDE)
CHOICES = [PackSettings(every=every, frames=frames, size=SIDE) for every in (1, 3, 17) for frames in (0, 5, 1)]


# ---- cuts


def test_start_and_end_cut_in_seconds(film):
    path = film("a.mp4", frames=64)
    frames = decode(str(path), PackSettings(every=1, frames=0, size=32), 1.0, 2.0)
    np.testing.assert_array_equal(frames, plain(path, 32)[16:32])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.h264"])
def test_cuts_at_the_times_of_frames_are_exact(tmp_path, name):
    rate = Fraction(30000, 1001)
    path = write(tmp_path / name, "mpeg4" if name == "a.avi" else "libx264", {"g": "12"}, rate=rate)
    whole = plain(path)
    for low in range(0, 50, 7):
        start, end = (round(float(number / rate), 3) for number in (low, low + 9))
        np.testing.assert_array_equal(decode(str(path), ALL, start, end), whole[low : low + 9])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize("settings", [ALL, PackSettings(rate=5, frames=0, size=SIDE)], ids=["all", "rate"])
def test_a_cut_of_a_long_file_is_what_the_whole_file_has_there(tmp_path, name, settings):
    path = write(tmp_path / name, options={"g": "25", "bf": "3"}, frames=480)
    whole = plain(path)
    places = np.arange(480) if settings.every == 1 and not settings.rate else np.arange(0, 480, 16 / 5) + 0.25
    for start, end in ((0.0, 2.0), (7.0, 9.0), (13.0, 20.0), (29.0, None), (None, 3.0)):
        inside = [int(at) for at in places if (start or 0) * 16 <= at < (end or 30) * 16]
        np.testing.assert_array_equal(decode(str(path), settings, start, end), whole[inside])


def test_a_cut_reads_its_own_packets_alone(tmp_path):
    path = str(write(tmp_path / "a.mp4", options={"g": "25"}, frames=960))
    span = packets.span_of(path, 30.0, 31.0)
    with opened(path) as film:
        index = packets.index(film, span)
    assert index.count < 100 and index.timeline.origin == 0


@pytest.mark.parametrize(("start", "end"), [(50, 60), (2, 2), (2, 1), (60, None)])
def test_no_frame_in_the_cut_is_unreadable(film, start, end):
    with pytest.raises(Unreadable, match="no frame from"):
        decode(str(film("a.mp4")), PackSettings(), start, end)


def restamped(source, path, change):
    """Write the packets of `source` into `path` with the times that `change` makes of pts and dts."""
    with av.open(str(source)) as whole, av.open(str(path), "w") as other:
        stream = other.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.size:
                packet.pts, packet.dts = change(packet.pts, packet.dts)
                packet.stream = stream
                other.mux(packet)
    return path


def test_frames_with_one_time_are_told_by_their_number(tmp_path):
    source = write(tmp_path / "a.mp4", options={"g": "8", "bf": "0"})
    path = restamped(source, tmp_path / "b.mp4", lambda pts, dts: (pts + 1024 * (pts == 40 * 1024), dts))
    with opened(str(path)) as film:
        assert packets.index(film).numbered
    whole = plain(source)
    np.testing.assert_array_equal(decode(str(path), CHOICES[6]), whole[::17])
    np.testing.assert_array_equal(decode(str(path), ALL, 2.0, 3.0), whole[32:48])


def test_frames_that_an_edit_list_hides_are_not_shown(tmp_path):
    source = write(tmp_path / "a.mp4", options={"g": "250", "bf": "3"})
    path = restamped(source, tmp_path / "cut.mp4", lambda pts, dts: (pts - 10 * 1024, dts - 10 * 1024))
    assert len(plain(path)) == 50
    for settings in CHOICES:
        np.testing.assert_array_equal(decode(str(path), settings), np.stack(keep(plain(source)[10:], settings)))
    np.testing.assert_array_equal(decode(str(path), ALL, 1.0, 2.0), plain(source)[26:42])


# ---- frames a second


def shown_at(path, rate, start=None, end=None):
    """The numbers of the frames that are kept, told by their grey: 4 for each."""
    video = decode(str(path), PackSettings(rate=rate, frames=0, size=SIDE), start, end)
    return np.rint(video.mean(axis=(1, 2, 3)) / 4).astype(int).tolist()


def greys(frames):
    return np.broadcast_to(np.arange(frames, dtype=np.uint8)[:, None, None, None] * 4, (frames, SIDE, SIDE, 3))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("rate", [30, Fraction(30000, 1001), 25, 24, 10, 15, 60])
def test_rate_keeps_so_many_frames_a_second(tmp_path, name, rate):
    path = write(tmp_path / name, pictures=greys(60), rate=rate, options={"qp": "4"})
    kept = shown_at(path, 15)
    assert len(kept) == -(-60 * 15 // rate)
    assert np.abs(np.array(kept) - np.arange(len(kept)) * float(rate) / 15).max() < 1
    assert set(np.diff(kept)) <= {rate // 15, -(-rate // 15)}


def test_frames_repeat_where_the_video_has_fewer_so_that_durations_stay_true(tmp_path):
    path = write(tmp_path / "a.mp4", pictures=greys(8), rate=8, options={"qp": "4"})
    assert shown_at(path, 16) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]
    assert shown_at(path, 8, 0.25, 0.75) == [2, 3, 4, 5]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_rate_is_sampled_by_the_time_each_frame_is_shown(tmp_path, name):
    stamps = [0, 100, 200, 1000, 1040, 1080, 2000, 2500]
    path = write(tmp_path / name, pictures=greys(8), stamps=stamps, options={"qp": "4", "bf": "0"})
    kept = shown_at(path, 10)
    assert kept[:25] == [sum(stamp <= at for stamp in stamps) - 1 for at in range(0, 2500, 100)]
    assert shown_at(path, 10, 0.5, 1.15) == [2, 2, 2, 2, 2, 3, 5]


def test_rate_keeps_the_middle_frames_too(tmp_path):
    path = write(tmp_path / "a.mp4", pictures=greys(60), rate=30, options={"qp": "4"})
    video = decode(str(path), PackSettings(rate=15, frames=4, size=SIDE))
    assert np.rint(video.mean(axis=(1, 2, 3)) / 4).astype(int).tolist() == [26, 28, 30, 32]
