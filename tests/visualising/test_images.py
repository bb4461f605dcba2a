"""Pictures from arrays: what is drawn is what was given, and what is written reads back."""

import io

import numpy as np
import pytest
from PIL import Image

from nas.visualising import images
from nas.visualising.images import HEAT, SIGNED, Grid, Key, Label

RNG = np.random.default_rng(0)


def lightness(colour):
    """Of an sRGB colour, as CIE L*."""
    linear = np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(colour) / 255])
    y = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(y) - 16


def test_colours_rise_evenly_in_lightness_and_are_cut_off():
    heat = [lightness(colour) for colour in images.coloured(np.linspace(0, 1, 50), HEAT)]
    assert (np.diff(heat) > 0).all()
    ends = images.coloured(np.linspace(-1, 1, 101), SIGNED)
    light = np.array([lightness(colour) for colour in ends])
    assert (np.diff(light[:51]) > 0).all() and (np.diff(light[50:]) < 0).all()
    assert np.abs(light - light[::-1]).max() < 10  # as dark on one side as on the other
    assert (images.coloured(np.array([5.0, -5.0]), SIGNED) == ends[[100, 0]]).all()


def test_cells_stand_in_rows():
    cells = RNG.integers(0, 255, (5, 4, 6, 3), dtype=np.uint8)
    placed = Grid(5, (4, 6), columns=2, gap=3, left=10)
    sheet = placed.filled(cells)
    assert sheet.shape == (3 * 4 + 2 * 3, 10 + 2 * 6 + 3, 3)
    assert (sheet[7:11, 10:16] == cells[2]).all() and (sheet[14:18, 10:16] == cells[4]).all()
    assert (sheet[:, :10] == 255).all() and (sheet[14:, 16:] == 255).all()


def test_a_sheet_holds_its_body_as_it_is_and_letters_above_it():
    body = RNG.integers(0, 255, (40, 900, 3), dtype=np.uint8)
    key = Key(HEAT, "none", "most")
    plain = images.sheet(body, "a heading", ["a line", "word " * 200])
    sheet = images.sheet(body, "a heading", ["a line", "word " * 200], key=key, labels=[Label((450, 41), "below")])
    at = sheet.shape[0] - images.MARGIN - len(body)
    assert (sheet[at : at + 40, images.MARGIN : -images.MARGIN] == body).all()
    assert sheet.shape[1] == plain.shape[1] == 900 + 2 * images.MARGIN and len(sheet) > len(plain)
    assert (sheet[at + 41 :] < 200).any()  # the label
    assert (sheet[:, -images.MARGIN :] == 255).all()  # long lines are broken
    assert (sheet[images.MARGIN : at] < 120).all(axis=-1).any()
    colours = {tuple(colour) for colour in sheet[:at].reshape(-1, 3).tolist()}
    assert (0xCF, 0x44, 0x46) in {tuple(c) for c in images.coloured(np.array([0.5]), HEAT).tolist()}
    assert len(colours) > 100  # of the key


@pytest.mark.parametrize("text", ["stages.0.0.conv_b", "", "x" * 400, "日本", "a\nb"])
def test_any_text_is_drawn(text):
    assert images.sheet(np.zeros((4, 4, 3), np.uint8), text, [text]).shape[1] >= 720


def test_png_keeps_every_pixel():
    picture = RNG.integers(0, 255, (20, 30, 3), dtype=np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(images.png(picture)))) == picture).all()


@pytest.mark.parametrize("exact", [True, False])
def test_animations_play_all_pictures(exact):
    pictures = [images.enlarged(RNG.integers(0, 255, (4, 5, 3), dtype=np.uint8), 8) for _ in range(3)]
    file = Image.open(io.BytesIO(images.webp(pictures, 0.5, exact=exact)))
    assert (file.format, file.n_frames, file.info["loop"]) == ("WEBP", 3, 0)
    for number, picture in enumerate(pictures):
        file.seek(number)
        shown = np.asarray(file.convert("RGB")).astype(int)
        assert file.info["duration"] == 500
        assert np.abs(shown - picture).max() == 0 if exact else np.abs(shown - picture).mean() < 20
