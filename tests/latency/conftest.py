"""Networks of a few blocks, tables with made-up figures, and measurements that take no time."""

import pytest

from nas import genotype as genotypes
from nas import space as spaces
from nas.latency import completing, timing
from nas.latency.blocks import State, Web
from nas.latency.setting import LAST, PLAIN, Setting
from nas.latency.table import Entry, Table
from tests.spaces import TINY

CPU = Setting("cpu", "A CPU", threads=1)


@pytest.fixture
def space():
    """64 records of small networks."""
    return spaces.parse(TINY)


@pytest.fixture
def model():
    """A network with a pool, a deflated and a grouped block; some of its convolutions leave channels_last on a CPU."""
    block = {"kind": "bottleneck", "expansion": 2}
    return genotypes.parse(
        {
            "input": {"frames": 4, "size": 24},
            "classes": 5,
            "stem": {"width": 16, "stride": [1, 2, 2], "pool": None},
            "stages": [
                {"depth": 2, "width": 16, "block": block},
                {"depth": 3, "width": 32, "pool": {"kernel": [2, 2, 2], "stride": [2, 2, 2]}, "block": block},
                {"depth": 1, "width": 32, "block": {**block, "conv": {"kind": "depthwise"}}},
            ],
            "deflation": {"keep": "50%", "end": "top"},
        }
    )


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Two samples of everything, one thread, a cache of its own."""
    import torch

    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(timing, "PATIENCE", 0.0)
    monkeypatch.setattr(completing, "ROUNDS", 2)
    monkeypatch.setattr(completing, "FEW", 2)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made_up(*models, path=None) -> Table:
    """A table of all pieces of some networks, whose figures are known: layouts turn, and every piece has its own."""
    table, web = Table(path, {**CPU.identity(), "compiled": False}, {"torch": "0"}), Web(models)
    table.setting = {name: CPU.identity()[name] for name in ("hardware", "threads", "dtype", "memory_format", "batch")}
    while missing := web.states(table)[1]:
        table.take({state.key: figure(state) for state in missing})
    return table


def figure(state: State) -> Entry:
    """Milliseconds and layout that follow from the piece's digest."""
    number = int(state.piece.digest[:6], 16)
    return Entry(0.5 + number % 1000 / 7 + (state.layout == PLAIN), 0.1, PLAIN if number % 3 == 0 else LAST)
