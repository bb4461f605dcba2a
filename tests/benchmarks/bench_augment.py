"""Batches of 16x112x112 clips out of a warm raw pack: resized in uint8, against one `grid_sample` in floats.

Run `python tests/benchmarks/bench_augment.py` while nothing else runs: OpenMP's threads wait for each other. Both ways
read, crop ([0.7, 0.875] of the short side, anywhere), mirror, resize and normalise the same number of clips, taking
turns; grid_sample, as this program did before, sees the square that the reader cut. On two threads one reads ahead
while torch works on two. The uint8 way must make 500 clips/s on two threads, and twice what grid_sample makes on one.

Most of the time goes into memory that the system hands out anew for each batch, a page at a time. The second half of
the table is without that: glibc is told to keep what is freed, which changes the whole process and so comes last.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch.nn import functional

from nas.data import augment, sampling
from nas.data_settings import ClipSettings, ColourSettings

VIDEOS, BATCH, ROUNDS, LEAST, RATIO = 64, 32, 7, 500, 2
SHAPE = (16, 128, 170, 3)
CLIP = ClipSettings(frames=16, size=112, scale=(0.7, 0.875))
COLOURS = CLIP.model_copy(update={"colour": ColourSettings(brightness=0.4, contrast=0.4, saturation=0.4)})
# Clips that grid_sample takes at once, which keeps them in the cache.
TOGETHER = 4

# glibc's names for: memory to map anew rather than keep; free memory to give back. In bytes.
MMAP_THRESHOLD, TRIM_THRESHOLD, NEVER = -3, -1, 2**31 - 1

Batch = Callable[[], torch.Tensor]


def main() -> None:
    store = np.random.default_rng(0).integers(0, 256, (VIDEOS, *SHAPE), dtype=np.uint8)
    ways = {
        "uint8": lambda: boxes(store, CLIP),
        "uint8, colours jittered": lambda: boxes(store, COLOURS),
        "grid_sample": lambda: squares(store),
    }
    print(f"{'memory':7}{'threads':>7}  {'':24}{'clips/s':>8}{'CPU ms a clip':>15}{'ratio':>7}")
    rates = {threads: table("fresh", threads, ways) for threads in (1, 2)}
    for option in (MMAP_THRESHOLD, TRIM_THRESHOLD):
        ctypes.CDLL(None).mallopt(option, NEVER)
    for threads in (1, 2):
        table("kept", threads, ways)
    assert rates[2]["uint8"] >= LEAST
    assert rates[1]["uint8"] >= RATIO * rates[1]["grid_sample"]


def table(memory: str, threads: int, ways: dict[str, Callable[[], Iterator[Batch]]]) -> dict[str, float]:
    """Print a row for each way; their clips a second."""
    torch.set_num_threads(threads)
    rounds = [[measured(way, threads) for way in ways.values()] for _ in range(ROUNDS)]
    seconds, cpu = np.min(rounds, axis=0).T
    for name, wall, busy in zip(ways, seconds, cpu, strict=True):
        print(f"{memory:7}{threads:7}  {name:24}{1 / wall:8.0f}{1e3 * busy:15.2f}{seconds[-1] / wall:7.1f}")
    return dict(zip(ways, 1 / seconds, strict=True))


def measured(way: Callable[[], Iterator[Batch]], threads: int) -> tuple[float, float]:
    """Seconds and CPU seconds a clip; with two threads, one gathers while the other augments."""
    start, start_cpu = time.perf_counter(), time.process_time()
    if threads == 1:
        for batch in way():
            batch()
    else:
        with ThreadPoolExecutor(1) as reader:
            batches = way()
            ahead = reader.submit(next, batches, None)
            while batch := ahead.result():
                ahead = reader.submit(next, batches, None)
                batch()
    return (time.perf_counter() - start) / VIDEOS, (time.process_time() - start_cpu) / VIDEOS


def boxes(store: np.ndarray, clip: ClipSettings) -> Iterator[Batch]:
    """Gather the boxes of each batch; what is yielded makes the batch of them."""
    crops = augment.draw(np.random.default_rng(1), VIDEOS, clip, flip=True)
    for part in parts():
        cut = crops[part].boxes(np.tile(SHAPE[1:3], (BATCH, 1)))
        frames = torch.empty((BATCH, clip.frames, *cut[:, 2:].max(axis=0), 3), dtype=torch.uint8)
        for target, video, (top, left, height, width) in zip(frames.numpy(), store[part], cut, strict=True):
            chosen = sampling.moments(len(video), clip, 0.5)
            target[:, :height, :width] = video[chosen, top : top + height, left : left + width]
        yield lambda frames=frames, cut=cut, part=part: augment.apply(frames, cut[:, 2:], crops[part], clip.size)


def squares(store: np.ndarray) -> Iterator[Batch]:
    """The same by `grid_sample`, of squares as large as the short side."""
    rng, side = np.random.default_rng(1), SHAPE[1]
    share, mirror = 1 / rng.uniform(1 / 0.875, 1 / 0.7, VIDEOS), rng.random(VIDEOS) < 0.5
    top, left = rng.random((2, VIDEOS)) * (1 - share)
    for part in parts():
        frames = torch.empty((BATCH, CLIP.frames, side, side, 3), dtype=torch.uint8)
        for target, video in zip(frames.numpy(), store[part], strict=True):
            start = int(rng.integers(SHAPE[2] - side + 1))
            target[:] = video[:, :, start : start + side]
        seen = grid(share[part], top[part], left[part], mirror[part])
        yield lambda frames=frames, seen=seen: sampled(frames, seen)


def grid(share: np.ndarray, top: np.ndarray, left: np.ndarray, mirror: np.ndarray) -> torch.Tensor:
    """Where each new pixel looks: (b, size, size, 2) of x and y from -1 to 1."""
    steps = (np.arange(CLIP.size) + 0.5) / CLIP.size
    x, y = left[:, None] + share[:, None] * steps, top[:, None] + share[:, None] * steps
    x[mirror] = x[mirror, ::-1]
    both = np.broadcast_arrays(x[:, None, :], y[:, :, None])
    return torch.from_numpy((2 * np.stack(both, axis=-1) - 1).astype(np.float32))


def sampled(frames: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Frames uint8 (b, t, h, h, 3) as normalised floats, those of a clip as channels of one picture."""
    b, t, h, _, c = frames.shape
    x = torch.empty((b, t, CLIP.size, CLIP.size, c))
    for some, places, out in zip(*(all_.split(TOGETHER) for all_ in (frames, seen, x)), strict=True):
        pixels = torch.empty((len(some), t, c, h, h))
        torch.mul(some.permute(0, 1, 4, 2, 3), 1 / (255 * augment.STD), out=pixels)
        pictures = functional.grid_sample(pixels.view(-1, t * c, h, h), places, align_corners=False)
        shaped = pictures.view(-1, t, c, CLIP.size, CLIP.size).permute(0, 1, 3, 4, 2)
        torch.sub(shaped, augment.MEAN / augment.STD, out=out)
    return x.permute(0, 4, 1, 2, 3)


def parts() -> list[slice]:
    return [slice(first, first + BATCH) for first in range(0, VIDEOS, BATCH)]


if __name__ == "__main__":
    main()
