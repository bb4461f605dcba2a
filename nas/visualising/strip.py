"""Saliency over the frames of a clip: a strip of all frames for paper, an animation for the screen.

Frames are drawn as the network saw them, and below (or beside) in grey under the colours of what speaks for the class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nas.visualising import images
from nas.visualising.images import HEAT, Grid, Key, Label
from nas.visualising.saliency import Saliency

SIDE = 160  # pixels that a frame is enlarged to, or the last whole multiple below; larger frames stay as they are
ACROSS = 16  # frames in a row, at most
GAP = 4  # pixels
LETTERS = 14  # pixels, more on wide strips
COVER = 0.8  # of a frame by the strongest colour
SECONDS = 0.25  # that an animation shows a frame
# How much red, green and blue make grey (ITU-R BT.601).
GREY = np.array([0.299, 0.587, 0.114])
KEY = Key(HEAT, "0", "the most in this clip")


def overlaid(frames: np.ndarray, tube: np.ndarray) -> np.ndarray:
    """Frames uint8 (t, h, w, 3) in grey under the colours of a tube (t, h, w) of 0 to 1, the denser the higher.

    >>> overlaid(np.full((1, 1, 2, 3), 90, np.uint8), np.array([[[0.0, 1.0]]])).tolist()
    [[[[90, 90, 90], [220, 222, 149]]]]
    """
    grey, cover = (frames @ GREY)[..., None], COVER * tube[..., None]
    return np.rint((1 - cover) * grey + cover * images.coloured(tube, HEAT)).astype(np.uint8)


def strip(frames: np.ndarray, found: Saliency, heading: str, lines: Sequence[str]) -> np.ndarray:
    """All frames in a row (several from the 17th on) over the same with the saliency, uint8 (h, w, 3).

    Below each pair stand its number and its share of all that speaks for the class.
    """
    shown, covered = _enlarged(frames), _enlarged(overlaid(frames, found.tube))
    side, across = shown.shape[1], min(len(shown), ACROSS)
    letters = max(LETTERS, min(side // 6, across * side // 110))
    gaps = np.full((len(shown), GAP, side, 3), 255, np.uint8)
    below = np.full((len(shown), 2 * letters, side, 3), 255, np.uint8)
    cells = np.concatenate([shown, gaps, covered, below], axis=1)
    placed = Grid(len(cells), cells.shape[1:3], across, GAP)
    labels = []
    for number, share in enumerate(found.shares):
        top, left = placed.corner(number)
        at = (left + side / 2, top + 2 * side + GAP + 0.4 * letters)
        labels.append(Label(at, f"{number + 1}: {100 * share:.0f}%"))
    told = [*lines, "Below each frame: its number, and its share of all that speaks for the class in this clip."]
    return images.sheet(placed.filled(cells), heading, told, key=KEY, labels=labels, small=letters)


def animation(frames: np.ndarray, found: Saliency, heading: str, lines: Sequence[str]) -> list[np.ndarray]:
    """Frame after frame, as it is and with the saliency beside it, uint8 (h, w, 3) each."""
    shown, covered = _enlarged(frames), _enlarged(overlaid(frames, found.tube))
    gap = np.full((len(shown), shown.shape[1], GAP, 3), 255, np.uint8)
    pairs = np.concatenate([shown, gap, covered], axis=2)
    return [
        images.sheet(pair, heading, [*lines, f"Frame {number} of {len(pairs)}."], key=KEY, narrow=2 * SIDE)
        for number, pair in enumerate(pairs, start=1)
    ]


def _enlarged(frames: np.ndarray) -> np.ndarray:
    return images.enlarged(frames, max(1, SIDE // frames.shape[1]))
