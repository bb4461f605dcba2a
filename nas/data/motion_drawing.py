"""What the embedded sets show, drawn with numpy: a disc that acts before a still background, and squares that distract.

In `motion` the label is what the disc does; in `motion-appearance` it is the disc's two colours, and what it does tells
nothing. The squares show other labels, so that which sprite shows what counts. Places and sizes are shares of the
frame's side, x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from nas.data_settings import MotionSettings

USUAL = MotionSettings()
# Frames a second.
RATE = 16
# In pairs of opposites: the one is the other with its frames reversed.
ACTIONS = (
    "left", "right", "up", "down", "clockwise", "counter-clockwise", "approach", "recede", "appear", "vanish",
)  # fmt: skip
HUES = {
    "red": (0.85, 0.15, 0.15),
    "yellow": (0.85, 0.85, 0.15),
    "green": (0.15, 0.65, 0.15),
    "blue": (0.15, 0.2, 0.85),
    "white": (0.9, 0.9, 0.9),
}
# Pairs, so that no single colour tells a class.
COLOURS = tuple("-".join(pair) for pair in combinations(HUES, 2))
# How much a colour differs from clip to clip, in each of red, green and blue. With these two, small networks learn
# motion-appearance in as many epochs as motion (0.15 and 1.0: 0.73 to 0.83 in place of 0.88).
JITTER, ENLARGED = 0.1, 1.25
# Opacity that a coloured sprite keeps at least, so that each single frame shows it.
FAINT = 0.4
# Side of the background, in squares of its smooth noise; the last is not touched.
SQUARES = 5.999

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Sprite:
    """What moves: x, y, radius and opacity in each frame, float64 (t, 4), its tilt in radians, two colours (2, 3)."""

    steps: np.ndarray
    tilt: float
    tones: np.ndarray


@dataclass(frozen=True)
class Kind:
    """A set: the labels it has, and the sprite that shows one of them."""

    labels: tuple[str, ...]
    sprite: Callable[[np.random.Generator, str, int], Sprite]


def draw(rng: np.random.Generator, label: str, settings: MotionSettings = USUAL, *, kind: str = "motion") -> np.ndarray:
    """Draw a video in which the disc shows `label`: uint8 (t, h, w, 3).

    >>> draw(np.random.default_rng(0), "left").shape
    (16, 48, 48, 3)
    >>> draw(np.random.default_rng(0), "red-blue", MotionSettings(size=32), kind="motion-appearance").shape
    (16, 32, 32, 3)
    """
    view, shown = camera(rng, settings), KINDS[kind]
    video = _background(rng, settings, view)
    if rng.random() < settings.distractor:
        for _ in range(settings.distractors):
            other = rng.choice([one for one in shown.labels[: settings.classes] if one != label])
            _paint(video, shown.sprite(rng, other, settings.frames), view, _square)
    _paint(video, shown.sprite(rng, label, settings.frames), view, _disc)
    return np.rint(video * 255).astype(np.uint8)


def acting(rng: np.random.Generator, action: str, frames: int) -> Sprite:
    """A sprite of any colours that does `action`."""
    return Sprite(path(rng, action, frames), rng.uniform(0, 2 * np.pi), rng.uniform(0, 1, (2, 3)))


def coloured(rng: np.random.Generator, colours: str, frames: int) -> Sprite:
    """A sprite of these colours that does any action; a path and its reverse are equally likely."""
    steps = path(rng, rng.choice(ACTIONS), frames) * (1, 1, ENLARGED, 1 - FAINT) + (0, 0, 0, FAINT)
    tones = np.array([HUES[name] for name in colours.split("-")])
    return Sprite(steps, rng.uniform(0, 2 * np.pi), (tones + rng.uniform(-JITTER, JITTER, (2, 3))).clip(0, 1))


KINDS = {"motion": Kind(ACTIONS, acting), "motion-appearance": Kind(COLOURS, coloured)}


def path(rng: np.random.Generator, action: str, frames: int) -> np.ndarray:
    """What a sprite does in `action`: x, y, radius (shares of the frame's side) and opacity, float64 (t, 4).

    Reversed in time, each action is its opposite: approach is recede, left is right.
    """
    phase = np.linspace(0, 1, frames)
    x, y = (rng.uniform(0.35, 0.65) + rng.uniform(-0.05, 0.05) * (phase - 0.5) for _ in range(2))
    radius, opacity = np.full(frames, rng.uniform(0.11, 0.16)), np.ones(frames)
    shift = rng.uniform(0.28, 0.5) * (phase - 0.5)
    angle = 2 * np.pi * (rng.uniform(0.5, 0.85) * phase + rng.random())
    orbit, growth, start = rng.uniform(0.14, 0.22), rng.uniform(1.7, 2.6), rng.uniform(0.1, 0.5)
    match action:
        case "left" | "right":
            x = x + (shift if action == "right" else -shift)
        case "up" | "down":
            y = y + (shift if action == "down" else -shift)
        case "clockwise" | "counter-clockwise":
            turn = angle if action == "clockwise" else -angle
            x, y = x + orbit * np.cos(turn), y + orbit * np.sin(turn)
        case "approach" | "recede":
            radius = radius * growth ** (phase - 0.5 if action == "approach" else 0.5 - phase)
        case "appear" | "vanish":
            ramp = np.clip((phase - start) / 0.4, 0, 1)
            opacity = ramp if action == "appear" else ramp[::-1]
    return np.stack([x, y, radius, opacity], axis=1)


def camera(rng: np.random.Generator, settings: MotionSettings) -> np.ndarray:
    """How far right and down of the middle a shaken camera points: float64 (t, 2), or one row of zeros.

    Three waves of half to two periods a second on each axis, alike forwards and backwards. They come from a generator
    of their own, so that a clip is of the same scene with and without them.
    """
    if not settings.shake:
        return np.zeros((1, 2))
    own = rng.spawn(1)[0]
    speed, start = own.uniform(0.5, 2, (3, 2)), own.random((3, 2))
    seconds = np.arange(settings.frames)[:, None, None] / RATE
    return settings.shake * np.sin(2 * np.pi * (speed * seconds + start)).mean(axis=1)


def _background(rng: np.random.Generator, settings: MotionSettings, view: np.ndarray) -> np.ndarray:
    """Smooth noise that stands still, with a little noise of its own in each frame: (t, h, w, 3) in 0..1."""
    coarse = rng.uniform(0.25, 0.75, (7, 7, 3)).astype(np.float32)
    # a camera that shakes shows less than there is, and so never what lies past the edge
    hidden = SQUARES * settings.shake
    at = np.linspace(hidden, SQUARES - hidden, settings.size, dtype=np.float32)
    shifts = ((SQUARES - 2 * hidden) * view).astype(np.float32)
    still = np.stack([_smooth(coarse, at + x, at + y) for x, y in shifts])
    grain = rng.standard_normal((settings.frames, settings.size, settings.size, 1), dtype=np.float32)
    return np.clip(still + settings.noise * grain, 0, 1)


def _smooth(coarse: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The coarse picture (rows, columns, 3) between its points, at the columns `x` and rows `y`: (h, w, 3)."""
    for axis, at in enumerate((y, x)):
        low, share = at.astype(int), (at % 1).reshape(-1, *(1,) * (2 - axis))
        coarse = coarse.take(low, axis) * (1 - share) + coarse.take(low + 1, axis) * share
    return coarse


def _disc(dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return np.hypot(dx, dy)


def _square(dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    # scaled so that square and disc of one radius have the same area
    return np.maximum(np.abs(dx), np.abs(dy)) * 1.128


def _paint(video: np.ndarray, sprite: Sprite, view: np.ndarray, distance: Distance) -> None:
    """Paint a sprite onto the video as the camera sees it, edges blended over one pixel."""
    side = video.shape[1]
    steps = sprite.steps - np.pad(view, ((0, 0), (0, 2)))
    x, y, radius, opacity = (column[:, None, None].astype(np.float32) for column in steps.T)
    grid = (np.arange(side, dtype=np.float32) + 0.5) / side
    dx, dy = grid - x, grid[:, None] - y
    cos, sin = np.cos(sprite.tilt), np.sin(sprite.tilt)
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    cover = (np.clip((radius - distance(along, across)) * side + 0.5, 0, 1) * opacity)[..., None]
    colour = np.where((along > 0)[..., None], *sprite.tones.astype(np.float32))
    video += cover.astype(np.float32) * (colour - video)
