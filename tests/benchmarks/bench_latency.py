"""How far the sum of a network's blocks, each measured alone, is from the latency of the whole network.

    python tests/benchmarks/bench_latency.py [SIZE [THREADS]]

Published networks of all four families, eight frames of SIZE x SIZE pixels (112): each is timed in turn with its own
blocks, at batch 1 and 4 in fp32 and at batch 1 in the contiguous format, so that what the machine does meanwhile is the
same for both; beside it stands the sum from the table, measured minutes before. On a machine that others use, figures
marked ~ were disturbed; on Linux, `chrt -f 1 python ...` (as root) keeps others away.
"""

from __future__ import annotations

import os
import sys
import tempfile
from statistics import median

from nas import content
from nas import device as devices
from nas import genotype as genotypes
from nas.console import console
from nas.genotype import Clip, Genotype
from nas.latency import completing, present, wholes
from nas.latency.alone import cache
from nas.latency.blocks import State, Web, nodes
from nas.latency.completing import complete
from nas.latency.setting import Setting
from nas.latency.table import Table, opened
from nas.latency.timing import interleaved

NETWORKS = (
    "resnet3d-18", "ir-csn-26", "ip-csn-50", "i3d", "s3d-g", "sevnet-g8", "sevnet-g6-se", "tsn-r50", "ct-net-r50",
)  # fmt: skip
WAYS = ({}, {"batch": 4}, {"memory_format": "contiguous"})


def main(size: int, threads: int) -> None:
    """Print every network's ratio, and the median and the worst of each way to run."""
    models = [at(name, size) for name in NETWORKS]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAS_CACHE"] = folder
        devices.keep_freed_memory()
        for way in WAYS:
            setting = present.setting(device="auto", threads=threads, **way)
            table = opened(setting, cache())
            complete(table, Web(models), setting, console)
            ratios = [compare(model, setting, table) for model in models]
            print(f"{setting}, clips of 8x{size}x{size}, {len(models)} networks, sum over whole:")
            for what, found in zip(("measured together", "from the table"), zip(*ratios, strict=True), strict=True):
                print(
                    f"  {what}: off by {median(map(off, found)):.1%} in the median, {max(map(off, found)):.1%} at worst"
                )


def compare(model: Genotype, setting: Setting, table: Table) -> tuple[float, float]:
    """Sum over whole of a network: by blocks measured with it, and by the table."""
    states, layout = [], table.first
    for node in nodes(model):
        states.append(State(*node, layout))
        layout = table.after(states[-1])
    pieces = {state.key: completing.piece_subject(state, setting) for state in states}
    whole, *timed = interleaved([wholes.network(wholes.Job(model, setting)), *pieces.values()])
    own = {key: times.median for key, times in zip(pieces, timed, strict=True)}
    together, before = sum(own[state.key] for state in states), table.latency(model)
    mark = "~" if whole.doubtful else " "
    print(f"{model.name:14} whole {mark}{whole.median:8.2f} ms ± {whole.iqr:5.2f}, its blocks {together:8.2f} ms, "
          f"ratio {together / whole.median:.3f}, by the table {before / whole.median:.3f}", flush=True)  # fmt: skip
    return together / whole.median, before / whole.median


def off(ratio: float) -> float:
    """How far a ratio is from 1."""
    return abs(ratio - 1)


def at(name: str, size: int) -> Genotype:
    """A published network at the clip of the benchmark."""
    model = genotypes.load(content.find(name, "models"))
    return model.model_copy(update={"input": Clip(frames=8, size=size)})


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:3]]
    main(*given, *(112, 0)[len(given) :])
