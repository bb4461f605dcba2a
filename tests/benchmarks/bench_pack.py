"""Packs against decoding, side by side in one run, for ten-second 340x256 H.264 videos of which 16 frames are kept.

Run `python tests/benchmarks/bench_pack.py`. Reading gives the same uint8 frames as decoding, on one core and a warm
disk: at least 50 times its rate from raw frames and 20 times from pictures. Batches of 16x112x112, cropped, mirrored
and normalised, come from both cores: at least 500 clips/s. Packing keeps both busy: at least 95 % of what the decoder
does there by itself.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from nas.data import motion, pool
from nas.data.decoding import decode
from nas.data.pack import Pack, pack
from nas.data.videos import Labels, Videos, VideoSet
from nas.data_settings import ClipSettings, DataSettings, PackSettings
from nas.device import keep_freed_memory

VIDEOS, ROUNDS, PACKED = 16, 5, 1000
# 16 frames spread over the 300 of a video
SETTINGS = DataSettings(pack=PackSettings(every=20, frames=16, size=128))
CLIP = ClipSettings(frames=16, size=112, scale=(0.7, 0.875), flip="always")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [film(Path(folder) / f"{i}.mp4", seed=i) for i in range(VIDEOS)]
        videos = Videos.of(paths, Labels.single([0] * VIDEOS))
        found = VideoSet("bench", folder, "list", ("a", "b"), videos, videos)
        raw, pictures = (pack(found, quality(jpeg), Path(folder)) for jpeg in (0, 90))
        reading(paths, raw, pictures)
        batches(raw, pictures)
        packing(paths, Path(folder))


def quality(jpeg: int) -> DataSettings:
    """Frames as they are, or as pictures."""
    return SETTINGS.model_copy(update={"pack": SETTINGS.pack.model_copy(update={"jpeg": jpeg})})


def film(path: Path, *, seed: int) -> str:
    """Ten seconds of 340x256 at 30 frames a second, with the long groups of pictures of web videos."""
    rng = np.random.default_rng(seed)
    small = motion.draw(rng, "right", motion.MotionSettings(frames=30, size=64))
    large = small.repeat(10, axis=0).repeat(4, axis=1).repeat(6, axis=2)[:, :, :340]
    motion.encode(str(path), large, rate=30, options={"g": "250", "qp": "28"})
    return str(path)


def reading(paths: list[str], raw: Pack, pictures: Pack) -> None:
    """Print clips a second of decoding and of reading, and their ratios."""
    torch.set_num_threads(1)
    rounds = [(decoding(paths), copying(raw), copying(pictures)) for _ in range(ROUNDS)]
    slow, fast, jpeg = (min(times) for times in zip(*rounds, strict=True))
    print(f"decoding, one core        {1 / slow:8.0f} clips/s")
    print(f"reading raw frames        {1 / fast:8.0f} clips/s, {slow / fast:.0f} times (at least 50)")
    print(f"reading pictures          {1 / jpeg:8.0f} clips/s, {slow / jpeg:.0f} times (at least 20)")
    told = [
        f"{sum(path.stat().st_size for path in one.folder.glob('*.frames')) / 2e6 / VIDEOS:.2f}"
        for one in (raw, pictures)
    ]
    print(f"disk of a clip            {told[0]} MB raw, {told[1]} MB as pictures")
    assert slow / fast >= 50 and slow / jpeg >= 20


def decoding(paths: list[str]) -> float:
    """Seconds a clip."""
    start = time.perf_counter()
    for path in paths:
        decode.decode(path, SETTINGS.pack)
    return (time.perf_counter() - start) / len(paths)


def copying(packed: Pack) -> float:
    """Seconds a clip for the frames alone."""
    start = time.perf_counter()
    for _ in range(10):
        for index in range(VIDEOS):
            np.array(packed.train.video(index))
    return (time.perf_counter() - start) / (10 * VIDEOS)


def batches(raw: Pack, pictures: Pack) -> None:
    """Print clips a second of training batches, end to end, with all cores and freed memory kept, as training does."""
    keep_freed_memory()
    torch.set_num_threads(pool.cores())
    for name, packed, least in (("raw frames", raw, 500), ("pictures", pictures, 0)):
        rate = 1 / min(epochs(packed) for _ in range(ROUNDS))
        bound = f" (at least {least})" if least else ""
        print(f"batches of {name:10} {rate:12.0f} clips/s on {pool.cores()} cores{bound}")
        assert rate >= least


def epochs(packed: Pack) -> float:
    """Seconds a clip."""
    start = time.perf_counter()
    for epoch in range(10):
        for _ in packed.train.batches(CLIP, batch=8, seed=0, epoch=epoch, train=True, device="cpu"):
            pass
    return (time.perf_counter() - start) / (10 * VIDEOS)


def packing(paths: list[str], folder: Path) -> None:
    """Print how much of the decoders' own rate packing 1,000 videos reaches, start-up included."""
    from bench_pack import alone  # under its name, since workers do not run the script again

    many = [str(folder / f"many-{i}.mp4") for i in range(PACKED)]
    for i, path in enumerate(many):
        Path(path).hardlink_to(paths[i % VIDEOS])
    split = Videos.of(many, Labels.single([0] * PACKED))
    found = VideoSet("many", str(folder), "list", ("a", "b"), split, split.take(np.arange(1)))
    start = time.perf_counter()
    for _ in pool.attempts(alone, ((path,) for path in many)):
        pass
    own = time.perf_counter() - start
    start = time.perf_counter()
    pack(found, SETTINGS, folder / "many")
    whole = time.perf_counter() - start
    print(f"packing {PACKED} videos      {PACKED / whole:8.1f} clips/s, {own / whole:.0%} of decoding alone (95 %)")


def alone(path: str) -> int:
    """Decode, and keep nothing."""
    return len(decode.decode(path, SETTINGS.pack))


if __name__ == "__main__":
    main()
