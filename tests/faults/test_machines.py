"""Disks that fill up, clocks that jump, trainings that hang, leak or cannot read their data."""

import json
import subprocess
from pathlib import Path

import pytest

from nas import user_blocks
from tests.faults.searches import TRIALS, Search, complete

RAY = ("--engine", "ray", "--cpus-per-trial", "1", "--workers", "1")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MB that a search may fill."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(place: Path) -> Path:
    """Take all the room there is."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"x" * 4096)
            except OSError:
                return filler


def test_a_disk_that_fills_up_is_a_line_and_the_search_goes_on_when_there_is_room(films, small_disk, undisturbed):
    one = Search(small_disk / "s", films)
    try:
        one.start()
        one.wait_for(lambda: len(one.trials) > 2)
        filler = _fill(small_disk)
        assert one.ends() == 1
        before = one.told()
        filler.unlink()
        one.start()
        assert one.ends() == 0, one.said
        ended = [told for told in before if told[2] != "running"]
        assert one.told()[: len(ended)] == ended and len(ended) >= 1
        assert one.told() == undisturbed.told() and "Traceback" not in one.said
    finally:
        one.end()


LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.mark.skipif(LIBRARY is None, reason="needs Debian's package faketime")
@pytest.mark.parametrize("arguments", [(), ("--workers", "2")], ids=["one worker", "two workers"])
def test_clocks_that_jump_change_nothing(search, undisturbed, tmp_path, arguments):
    """A day forward, two days back, and two forward again, in the middle of trainings."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    fake = {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    one = search(*arguments, env={**fake, "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    one.start()
    for number, jump in ((1, "+1d"), (3, "-2d"), (5, "+2d")):
        one.wait_for(lambda number=number: len(one.trials) > number)
        clock.write_text(jump)
    assert one.ends() == 0, one.said
    assert complete(one)
    if not arguments:
        assert one.told() == undisturbed.told()
    days = {trial.ended.date() for trial in one.trials}
    assert len(days) > 1, "the clock did not jump"
    assert all(trial.outcome["seconds"] >= 0 for trial in one.trials)


FAULTY = '''
"""Trainings that go wrong: the faults of one after the other are in the file that FAULTS names."""

import json
import os
import time
from pathlib import Path

from nas import proxy
from nas.blocks import Place, block
from nas.data import clips
from nas.layers import Conv

fit, batches = proxy.fit, clips.Split.batches


@block("unused")
def unused(at: Place) -> Conv:
    return Conv(at.c_in, at.width)


def broken(self, *told, **more):
    for number, batch in enumerate(batches(self, *told, **more)):
        if number == 1:
            raise OSError("the storage does not answer")
        yield batch


def faulty(*told, on_step, **more):
    faults = json.loads(FILE.read_text())
    fault = faults.pop(0) if faults else ""
    FILE.write_text(json.dumps(faults))
    held = []

    def leaking(done, total):
        held.append(b"x" * (1 << 28))
        on_step(done, total)

    if fault == "kills":
        os.kill(os.getpid(), 9)
    if fault == "hangs":
        time.sleep(1000)
    clips.Split.batches = broken if fault == "loader" else batches
    return fit(*told, on_step=leaking if fault == "leaks" else on_step, **more)


if "FAULTS" in os.environ:
    FILE = Path(os.environ["FAULTS"])
    proxy.fit = faulty
'''


@pytest.mark.parametrize("engine", [("--workers", "1"), RAY], ids=["processes", "ray"])
def test_trainings_that_hang_leak_or_cannot_read_fail_alone(search, tmp_path, engine):
    """Each with its reason; the search trains all the others, and leaves nobody."""
    faults, code = tmp_path / "faults.json", tmp_path / "faulty.py"
    faults.write_text(json.dumps(["", "hangs", "", "leaks", "", "loader"]))
    code.write_text(FAULTY)
    guard = "guard: {seconds: 25, memory: 1.5}\n"
    one = search(*engine, "--import", str(code), more=guard, env={"FAULTS": str(faults)})
    one.start()
    assert one.ends() == 0, one.said
    user_blocks.load(code)
    reasons = {trial.number: trial.outcome.get("reason") for trial in one.trials if trial.state == "failed"}
    assert list(reasons) == [1, 3, 5], one.said
    assert reasons[1] == "took longer than the 25 s of guard.seconds in the recipe"
    assert reasons[3].endswith("GiB of memory, more than the 1.5 of guard.memory in the recipe")
    assert reasons[5].startswith("OSError: the storage does not answer")
    assert complete(one, TRIALS, states=("complete", "stopped", "failed"))
    assert one.leaves_nobody() and "Traceback" not in one.said


def test_a_network_that_kills_the_program_is_found_out(search, tmp_path):
    """The search dies with it, as it may in its own process; started again, it trains it apart, and fails it."""
    faults, code = tmp_path / "faults.json", tmp_path / "faulty.py"
    faults.write_text(json.dumps(["", *["kills"] * 4]))
    code.write_text(FAULTY)
    one = search("--import", str(code), env={"FAULTS": str(faults)})
    one.start()
    assert one.ends() == -9
    one.start()
    assert one.ends() == 0, one.said
    user_blocks.load(code)
    assert [trial.number for trial in one.trials if trial.state == "failed"] == [1]
    reason = "its worker was killed by SIGKILL, as 2 workers before"
    assert one.trials[1].outcome["reason"] == reason and one.said.count("; it is trained again") == 2
    assert complete(one, TRIALS, states=("complete", "stopped", "failed"))
