import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nas.data import pool
from nas.errors import NasError


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_calls(workers):
    assert list(pool.spread(math.factorial, [(i,) for i in range(40)], workers=workers)) == [
        math.factorial(i) for i in range(40)
    ]


def test_no_call_gives_no_result():
    assert list(pool.spread(math.factorial, [])) == []


def test_an_error_in_a_task_is_raised_at_the_reader():
    with pytest.raises(ValueError, match="factorial"):
        list(pool.spread(math.factorial, [(1,), (-1,)], workers=2))


def test_a_worker_that_is_killed_is_one_clear_line():
    with pytest.raises(NasError, match="a worker process was killed"):
        list(pool.spread(os._exit, [(9,), (9,)], workers=2))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_workers_do_not_outlive_a_killed_parent(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import time\nfrom nas.data import pool\n"
        "list(pool.spread(time.sleep, [(0.2,)] * 500, workers=2))\n"  # without a guard: workers do not run it again
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    workers = _wait(lambda: _children(parent.pid), lambda found: len(found) >= 3)  # two and the resource tracker
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert not _wait(lambda: [pid for pid in workers if Path(f"/proc/{pid}").exists()], lambda left: not left)


def _children(parent):
    return [int(pid) for path in Path(f"/proc/{parent}/task").glob("*/children") for pid in path.read_text().split()]


def _wait(look, good):
    end = time.monotonic() + 15
    while not good(found := look()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
