"""A decoded frame as the picture that is kept: resized, upright, RGB."""

from __future__ import annotations

import numpy as np

from nas.data.decoding.containers import Unreadable


class Resizer:
    """Makes pictures of frames whose short side is `size`, the other by the same factor.

    Pixels count as squares, whatever the file says of their shape: the copies of Kinetics at 340x256 that everybody
    uses declare the shape that would undo their resizing, and the readers of the papers ignore it too.
    """

    def __init__(self, size: int):
        from av.video.reformatter import VideoReformatter

        self.size, self._reformatter = size, VideoReformatter()  # one for all frames: it keeps its tables

    def __call__(self, frame) -> np.ndarray:
        """The picture of PyAV's `frame`, uint8 (h, w, 3)."""
        width, height = fitted(frame.width, frame.height, self.size)
        small = self._reformatter.reformat(frame, width, height, "rgb24", interpolation="BILINEAR", threads=1)
        return upright(small.to_ndarray(), turn(frame))


def fitted(width: int, height: int, size: int) -> tuple[int, int]:
    """Width and height with the short side `size`.

    >>> fitted(340, 256, 128)
    (170, 128)
    """
    factor = size / min(width, height)
    return max(size, round(width * factor)), max(size, round(height * factor))


def turn(frame) -> tuple[int, int, int, int] | None:
    """How a frame must be turned or mirrored to be upright, as `upright` takes it; None where it is.

    The four are the signs of the file's display matrix: a frame's right goes to (right, down), its bottom to the
    other two.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    a, b, _, c, d = np.frombuffer(matrix, np.int32, 5).tolist()
    signs = tuple((value > 0) - (value < 0) for value in ((a, 0, 0, d) if abs(a) >= abs(b) else (0, b, c, 0)))
    return None if signs == (1, 0, 0, 1) or not any(signs) else signs


def upright(picture: np.ndarray, signs: tuple[int, int, int, int] | None) -> np.ndarray:
    """The picture (h, w, 3) turned by quarters and mirrored as the signs of a display matrix say.

    >>> upright(np.arange(6).reshape(2, 3), (0, 1, -1, 0)).tolist()  # clockwise
    [[3, 0], [4, 1], [5, 2]]
    """
    if signs is None:
        return picture
    a, b, c, d = signs
    if a:
        return picture[::d, ::a]
    return picture.swapaxes(0, 1)[::b, ::c]


def stacked(pictures: dict[int, np.ndarray], wanted: list[int]) -> np.ndarray:
    """The pictures of the wanted marks, uint8 (t, h, w, 3); raises `Unreadable` where their shapes differ."""
    shapes = dict.fromkeys(picture.shape[:2] for picture in pictures.values())
    if len(shapes) > 1:
        told = " and ".join(f"{width}x{height}" for height, width in list(shapes)[:2])
        raise Unreadable(f"its frames change their shape: {told} once resized")
    return np.stack([pictures[mark] for mark in wanted])
