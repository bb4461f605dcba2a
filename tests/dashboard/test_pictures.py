"""Pictures for papers, drawn by a real Chromium."""

import io
import re
import sys

import plotly.graph_objects as go
import pytest
from PIL import Image

from nas.dashboard import pictures
from nas.errors import NasError
from nas.plots.accuracy_over_cost import accuracy_over_cost
from tests.study_frame import made_up


@pytest.fixture(scope="module")
def figure():
    tables = made_up(12)
    return accuracy_over_cost(tables["trials"], tables["references"])


def test_sizes_are_those_of_the_page(figure, tmp_path):
    width, height = pictures.length("90mm"), pictures.length("160mm")
    for form in pictures.FORMATS:
        pictures.write(figure, tmp_path / f"front.{form}", width=width, height=height, font=8)
    png = Image.open(io.BytesIO((tmp_path / "front.png").read_bytes()))
    assert abs(png.width - 3 * width) <= 4 and abs(png.height - 3 * height) <= 4, "three pixels for each of the page"
    svg = (tmp_path / "front.svg").read_text()
    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', svg)
    assert abs(float(size[1]) - width) <= 2 and abs(float(size[2]) - height) <= 2
    box = re.search(rb"MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", (tmp_path / "front.pdf").read_bytes())
    assert abs(float(box[1]) - width * 72 / 96) <= 2


def test_letters_have_the_size_that_was_asked_for(figure, tmp_path):
    """The same words take half the width at half the size."""
    for font in (6, 12):
        pictures.write(figure, tmp_path / f"{font}.svg", width=700, height=900, font=font)
    boxes = []
    for font in (6, 12):
        svg = (tmp_path / f"{font}.svg").read_text()
        boxes.append(float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1]))
    assert boxes[0] == pytest.approx(2 * boxes[1], rel=0.01)


def test_without_a_title(figure, tmp_path):
    pictures.write(figure, tmp_path / "a.svg", title=False)
    assert "Accuracy over GFLOPs" not in (tmp_path / "a.svg").read_text()
    assert figure.layout.title.text == "Accuracy over GFLOPs", "the figure itself stays as it is"


def test_a_size_that_leaves_nothing_for_the_axes_is_one_line(figure, tmp_path):
    with pytest.raises(
        NasError, match=r"too low: of \d+ pixels, \d+ are left for the axes; make it [\d.]+ times as high"
    ):
        pictures.write(figure, tmp_path / "a.png", width=400, height=200)
    with pytest.raises(NasError, match=r"too narrow: 79 mm at 12 points; make it 88 mm wide or more, or lower --font"):
        pictures.write(figure, tmp_path / "a.png", width=300)
    assert not list(tmp_path.iterdir())


def test_narrow_pictures_have_no_names_in_them(figure, tmp_path):
    for width in (340, 700):
        pictures.write(figure, tmp_path / f"{width}.svg", width=width, height=900, font=8, title=False)
    texts = [(tmp_path / f"{width}.svg").read_text() for width in (340, 700)]
    assert [text.count("ir-csn-50") for text in texts] == [0, 1]


def test_another_ending_is_one_line(tmp_path):
    with pytest.raises(NasError, match=r"'a\.gif' ends in none of \.png \.svg \.pdf; name a file such as front\.svg"):
        pictures.write(go.Figure(), tmp_path / "a.gif")


def test_without_kaleido_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(NasError, match=r"pictures need the package kaleido; pip install 'video-nas\[pictures\]'"):
        pictures.write(go.Figure(), tmp_path / "a.png")


@pytest.mark.parametrize("text", ["", "0mm", "-3in", "9 miles", "1e3", "mm"])
def test_what_is_no_length(text):
    with pytest.raises(ValueError, match="is no length such as 89mm, 3.5in or 700"):
        pictures.length(text)


def test_without_a_height_it_is_as_high_as_the_figure_needs(figure, tmp_path):
    """Narrow pictures have longer subtitles and legends below one another, and keep their axes."""
    heights = []
    for width in (400, 800):
        pictures.write(figure, tmp_path / f"{width}.svg", width=width, font=9)
        svg = (tmp_path / f"{width}.svg").read_text()
        heights.append(float(re.search(r'height="([\d.]+)"', svg)[1]))
    assert heights[0] > heights[1] + 60 and heights[1] > figure.layout.height
