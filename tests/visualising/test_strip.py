"""Strips and animations of saliency: the frames as they were seen, and the colours where they belong."""

import io

import numpy as np
import pytest
from PIL import Image

from nas.data.decoding import decode
from nas.data_settings import PackSettings
from nas.visualising import images, strip
from nas.visualising.images import HEAT
from nas.visualising.saliency import Saliency
from tests.data import footage

RNG = np.random.default_rng(0)


def looked_at(tube):
    return Saliency(target=0, tube=tube, logits=np.zeros(2), features=(8, 4, 2, 2))


def frames(count=4, side=20):
    return RNG.integers(0, 255, (count, side, side, 3), dtype=np.uint8)


def test_nothing_covers_a_frame_where_nothing_speaks():
    shown = frames()
    tube = np.zeros(shown.shape[:3])
    grey = strip.overlaid(shown, tube)
    assert (grey == grey[..., :1]).all()
    assert np.abs(grey[..., 0] - shown @ [0.299, 0.587, 0.114]).max() <= 0.5
    tube[2, 5:9, 5:9] = 1
    covered = strip.overlaid(shown, tube)
    changed = (covered != grey).any(axis=-1)
    assert (changed == (tube > 0)).all()
    top = images.coloured(np.array([1.0]), HEAT)[0].astype(int)
    assert np.abs(covered[2, 5, 5] - (strip.COVER * top + (1 - strip.COVER) * grey[2, 5, 5])).max() <= 1


def test_a_strip_holds_all_frames_and_below_each_its_saliency():
    shown, tube = frames(4, 20), RNG.random((4, 20, 20))
    picture = strip.strip(shown, looked_at(tube), "left 0.9", ["a line"])
    enlarged = images.enlarged(shown, strip.SIDE // 20)
    side = enlarged.shape[1]
    (top,) = {row for row in range(len(picture)) if _is_at(picture, enlarged[0], row, images.MARGIN)}
    covered = images.enlarged(strip.overlaid(shown, tube), strip.SIDE // 20)
    for number in range(4):
        left = images.MARGIN + number * (side + strip.GAP)
        assert _is_at(picture, enlarged[number], top, left)
        assert _is_at(picture, covered[number], top + side + strip.GAP, left)
        below = picture[top + 2 * side + strip.GAP :, left : left + side]
        assert (below < 200).any()  # number and share


def test_from_the_17th_frame_on_there_is_another_row():
    one, two = (strip.strip(frames(count, 160), looked_at(RNG.random((count, 160, 160))), "", []) for count in (16, 17))
    assert one.shape[1] == two.shape[1] == 2 * images.MARGIN + 16 * (160 + strip.GAP) - strip.GAP
    assert len(two) > len(one) + 2 * 160


def test_an_animation_shows_frame_after_frame():
    shown = frames(3, 80)
    tube = np.zeros((3, 80, 80))
    tube[1] = 1
    pictures = strip.animation(shown, looked_at(tube), "left 0.9", ["a line"])
    assert len(pictures) == 3 and len({picture.shape for picture in pictures}) == 1
    side = 2 * 80
    for number, picture in enumerate(pictures):
        body = picture[-images.MARGIN - side : -images.MARGIN, images.MARGIN : -images.MARGIN]
        assert (body[:, :side] == images.enlarged(shown[number], 2)).all()
        assert (body[:, side + strip.GAP :] == images.enlarged(strip.overlaid(shown, tube)[number], 2)).all()


def test_sixteen_real_frames_of_224_pixels_are_a_small_file():
    film = decode.decode(str(footage.path("bikes")), PackSettings(every=2, frames=16, size=224))[:, :, :224]
    tube = np.linspace(0, 1, film.size // 3).reshape(film.shape[:3])
    data = images.webp(strip.animation(film, looked_at(tube), "cycling 0.9", ["a line"]), strip.SECONDS)
    file = Image.open(io.BytesIO(data))
    shown = []
    for number in range(file.n_frames):
        file.seek(number)
        shown.append(np.asarray(file.convert("RGB")).astype(int))
    assert len(shown) == 16 and len(data) < 1_000_000
    assert all(np.abs(one - other).mean() > 0.5 for one, other in zip(shown, shown[1:], strict=False))


@pytest.mark.parametrize("side", [8, 40, 112, 300])
def test_frames_are_enlarged_by_whole_pixels(side):
    picture = strip.strip(frames(2, side), looked_at(np.zeros((2, side, side))), "", [])
    assert picture.shape[1] >= 720 and len(picture) > 2 * side


def _is_at(picture, part, top, left):
    there = picture[top : top + part.shape[0], left : left + part.shape[1]]
    return there.shape == part.shape and (there == part).all()
