import wave

import av
import numpy as np
import pytest

from nas.data import motion
from nas.data.decode import Unreadable, attempt, decode, keep
from nas.recipe import PackSettings

CODECS = [
    ("a.mp4", "libx264", {"g": "10", "bf": "2"}),
    ("long-gop.mp4", "libx264", {"g": "250"}),
    ("a.mkv", "libx264", {"g": "7", "bf": "3"}),
    ("a.ts", "libx264", {}),
    ("a.h264", "libx264", {}),
    ("a.avi", "mpeg4", {"bf": "2", "g": "10"}),
    ("a.mpg", "mpeg2video", {"bf": "2"}),
    ("a.webm", "libvpx", {"deadline": "realtime", "cpu-used": "8"}),
]
CHOICES = [
    PackSettings(every=1, frames=0, size=48),
    PackSettings(every=3, frames=5, size=48),
    PackSettings(every=17, frames=0, size=48),
]


def reference(path):
    """All frames, decoded one after the other as PyAV's own example does."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write(path, codec, options, frames=60):
    video = motion.draw(np.random.default_rng(0), "right", motion.MotionSettings(frames=frames))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=16, options=options)
        stream.width, stream.height, stream.pix_fmt = 48, 48, "yuv420p"
        for picture in video:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("name", "codec", "options"), CODECS, ids=[name for name, *_ in CODECS])
def test_exactly_the_frames_of_a_plain_sequential_decode(tmp_path, name, codec, options):
    path = write(tmp_path / name, codec, options)
    whole = reference(path)
    assert len(whole) == 60
    for settings in CHOICES:
        wanted = keep(range(60), settings)
        frames = decode(str(path), settings)
        assert len(frames) == len(wanted)
        errors = [np.abs(whole[i].astype(int) - frame).max() for i, frame in zip(wanted, frames, strict=True)]
        assert max(errors) <= 4, "the same frames; conversion to RGB may round otherwise"


def test_start_and_end_cut_in_seconds(film):
    path = film("a.mp4", frames=64)
    whole = reference(path)
    frames = decode(str(path), PackSettings(every=1, frames=0, size=32), 1.0, 2.0)
    assert len(frames) == 16
    assert np.abs(frames[0].astype(int) - whole[16]).max() <= 4


@pytest.mark.parametrize(("height", "width", "shape"), [(32, 48, (16, 24)), (48, 32, (24, 16)), (8, 8, (16, 16))])
def test_the_short_side_gets_the_size_and_the_other_follows(film, height, width, shape):
    frames = decode(str(film("a.mp4", height=height, width=width)), PackSettings(every=1, frames=0, size=16))
    assert frames.shape == (12, *shape, 3) and frames.dtype == np.uint8


def test_broken_files_are_unreadable_with_a_reason(tmp_path, film):
    whole = film("a.mp4").read_bytes()
    broken = {"empty.mp4": b"", "text.mp4": b"not a video\n" * 99, "cut.mp4": whole[: len(whole) // 2]}
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Unreadable, match="Invalid data"):
            decode(str(tmp_path / name), PackSettings())
    assert attempt(str(tmp_path / "none.mp4"), PackSettings()) == "No such file or directory"


def test_sound_without_pictures_is_unreadable(tmp_path):
    with wave.open(str(tmp_path / "a.mp4"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    with pytest.raises(Unreadable, match="no video stream"):
        decode(str(tmp_path / "a.mp4"), PackSettings())


def test_a_cut_file_gives_the_frames_it_still_holds(tmp_path):
    path = write(tmp_path / "a.ts", "libx264", {"g": "5"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    count = len(reference(path))
    assert 10 < count < 60
    assert len(decode(str(path), CHOICES[0])) == pytest.approx(count, abs=1)


def test_no_frame_in_the_cut_is_unreadable(film):
    with pytest.raises(Unreadable, match="no frame"):
        decode(str(film("a.mp4")), PackSettings(), 50, 60)
