"""Training on a real Ray cluster of this machine: jobs side by side, workers that die or hang, errors of the driver."""

import os
import time

import pytest

from nas.cluster.connecting import connected
from nas.cluster.nodes import Node
from nas.engines import tune_desk
from nas.engines.guard import Guard
from nas.engines.on_ray import OnRay, Share, share
from nas.engines.tune_desk import obituary
from nas.engines.tune_worker import Assignment
from nas.errors import NasError
from tests.engines import test_processes as processes
from tests.engines.conformance import BREAKS, Broken, EngineCase, Told, accuracies, train

HANGS, LEAKS, SAVES = 205, 206, 207  # seeds of trainings


@pytest.fixture(scope="module", autouse=True)
def cluster():
    with connected(cpus=2, gpus=1):  # which Ray takes on trust
        yield


def engine(evaluate, share=Share(), workers=None, device="cpu", **more):  # noqa: B008  (frozen)
    return OnRay(Assignment(evaluate, device=device, threads=1, **more), share, workers=workers)


class TestOnRay(EngineCase):
    def make(self, evaluate):
        return engine(evaluate)

    def test_side_by_side_as_many_as_fit(self, told):
        assert told.most == 2

    def test_workers_are_on_record_and_train_one_job_after_the_other(self, told):
        workers = {outcome["worker"] for outcome in told.outcomes.values()}
        assert 1 <= len(workers) < len(told.outcomes) and all(", process " in worker for worker in workers)


@pytest.mark.parametrize(("place", "seed"), [("step", 1), ("ended", 1), ("failed", BREAKS)])
def test_errors_of_the_driver_are_no_trial_s_fault_wherever_they_happen(place, seed, capfd):
    with pytest.raises(NasError, match=f"^the store broke at {place}$"):
        engine(train).run(Broken(place, seed))
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_passes_through():
    class Interrupts(Told):
        def epoch(self, number, row):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine(train).run(Interrupts([1]))


def test_trials_share_a_gpu():
    driver = Told(range(1, 9))
    engine(train, Share(cpus=0.1, gpus=0.25)).run(driver)
    assert driver.most == 4 and len(driver.outcomes) == 8


@pytest.mark.parametrize(
    ("nodes", "workers", "asked", "told"),
    [
        ([(16, 0)], None, (None, None), "1 CPU"),
        ([(16, 0)], 4, (None, None), "4 CPUs"),
        ([(2, 0), (2, 0)], 1, (None, None), "2 CPUs"),  # a trial is on one node
        ([(2, 0)], 8, (None, None), "1 CPU"),
        ([(16, 4)], None, (None, None), "4 CPUs and 1 GPU"),
        ([(16, 4)], None, (None, 0.5), "2 CPUs and 0.5 GPUs"),
        ([(64, 0), (8, 2)], None, (None, None), "4 CPUs and 1 GPU"),  # of the nodes that have GPUs
        ([(16, 4)], None, (3, 0), "3 CPUs"),
        ([(16, 0)], None, (None, 1), "1 CPU and 1 GPU"),  # nodes.require says that there is none
    ],
)
def test_what_a_trial_takes_where_that_is_not_said(nodes, workers, asked, told):
    there = [Node("", "", "", cpus, gpus) for cpus, gpus in nodes]
    cpus, gpus = asked
    assert str(share(there, workers, cpus=cpus, gpus=gpus)) == told


def test_it_is_told_once_that_no_training_begins(monkeypatch):
    monkeypatch.setattr(tune_desk, "WAITED", 0.0)
    driver = Told([1, 2])
    desk = tune_desk.Desk(driver, lambda: 2, print, lambda job: None, Guard())
    assert desk.look() is None and desk.give("a") and desk.give("b")
    for _ in range(3):
        time.sleep(0.001)
        desk.look()
    assert driver.notes == ["no node has room for a training yet: other work has them, or workers start"]


def test_one_worker_trains_one_at_a_time():
    driver = Told([1, 2, 3])
    engine(train, workers=1).run(driver)
    assert driver.most == 1 and sorted(driver.outcomes) == [0, 1, 2]


def faulty(genotype, *, seed, on_epoch, on_step, device):
    """Trains, hangs, leaks, or ends the process that it is in."""
    if seed == HANGS:
        on_step(1, 3)
        time.sleep(1000)
    if seed == LEAKS:
        for _ in range(100):
            processes.LEAKED.append(b"x" * (1 << 27))
            on_step(1, 3)
    return processes.deadly(genotype, seed=seed, on_epoch=on_epoch, on_step=on_step, device=device)


