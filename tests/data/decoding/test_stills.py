import os
from fractions import Fraction

import av
import numpy as np
import pytest

from nas.data.decoding.decode import Unreadable, decode
from nas.data.decoding.stills import listed
from nas.data_settings import PackSettings
from nas.errors import NasError
from tests.data.films import SIDE, drawn

ALL = PackSettings(every=1, frames=0, size=SIDE)


def save(path, picture, codec="png"):
    """Write a picture (h, w, 3) as PNG, which keeps it, or as JPEG."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height = picture.shape[1], picture.shape[0]
    context.pix_fmt, context.time_base = {"png": "rgb24", "mjpeg": "yuvj420p"}[codec], Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(format=context.pix_fmt)
    path.write_bytes(b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)]))


@pytest.fixture
def folder(tmp_path):
    """A function that makes a folder of drawn PNG pictures with the given names."""

    def make(*names, at="video"):
        (tmp_path / at).mkdir(exist_ok=True)
        for name, picture in zip(names, drawn(len(names)), strict=True):
            save(tmp_path / at / name, picture)
        return str(tmp_path / at)

    return make


def numbered(count, first=1):
    return [f"img_{number:05d}.png" for number in range(first, first + count)]


def refusal(path, **options):
    with pytest.raises(Unreadable) as error:
        decode(path, ALL, **options)
    return str(error.value)


# ---- which pictures


@pytest.mark.parametrize("frames", ["", "img_{:05d}.png", "img_{:05}.png", "img_*.png", "*"])
def test_pictures_follow_in_the_order_of_their_numbers(folder, frames):
    path = folder(*numbered(12))
    np.testing.assert_array_equal(decode(path, ALL, frames=frames), drawn(12))
    half = PackSettings(every=3, frames=2, size=SIDE)
    np.testing.assert_array_equal(decode(path, half, frames=frames), drawn(12)[[3, 6]])


def test_the_natural_order_puts_2_before_10(folder):
    names = [f"frame{number}.png" for number in range(12)]
    assert listed(folder(*names)) == names
    assert listed(folder(*names), "frame{}.png") == names


@pytest.mark.parametrize("frames", ["", "img_{:05d}.png"])
def test_a_gap_is_told_by_the_name_that_is_missing(folder, frames):
    path = folder(*numbered(9))
    os.remove(os.path.join(path, "img_00004.png"))
    assert refusal(path, frames=frames) == "img_00004.png is missing"


def test_pictures_of_every_tenth_frame_have_no_gap(folder):
    path = folder(*numbered(31)[::10])
    assert len(listed(path)) == 4
    assert "img_00002.png is missing" in refusal(path, frames="img_{:05d}.png")


def test_kinds_of_pictures_in_one_folder_are_told_apart_by_their_name(folder):
    names = [f"{kind}_{number:05d}.png" for kind in ("flow_x", "flow_y", "img") for number in (1, 2, 3)]
    path = folder(*names)
    assert refusal(path) == (
        "pictures of several kinds, such as flow_x_00003.png and flow_y_00003.png; set frames to the name of one"
    )
    assert listed(path, "flow_y_*.png") == names[3:6]
    assert listed(path, "img_{:05d}.png") == names[6:]


def test_other_files_and_folders_are_left_out(folder, tmp_path):
    path = folder("a1.png", "a2.png")
    (tmp_path / "video" / "notes.txt").write_text("no picture")
    (tmp_path / "video" / "a3.png").mkdir()
    os.mkfifo(tmp_path / "video" / "a4.png")
    assert listed(path) == ["a1.png", "a2.png"]


def test_a_folder_without_pictures_is_unreadable(folder, tmp_path):
    (tmp_path / "none").mkdir()
    assert refusal(str(tmp_path / "none")) == "a folder without JPEG or PNG pictures"
    assert refusal(folder("a.png"), frames="img_{:05d}.jpg") == "no picture called img_{:05d}.jpg"
    assert refusal(folder("a.png"), frames="*.jpg") == "no picture called *.jpg"


@pytest.mark.parametrize("frames", ["{}_{}.jpg", "{0.__class__}.jpg", "../{:05d}.jpg", "{:>9}.jpg", "{"])
def test_a_pattern_that_is_no_name_is_an_error_of_the_recipe(folder, frames):
    with pytest.raises(NasError, match="is no name of pictures; write one number"):
        decode(folder("a.png"), ALL, frames=frames)


# ---- when they are shown


def test_the_frame_rate_gives_times(folder):
    path, whole = folder(*numbered(24)), drawn(24)
    np.testing.assert_array_equal(decode(path, ALL, 0.5, 1.0, frame_rate=12), whole[6:12])
    slow = PackSettings(rate=4, frames=0, size=SIDE)
    np.testing.assert_array_equal(decode(path, slow, frame_rate=12), whole[::3])
    fast = PackSettings(rate=24, frames=0, size=SIDE)
    np.testing.assert_array_equal(decode(path, fast, 1.0, frame_rate=12), whole[12:].repeat(2, axis=0))


def test_only_the_wanted_pictures_are_read(folder):
    path = folder(*numbered(9))
    for number in (1, 2, 8, 9):
        with open(os.path.join(path, f"img_{number:05d}.png"), "wb") as file:
            file.write(b"broken")
    np.testing.assert_array_equal(decode(path, PackSettings(every=1, frames=3, size=SIDE)), drawn(9)[3:6])


# ---- pictures


def test_jpeg_and_png_are_told_by_their_content(tmp_path):
    picture = np.full((SIDE, 2 * SIDE, 3), (200, 100, 50), dtype=np.uint8)
    save(tmp_path / "1.jpg", picture, "mjpeg")
    save(tmp_path / "2.jpg", picture)
    video = decode(str(tmp_path), PackSettings(every=1, frames=0, size=24))
    assert video.shape == (2, 24, 48, 3)
    assert np.abs(video.astype(int) - (200, 100, 50)).max() <= 3


def test_broken_pictures_are_told_by_their_name(folder):
    path = folder(*numbered(3))
    second = os.path.join(path, "img_00002.png")
    with open(second, "rb") as file:
        whole = file.read()
    for content in (b"", b"no picture", whole[:100], whole[: len(whole) // 2]):
        with open(second, "wb") as file:
            file.write(content)
        assert refusal(path).startswith("img_00002.png: ")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_jpeg_pictures_are_unreadable(tmp_path, share):
    save(tmp_path / "1.jpg", drawn(1)[0], "mjpeg")
    content = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "2.jpg").write_bytes(content[: int(len(content) * share)])
    assert refusal(str(tmp_path)).startswith("2.jpg: ")


def test_pictures_of_several_sizes_are_unreadable(tmp_path):
    for number, width in enumerate((48, 48, 64)):
        save(tmp_path / f"{number}.png", drawn(1, 32, width)[0])
    assert refusal(str(tmp_path)) == "pictures of several sizes: 0.png of 48x32 and 2.png of 64x32"
