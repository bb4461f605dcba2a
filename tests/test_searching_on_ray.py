"""`nas search --engine ray` on real clusters: the study of one machine, nodes that die and join, wrong calls."""

import subprocess
import sys
import time

import pytest

from nas import study as studies
from tests.cluster.clusters import cluster
from tests.commands import RECIPE

STOPPING = "stopping: {rungs: [1, 2], reduction: 2}\n"


@pytest.fixture
def recipe(folder, videos):
    """The small study, with several epochs and rungs."""
    text = RECIPE.replace("VIDEOS", str(videos)).replace("epochs: 1", "epochs: 3") + STOPPING
    (folder / "studies" / "small" / "study.yaml").write_text(text)
    return folder


def test_one_worker_gives_the_trials_and_the_front_of_a_local_search(recipe, nas):
    """Networks, curves, stops and front, to the last digit."""
    assert nas("search", "studies/small", "--trials", 4)[0] == 0
    alone = ("--workers", 1, "--cpus-per-trial", 1)
    status, out, err = nas("search", "--replay", "studies/small", "--engine", "ray", *alone)
    assert (status, err) == (0, "")
    assert "Ray: 1 worker on 1 node with " in out and "each trial with 1 CPU and 1 thread" in out
    assert out.splitlines()[-1] == "studies/small-replay: 4 trials repeated: the same networks, curves and front"
    trials = studies.open_study("studies/small-replay").trials()
    assert all(", process " in trial.outcome["worker"] for trial in trials)
    assert not (recipe / "studies" / "small-replay" / "checkpoints").exists()


def test_a_study_goes_on_from_one_machine_to_a_cluster_and_back(recipe, nas):
    assert nas("search", "studies/small", "--trials", 2)[0] == 0
    assert nas("search", "studies/small", "--trials", 4, "--engine", "ray", "--cpus-per-trial", 1)[0] == 0
    status, out, err = nas("search", "studies/small", "--trials", 5)
    assert (status, err) == (0, "") and "all 5 trials are done" in out
    assert len({trial.key for trial in studies.open_study("studies/small").trials()}) == 5


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        (("--address", "127.0.0.1:1"), 2, "--address: goes with --engine ray"),
        (("--gpus-per-trial", "0.5"), 2, "--gpus-per-trial: goes with --engine ray"),
        (("--engine", "ray", "--device", "cpu"), 2, "cpu is not for --engine ray: give --gpus-per-trial 0"),
        (("--engine", "ray", "--gpus-per-trial", "1.5"), 2, "1.5 is neither a share of one GPU"),
        (("--engine", "ray", "--address", ""), 2, "'--address': is empty: write HOST:PORT or auto, or"),
        (("--engine", "ray", "--address", "127.0.0.1:1"), 1, "--address 127.0.0.1:1: nobody answers there"),
        (("--engine", "ray", "--gpus-per-trial", "1"), 1, "no node has a GPU, and a trial needs 1"),
        (("--engine", "ray", "--cpus-per-trial", "1000"), 1, "no node is large enough for one trial"),
    ],
)
def test_wrong_calls_are_a_line(recipe, nas, more, status, told):
    found, out, err = nas("search", "studies/small", *more)
    assert found == status and told in " ".join(err.split())
    if status == 1:
        assert len(err.splitlines()) == 1
    if studies.exists(recipe / "studies" / "small"):
        assert studies.open_study("studies/small").trials() == []


def running(command, folder):
    """A search in a process of its own, its output in a file."""
    out = (folder / "out").open("a")
    return subprocess.Popen([sys.executable, "-m", "nas", *command], cwd=folder, stdout=out, stderr=out)


def wait_for(told, seconds, process):
    deadline = time.monotonic() + seconds
    while not (found := told()):
        assert process.poll() is None, "the search ended"
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


def test_a_node_is_killed_and_another_one_joins(recipe):
    """Every trial ends once; what was in training on the lost node goes on elsewhere, from its checkpoint."""
    place = recipe / "studies" / "small"
    text = (place / "study.yaml").read_text().replace("epochs: 3", "epochs: 80")
    (place / "study.yaml").write_text(text.replace("rungs: [1, 2], reduction: 2", "rungs: [2], reduction: 100"))
    with cluster(cpus=1) as nodes:
        doomed = nodes.add(cpus=1)
        command = ["search", "studies/small", "--trials", "6", "--engine", "ray", "--address", nodes.address]
        process = running([*command, "--cpus-per-trial", "1"], recipe)
        try:
            wait_for(lambda: len(list((place / "checkpoints").glob("*.safetensors"))) == 2, 120, process)
            nodes.kill(doomed)
            nodes.add(cpus=1, name="late")
            assert process.wait(timeout=240) == 0
        finally:
            process.kill()
            said = (recipe / "out").read_text()
            print(said)
    trials = studies.open_study(place).trials()
    assert [trial.state for trial in trials] == ["complete"] * 6
    assert len({trial.key for trial in trials}) == 6 and all(len(trial.curve) == 80 for trial in trials)
    assert sorted(trial.attempts for trial in trials) == [1] * 5 + [2]
    assert said.count("it is trained again") == 1 and "Traceback" not in said
    assert "its node died" in said or "cannot be reached any more" in said
    assert not (place / "checkpoints").exists()


def test_the_head_is_killed_and_the_same_command_goes_on_with_another_one(recipe):
    """One line within half a minute, of ours; what had ended is kept."""
    place = recipe / "studies" / "small"
    (place / "study.yaml").write_text((place / "study.yaml").read_text().replace("epochs: 3", "epochs: 20"))
    command = ["search", "studies/small", "--trials", "4", "--engine", "ray", "--cpus-per-trial", "1", "--address"]
    with cluster(cpus=1) as nodes:
        process = running([*command, nodes.address], recipe)
        try:
            wait_for(lambda: studies.exists(place) and len(studies.open_study(place).trials()) > 1, 120, process)
            nodes.kill(nodes.nodes[0])
            assert process.wait(timeout=60) == 1
        finally:
            process.kill()
            said = (recipe / "out").read_text()
            print(said)
    assert "Traceback" not in said and "The program will terminate" not in said
    assert (
        said.splitlines()[-1].startswith("nas: Ray at ") and ": the cluster was lost: the node of this machine" in said
    )
    before = [trial for trial in studies.open_study(place).trials() if trial.state != "running"]
    with cluster(cpus=1) as nodes:
        assert running([*command, nodes.address], recipe).wait(timeout=120) == 0, (recipe / "out").read_text()
    trials = studies.open_study(place).trials()
    assert before and trials[: len(before)] == before and {trial.state for trial in trials} <= {"complete", "stopped"}
    assert len({trial.key for trial in trials}) == 4
