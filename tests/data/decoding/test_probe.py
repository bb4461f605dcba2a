import shutil

import av
import numpy as np
import pytest

from nas.data.decoding.decode import Unreadable
from nas.data.decoding.probe import Probe, digest, probe
from tests.data.decoding.test_stills import save
from tests.data.films import drawn, turned, write

WIDE = drawn(32, 32, 64)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.webm", "libvpx")]
)
def test_a_file_tells_what_it_is(tmp_path, name, codec):
    found = probe(str(write(tmp_path / name, codec, pictures=WIDE)))
    assert found.seconds == pytest.approx(2, abs=0.01) and found.rate == pytest.approx(16, rel=0.01)
    assert (found.width, found.height, found.frames) == (64, 32, 32)
    assert found.codec == {"libx264": "h264", "libvpx": "vp8"}.get(codec, codec)
    assert not found.rotated and not found.variable_rate


def test_width_and_height_are_those_of_the_upright_video(tmp_path):
    path = turned(write(tmp_path / "a.mp4", pictures=WIDE), (0, 1, -1, 0))
    assert probe(str(path)) == Probe(2.0, 32, 64, 16.0, 32, "h264", rotated=True, variable_rate=False)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_rates_are_told_from_rounded_ones(tmp_path, name):
    steady = [round(number * 1000 / 30) for number in range(32)]
    waiting = [stamp + 500 * (number > 9) for number, stamp in enumerate(steady)]
    for stamps, variable in ((steady, False), (waiting, True)):
        assert probe(str(write(tmp_path / name, pictures=WIDE, stamps=stamps))).variable_rate is variable


def test_a_folder_of_pictures_is_a_video(tmp_path):
    for number in range(6):
        save(tmp_path / f"img_{number}.png", WIDE[number])
    expected = Probe(0.5, 64, 32, 12.0, 6, "png", rotated=False, variable_rate=False)
    assert probe(str(tmp_path), frames="img_{}.png", frame_rate=12) == expected


def test_broken_videos_are_unreadable(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video" * 99)
    path = write(tmp_path / "cut.mp4", muxer={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[:-2000])
    for name, reason in {"empty.mp4": "empty", "text.mp4": "not a video", "cut.mp4": "cut short"}.items():
        with pytest.raises(Unreadable, match=reason):
            probe(str(tmp_path / name))


def test_the_first_frame_must_be_whole(tmp_path):
    path = write(tmp_path / "a.mp4", "mpeg4")
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        first = next(container.demux(video=0))
    content[first.pos + 100 : first.pos + first.size] = np.random.default_rng(0).bytes(first.size - 100)
    path.write_bytes(content)
    with pytest.raises(Unreadable, match="damaged"):
        probe(str(path))


def test_digests_tell_copies_from_others(tmp_path):
    first = write(tmp_path / "a.mp4")
    copy = shutil.copy(first, tmp_path / "another name.mp4")
    other = write(tmp_path / "b.mp4", frames=59)
    assert digest(str(first)) == digest(str(copy)) != digest(str(other))
    assert len(digest(str(first))) == 32
    with pytest.raises(Unreadable, match="No such file"):
        digest(str(tmp_path / "none.mp4"))


def test_digests_of_folders_see_names_and_contents(tmp_path):
    for folder, names in {"a": "12", "b": "12", "c": "13", "d": "12"}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text("x")
    (tmp_path / "d" / "1").write_text("y")
    found = [digest(str(tmp_path / folder)) for folder in "abcd"]
    assert found[0] == found[1] and len(set(found)) == 3
