"""The embedded data set: short labelled videos, generated as real H.264 files in the Kinetics layout.

A disc acts and the label says how: it moves left, right, up or down, circles clockwise or the other way,
approaches or recedes, appears or vanishes. In some clips a square acts differently at the same time, so that
appearance counts; the actions come in pairs that only the order of the frames tells apart, so time counts.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from nas.data import pool
from nas.errors import NasError

ACTIONS = (
    "left", "right", "up", "down", "clockwise", "counter-clockwise", "approach", "recede", "appear", "vanish",
)  # fmt: skip
# Raised when the pictures change, so that a cached older set is not taken for this one.
VERSION = 1
# Constant quality, no looking ahead: else libx264 now and then gives other bytes for the same small pictures.
STEADY = {"preset": "veryfast", "tune": "zerolatency", "qp": "22"}
# Each file's time stamp: generated again, the set has the same fingerprint and its packs stay valid.
STAMP = 1_700_000_000


@dataclass(frozen=True)
class MotionSettings:
    """How many videos, and how hard. The defaults are what the shipped study is tuned for."""

    train: int = 1500
    val: int = 2000
    seed: int = 0
    # share of the clips in which a square acts too: the one knob of difficulty
    distractor: float = 0.3
    # frames of a video, at 16 per second
    frames: int = 16
    # side of the square frames, in pixels
    size: int = 48

    def key(self) -> str:
        """Six hexadecimal digits that name this set and begin each of its video ids."""
        text = json.dumps([VERSION, asdict(self)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:6]


def generate(
    cache: Path,
    settings: MotionSettings = MotionSettings(),
    *,
    progress: Callable[[int, int, str], None] | None = None,
    workers: int | None = None,
) -> Path:
    """The folder of the set: `train.csv`, `val.csv`, `train/*.mp4`, `val/*.mp4`, `motion.json`.

    Written once. It gets its name only when it is whole, so a killed generation is redone and never taken
    for the set; of two processes that ask at once, one writes and the other waits.
    """
    folder = Path(cache) / f"motion-{settings.key()}"
    try:
        if not _is_whole(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{folder}.lock"):
                if not _is_whole(folder):
                    _make(folder, settings, progress or (lambda done, total, what: None), workers)
    except OSError as error:
        raise NasError(f"the motion set cannot be written: {error.strerror}", where=str(folder)) from None
    return folder


def _is_whole(folder: Path) -> bool:
    return (folder / "motion.json").is_file()


def _make(folder: Path, settings: MotionSettings, progress: Callable, workers: int | None) -> None:
    partial = folder.with_suffix(".partial")
    for leftover in (partial, folder):
        shutil.rmtree(leftover, ignore_errors=True)
    _write_set(partial, settings, progress, workers)
    os.replace(partial, folder)


def _write_set(folder: Path, settings: MotionSettings, progress: Callable, workers: int | None) -> None:
    calls = []
    for split, count in (("train", settings.train), ("val", settings.val)):
        (folder / split).mkdir(parents=True)
        _write_list(folder / f"{split}.csv", split, count, settings)
        calls += [(str(folder / split / _name(settings, split, i)), settings, split, i) for i in range(count)]
    progress(0, len(calls), "writing motion videos")
    for done, _ in enumerate(pool.spread(write, calls, workers=workers), 1):
        progress(done, len(calls), "writing motion videos")
    (folder / "motion.json").write_text(json.dumps({"version": VERSION, **asdict(settings)}, indent=1))


def _write_list(path: Path, split: str, count: int, settings: MotionSettings) -> None:
    with path.open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["label", "youtube_id", "time_start", "time_end", "split"])
        for index in range(count):
            lines.writerow([label(index), _id(settings, split, index), 0, _seconds(settings), split])


def label(index: int) -> str:
    """The action of the video at `index` in its list: every class is equally frequent."""
    return ACTIONS[index % len(ACTIONS)]


def _id(settings: MotionSettings, split: str, index: int) -> str:
    return f"{settings.key()}{index + (settings.train if split == 'val' else 0):05d}"


def _name(settings: MotionSettings, split: str, index: int) -> str:
    return f"{_id(settings, split, index)}_{0:06d}_{_seconds(settings):06d}.mp4"


def _seconds(settings: MotionSettings) -> int:
    return -(-settings.frames // 16)


def write(path: str, settings: MotionSettings, split: str, index: int) -> None:
    """Draw one video of the set and encode it into `path`."""
    rng = np.random.default_rng([settings.seed, int(split == "val"), index])
    encode(path, draw(rng, label(index), settings))
    os.utime(path, (STAMP, STAMP))


def encode(path: str, video: np.ndarray, *, rate: int = 16, options: dict[str, str] | None = None) -> None:
    """Write uint8 frames (t, h, w, 3) as an H.264 MP4 file; height and width must be even."""
    import av

    options = {**STEADY, **(options or {})}
    with av.open(path, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.height, stream.width = video.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for picture in video:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def draw(rng: np.random.Generator, action: str, settings: MotionSettings) -> np.ndarray:
    """Draw a video in which the disc does `action`: uint8 (t, h, w, 3)."""
    video = _background(rng, settings)
    if rng.random() < settings.distractor:
        other = rng.choice([a for a in ACTIONS if a != action])
        _paint(video, rng, path(rng, other, settings.frames), _square)
    _paint(video, rng, path(rng, action, settings.frames), _disc)
    return np.rint(video * 255).astype(np.uint8)


def _background(rng: np.random.Generator, settings: MotionSettings) -> np.ndarray:
    """Smooth noise that stands still, with a little noise of its own in each frame: (t, h, w, 3) in 0..1."""
    coarse = rng.uniform(0.25, 0.75, (7, 7, 3)).astype(np.float32)
    at = np.linspace(0, 5.999, settings.size, dtype=np.float32)
    low, share = at.astype(int), (at % 1).astype(np.float32)
    rows = coarse[low] * (1 - share)[:, None, None] + coarse[low + 1] * share[:, None, None]
    still = rows[:, low] * (1 - share)[:, None] + rows[:, low + 1] * share[:, None]
    grain = rng.standard_normal((settings.frames, settings.size, settings.size, 1), dtype=np.float32)
    return np.clip(still + 0.02 * grain, 0, 1)


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


def _disc(dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    return np.hypot(dx, dy)


def _square(dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    # scaled so that square and disc of one radius have the same area
    return np.maximum(np.abs(dx), np.abs(dy)) * 1.128


def _paint(video: np.ndarray, rng: np.random.Generator, steps: np.ndarray, distance: Callable) -> None:
    """Paint a two-tone sprite that follows `steps` onto the video, edges blended over one pixel."""
    side = video.shape[1]
    x, y, radius, opacity = (column[:, None, None].astype(np.float32) for column in steps.T)
    grid = (np.arange(side, dtype=np.float32) + 0.5) / side
    dx, dy = grid - x, grid[:, None] - y
    tilt = rng.uniform(0, 2 * np.pi)
    along, across = dx * np.cos(tilt) + dy * np.sin(tilt), dy * np.cos(tilt) - dx * np.sin(tilt)
    tones = rng.uniform(0, 1, (2, 3)).astype(np.float32)
    cover = (np.clip((radius - distance(along, across)) * side + 0.5, 0, 1) * opacity)[..., None]
    colour = np.where((along > 0)[..., None], tones[0], tones[1])
    video += cover.astype(np.float32) * (colour - video)
