"""A small set of real videos with one of every fault: what is wrong with each file stands beside its name."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np

from nas.data import motion
from nas.data.inspection import Inspection, inspect
from nas.data.videos import Labels, Videos, VideoSet
from nas.data_settings import DataSettings

CLASSES = ("<b>bold & brave", "wörter mit lücken 日本", "[red]zero[/red]")
# path below the set's folder, its class, and what is wrong with it
TRAIN = (
    ("train/plain/a.mp4", 0, ""),
    ("train/plain/b.mp4", 0, ""),
    ("train/plain/same size as b.mp4", 1, ""),
    ("train/plain/again.mp4", 0, ""),  # a copy of a.mp4
    ("train/schöne füße/日本 1.mp4", 1, ""),
    ("train/<i>/[bold]upright.mp4", 1, ""),
    ("train/turned.mp4", 2, ""),
    ("train/empty.mp4", 2, "broken"),
    ("train/cut short.mp4", 2, "broken"),
    ("train/text.mp4", 0, "broken"),
)
VAL = (
    ("val/a copy.mp4", 1, ""),  # of a.mp4, with another class
    ("val/fast.mp4", 0, ""),
    ("val/empty too.mp4", 2, "broken"),
)
MISSING = ("val/gone.mp4", "val/never there.mp4")
COPIES = {"train/plain/again.mp4": "train/plain/a.mp4", "val/a copy.mp4": "train/plain/a.mp4"}


NOTES = ("what its reader noted",)


def write(root: Path, notes: tuple[str, ...] = ()) -> VideoSet:
    """Write the files below `root`; the set as a reader of lists would give it."""
    for name, seed in (
        ("train/plain/a.mp4", 1),
        ("train/plain/b.mp4", 2),
        ("train/schöne füße/日本 1.mp4", 3),
        ("train/cut short.mp4", 4),
        ("train/turned.mp4", 5),
    ):
        film(root / name, seed)
    film(root / "train/<i>/[bold]upright.mp4", 6, height=64, width=32)
    film(root / "val/fast.mp4", 7, frames=30, rate=32)
    for copy, original in COPIES.items():
        place(root / copy)
        shutil.copy(root / original, root / copy)
    _spoil(root)
    return VideoSet(
        name="real set",
        root=str(root),
        format="a folder per class",
        classes=CLASSES,
        train=listed(root, TRAIN),
        val=listed(root, VAL),
        missing=tuple(str(root / name) for name in MISSING),
        notes=notes,
    )


def _spoil(root: Path) -> None:
    whole = (root / "train/cut short.mp4").read_bytes()
    (root / "train/cut short.mp4").write_bytes(whole[: len(whole) // 2])
    # a free box behind the video: the same pictures and size, another content
    shown = (root / "train/plain/b.mp4").read_bytes()
    for name, letter in (("b", b"1"), ("same size as b", b"2")):
        (root / f"train/plain/{name}.mp4").write_bytes(shown + b"\0\0\0\x09free" + letter)
    (root / "train/empty.mp4").write_bytes(b"")
    (root / "val/empty too.mp4").write_bytes(b"")
    (root / "train/text.mp4").write_text("not a video\n" * 50)
    turned = bytearray((root / "train/turned.mp4").read_bytes())
    matrix = turned.index(b"tkhd") + 4 + 40
    turned[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 32 << 16, 0, 1 << 30)
    (root / "train/turned.mp4").write_bytes(turned)


def film(path: Path, seed: int, *, frames: int = 16, height: int = 32, width: int = 48, rate: int = 16) -> None:
    """Write a video of noise that changes slowly."""
    rng = np.random.default_rng(seed)
    still = rng.integers(0, 200, (height // 8, width // 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    video = still[None] + np.linspace(0, 55, frames).astype(int)[:, None, None, None]
    motion.encode(str(place(path)), video.astype(np.uint8), rate=rate)


def place(path: Path) -> Path:
    """The path, with its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def listed(root: Path, rows: tuple[tuple[str, int, str], ...]) -> Videos:
    """Some rows as a split."""
    return Videos.of([str(root / name) for name, _, _ in rows], Labels.single([label for _, label, _ in rows]))


def read(root: Path) -> Inspection:
    """All files of a set written to `root`, looked into by two processes."""
    return inspect(write(root, NOTES), DataSettings(unreadable=0.2), progress=lambda *_: None, workers=2)
