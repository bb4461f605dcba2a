"""Pictures from arrays: colours of numbers, grids of cells, a heading, PNG files and animated WebP files.

A picture is a numpy array uint8 (h, w, 3) until it is written, so tests read the pixels that users see.
"""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image, ImageFont

WHITE, INK, MUTED = (255, 255, 255), (28, 33, 40), (92, 101, 112)
# From -1 over 0 (white) to +1: the blue and the vermilion of Okabe and Ito, which colour-blind readers tell apart,
# towards their dark shades, so that lightness falls alike on both sides.
SIGNED = ((-1.0, "#00365f"), (-0.6, "#0072b2"), (0.0, "#ffffff"), (0.6, "#d55e00"), (1.0, "#6e2700"))
# From 0 to 1: the upper part of Inferno, whose lightness rises evenly; its dark part would hide the picture below.
HEAT = ((0.0, "#781c6d"), (0.25, "#a52c60"), (0.5, "#cf4446"), (0.7, "#ed6925"), (0.85, "#fb9b06"), (1.0, "#fcffa4"))
MARGIN = 16  # pixels around everything


def coloured(values: np.ndarray, scale: Sequence[tuple[float, str]]) -> np.ndarray:
    """Colours (..., 3) of `values` (...), cut off at the ends of the `scale`.

    >>> coloured(np.array([-1.0, 0.0, 0.6]), SIGNED).tolist()
    [[0, 54, 95], [255, 255, 255], [213, 94, 0]]
    """
    places = [place for place, _ in scale]
    stops = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for _, colour in scale])
    channels = [np.interp(values, places, stops[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def enlarged(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Every pixel of (..., h, w, 3) as a square of `factor` pixels, so that small pictures stay what they are.

    >>> enlarged(np.zeros((3, 3, 3)), 4).shape
    (12, 12, 3)
    """
    return pixels.repeat(factor, axis=-3).repeat(factor, axis=-2)


@dataclass(frozen=True)
class Grid:
    """Where `count` cells of height and width `cell` stand: in `columns`, `gap` pixels apart, `left` pixels in."""

    count: int
    cell: tuple[int, int]
    columns: int
    gap: int
    left: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the whole."""
        (height, width), rows = self.cell, -(-self.count // self.columns)
        return rows * (height + self.gap) - self.gap, self.left + self.columns * (width + self.gap) - self.gap

    def corner(self, number: int) -> tuple[int, int]:
        """Top and left of a cell.

        >>> Grid(6, (10, 20), columns=4, gap=5).corner(5)
        (15, 25)
        """
        row, column = divmod(number, self.columns)
        return row * (self.cell[0] + self.gap), self.left + column * (self.cell[1] + self.gap)

    def filled(self, cells: Sequence[np.ndarray]) -> np.ndarray:
        """The picture of all cells, uint8 (h, w, 3) each, on white."""
        sheet = np.full((*self.size, 3), 255, dtype=np.uint8)
        for number, cell in enumerate(cells):
            top, left = self.corner(number)
            sheet[top : top + self.cell[0], left : left + self.cell[1]] = cell
        return sheet


@dataclass(frozen=True)
class Key:
    """What colours mean: the `scale`, and the words at its left and right end."""

    scale: Sequence[tuple[float, str]]
    low: str
    high: str


@dataclass(frozen=True)
class Label:
    """A word below or beside a part of a picture: where its `anchor` (as Pillow calls it, mt: middle, top) is."""

    at: tuple[float, float]  # x, y
    text: str
    anchor: str = "mt"


def sheet(
    body: np.ndarray, heading: str, lines: Sequence[str], *, key: Key | None = None, labels: Sequence[Label] = (),
    narrow: int = 720, small: int = 14,
) -> np.ndarray:  # fmt: skip
    """`body` below a heading and smaller `lines`, at least `narrow` pixels wide; `small` is the size of letters.

    Lines are broken where they are too long; `labels` are placed on the body. The colour `key` stands below the lines.

    >>> sheet(np.zeros((50, 60, 3), np.uint8), "stem.conv", ["64 filters"]).shape[1]
    752
    """
    from PIL import Image, ImageDraw

    width = max(body.shape[1], narrow)
    written = [(line, 1.4) for line in _wrapped(heading, width, 1.4 * small)]
    written += [(part, 1.0) for line in lines for part in _wrapped(line, width, small)]
    head = round(sum(1.4 * size * small for _, size in written) + (2.2 * small if key else 0) + 0.6 * small)
    image = Image.new("RGB", (width + 2 * MARGIN, body.shape[0] + head + 2 * MARGIN), WHITE)
    draw, y = ImageDraw.Draw(image), float(MARGIN)
    for text, size in written:
        draw.text((MARGIN, y), text, font=_font(size * small), fill=INK if size > 1 else MUTED, anchor="lt")
        y += 1.4 * size * small
    if key:
        _draw_key(image, key, round(y), small)
    image.paste(Image.fromarray(body), (MARGIN, MARGIN + head))
    for label in labels:
        at = (MARGIN + label.at[0], MARGIN + head + label.at[1])
        draw.text(at, drawable(label.text), font=_font(small), fill=MUTED, anchor=label.anchor)
    return np.asarray(image)


def drawable(text: str) -> str:
    """The text in the letters of Pillow's own font: without accents, and with a question mark for every other letter.

    >>> drawable("übung 日本")
    'ubung ??'
    """
    bare = (letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return "".join(letter if letter == " " or _known(letter) else "?" for letter in bare)


def png(picture: np.ndarray) -> bytes:
    """A picture uint8 (h, w, 3) as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()


def webp(pictures: Sequence[np.ndarray], seconds: float, *, exact: bool = False) -> bytes:
    """Pictures uint8 (h, w, 3) of one size as a WebP file that plays them over and over, `seconds` each.

    `exact` keeps every pixel, which suits drawings; of photographs it is several times as large. (A GIF of 16 frames of
    224 pixels with their heat maps is 7 times as large, in 256 colours that break the heat into bands.)
    """
    from PIL import Image

    first, *others = map(Image.fromarray, pictures)
    told = {"save_all": True, "append_images": others, "duration": round(1000 * seconds), "loop": 0}
    file = io.BytesIO()
    first.save(file, "WEBP", lossless=exact, quality=90, method=4, **told)
    return file.getvalue()


def _draw_key(image: Image.Image, key: Key, top: int, small: int) -> None:
    """A bar of the scale's colours between the words at its ends."""
    from PIL import Image, ImageDraw

    draw, font, left = ImageDraw.Draw(image), _font(small), MARGIN
    draw.text((left, top + small / 2), key.low, font=font, fill=MUTED, anchor="lm")
    left += math.ceil(font.getlength(key.low)) + small // 2
    steps = np.linspace(key.scale[0][0], key.scale[-1][0], 12 * small)
    bar = np.broadcast_to(coloured(steps, key.scale), (small, len(steps), 3))
    image.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, top))
    draw.rectangle((left, top, left + len(steps) - 1, top + small - 1), outline=MUTED)
    draw.text((left + len(steps) + small // 2, top + small / 2), key.high, font=font, fill=MUTED, anchor="lm")


def _wrapped(text: str, width: int, size: float) -> list[str]:
    """The text in lines that are no wider than `width` pixels; a single word may be."""
    font, lines = _font(size), [""]
    for word in drawable(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


@lru_cache
def _font(size: float) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)


@lru_cache(maxsize=1 << 12)
def _known(letter: str) -> bool:
    """Whether the font draws a letter as anything but its picture for unknown ones."""
    font = _font(20)
    return bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
