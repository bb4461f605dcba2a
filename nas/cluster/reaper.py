"""Ends what a killed program leaves of a cluster of its own; run as a program that needs nothing but Python.

Ray's raylet and workers end with the program that started them; two helpers of theirs try for a minute to tell a head
that is gone. All of them carry a mark in their environment, by which they are found (on Linux).
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

MARK = "NAS_OWN_CLUSTER"
GRACE = 3.0  # seconds in which Ray ends what it ends itself
LOOKS = 4  # times in a row, a second apart, that it must find nobody: what was just starting starts others


@contextlib.contextmanager
def reaped() -> Iterator[None]:
    """Within it, processes that are started have a mark; where this one is killed, they are."""
    mark = uuid.uuid4().hex
    program = [sys.executable, "-I", "-S", __file__, mark]
    reaper = subprocess.Popen(program, stdin=subprocess.PIPE, start_new_session=True)
    os.environ[MARK] = mark  # from here on: the reaper has none
    try:
        yield
    finally:
        del os.environ[MARK]
        with contextlib.suppress(OSError):
            reaper.communicate(b"all is well")


def _reap(mark: str) -> None:
    """Wait for word, or for the end of whoever would give it."""
    if sys.stdin.buffer.read():
        return
    time.sleep(GRACE)
    quiet = 0
    while quiet < LOOKS:
        quiet = 0 if _ended(mark) else quiet + 1
        time.sleep(1.0)


def _ended(mark: str) -> bool:
    """End all processes with the mark; whether there was one."""
    found = False
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
            if f"{MARK}={mark}".encode() in file.read().split(b"\0"):
                os.kill(int(name), signal.SIGKILL)
                found = True
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _reap(sys.argv[1])
