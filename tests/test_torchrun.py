"""`nas retrain` by torchrun with two processes: the curve of one, whether killed in between or not."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = """
nas: 1
data: {path: VIDEOS, metric: mean_class, pack: {every: 1, frames: 8, size: 24}}
retrain:
  clip: {frames: 4, size: 20, sampling: segments}
  train: {epochs: 10, batch: 8, lr: 0.08, ema: 0.7, dropout: 0.2}
"""
NETWORK = """
nas: 1
name: mine
input: {frames: 4, size: 20}
classes: 10
stem: {width: 8, conv: {kind: dense, kernel: [3, 3, 3]}, pool: null}
stages:
  - {depth: 1, width: 8, block: {kind: bottleneck, conv: {kind: depthwise}}}
"""
COMMAND = ("retrain", "net.yaml", "--recipe", "small", "--device", "cpu")


@pytest.fixture
def place(folder, videos):
    """A working folder with a network and a recipe of segments, averages and the mean of classes."""
    (folder / "net.yaml").write_text(NETWORK)
    (folder / "studies" / "small" / "study.yaml").write_text(RECIPE.replace("VIDEOS", str(videos)))
    return folder


def torchrun(*arguments) -> subprocess.Popen:
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        [*start, "-m", "nas", *map(str, arguments)], env=os.environ | {"OMP_NUM_THREADS": "1"}, **pipes
    )


def kill_all(agent: subprocess.Popen) -> None:
    """kill -9 of torchrun and of the processes that it started."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        parents[int(name.split()[0])] = int(rest.split()[1])
    for pid in (agent.pid, *(pid for pid, parent in parents.items() if parent == agent.pid)):
        os.kill(pid, signal.SIGKILL)
    agent.wait()


def curve(folder: Path) -> list[dict[str, float]]:
    with (folder / "curve.csv").open() as file:
        return [{k: float(v) for k, v in row.items() if k not in ("seconds", "wait")} for row in csv.DictReader(file)]


def test_a_group_killed_in_the_middle_goes_on_to_the_curve_of_one_process(place, nas):
    status, out, _ = nas(*COMMAND, "--out", "one")
    assert status == 0 and "processes" not in out
    killed = torchrun(*COMMAND, "--out", "two")
    while not Path("two/checkpoint.safetensors").exists() and killed.poll() is None:
        time.sleep(0.005)
    kill_all(killed)
    assert not Path("two/metrics.json").exists()
    shutil.copytree("two", "three")

    group = torchrun(*COMMAND, "--out", "two")
    out, err = group.communicate(timeout=120)
    assert group.returncode == 0 and err == ""
    lines = out.splitlines()
    assert "two goes on after epoch " in out and "; 2 processes" in out and lines[-1].endswith("wrote two")
    assert len(lines) == len(set(lines)), "one process speaks"
    status, out, _ = nas(*COMMAND, "--out", "three")
    assert status == 0 and "three goes on after epoch " in out and "processes" not in out

    one, *others = (curve(Path(name)) for name in ("one", "two", "three"))
    assert len(one) == 10 and one[-1]["train_loss"] < 0.98 * one[0]["train_loss"]
    for other in others:
        for row, wanted in zip(other, one, strict=True):
            exact = ("epoch", "lr", "train_loss", "val_loss")
            assert [row[name] for name in exact] == pytest.approx([wanted[name] for name in exact], rel=1e-4)
            assert row == pytest.approx(wanted, abs=0.051), "rounding may decide a draw of classes in one video of 20"


def test_a_mistake_under_torchrun_is_told_once(place):
    group = torchrun(*COMMAND, "--batch", "7", "--out", "two")
    _, err = group.communicate(timeout=120)
    told = [line for line in err.splitlines() if line.startswith("nas: ")]
    assert group.returncode != 0
    assert told == ["nas: 2 processes cannot share batches of 7 equally; "
                    "make batch a multiple of 2, and no larger than the training split"]  # fmt: skip
    assert "nas/" not in err, "no traceback of ours"
