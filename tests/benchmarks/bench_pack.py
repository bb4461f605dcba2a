"""Reading clips from a pack against decoding them: ten-second 340x256 H.264 videos, 8 frames each.

Run `python tests/benchmarks/bench_pack.py`. Both give the same uint8 frames and are measured side by side,
alternating, on one core and a warm disk; the ratio of their fastest rounds must be 50 or more. Training
batches, cropped, resized and normalised on top, are printed beside them.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from nas.data import decode, motion
from nas.data.lists import Video, VideoSet
from nas.data.pack import Pack, pack
from nas.recipe import ClipSettings, PackSettings

VIDEOS, ROUNDS, LEAST = 16, 5, 50
# 8 frames spread over the 300 of a video
PACK = PackSettings(every=40, frames=8, size=128)
CLIP = ClipSettings(frames=8, size=112)


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        videos = [film(Path(folder) / f"{i}.mp4", seed=i) for i in range(VIDEOS)]
        packed = pack(VideoSet("bench", ("a",), tuple(videos), tuple(videos)), PACK, Path(folder))
        slow, raw, fast = (
            min(times)
            for times in zip(
                *((decoding(videos), gathering(packed), reading(packed)) for _ in range(ROUNDS)), strict=True
            )
        )
    print(f"decoding {1 / slow:8.0f} clips/s")
    print(f"reading  {1 / raw:8.0f} clips/s from the pack, ratio {slow / raw:.0f} (at least {LEAST})")
    print(f"batches  {1 / fast:8.0f} clips/s, read, cropped, resized and normalised, ratio {slow / fast:.0f}")
    assert slow / raw >= LEAST


def film(path: Path, *, seed: int) -> Video:
    """Ten seconds of 340x256 at 30 frames a second, with the long groups of pictures of web videos."""
    rng = np.random.default_rng(seed)
    small = motion.draw(rng, "right", motion.MotionSettings(frames=30, size=64))
    large = small.repeat(10, axis=0).repeat(4, axis=1).repeat(6, axis=2)[:, :, :340]
    motion.encode(str(path), large, rate=30, options={"g": "250", "qp": "28"})
    return Video(str(path), "a")


def decoding(videos: list[Video]) -> float:
    """Seconds a clip."""
    start = time.perf_counter()
    for video in videos:
        decode.decode(video.path, PACK)
    return (time.perf_counter() - start) / len(videos)


def gathering(packed: Pack) -> float:
    """Seconds a clip for the bytes alone."""
    plan = packed.train.plan(CLIP, seed=0, epoch=0, train=True)
    start = time.perf_counter()
    for _ in range(10):
        packed.train.gather(plan, slice(0, VIDEOS), CLIP, pin=False)
    return (time.perf_counter() - start) / (10 * VIDEOS)


def reading(packed: Pack) -> float:
    """Seconds a clip for training batches, end to end."""
    start = time.perf_counter()
    for epoch in range(10):
        for _ in packed.train.batches(CLIP, batch=16, seed=0, epoch=epoch, train=True, device="cpu"):
            pass
    return (time.perf_counter() - start) / (10 * VIDEOS)


if __name__ == "__main__":
    main()
