"""The arrow of time on the embedded sets, the contrast of Table 1 of the S3D paper (2018), through real files.

    python tests/benchmarks/bench_arrow_of_time.py [--seeds 3] [--epochs 8] [--shake 0.1 ...]

Reversed frames undo a 3D network where direction matters (`motion`), and not where a single frame suffices
(`motion-appearance`); a network of 2D kernels, without temporal strides, does not notice on either. Printed: top-1 of
the 2,000 validation videos as the mean over seeds and its standard error, and what reversal changes.

Measured on one core, three seeds, 8 epochs of the 1,500 training videos, 20 to 60 seconds a training:

    set                network                 forward         reversed       difference
    motion             3D                0.799 ± 0.004    0.021 ± 0.001   -0.778 ± 0.004
    motion             2D                0.265 ± 0.006    0.265 ± 0.006   +0.000 ± 0.000
    motion             2D, one frame     0.122 ± 0.004    0.122 ± 0.004   +0.000 ± 0.000
    motion-appearance  3D                0.865 ± 0.002    0.868 ± 0.001   +0.003 ± 0.001
    motion-appearance  2D                0.903 ± 0.008    0.903 ± 0.008   +0.000 ± 0.000
    motion-appearance  2D, one frame     0.892 ± 0.004    0.892 ± 0.004   +0.000 ± 0.000

These errors are of the trainings; all seeds see the same videos, which add 0.008 to an accuracy and 0.004 to the 3D
differences on motion-appearance. One seed of the 3D network with other settings of the sets, forward and reversed:
shake 0.1 gives 0.682 and 0.033 on motion, 0.886 and 0.892 on motion-appearance; noise 0.1 0.788 and 0.025, 0.897 and
0.898; a square in every clip 0.393 and 0.125, 0.695 and 0.694.

I3D and its 2D version in the paper: Something-Something 45.8 and 15.2 reversed, 34.4 and 35.2; Kinetics 71.1 and 71.1,
67.0 and 67.2. Here the actions come in pairs of opposites, so that reversal leaves less than chance.
"""

from __future__ import annotations

import argparse
import statistics

from nas import data, testing
from nas import genotype as genotypes
from nas.build import build
from nas.data.motion_drawing import KINDS
from nas.data.pack import Pack, pack
from nas.data_settings import ClipSettings, DataSettings, MotionSettings, PackSettings, ViewSettings
from nas.genotype import Genotype
from nas.train import fit
from nas.train_settings import TrainSettings

# The temporal kernel of each network, and the frames of a clip that it sees.
NETWORKS = {"3D": (3, 8), "2D": (1, 8), "2D, one frame": (1, 1)}
SIZE = 40
# settings of the sets that flags change
KNOBS = ("classes", "distractor", "distractors", "shake", "noise")


def network(kernel: int, classes: int) -> Genotype:
    """A small ResNet3D without temporal strides, which let even 2D kernels see other frames when reversed."""
    conv = {"kind": "dense", "kernel": [kernel, 3, 3]}
    stem = {"width": 16, "conv": conv, "stride": [1, 2, 2], "pool": None}
    block = {"kind": "simple", "conv": conv}
    stages = [{"depth": 1, "width": width, "stride": [1, 2, 2], "block": block} for width in (16, 32, 64)]
    return genotypes.parse({"classes": classes, "stem": stem, "stages": stages})


def arrow(packed: Pack, name: str, epochs: int, seed: int) -> testing.Arrow:
    """Train one network and test it forwards and backwards."""
    kernel, frames = NETWORKS[name]
    clip = ClipSettings(frames=frames, size=SIZE, stride=2, scale=1.0, flip="never")
    # single frames take as many epochs as make them a third of the pixels
    settings = TrainSettings(epochs=epochs if frames > 1 else 3 * epochs)
    model = build(network(kernel, len(packed.classes)), seed=seed)
    fit(model, packed, settings, clip, seed=seed)
    return testing.arrow(model, packed.val, clip, ViewSettings(), batch=100)


def row(kind: str, name: str, found: list[testing.Arrow]) -> str:
    """A line of the table."""
    tests = [[one.forward.video for one in found], [one.backward.video for one in found]]
    shown = [cell([one.top1 for one in some], some[0].error, "") for some in tests]
    shown.append(cell([one.difference for one in found], found[0].error, "+"))
    return f"{kind:18} {name:14}" + "".join(f"{text:>17}" for text in shown)


def cell(values: list[float], single: float, sign: str) -> str:
    """The mean over seeds and its standard error: from how they scatter, or of one seed from its videos."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else single
    return f"{statistics.mean(values):{sign}.3f} ± {error:.3f}"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--epochs", type=int, default=8)
    for knob in KNOBS:
        usual = getattr(MotionSettings(), knob)
        options.add_argument(f"--{knob}", type=type(usual), default=usual)
    asked = options.parse_args()
    motion = MotionSettings(**{knob: getattr(asked, knob) for knob in KNOBS})
    cache = data.cache_folder()
    print(f"{'set':18} {'network':14}{'forward':>17}{'reversed':>17}{'difference':>17}")
    for kind in KINDS:
        settings = DataSettings(path=kind, motion=motion, pack=PackSettings(every=1, frames=16, size=SIZE))
        packed = pack(data.source(settings, cache=cache), settings, cache)
        for name in NETWORKS:
            found = [arrow(packed, name, asked.epochs, seed) for seed in range(asked.seeds)]
            print(row(kind, name, found), flush=True)


if __name__ == "__main__":
    main()