def test_workers_that_die_hang_or_leak_are_replaced_and_it_is_told_how(capfd):
    """Deaths are the driver's to try again; what takes too much is a failure."""
    driver = Told([processes.EXITS, 1, processes.KILLED, processes.SEGFAULT, HANGS, LEAKS, 2, 3])
    engine(faulty, guard=Guard(seconds=5, memory=1.0)).run(driver)
    assert {number: len(outcome["curve"]) for number, outcome in driver.outcomes.items()} == {1: 3, 6: 3, 7: 3}
    assert sorted(driver.deaths) == [0, 2, 3] and sorted(driver.reasons) == [4, 5]
    for reason in driver.deaths.values():
        assert reason.startswith("its worker (") and reason.endswith("was killed or crashed")
    assert driver.reasons[4] == "took longer than the 5 s of guard.seconds in the recipe"
    assert driver.reasons[5].endswith("more than the 1 of guard.memory in the recipe")
    assert capfd.readouterr() == ("", "")


class Again(Told):
    """A driver that has a job trained again when its worker died."""

    def died(self, number, reason, *, begun=True):
        super().died(number, reason, begun=begun)
        self.epochs[number] = []
        self.waiting.insert(0, self.jobs[number])


def saves(genotype, *, seed, on_epoch, on_step, device, checkpoint, saved_after):
    """Trains; a first attempt is killed after the second epoch, of which the checkpoint knows the first."""
    curve = [{"epoch": int(epoch), "val_accuracy": seed} for epoch in checkpoint.read_text().split()] if (
        again := checkpoint.exists()
    ) else []  # fmt: skip
    for epoch in range(len(curve) + 1, 4):
        curve.append({"epoch": epoch, "val_accuracy": seed})
        outcome = {"accuracy": seed, "seconds": 0.1, "again": again, "curve": list(curve)}
        if on_epoch(outcome) is False:
            break
        if epoch in saved_after:
            checkpoint.write_text(" ".join(str(row["epoch"]) for row in curve))
        if epoch == 2 and not again:
            os.kill(os.getpid(), 9)
    return outcome


def test_a_lost_training_goes_on_from_its_checkpoint_and_leaves_none(tmp_path):
    driver = Again([SAVES])
    engine(saves, checkpoints=str(tmp_path / "kept"), saved_after=(1,)).run(driver)
    assert driver.outcomes[0]["again"] and driver.epochs[0] == [SAVES] * 3 and not driver.waiting
    assert list(tmp_path.iterdir()) == []


def missing():
    raise NasError("does not see the pack", where="node b")


def test_a_node_that_cannot_train_ends_the_search_and_fails_no_trial():
    driver = Told([1])
    with pytest.raises(NasError, match="^node b: does not see the pack$"):
        engine(train, prepare=missing).run(driver)
    assert not driver.reasons and not driver.deaths and driver.running == {0}


def test_a_gpu_that_torch_does_not_see_ends_the_search_and_fails_no_trial():
    """As where `ray start --num-gpus 1` was said on a machine without one; the workers of this cluster see none."""
    driver = Told([1])
    with pytest.raises(
        NasError, match=r"^node \S+: Ray has a GPU there, and torch \S+ sees none; install a torch with "
    ):
        engine(train, Share(cpus=0.1, gpus=0.25), device="cuda").run(driver)
    assert not driver.reasons and not driver.deaths


def test_of_a_lost_node_and_of_memory_ray_s_words_are_told_in_a_line():
    worker = {"host": "b", "pid": 7}
    died = "The actor died unexpectedly ...\nThe actor died because its node has died. Node Id: 5\n\tthe node was ..."
    assert obituary(died, worker) == "its node died (b, process 7)"
    memory = "Task was killed due to the node running low on memory.\nMemory on the node was 0.96"
    assert obituary(memory, worker) == "its worker (b, process 7) was ended by Ray, because the node ran out of memory"
    assert obituary("\nSomething new\nthat happened\n", {}) == "its worker was lost: that happened"


def test_accuracies_are_those_of_every_engine():
    driver = Told([9])
    engine(train).run(driver)
    assert driver.epochs[0] == accuracies(9)


class Restless(Told):
    """A driver that has a job trained again whose worker did not begin."""

    def died(self, number, reason, *, begun=True):
        assert not begun
        self.running.remove(number)
        self.waiting.append(self.jobs[number])


def test_workers_that_do_not_begin_are_tried_again_for_a_while(monkeypatch):
    monkeypatch.setattr(tune_desk, "PAUSE", 0.0)
    driver, killed = Restless([1]), []
    desk = tune_desk.Desk(driver, lambda: 1, killed.append, lambda job: None, Guard())
    for number in range(tune_desk.MISSES):
        assert desk.error is None and desk.give(str(number)) == driver.jobs[0]
        desk.trainings[str(number)].reason = "its node died"
        desk.over(str(number), died=True)
    with pytest.raises(NasError, match="^60 workers in a row did not begin; the last one: its node died; see "):
        desk.look()
    assert desk.give("more") is None and not driver.running
