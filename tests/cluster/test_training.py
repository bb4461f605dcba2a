"""`nas retrain --engine ray` with two workers on a real cluster, and with whatever is killed in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.clusters import OPEN, can_hide, cluster
from tests.test_torchrun import NETWORK, RECIPE, curve, torchrun

COMMAND = ("retrain", "net.yaml", "--recipe", "small", "--device", "cpu", "--epochs", "40")
WORKER = "ray::RayTrainWorker"  # the title of a process that trains; its end says what it does


@pytest.fixture(scope="module")
def place(tmp_path_factory, videos):
    """A working folder with a network and a recipe; its cache is this machine's."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        (folder / "net.yaml").write_text(NETWORK)
        (folder / "studies" / "small").mkdir(parents=True)
        (folder / "studies" / "small" / "study.yaml").write_text(RECIPE.replace("VIDEOS", str(videos)))
        yield folder


@pytest.fixture(scope="module")
def nodes(place):
    """A cluster whose head has room for two workers."""
    with cluster(cpus=2) as one:
        yield one


@pytest.fixture(scope="module")
def wanted(place):
    """What two processes of torchrun make."""
    done = torchrun(*COMMAND, "--out", "torchrun")
    assert done.wait(120) == 0
    return place / "torchrun"


def start(nodes, *arguments) -> subprocess.Popen:
    command = [sys.executable, "-m", "nas", *COMMAND, "--engine", "ray", "--workers", "2", "--address", nodes.address]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*command, *map(str, arguments)], env=os.environ | OPEN, **pipes)


def saved(path: str, program: subprocess.Popen) -> int:
    """Wait until an epoch more than there are now is on disk; which it is."""
    from nas import checkpoint

    file = Path(path) / "checkpoint.safetensors"
    before = len(checkpoint.peek(file).curve) if file.exists() else 0
    while (now := len(checkpoint.peek(file).curve) if file.exists() else 0) <= before:
        assert program.poll() is None, program.communicate()
        time.sleep(0.01)
    return now


def finished(program: subprocess.Popen, status: int = 0) -> list[str]:
    out, err = program.communicate(timeout=300)
    assert program.returncode == status, (out, err)
    assert "Traceback" not in out + err
    return [*out.splitlines(), *err.splitlines()]


def test_a_worker_is_killed_the_program_interrupted_and_killed_and_the_result_is_torchruns(nodes, wanted):
    program = start(nodes, "--out", "run")
    saved("run", program)
    os.kill(nodes.nodes[0].named(WORKER)[-1], signal.SIGKILL)
    saved("run", program)  # maybe that in whose middle the worker was lost
    assert saved("run", program) < 39
    program.send_signal(signal.SIGINT)
    lines = finished(program, 130)
    assert lines.count("a worker was lost: all start again from the last checkpoint") == 1
    assert len([line for line in lines if "run goes on after epoch " in line]) == 1
    assert lines[-1] == "interrupted: finished epochs are kept, and the same command goes on"

    program = start(nodes, "--out", "run")
    saved("run", program)
    program.kill()
    program.wait()
    assert not Path("run/metrics.json").exists()

    lines = finished(start(nodes, "--out", "run"))
    assert len([line for line in lines if "run goes on after epoch " in line]) == 1
    assert [line for line in lines if line.startswith("epoch ")][-1].startswith("epoch 40 of 40: training error")
    assert lines[-1].endswith("wrote run") and any("; 2 processes" in line for line in lines)
    assert not any("lost" in line for line in lines)
    assert curve(Path("run")) == curve(wanted), "of as many processes, bit for bit"
    assert Path("run/weights.safetensors").read_bytes() == (wanted / "weights.safetensors").read_bytes()
    assert not list(Path("run").glob(".seen-*")) and not nodes.nodes[0].named(WORKER)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--batch", "7"), "nas: 2 processes cannot share batches of 7 equally; make batch a multiple of 2, and no "),
        (("--workers", "3"), "nas: --workers 3: 2 of 3 workers have room, each of which needs 1 CPU; the cluster has"),
        (("--device", "cuda"), "nas: --device cuda: no node has a GPU, and a worker needs 1; the cluster has "),
    ],
)
def test_mistakes_are_told_in_a_line(nodes, arguments, told, wanted):
    lines = finished(start(nodes, "--out", "mistaken", *arguments), 1)
    assert [line for line in lines if line.startswith(told)] == lines[-1:]
    assert not any("lost" in line for line in lines)


def test_a_mistake_in_a_worker_is_told_in_a_line_and_none_starts_again(nodes, wanted, place):
    if not can_hide():
        pytest.skip("needs the right to mount")
    folder = place / "unseen"
    folder.mkdir()
    far = nodes.add(cpus=2, hidden=(folder,))
    try:
        lines = finished(start(nodes, "--out", folder, "--workers", "4", "--batch", "8"), 1)
        problem = f"nas: node {far.name}: does not see the run's folder {folder}; give --out a folder on storage that "
        assert lines[-1].startswith(problem) and not any("lost" in line for line in lines)
    finally:
        nodes.kill(far)


@pytest.mark.parametrize("more", [("--workers", "2"), ("--address", "auto"), ("--cpus-per-worker", "2")])
def test_what_goes_with_ray_alone(nas, more):
    status, _, err = nas("retrain", "net.yaml", *more)
    assert status == 2 and "go with --engine ray" in err
