"""What the nodes of a real cluster have, and what is told of those that run something else."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

import nas
from nas.cluster import nodes
from nas.cluster.connecting import connected
from nas.errors import NasError
from tests.cluster.clusters import cluster

A, B = nodes.Node("1", "a", "10.0.0.1", cpus=4, gpus=0), nodes.Node("2", "b", "10.0.0.2", cpus=16, gpus=2)


def test_places():
    assert nodes.require([A, B], cpus=4) == 5
    assert nodes.require([A, B], cpus=1, gpus=0.5) == 4
    assert nodes.require([A, B], cpus=0, gpus=2) == 1
    assert nodes.require([B], cpus=1, gpus=0.3) == 6, "three share a GPU, and nothing lies across two"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"gpus": 1}, "^--gpus-per-trial 1: no node has a GPU, and a trial needs 1; the cluster has a .4 CPUs.; add a"),
        ({"cpus": 8}, "^--cpus-per-trial 8: no node is large enough for one trial, which needs 8 CPUs; the cluster "),
        ({"places": 5}, "^--workers 5: 4 of 5 trials have room, each of which needs 1 CPU; the cluster has a .4 CPUs"),
    ],
)
def test_what_has_no_room(asked, words):
    with pytest.raises(NasError, match=words):
        nodes.require([A], **asked)


def test_two_small_nodes_are_no_large_one():
    with pytest.raises(NasError, match="no node is large enough"):
        nodes.require([A, A], cpus=8)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A head without CPUs, a node, and two that run something else; this process is connected to it."""
    folder = tmp_path_factory.mktemp("others")
    package = Path(nas.__file__).parent
    shutil.copytree(package, folder / "changed" / "nas", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "changed" / "nas" / "loss.py").write_text("# another one\n")
    (folder / "none" / "nas").mkdir(parents=True)
    (folder / "none" / "nas" / "__init__.py").write_text("")
    with pytest.MonkeyPatch.context() as patch, cluster(cpus=0) as one:
        patch.chdir(folder)  # Ray adds the driver's folder to the paths of workers
        with connected(one.address):
            yield one, folder


def test_nodes_that_run_the_same_and_are_busy(real):
    import ray

    one, _ = real
    busy = one.add(cpus=1)

    @ray.remote(num_cpus=1)
    def nap():
        time.sleep(60)

    nap.remote()
    while ray.available_resources().get("CPU", 0):
        time.sleep(0.05)
    found = nodes.alive()
    assert [(node.name, node.cpus) for node in found] == [("head", 0), ("node1", 1)]
    assert nodes.in_words(found) == "2 nodes with 1 CPU"
    nodes.check(found)
    one.kill(busy)
    nodes.check(found)  # a lost node is no mistake


def test_nodes_that_run_something_else(real):
    one, folder = real
    for name, words in (
        ("changed", r"^node changed: its files of this project are not the driver's \(\w+ there, \w+ here\); bring "),
        ("none", "^node none: cannot import it .No module named .*; Python is .*; install video-nas there"),
    ):
        other = one.add(name=name, env={"PYTHONPATH": str(folder / name)})
        with pytest.raises(NasError, match=words):
            nodes.check(nodes.alive())
        one.kill(other)


def test_a_node_that_does_not_answer(real):
    import os
    import signal

    one, _ = real
    stuck = one.add(name="stuck")
    raylet = stuck.named("/raylet/raylet ")
    found = [node for node in nodes.alive() if node.name == "stuck"]
    try:
        for pid in raylet:
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(NasError, match="^node stuck: did not answer within 1 seconds; end what keeps it busy, or"):
            nodes.check(found, seconds=1)
    finally:
        one.kill(stuck)
