"""SIGKILL of the driver at random moments, and of workers: nothing that ended is lost, nothing is trained twice."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.searches import MOMENTS, complete

RAY = ("--engine", "ray", "--cpus-per-trial", "1")


def _killed_again_and_again(one, longest):
    """Kill the driver at random moments of its run, start it again each time; what ended stays as it was."""
    chance, before = random.Random(7), []
    for _ in range(MOMENTS):
        one.start()
        time.sleep(chance.uniform(0.5, longest))
        one.kill()
        # two helpers of Ray's, which train nothing, now and then live on for the minute that Ray gives them
        assert one.leaves_nobody(90), [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in one.living()]
        now = one.told()
        ended = [told for told in before if told[2] != "running"]
        assert [told for told in now if told[0] in {number for number, *_ in ended}] == ended
        before = now
    one.start()
    assert one.ends() == 0, one.said
    assert one.leaves_nobody()


@pytest.mark.timeout(600 + 150 * MOMENTS)
@pytest.mark.parametrize(
    ("arguments", "longest"),
    [((), 7.0), (("--workers", "2"), 9.0), ((*RAY, "--workers", "1"), 16.0), ((*RAY, "--workers", "2"), 16.0)],
    ids=["one worker", "two workers", "ray, one worker", "ray, two workers"],
)
def test_the_driver_is_killed_at_random_moments(search, undisturbed, arguments, longest):
    one = search(*arguments)
    _killed_again_and_again(one, longest)
    if "2" in arguments:
        complete(one)
    else:
        assert one.told() == undisturbed.told() and one.front() == undisturbed.front()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("--workers", "2"), "multiprocessing.spawn"), ((*RAY, "--workers", "1"), "ray::ImplicitFunc")],
    ids=["processes", "ray"],
)
def test_workers_are_killed_in_the_middle_of_training(search, undisturbed, arguments, word):
    """Each time another trial is in training; it is trained again, and no trial fails."""
    one = search(*arguments, more="guard: {seconds: 600}\n")
    one.start()
    for number in (1, 4):
        one.wait_for(lambda number=number: len(one.trials) > number)
        victim = one.wait_for(lambda: one.living(word))[0]
        os.kill(victim, signal.SIGKILL)
    assert one.ends() == 0, one.said
    assert one.leaves_nobody() and "Traceback" not in one.said
    assert complete(one)
    if "1" in arguments:
        assert one.told() == undisturbed.told() and one.front() == undisturbed.front()


def test_two_drivers_on_one_sqlite_study(search, undisturbed):
    """The second one is refused in a line that names the first; the first goes on as if nothing had been."""
    one = search()
    first = one.start()
    one.wait_for(lambda: one.trials)
    second = one.start()
    assert second.wait(timeout=60) == 1
    assert f"another nas command drives this study: process {first.pid} on " in one.said
    one.process = first
    assert one.ends() == 0, one.said
    assert one.told() == undisturbed.told()
